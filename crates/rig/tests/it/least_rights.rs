//! The rights that `tidings manifests` prints are enough, and none is one too many:
//! where one is missing, the start ends with one sentence that names it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use rig::fixtures::rbac::{self, Right};
use rig::fixtures::{
    TestNamespace, Workload, config_map, cron_job, daemon_set, deployment, job, secret,
    stateful_set,
};
use rig::installed::{INSTANCE, Installed, RELOAD};
use rig::kubelet::DONE;
use rig::manifests::{self, Document};
use rig::process::Tidings;
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

/// An installation as its manifests make it, with its options.
struct Least {
    home: Installed,
    options: Vec<String>,
    documents: Vec<Document>,
    account: String,
    kubeconfig: PathBuf,
}

impl Least {
    /// In the test's namespace alone.
    async fn namespaced(about: &str) -> Result<Self> {
        let home = Installed::new(Cluster::shared().await?, about).await?;
        let scope = format!("--namespaces={}", home.ns().name());
        Self::new(home, scope, INSTANCE).await
    }

    /// In the whole cluster, of which it heeds the test's namespace alone.
    async fn cluster_wide(about: &str) -> Result<Self> {
        let home = Installed::new(Cluster::shared().await?, about).await?;
        let name = home.ns().name().to_owned();
        let scope = format!("--namespace-selector=kubernetes.io/metadata.name={name}");
        // Roles of the cluster are named after the instance.
        Self::new(home, scope, &name).await
    }

    async fn new(home: Installed, scope: String, instance: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let own = home.own().name();
        let options = vec![
            scope,
            format!("--own-namespace={own}"),
            format!("--instance={instance}"),
        ];
        let args: Vec<_> = options.iter().map(String::as_str).collect();
        let admin = cluster.kubeconfig_for("admin").await?;
        let documents = manifests::printed(&admin, &args).await?;
        for document in documents.iter().filter(|d| d.is_about_rights()) {
            document.apply(home.own().client()).await?;
        }
        let account = format!("system:serviceaccount:{own}:{instance}");
        let kubeconfig = cluster.kubeconfig_for(&account).await?;
        Ok(Self {
            home,
            options,
            documents,
            account,
            kubeconfig,
        })
    }

    fn start(&self) -> Result<Tidings> {
        let options: Vec<_> = self.options.iter().map(String::as_str).collect();
        rig::process::controller(&self.kubeconfig)?
            .args(&options)
            .start()
    }

    fn roles(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().filter(|document| document.is_role())
    }

    /// Takes away what no namespace of the test holds.
    async fn end(self) -> Result<()> {
        let client = self.home.own().client();
        for document in self
            .documents
            .iter()
            .filter(|d| d.kind.starts_with("ClusterRole"))
        {
            document.delete(client).await?;
        }
        Ok(())
    }
}

fn opted_in(workload: Workload) -> Workload {
    let workload = workload.env_from("configmap/app").env_from("secret/db");
    workload.annotate(RELOAD, "auto")
}

async fn rolls_all_kinds(least: &Least) -> Result<()> {
    let ns = least.home.ns();
    ns.apply(config_map("app", &[("a", "first")])).await?;
    ns.apply(secret("db", &[("b", "first")])).await?;
    let marked = [
        "deployment/web",
        "statefulset/db",
        "daemonset/log",
        "job/import",
    ];
    for workload in [
        deployment("web"),
        stateful_set("db"),
        daemon_set("log"),
        job("import").annotate_pods(DONE, "never"),
        cron_job("report"),
    ] {
        ns.apply(opted_in(workload)).await?;
    }
    let tidings = least.start()?;
    tidings.ready(secs(30)).await?;
    tidings
        .wait_for_line("the last is adopted", secs(30), |line| {
            line.contains("report")
        })
        .await?;
    for workload in marked {
        let (_, name) = workload.split_once('/').context("no name")?;
        let what = format!("{workload} is adopted");
        let adopted = |line: &str| line.contains(name);
        tidings.wait_for_line(&what, secs(30), adopted).await?;
    }
    for (source, n) in [
        (config_map("app", &[("a", "second")]), 1),
        (secret("db", &[("b", "second")]), 2),
    ] {
        ns.apply(source).await?;
        for workload in marked {
            least.home.numbered(workload, n).await?;
        }
        is_run(ns, n).await?;
    }
    least.home.told("deployment/web", "Changed", "db").await?;
    Ok(())
}

/// Waits for the CronJob's run of this number.
async fn is_run(ns: &TestNamespace, n: u64) -> Result<()> {
    wait_until(&format!("run {n}"), secs(30), async || {
        let jobs = ns.list("job").await?;
        let names: Vec<_> = jobs.iter().map(ResourceExt::name_any).collect();
        let is_it = |name: &String| name.starts_with("report-") && name.ends_with(&format!("-{n}"));
        ensure!(names.iter().any(is_it), "{names:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn one_namespaces_rights_are_enough() -> Result<()> {
    let least = Least::namespaced("least").await?;
    rolls_all_kinds(&least).await
}

#[tokio::test]
async fn the_clusters_rights_are_enough() -> Result<()> {
    let least = Least::cluster_wide("least-all").await?;
    let rolled = rolls_all_kinds(&least).await;
    least.end().await?;
    rolled
}

#[tokio::test]
async fn without_any_one_of_them_the_start_says_which() -> Result<()> {
    let least = Least::namespaced("less").await?;
    each_is_missed(&least).await
}

#[tokio::test]
async fn without_any_one_of_the_clusters_the_start_says_which() -> Result<()> {
    let least = Least::cluster_wide("less-all").await?;
    let missed = each_is_missed(&least).await;
    least.end().await?;
    missed
}

/// Takes each rule away by itself.
async fn each_is_missed(least: &Least) -> Result<()> {
    let client = least.home.own().client();
    for role in least.roles() {
        let applied = role.apply(client).await?;
        let rules = applied["rules"].as_array().context("no rules")?;
        // What it says of itself, and whether everything is paused, it can do without.
        let spare = [json!(["configmaps"]), json!(["namespaces"])];
        let is_vital = |rule: &Value| !spare.contains(&rule["resources"]);
        let is_own = role.name.ends_with("-records");
        let asked = rules.iter().enumerate();
        for (i, rule) in asked.filter(|(_, rule)| !is_own || is_vital(rule)) {
            let mut fewer = rules.clone();
            fewer.remove(i);
            // The one that no other role grants, too.
            let verb = rule["verbs"]
                .as_array()
                .and_then(|verbs| verbs.last()?.as_str());
            let verb = verb.context("no verb")?;
            let right = Right::of(verb, rule, role.namespace.as_deref());
            role.set_rules(client, &fewer).await?;
            rbac::counts(client, &least.account, right, false).await?;
            let missed = is_missed(least, rule).await;
            missed.with_context(|| format!("without {rule} of {}", role.name))?;
            role.set_rules(client, rules).await?;
            rbac::counts(client, &least.account, right, true).await?;
        }
    }
    Ok(())
}

async fn is_missed(least: &Least, rule: &Value) -> Result<()> {
    let tidings = least.start()?;
    let status = tidings.exit(secs(30)).await?;
    ensure!(!status.success(), "{status}");
    let lines = tidings.lines()?;
    let said = lines.iter().find(|line| line.starts_with("error:"));
    let said = said.with_context(|| lines.join("\n"))?;
    let resource = rule["resources"][0].as_str().unwrap_or_default();
    let verbs = rule["verbs"].as_array().context("no verbs")?;
    let mut verbs = verbs.iter().filter_map(Value::as_str);
    ensure!(said.contains(resource), "no {resource} in {said}");
    ensure!(verbs.any(|verb| said.contains(verb)), "no verb in {said}");
    Ok(())
}

#[tokio::test]
async fn the_api_server_takes_all_of_it() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let home = Installed::new(cluster, "manifests").await?;
    let (ns, own) = (home.ns().name(), home.own().name());
    let own = format!("--own-namespace={own}");
    let ns = format!("--namespaces={ns}");
    let forms: [&[&str]; 5] = [
        &[&own],
        &[
            &own,
            "--reloader-observables",
            "--alert-on-reload",
            "--alert-webhook-url=https://hooks.example/token",
            "--custom-workloads=example.org/v1/Worker:spec.template",
        ],
        &[&own, &ns],
        &[&own, "--dry-run", "--resources-to-ignore=secrets"],
        &[
            &own,
            "--replicas=2",
            "--image=rig.example/tidings:1",
            "--listen=off",
        ],
    ];
    let admin = cluster.kubeconfig_for("admin").await?;
    for options in forms {
        for document in manifests::printed(&admin, options).await? {
            document.dry_run(home.own().client()).await?;
        }
    }
    Ok(())
}
