//! A mistake in an annotation is told where people look: an Event on the
//! workload, `tidings why`, a metric. All else goes on: the rest of the workload's
//! policy, and the workloads beside it.

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{config_map, deployment};
use rig::installed::{RELOAD, text_of};
use rig::{Installed, secs, wait_until};

const MAPS: &str = "configmap.reloader.stakater.com/reload";

/// What is told, by reason and text, of annotations.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const ROWS: &[Row] = &[
    (
        "item",
        &[(RELOAD, "auto, service/web")],
        "BadAnnotation",
        "service/web",
    ),
    (
        "bracket",
        &[(RELOAD, "auto, configmap/app[a")],
        "BadAnnotation",
        "not closed",
    ),
    (
        "time",
        &[(RELOAD, "auto"), ("tidings.dev/settle", "soon")],
        "BadAnnotation",
        "\"soon\"",
    ),
    ("regex", &[(MAPS, "app, a(")], "BadAnnotation", "\"a(\""),
    (
        "name",
        &[(MAPS, "app, absent")],
        "NothingMatches",
        "configmap/absent",
    ),
    (
        "glob",
        &[(RELOAD, "auto, secret/absent-*")],
        "NothingMatches",
        "secret/absent-*",
    ),
    (
        "key",
        &[(RELOAD, "auto"), ("tidings.dev/setle", "1s")],
        "UnknownAnnotation",
        "did you mean tidings.dev/settle?",
    ),
    (
        "both",
        &[(RELOAD, "auto"), (MAPS, "app")],
        "ConflictingAnnotations",
        MAPS,
    ),
];

fn app(value: &str) -> DynamicObject {
    config_map("app", &[("key", value)])
}

#[tokio::test]
async fn mistakes_are_told_and_delay_nothing() -> Result<()> {
    let (lab, tidings) = Installed::running("mistakes", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let user = |name: &str| deployment(name).replicas(0).env_from("configmap/app");
    for (name, annotations, ..) in ROWS {
        let annotate = |workload: rig::fixtures::Workload, (key, value): &(&str, &str)| {
            workload.annotate(key, value)
        };
        let workload = annotations.iter().fold(user(name), annotate);
        lab.ns().apply(workload).await?;
    }
    lab.adopt([user("sound").annotate(RELOAD, "auto")]).await?;

    for (name, _, reason, text) in ROWS {
        let workload = format!("deployment/{name}");
        lab.adopted(&workload).await?;
        let told = lab.told(&workload, reason, text).await?;
        assert_eq!(told.class, "Warning", "{told:?}");
        let said = text_of(&lab.why(&[&workload]).await?);
        assert!(said.contains(reason) && said.contains(text), "{said}");
    }
    for (.., reason, _) in ROWS {
        counted(&tidings, reason).await?;
    }

    lab.ns().apply(app("2")).await?;
    for (name, ..) in ROWS {
        lab.numbered(&format!("deployment/{name}"), 1).await?;
    }
    lab.rolled_no_further("deployment/sound", 1).await?;
    let events = lab.events("deployment/sound").await?;
    assert!(
        events.iter().all(|told| told.class == "Normal"),
        "{events:?}"
    );
    Ok(())
}

async fn counted(tidings: &rig::process::Tidings, reason: &str) -> Result<()> {
    let label = format!("reason=\"{reason}\"");
    wait_until(&format!("{reason} in the metrics"), secs(20), async || {
        let count = tidings.metric("tidings_problems", &[&label]).await?;
        ensure!(count >= 1.0, "{}", tidings.metrics().await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_mistake_that_is_mended_is_no_longer_told() -> Result<()> {
    const WEB: &str = "deployment/web";
    let (lab, _tidings) = Installed::running("mended", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let web = deployment("web").replicas(0).env_from("configmap/app");
    lab.adopt([web.clone().annotate(RELOAD, "auto, configmap/")])
        .await?;
    lab.told(WEB, "BadAnnotation", "configmap/").await?;

    lab.ns().apply(web.annotate(RELOAD, "auto")).await?;
    lab.caught_up().await?;
    let why = lab.why(&[WEB]).await?;
    let said = text_of(&why);
    assert!(!said.contains("BadAnnotation"), "{said}");
    assert_eq!(why.status.code(), Some(0), "{said}");
    Ok(())
}
