//! The roles that `tidings manifests --viewer` prints are enough for every command that
//! looks at a cluster, and for the page, and no right of them is one too many. Without Secrets nothing but
//! what needs them is unknown.

use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use rig::browser::Browser;
use rig::fixtures::rbac::{self, Right, rule};
use rig::fixtures::{
    Workload, config_map, cron_job, daemon_set, deployment, job, secret, stateful_set,
};
use rig::installed::{Installed, RELOAD, text_of};
use rig::kubelet::DONE;
use rig::manifests::{self, Document};
use rig::process::{self, Tidings};
use rig::{Cluster, secs};
use serde_json::{Value, json};

/// The kinds that are there without being asked for, one of each.
const ALL: [&str; 5] = [
    "deployment/web",
    "statefulset/db",
    "daemonset/log",
    "job/import",
    "cronjob/report",
];

/// Somebody with just one of the roles, beside an installation.
struct Viewer {
    lab: Installed,
    role: Document,
    user: String,
    kubeconfig: PathBuf,
    _tidings: Tidings,
}

impl Viewer {
    /// Of the role that this option prints.
    async fn new(about: &str, option: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let lab = Installed::new(cluster, about).await?;
        let auto = json!({"metadata": {"annotations": {RELOAD: "auto"}}});
        lab.ns().merge(&auto).await?;
        let tidings = lab.controller(&[]).await?;
        rolled(&lab).await?;
        let admin = cluster.kubeconfig_for("admin").await?;
        let mut printed = manifests::printed(&admin, &[option]).await?;
        let role = printed.pop().context("nothing is printed")?;
        ensure!(printed.is_empty() && role.kind == "ClusterRole", "{role:?}");
        let user = lab.own().service_account("viewer", &[]).await?;
        let kubeconfig = cluster.kubeconfig_for(&user).await?;
        let client = lab.own().client();
        role.apply(client).await?;
        rbac::bind(client, None, &role.name, &user).await?;
        let pods = rule("list", "", "pods");
        rbac::counts(client, &user, Right::of("list", &pods, None), true).await?;
        Ok(Self {
            lab,
            role,
            user,
            kubeconfig,
            _tidings: tidings,
        })
    }

    /// The words of each command, and one or more that reads what no other does.
    fn commands() -> Vec<Vec<&'static str>> {
        let mut commands = vec![
            vec!["stale", "-o", "name"],
            vec!["status", "-o", "name"],
            vec!["status", "-o", "json"],
            vec!["impact", "configmap/app"],
            vec!["impact", "secret/db"],
            vec!["history", "deployment/web"],
            vec!["history", "statefulset/db"],
            vec!["wait", "deployment/web", "--timeout=0s", "-q"],
        ];
        commands.extend(ALL.map(|workload| vec!["why", workload]));
        commands
    }

    /// What every command says to this viewer, and the completion of names.
    async fn said(&self) -> Result<Vec<(String, Option<i32>)>> {
        let mut said = Vec::new();
        for words in Self::commands() {
            let (command, args) = words.split_first().context("no command")?;
            let output = self.lab.ask_as(&self.kubeconfig, command, args).await?;
            said.push((timeless(&output), output.status.code()));
        }
        let namespaces = ["stale", "-n", self.lab.ns().name()];
        let output = self.completed(&namespaces).await?;
        said.push((text_of(&output), output.status.code()));
        Ok(said)
    }

    async fn completed(&self, words: &[&str]) -> Result<Output> {
        process::run_as("kubectl_complete-tidings", &self.kubeconfig, words).await
    }

    /// Takes this verb away, and checks that a command says otherwise than before.
    async fn misses(
        &self,
        rules: &[Value],
        (place, verb): (usize, &str),
        before: &[(String, Option<i32>)],
    ) -> Result<()> {
        let client = self.lab.own().client();
        let rule = &rules[place];
        let text = |field: &str| rule[field][0].as_str().context("no such field");
        let right = Right::of(verb, rule, None);
        self.role
            .set_rules(client, &less(rules, place, verb))
            .await?;
        rbac::counts(client, &self.user, right, false).await?;
        if verb == "watch" {
            self.page_misses(text("resources")?).await?;
        } else {
            let without = self.said().await?;
            ensure!(without != before, "nothing misses {verb} of {rule}");
        }
        self.role.set_rules(client, rules).await?;
        rbac::counts(client, &self.user, right, true).await
    }

    /// The page of all namespaces.
    async fn page(&self) -> Result<Browser> {
        let options = ["-A", "--own-namespace", self.lab.own().name()];
        Browser::open(&self.kubeconfig, &options).await
    }

    /// The page says that it does not follow these. What namespaces set is read one
    /// by one besides, so it says nothing of those.
    async fn page_misses(&self, resource: &str) -> Result<()> {
        if resource != "namespaces" {
            let gap = format!("watch on {resource} in ");
            self.page().await?.shows("/", &[&gap], secs(60)).await?;
        }
        Ok(())
    }
}

/// What was said, but for times.
fn timeless(output: &Output) -> String {
    text_of(output).replace(|letter: char| letter.is_ascii_digit(), "")
}

/// The rules without one verb.
fn less(rules: &[Value], place: usize, verb: &str) -> Vec<Value> {
    let mut fewer = rules.to_vec();
    if let Some(verbs) = fewer[place]["verbs"].as_array_mut() {
        verbs.retain(|other| other != verb);
    }
    fewer.retain(|rule| rule["verbs"] != json!([]));
    fewer
}

/// One workload of each kind, opted in by what their namespace sets, and one roll of each.
async fn rolled(lab: &Installed) -> Result<()> {
    let ns = lab.ns();
    ns.apply(config_map("app", &[("a", "1")])).await?;
    ns.apply(secret("db", &[("b", "1")])).await?;
    let uses = |workload: Workload| workload.env_from("configmap/app").env_from("secret/db");
    lab.adopt([
        uses(deployment("web").replicas(1)),
        uses(stateful_set("db").replicas(1)),
        uses(daemon_set("log")),
        uses(job("import").annotate_pods(DONE, "never")),
        uses(cron_job("report")),
    ])
    .await?;
    ns.apply(config_map("app", &[("a", "2")])).await?;
    for workload in ["deployment/web", "statefulset/db"] {
        lab.numbered(workload, 1).await?;
        ns.rolled_out(workload, secs(30)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn with_secrets_all_is_known_and_every_right_is_needed() -> Result<()> {
    let viewer = Viewer::new("viewer-all", "--viewer=with-secrets").await?;
    let before = viewer.said().await?;
    for (said, code) in &before {
        ensure!(!said.contains("needs ") && *code != Some(2), "{said}");
    }
    let row = format!("w-{}_deployment_web", viewer.lab.ns().name());
    let page = viewer.page().await?;
    let page = page.shows("/", &[&row], secs(60)).await?;
    ensure!(!page.contains("watch on"), "{page}");
    let client = viewer.lab.own().client();
    let applied = viewer.role.apply(client).await?;
    let rules = applied["rules"].as_array().context("no rules")?;
    for (place, rule) in rules.iter().enumerate() {
        let verbs = rule["verbs"].as_array().context("no verbs")?;
        for verb in verbs.iter().filter_map(Value::as_str) {
            viewer.misses(rules, (place, verb), &before).await?;
        }
    }
    viewer.role.delete(client).await
}

/// What a viewer without Secrets is told that needs them, by the words of commands.
const NEED_SECRETS: [(&[&str], &[&str]); 6] = [
    (&["stale"], &["unknown: needs list on secrets in NS"]),
    (
        &["status"],
        &[
            "deployment/web",
            "unknown",
            "get on secret tidings-state.NS in OWN",
        ],
    ),
    (
        &["why", "deployment/web"],
        &["unknown", "get on secret tidings-state.NS in OWN"],
    ),
    (
        &["wait", "deployment/web", "--timeout=0s"],
        &["get on secret tidings-state.NS in OWN"],
    ),
    (
        &["history", "deployment/web"],
        &["configmap/app", "get on secret tidings-state.NS in OWN"],
    ),
    (&["impact", "secret/db"], &["needs get on secrets/db in NS"]),
];

#[tokio::test]
async fn without_secrets_only_what_needs_them_is_unknown() -> Result<()> {
    let viewer = Viewer::new("viewer-plain", "--viewer").await?;
    let (ns, own) = (viewer.lab.ns().name(), viewer.lab.own().name());
    for (words, told) in NEED_SECRETS {
        let (command, args) = words.split_first().context("no command")?;
        let output = viewer.lab.ask_as(&viewer.kubeconfig, command, args).await?;
        let said = text_of(&output);
        ensure!(output.status.code() == Some(2), "{said}");
        for text in told {
            let text = text.replace("NS", ns).replace("OWN", own);
            ensure!(said.contains(&text), "no {text:?} in {said}");
        }
        for line in said.lines().filter(|line| line.contains("needs ")) {
            ensure!(line.contains("secret"), "{line}");
        }
        ensure!(!said.contains("kubectl create clusterrole"), "{said}");
    }
    let args = ["configmap/app"];
    let output = viewer
        .lab
        .ask_as(&viewer.kubeconfig, "impact", &args)
        .await?;
    let said = text_of(&output);
    ensure!(output.status.code() == Some(10), "{said}");
    for told in [
        "deployment/web",
        "rolls",
        "whether the fuse or an interval would hold",
    ] {
        ensure!(said.contains(told), "no {told:?} in {said}");
    }
    viewer.role.delete(viewer.lab.own().client()).await
}
