//! `tidings impact` tells what applying a manifest would do: with nothing installed, to
//! whoever may read only a part, and where Tidings is installed exactly what it then does.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::rbac::rule;
use rig::fixtures::{TestNamespace, Workload, config_map, deployment, stateful_set};
use rig::installed::{Installed, RELOAD, text_of};
use rig::{Cluster, secs};
use serde_json::{Value, json};

use crate::json_schema;
use crate::said::{self, app, db, ended};

/// What rolls by itself, for a ConfigMap's environment and a Secret's files.
fn web() -> Workload {
    let web = deployment("web").env_from("configmap/app");
    web.mount("secret/db").annotate(RELOAD, "auto")
}

/// Manifests in one file, as a list.
struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn of<D: Into<DynamicObject>>(objects: impl IntoIterator<Item = D>) -> Result<Self> {
        let items = objects
            .into_iter()
            .map(|object| serde_json::to_value(object.into()));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        Self::text(&list.to_string())
    }

    fn text(text: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("all.yaml"), text)?;
        Ok(Self { folder })
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }
}

async fn impact_as(kubeconfig: &Path, args: &[&str]) -> Result<Output> {
    said::run(kubeconfig, "impact", args).await
}

async fn impact(ns: &TestNamespace, args: &[&str]) -> Result<Output> {
    let admin = Cluster::shared().await?.kubeconfig();
    impact_as(admin, &[&["-n", ns.name()], args].concat()).await
}

/// What applying a file would do where Tidings is installed, as values.
async fn applying(lab: &Installed, file: &File) -> Result<Output> {
    let (own, path) = (lab.own().name(), file.path());
    let args = ["--own-namespace", own, "-o", "json", "-f", &path];
    impact(lab.ns(), &args).await
}

/// A workload and what would become of it, one a line and in order.
fn outcomes(output: &Output) -> Result<Vec<String>> {
    let report: Value = serde_json::from_slice(&output.stdout).context(text_of(output))?;
    json_schema::check("impact", &report);
    let rows = report["workloads"].as_array().context("no workloads")?;
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
    let rows = rows.iter().map(|row| {
        let words = ["name", "outcome", "reason"].map(|field| text(row, field));
        words.join(" ")
    });
    Ok(rows.collect())
}

/// A namespace in which nothing is installed.
async fn street(about: &str) -> Result<TestNamespace> {
    let ns = TestNamespace::new(Cluster::shared().await?, about).await?;
    ns.apply(app("1")).await?;
    ns.apply(db("1")).await?;
    ns.apply(web().replicas(2)).await?;
    let old = deployment("old").env_key("configmap/app", "level");
    ns.apply(old).await?;
    ns.apply(deployment("aside").env_key("configmap/app", "other"))
        .await?;
    ns.rolled_out("deployment/web", secs(30)).await?;
    Ok(ns)
}

#[tokio::test]
async fn with_nothing_installed() -> Result<()> {
    let ns = street("impact").await?;
    let file = File::of([app("plain-content"), db("1")])?;
    let said = ended(&impact(&ns, &["-f", &file.path()]).await?, 10)?;
    let row = |begin: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut rows = said.lines().map(words);
        rows.find(|row| row.starts_with(begin))
            .with_context(|| said.clone())
    };
    ensure!(row("deployment/web")? == "deployment/web 2 rolls configmap/app level envFrom");
    let old =
        "deployment/old 1 stays configmap/app level env not opted in; tidings.dev/reload: \"auto\"";
    ensure!(row("deployment/old")? == old, "{said}");
    ensure!(!said.contains("aside"), "{said}");

    ns.apply(app("plain-content")).await?;
    let said = ended(&impact(&ns, &["-f", &file.path()]).await?, 0)?;
    ensure!(said.contains("Nothing"), "{said}");
    Ok(())
}

#[tokio::test]
async fn as_if_it_changed() -> Result<()> {
    let ns = street("impact-if").await?;
    let all = impact(&ns, &["cm/app", "-o", "json"]).await?;
    ended(&all, 10)?;
    ensure!(
        outcomes(&all)?
            == [
                "aside stays NotOptedIn",
                "old stays NotOptedIn",
                "web rolls Changed"
            ],
        "{}",
        text_of(&all)
    );
    let one = impact(&ns, &["configmap/app=other", "-o", "json"]).await?;
    ensure!(outcomes(&one)? == ["aside stays NotOptedIn", "web rolls Changed"]);
    let none = ended(&impact(&ns, &["configmap/absent"]).await?, 2)?;
    ensure!(none.contains("there is no configmap/absent"), "{none}");
    Ok(())
}

/// Everything that may become of a workload; then the file is applied.
#[tokio::test]
async fn what_it_says_is_what_happens() -> Result<()> {
    let (lab, _tidings) = Installed::running("impact-does", &[]).await?;
    let ns = lab.ns();
    ns.apply(app("1")).await?;
    ns.apply(db("1")).await?;
    let level = |workload: Workload| workload.env_key("configmap/app", "level");
    let paused = json!({"spec": {"paused": true}});
    let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
    lab.adopt([
        web(),
        level(deployment("paused")).annotate(RELOAD, "auto"),
        level(stateful_set("by-hand").spec(&on_delete)).annotate(RELOAD, "auto"),
        deployment("aside")
            .env_key("configmap/app", "other")
            .annotate(RELOAD, "auto"),
        level(deployment("edited")).annotate(RELOAD, "auto"),
    ])
    .await?;
    let except = level(deployment("except")).annotate(RELOAD, "secret/db");
    lab.adopt([except]).await?;
    ns.apply(level(deployment("old"))).await?;
    for workload in ["web", "edited", "old", "except"] {
        ns.rolled_out(&format!("deployment/{workload}"), secs(30))
            .await?;
    }
    ns.edit("deployment/paused", paused).await?;

    let edited = level(deployment("edited")).annotate(RELOAD, "auto");
    let edited = edited.annotate_pods("release", "2");
    // What is applied as it is already is no edit.
    let file = File::of([app("2"), edited.clone().into(), web().into()])?;
    let said = applying(&lab, &file).await?;
    ended(&said, 10)?;
    let expected = [
        "edited restarts -",
        "except stays -",
        "old stays NotOptedIn",
        "paused waits Paused",
        "web rolls Changed",
        "by-hand waits WaitsForDelete",
    ];
    ensure!(outcomes(&said)? == expected, "{}", text_of(&said));

    ns.apply(app("2")).await?;
    ns.apply(edited).await?;
    lab.numbered("deployment/web", 1).await?;
    lab.numbered("statefulset/by-hand", 1).await?;
    lab.in_step("deployment/edited", "configmap/app").await?;
    ensure!(lab.rolls("deployment/edited").await? == 1);
    for stays in ["edited", "except", "old", "paused", "aside"] {
        let number = lab.number(&format!("deployment/{stays}")).await?;
        ensure!(number.is_none(), "{stays}: {number:?}");
    }
    Ok(())
}

/// As kustomize does it: the new name comes with the workload that names it.
#[tokio::test]
async fn names_with_a_hash_restart_by_themselves() -> Result<()> {
    let (lab, _tidings) = Installed::running("impact-hash", &[]).await?;
    let app = |hash: &str| config_map(&format!("app-{hash}"), &[("level", hash)]);
    let web = |hash: &str| {
        let web = deployment("web").env_from(&format!("configmap/app-{hash}"));
        web.annotate(RELOAD, "auto")
    };
    lab.ns().apply(app("7d2")).await?;
    lab.adopt([web("7d2")]).await?;
    lab.ns().rolled_out("deployment/web", secs(30)).await?;
    let file = File::of([app("9f4"), web("9f4").into()])?;
    let said = applying(&lab, &file).await?;
    ended(&said, 10)?;
    ensure!(outcomes(&said)? == ["web restarts -"], "{}", text_of(&said));

    lab.ns().apply(app("9f4")).await?;
    lab.ns().apply(web("9f4")).await?;
    lab.in_step("deployment/web", "configmap/app-9f4").await?;
    ensure!(lab.rolls("deployment/web").await? == 1);
    ensure!(lab.number("deployment/web").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn what_is_immutable_is_refused() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "impact-fixed").await?;
    let fixed = |level: &str| {
        let mut fixed = app(level);
        fixed.data["immutable"] = true.into();
        fixed
    };
    ns.apply(fixed("1")).await?;
    ns.apply(web()).await?;
    let file = File::of([fixed("2")])?;
    let said = ended(&impact(&ns, &["-f", &file.path()]).await?, 10)?;
    ensure!(
        said.contains("configmap/app in") && said.contains("refuses"),
        "{said}"
    );
    ensure!(!said.contains("rolls"), "{said}");
    let refused = ns.apply(fixed("2")).await;
    ensure!(refused.is_err(), "it was not refused");
    ended(
        &impact(&ns, &["-f", &File::of([fixed("1")])?.path()]).await?,
        0,
    )?;
    Ok(())
}

/// And so does the API server.
#[tokio::test]
async fn what_the_api_server_refuses_rolls_nothing() -> Result<()> {
    let ns = street("impact-refused").await?;
    let mut typed = db("2");
    typed.data["type"] = "kubernetes.io/basic-auth".into();
    let strange = config_map("app", &[("level", "2"), ("a b", "1")]);
    let mut selects = DynamicObject::from(deployment("old").env_key("configmap/app", "level"));
    selects.data["spec"]["selector"]["matchLabels"]["other"] = "label".into();
    for (object, expect) in [
        (typed, "its type may not be changed"),
        (strange, "is no key that it can have"),
        (selects, "spec.selector may not be changed"),
    ] {
        let mut file = vec![object.clone()];
        if object
            .types
            .as_ref()
            .is_some_and(|types| types.kind == "Deployment")
        {
            // Only with a source workloads are looked at.
            file.push(db("1"));
            file.push(config_map("app", &[("level", "3")]));
        }
        let said = impact(&ns, &["-f", &File::of(file)?.path()]).await?;
        let said = ended(&said, 10)?;
        ensure!(said.contains(expect), "{said}");
        ensure!(ns.apply(object).await.is_err(), "it was not refused");
    }
    Ok(())
}

/// As `kubectl apply -f` does it, one after the other: its new pods may have started with
/// what was there.
#[tokio::test]
async fn a_workload_before_its_source_is_rolled_for_it() -> Result<()> {
    let (lab, _tidings) = Installed::running("impact-order", &[]).await?;
    let web = |release: &str| {
        let web = deployment("web").env_from("configmap/app");
        let web = web
            .annotate(RELOAD, "auto")
            .annotate_pods("release", release);
        DynamicObject::from(web)
    };
    lab.ns().apply(app("1")).await?;
    lab.adopt([web("1")]).await?;
    lab.ns().rolled_out("deployment/web", secs(30)).await?;
    let foreseen = async |file: [DynamicObject; 2]| {
        let said = applying(&lab, &File::of(file)?).await?;
        ended(&said, 10)?;
        outcomes(&said)
    };
    ensure!(foreseen([app("2"), web("2")]).await? == ["web restarts -"]);
    ensure!(foreseen([web("2"), app("2")]).await? == ["web rolls Changed"]);

    lab.ns().apply(web("2")).await?;
    lab.ns().apply(app("2")).await?;
    lab.numbered("deployment/web", 1).await
}

/// What is there when it is opted in is what its pods are taken to have.
#[tokio::test]
async fn an_opt_in_beside_the_change_counts_from_its_place() -> Result<()> {
    let (lab, _tidings) = Installed::running("impact-opt-in", &[]).await?;
    let web = |reload: &str| {
        let web = deployment("web").env_from("configmap/app");
        DynamicObject::from(web.annotate(RELOAD, reload))
    };
    lab.ns().apply(app("1")).await?;
    lab.ns().apply(web("off")).await?;
    lab.ns().rolled_out("deployment/web", secs(30)).await?;
    let foreseen = async |file: [DynamicObject; 2]| {
        let said = applying(&lab, &File::of(file)?).await?;
        ended(&said, 10)?;
        outcomes(&said)
    };
    ensure!(foreseen([web("auto"), app("2")]).await? == ["web rolls Changed"]);
    ensure!(foreseen([app("2"), web("auto")]).await? == ["web stays MaybeStale"]);

    lab.caught_up().await?;
    lab.ns().apply(web("auto")).await?;
    lab.ns().apply(app("2")).await?;
    lab.numbered("deployment/web", 1).await
}

/// Its new pods wait for it.
#[tokio::test]
async fn a_source_that_is_made_after_the_edit_that_uses_it_rolls_nothing() -> Result<()> {
    let (lab, _tidings) = Installed::running("impact-new-source", &[]).await?;
    let web = |source: &str| {
        DynamicObject::from(deployment("web").env_from(source).annotate(RELOAD, "auto"))
    };
    lab.ns().apply(app("1")).await?;
    lab.adopt([web("configmap/app")]).await?;
    lab.ns().rolled_out("deployment/web", secs(30)).await?;
    let new = config_map("new", &[("a", "1")]);
    let file = File::of([web("configmap/new"), new.clone()])?;
    let said = applying(&lab, &file).await?;
    ended(&said, 10)?;
    ensure!(outcomes(&said)? == ["web restarts -"], "{}", text_of(&said));

    lab.ns().apply(web("configmap/new")).await?;
    lab.ns().apply(new).await?;
    lab.in_step("deployment/web", "configmap/new").await?;
    let edited = lab.ns().get("deployment/web").await?;
    lab.stay(&[("deployment/web", edited)]).await?;
    ensure!(
        lab.number("deployment/web").await?.is_none(),
        "it was rolled"
    );
    Ok(())
}

/// What it says counts for what is applied with it.
#[tokio::test]
async fn a_namespace_in_the_same_files_counts() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "impact-namespace").await?;
    let ns = lab.ns();
    ns.apply(app("1")).await?;
    ns.merge(&json!({"metadata": {"annotations": {RELOAD: "auto"}}}))
        .await?;
    let _tidings = lab.controller(&[]).await?;
    lab.adopt([deployment("web").env_from("configmap/app")])
        .await?;
    ns.rolled_out("deployment/web", secs(30)).await?;
    let off = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": ns.name(), "annotations": {RELOAD: "off"}}});
    let off: DynamicObject = serde_json::from_value(off)?;
    let alone = applying(&lab, &File::of([app("2")])?).await?;
    ensure!(outcomes(&alone)? == ["web rolls Changed"]);
    let together = applying(&lab, &File::of([off, app("2")])?).await?;
    ensure!(outcomes(&together)? == ["web stays NotOptedIn"]);
    Ok(())
}

/// A user who may read workloads and these resources in the namespace.
async fn reader(ns: &TestNamespace, name: &str, resources: &str) -> Result<PathBuf> {
    let rules = [
        rule(
            "get,list",
            "apps",
            "deployments,statefulsets,daemonsets,replicasets",
        ),
        rule("get,list", "batch", "cronjobs,jobs"),
        rule("get,list", "", resources),
    ];
    let user = ns.service_account(name, &rules).await?;
    Cluster::shared().await?.kubeconfig_for(&user).await
}

#[tokio::test]
async fn who_may_not_read_secrets_is_told_the_rest() -> Result<()> {
    let ns = street("impact-limited").await?;
    let limited = reader(&ns, "limited", "configmaps").await?;
    let ask = async |file: &File| {
        let args = ["-n", ns.name(), "-f", &file.path()];
        impact_as(&limited, &args).await
    };
    let said = ended(&ask(&File::of([app("2"), db("plain-content")])?).await?, 2)?;
    let gap = format!("unknown: needs get on secrets/db in {}", ns.name());
    ensure!(said.contains(&gap), "{said}");
    ensure!(said.contains("deployment/web  2     rolls"), "{said}");
    // Nor with which options Tidings runs.
    ensure!(said.contains("(--at-once) is not known"), "{said}");
    let said = ended(&ask(&File::of([app("2")])?).await?, 10)?;
    ensure!(
        said.contains("1 workload would be rolled (2 pods)"),
        "{said}"
    );
    Ok(())
}

/// Two at a time; the default is as many as there are.
#[tokio::test]
async fn who_goes_first_and_who_goes_in_which_wave() -> Result<()> {
    let (lab, _tidings) = Installed::running("impact-train", &["--at-once=2"]).await?;
    lab.ns().apply(app("1")).await?;
    let level = |name: &str| {
        let workload = deployment(name).env_key("configmap/app", "level");
        workload.annotate(RELOAD, "auto").replicas(1)
    };
    let late = level("a").annotate("tidings.dev/wave", "1");
    lab.adopt([late, level("b"), level("c").replicas(0), level("d")])
        .await?;
    for name in ["a", "b", "d"] {
        let workload = format!("deployment/{name}");
        lab.ns().rolled_out(&workload, secs(30)).await?;
    }
    let said = applying(&lab, &File::of([app("2")])?).await?;
    let report: Value = serde_json::from_slice(&said.stdout).context(text_of(&said))?;
    json_schema::check("impact", &report);
    let rows = report["workloads"].as_array().context("no workloads")?;
    let turns: Vec<_> = rows
        .iter()
        .map(|row| {
            let (wave, at_once) = (&row["train"]["wave"], &row["train"]["atOnce"]);
            let (name, first) = (&row["name"], &row["uses"][0]["first"]);
            format!("{name} {wave} {at_once} {first}").replace('"', "")
        })
        .collect();
    let expected = ["a 1 2 false", "b 0 2 true", "c 0 2 false", "d 0 2 false"];
    ensure!(turns == expected, "{turns:?}");
    ensure!(report["turnsUnknown"] == false, "{report}");
    // And so it is.
    lab.ns().apply(app("2")).await?;
    lab.numbered("deployment/b", 1).await?;
    let others = ["a", "c", "d"];
    for name in others {
        let number = lab.number(&format!("deployment/{name}")).await?;
        ensure!(number.unwrap_or(0) == 0, "{name} did not wait");
    }
    Ok(())
}

#[tokio::test]
async fn who_has_one_namespace_is_told_of_it() -> Result<()> {
    let (lab, _tidings) = Installed::running("impact-tenant", &[]).await?;
    let ns = lab.ns();
    ns.apply(app("1")).await?;
    ns.apply(db("1")).await?;
    lab.adopt([web()]).await?;
    let tenant = reader(ns, "tenant", "configmaps,secrets").await?;
    let file = File::of([db("plain-content")])?;
    let args = [
        "-n",
        ns.name(),
        "--own-namespace",
        lab.own().name(),
        "-f",
        &file.path(),
    ];
    let said = ended(&impact_as(&tenant, &args).await?, 10)?;
    ensure!(said.contains("rolls   secret/db  password"), "{said}");
    ensure!(said.contains("is not known: needs"), "{said}");
    let other = ["-n", lab.own().name(), "-f", &file.path()];
    let said = ended(&impact_as(&tenant, &other).await?, 2)?;
    ensure!(said.contains("unknown: needs get on secrets/db"), "{said}");
    Ok(())
}

/// Several documents, some of them for other namespaces, one of them no YAML.
#[tokio::test]
async fn a_file_may_hold_anything() -> Result<()> {
    let ns = street("impact-file").await?;
    let other = street("impact-file-2").await?;
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app}}\ndata: {{level: plain-content, other: '1'}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: db, namespace: {}}}\nstringData: {{password: plain-content}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\n",
        other.name()
    );
    let said = impact(&ns, &["-o", "json", "-f", &File::text(&text)?.path()]).await?;
    ended(&said, 10)?;
    let mut rows = outcomes(&said)?;
    rows.sort();
    ensure!(
        rows == [
            "old stays NotOptedIn",
            "web rolls Changed",
            "web rolls Changed"
        ],
        "{rows:?}"
    );
    let wrong = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {password: plain-content}\n---\na: plain-content\n b: plain-content\n";
    let said = ended(
        &impact(&ns, &["-f", &File::text(&(text + wrong))?.path()]).await?,
        2,
    )?;
    ensure!(
        said.contains("all.yaml:15: Secret db has not the shape") && said.contains("all.yaml:21: "),
        "{said}"
    );
    ensure!(said.contains("rolls"), "{said}");
    Ok(())
}
