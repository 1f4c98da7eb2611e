//! Who asked to be rolled, and for what: Tidings' own annotation, Reloader's, the
//! namespace's default, and the options of the installation.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{TestNamespace, Workload, config_map, deployment, secret};
use rig::installed::RELOAD;
use rig::{Cluster, Installed, secs, wait_until};
use serde_json::json;

/// Annotations of the workload, or of its pod template where the key begins with
/// `template:`; and the sources of which a change rolls it.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const AUTO: &str = "reloader.stakater.com/auto";
const MAP_AUTO: &str = "configmap.reloader.stakater.com/auto";
const SECRET_AUTO: &str = "secret.reloader.stakater.com/auto";
const MAPS: &str = "configmap.reloader.stakater.com/reload";
const SECRETS: &str = "secret.reloader.stakater.com/reload";
const SEARCH: &str = "reloader.stakater.com/search";
const NO_MAPS: &str = "configmaps.exclude.reloader.stakater.com/reload";

const APP: &str = "configmap/app";
const MATCHED: &str = "configmap/matched";
const NAMED: &str = "configmap/named-1";
const DB: &str = "secret/db";
const SPARE: &str = "secret/spare-1";
const IGNORED: &str = "configmap/ignored";
const PASSED: &str = "secret/passed";

/// Every workload uses `app`, `matched`, `ignored`, `db` and `passed`; none uses
/// `named-1` and `spare-1`. `matched` has Reloader's `match`; `ignored` has
/// Tidings' `ignore`, `passed` Reloader's.
const SOURCES: &[(&str, &str)] = &[
    (APP, ""),
    (MATCHED, "reloader.stakater.com/match"),
    (NAMED, ""),
    (DB, ""),
    (SPARE, ""),
    (IGNORED, "tidings.dev/ignore"),
    (PASSED, "reloader.stakater.com/ignore"),
];

const ROWS: &[Row] = &[
    ("silent", &[], &[]),
    ("auto", &[(RELOAD, "auto")], &[APP, MATCHED, DB]),
    ("off", &[(RELOAD, "off")], &[]),
    ("one", &[(RELOAD, "configmap/app")], &[APP]),
    (
        "globs",
        &[(RELOAD, "configmap/named-*, secret/s*")],
        &[NAMED, SPARE],
    ),
    (
        "and",
        &[(RELOAD, "auto, configmap/named-?")],
        &[APP, MATCHED, DB, NAMED],
    ),
    ("but", &[(RELOAD, "auto, !configmap/app")], &[MATCHED, DB]),
    ("all-but", &[(RELOAD, "!secret/*")], &[APP, MATCHED]),
    (
        "other-key",
        &[(RELOAD, "secret/db[user], configmap/app[k?y]")],
        &[APP],
    ),
    (
        "insists",
        &[(RELOAD, "configmap/ignored, secret/passed, secret/db")],
        &[DB],
    ),
    (
        "template",
        &[("template:tidings.dev/reload", "auto")],
        &[APP, MATCHED, DB],
    ),
    ("own-first", &[(RELOAD, "off"), (AUTO, "true")], &[]),
    ("theirs", &[(AUTO, "true")], &[APP, MATCHED, DB]),
    (
        "theirs-template",
        &[("template:reloader.stakater.com/auto", "true")],
        &[APP, MATCHED, DB],
    ),
    ("not-theirs", &[(AUTO, "false")], &[]),
    ("maps", &[(MAP_AUTO, "true")], &[APP, MATCHED]),
    ("secrets", &[(SECRET_AUTO, "true")], &[DB]),
    (
        "lists",
        &[(MAPS, "app, named-1"), (SECRETS, "spare-1")],
        &[APP, NAMED, SPARE],
    ),
    (
        "patterns",
        &[(MAPS, "na.*-[0-9]"), (SECRETS, "d")],
        &[NAMED],
    ),
    ("alternative", &[(SECRETS, "(db|spare-.)")], &[DB, SPARE]),
    (
        "list-template",
        &[("template:configmap.reloader.stakater.com/reload", "app")],
        &[APP],
    ),
    ("searches", &[(SEARCH, "true")], &[MATCHED]),
    (
        "excludes",
        &[(AUTO, "true"), (NO_MAPS, "app")],
        &[MATCHED, DB],
    ),
];

fn source(reference: &str, mark: &str, value: &str) -> DynamicObject {
    let data = [("key", value)];
    let mut source = match reference.split_once('/') {
        Some(("secret", name)) => secret(name, &data),
        Some((_, name)) => config_map(name, &data),
        None => config_map(reference, &data),
    };
    if !mark.is_empty() {
        let marks = [(mark.to_owned(), "true".to_owned())];
        source.metadata.annotations = Some(marks.into());
    }
    source
}

fn workload((name, annotations, _): &Row) -> Workload {
    let mut workload = deployment(name).replicas(0);
    for used in [APP, MATCHED, IGNORED] {
        workload = workload.mount(used);
    }
    workload = workload.env_from(DB).mount(PASSED);
    for (key, value) in *annotations {
        workload = match key.strip_prefix("template:") {
            Some(key) => workload.annotate_pods(key, value),
            None => workload.annotate(key, value),
        };
    }
    workload
}

#[tokio::test]
async fn annotations_say_which_sources_roll_which_workload() -> Result<()> {
    let (lab, _tidings) = Installed::running("annotations", &[]).await?;
    for (reference, mark) in SOURCES {
        lab.ns().apply(source(reference, mark, "1")).await?;
    }
    for row in ROWS {
        lab.ns().apply(workload(row)).await?;
    }
    for (name, _, rolled_by) in ROWS {
        if !rolled_by.is_empty() {
            lab.adopted(&format!("deployment/{name}")).await?;
        }
    }
    for (reference, mark) in SOURCES {
        let before = numbers(&lab).await?;
        lab.ns().apply(source(reference, mark, "2")).await?;
        lab.caught_up().await?;
        let expected: BTreeSet<_> = ROWS
            .iter()
            .filter(|(_, _, rolled_by)| rolled_by.contains(reference))
            .map(|(name, ..)| *name)
            .collect();
        wait_until(&format!("rolls by {reference}"), secs(20), async || {
            let rolled = rolled_since(&before, &numbers(&lab).await?);
            ensure!(rolled == expected, "{rolled:?} instead of {expected:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn numbers(lab: &Installed) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for (name, ..) in ROWS {
        let number = lab.number(&format!("deployment/{name}")).await?;
        numbers.push(number.unwrap_or_default());
    }
    Ok(numbers)
}

fn rolled_since(before: &[u64], now: &[u64]) -> BTreeSet<&'static str> {
    let pairs = before.iter().zip(now).zip(ROWS);
    let rolled = pairs.filter(|((before, now), _)| before != now);
    rolled.map(|(_, (name, ..))| *name).collect()
}

#[tokio::test]
async fn auto_reload_all_rolls_what_says_nothing() -> Result<()> {
    let (lab, _tidings) = Installed::running("all", &["--auto-reload-all"]).await?;
    lab.ns().apply(source(APP, "", "1")).await?;
    let user = |name: &str| deployment(name).replicas(0).env_from(APP);
    lab.adopt([user("silent")]).await?;
    lab.ns().apply(user("off").annotate(RELOAD, "off")).await?;
    lab.ns()
        .apply(user("false").annotate(AUTO, "false"))
        .await?;
    lab.rolls_nothing(&["deployment/off", "deployment/false"], async || {
        lab.ns().apply(source(APP, "", "2")).await?;
        lab.rolled_no_further("deployment/silent", 1).await
    })
    .await
}

#[tokio::test]
async fn a_namespace_sets_the_default_for_its_workloads() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "default").await?;
    let opt_in = json!({"metadata": {"annotations": {RELOAD: "auto"}}});
    lab.ns().merge(&opt_in).await?;
    let _tidings = lab.controller(&[]).await?;
    lab.ns().apply(source(APP, "", "1")).await?;
    let user = |name: &str| deployment(name).replicas(0).env_from(APP);
    lab.adopt([user("silent")]).await?;
    lab.ns().apply(user("off").annotate(RELOAD, "off")).await?;
    lab.ns()
        .apply(user("theirs").annotate(SECRET_AUTO, "true"))
        .await?;
    lab.rolls_nothing(&["deployment/off", "deployment/theirs"], async || {
        lab.ns().apply(source(APP, "", "2")).await?;
        lab.rolled_no_further("deployment/silent", 1).await
    })
    .await
}

#[tokio::test]
async fn sources_without_the_selected_label_roll_nothing() -> Result<()> {
    let options = ["--resource-label-selector", "watch=yes"];
    let (lab, _tidings) = Installed::running("labels", &options).await?;
    let labelled = |value: &str| {
        let mut map = source("configmap/labelled", "", value);
        map.metadata.labels = Some([("watch".to_owned(), "yes".to_owned())].into());
        map
    };
    lab.ns().apply(labelled("1")).await?;
    lab.ns().apply(source(APP, "", "1")).await?;
    let web = deployment("web").replicas(0).annotate(RELOAD, "auto");
    lab.adopt([web.env_from("configmap/labelled").env_from(APP)])
        .await?;

    // The roll by the second change shows that the first one has gone by.
    lab.ns().apply(source(APP, "", "2")).await?;
    lab.ns().apply(labelled("2")).await?;
    lab.numbered("deployment/web", 1).await?;
    let because = lab.because("deployment/web").await?;
    assert_eq!(because.as_deref(), Some("configmap/labelled (key)"));
    Ok(())
}

#[tokio::test]
async fn ignored_kinds_of_sources_roll_nothing() -> Result<()> {
    let options = ["--resources-to-ignore", "secrets"];
    let (lab, _tidings) = Installed::running("ignored", &options).await?;
    lab.ns().apply(source(APP, "", "1")).await?;
    lab.ns().apply(source(DB, "", "1")).await?;
    let web = deployment("web").replicas(0).annotate(RELOAD, "auto");
    lab.adopt([web.env_from(APP).env_from(DB)]).await?;

    lab.ns().apply(source(DB, "", "2")).await?;
    lab.ns().apply(source(APP, "", "2")).await?;
    lab.numbered("deployment/web", 1).await?;
    let because = lab.because("deployment/web").await?;
    assert_eq!(because.as_deref(), Some("configmap/app (key)"));
    Ok(())
}

#[tokio::test]
async fn only_selected_namespaces_that_are_not_ignored_are_rolled() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let lab = Installed::new(cluster, "selected").await?;
    let ignored = TestNamespace::new(cluster, "selected-ignored").await?;
    let other = TestNamespace::new(cluster, "selected-other").await?;
    let label = json!({"metadata": {"labels": {"rig": lab.ns().name()}}});
    lab.ns().merge(&label).await?;
    ignored.merge(&label).await?;
    let selector = format!("rig={}", lab.ns().name());
    let options = [
        "--namespace-selector",
        &selector,
        "--namespaces-to-ignore",
        ignored.name(),
    ];
    let tidings = lab.launch_everywhere(&options)?.start()?;
    tidings.ready(secs(30)).await?;

    let user = || {
        deployment("web")
            .replicas(0)
            .env_from(APP)
            .annotate(RELOAD, "auto")
    };
    for ns in [&ignored, &other] {
        ns.apply(source(APP, "", "1")).await?;
        ns.apply(user()).await?;
    }
    lab.ns().apply(source(APP, "", "1")).await?;
    lab.adopt([user()]).await?;
    lab.caught_up().await?;
    for ns in [&ignored, &other, lab.ns()] {
        ns.apply(source(APP, "", "2")).await?;
    }
    lab.rolled_no_further("deployment/web", 1).await?;
    for ns in [&ignored, &other] {
        let web = ns.get("deployment/web").await?;
        assert_eq!(web.metadata.generation, Some(1), "{}", ns.name());
    }
    Ok(())
}
