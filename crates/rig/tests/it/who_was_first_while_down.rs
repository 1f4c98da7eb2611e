//! What changed together while no controller ran: whether the pods are newer than the
//! change is asked of the past, since times are whole seconds.

use anyhow::Result;
use rig::Cluster;
use rig::fixtures::{Workload, config_map, daemon_set, deployment, stateful_set};
use rig::installed::{Installed, RELOAD};
use rig::secs;
use serde_json::json;

type Make = fn(&str) -> Workload;

const KINDS: [(Make, &str); 3] = [
    (deployment, "deployment"),
    (stateful_set, "statefulset"),
    (daemon_set, "daemonset"),
];
const OF_EACH: usize = 3;

fn all() -> impl Iterator<Item = (Workload, String, String)> {
    KINDS.into_iter().flat_map(|(kind, word)| {
        (0..OF_EACH).map(move |i| {
            let source = format!("{word}-{i}");
            let web = kind(&format!("web-{i}")).env_from(&format!("configmap/{source}"));
            let web = web.annotate(RELOAD, "auto");
            (web, format!("{word}/web-{i}"), source)
        })
    })
}

async fn write(home: &Installed, source: &str, value: &str) -> Result<()> {
    home.ns().apply(config_map(source, &[("k", value)])).await?;
    Ok(())
}

async fn down(about: &str) -> Result<Installed> {
    let home = Installed::new(Cluster::shared().await?, about).await?;
    for (_, _, source) in all() {
        write(&home, &source, "1").await?;
    }
    let tidings = home.controller(&[]).await?;
    home.adopt(all().map(|(web, ..)| web)).await?;
    // What is edited amid its first rollout may have pods of either template: it is rolled.
    for (_, is, _) in all() {
        home.ns().rolled_out(&is, secs(60)).await?;
    }
    home.stop(tidings).await?;
    Ok(home)
}

#[tokio::test]
async fn a_release_after_the_change_is_not_rolled_again() -> Result<()> {
    let home = down("change-first").await?;
    for (web, is, source) in all() {
        write(&home, &source, "2").await?;
        home.ns().apply(web.annotate_pods("release", "2")).await?;
        let label = json!({"metadata": {"labels": {"tracked": is.replace('/', "-")}}});
        home.ns()
            .edit(&format!("configmap/{source}"), label)
            .await?;
    }
    let _tidings = home.controller(&[]).await?;
    for (_, is, source) in all() {
        home.in_step(&is, &format!("configmap/{source}")).await?;
    }
    home.caught_up().await?;
    for (_, is, _) in all() {
        assert_eq!(home.number(&is).await?, None, "{is}");
    }
    Ok(())
}

#[tokio::test]
async fn a_change_after_the_release_is_rolled_once() -> Result<()> {
    let home = down("release-first").await?;
    for (web, _, source) in all() {
        home.ns().apply(web.annotate_pods("release", "2")).await?;
        write(&home, &source, "2").await?;
    }
    let _tidings = home.controller(&[]).await?;
    for (_, is, _) in all() {
        home.numbered(&is, 1).await?;
    }
    home.caught_up().await?;
    for (_, is, _) in all() {
        home.numbered(&is, 1).await?;
    }
    Ok(())
}

/// Of twenty workloads that are opted in seconds after their ConfigMap changed.
#[tokio::test]
async fn opting_in_what_is_stale_tells_so() -> Result<()> {
    for (about, options, word) in [
        ("late", &[][..], "MaybeStale"),
        ("late-catch-up", &["--catch-up"][..], "CaughtUp"),
    ] {
        let (home, _tidings) = Installed::running(about, options).await?;
        let names: Vec<_> = (0..20).map(|i| format!("web-{i}")).collect();
        for name in &names {
            write(&home, name, "1").await?;
            let web = deployment(name).env_from(&format!("configmap/{name}"));
            home.ns().apply(web).await?;
        }
        for name in &names {
            write(&home, name, "2").await?;
        }
        for name in &names {
            let auto = json!({"metadata": {"annotations": {RELOAD: "auto"}}});
            home.ns().edit(&format!("deployment/{name}"), auto).await?;
        }
        for name in &names {
            let is = format!("deployment/{name}");
            home.told(&is, word, name).await?;
            let rolled = home.number(&is).await?.is_some();
            assert_eq!(rolled, word == "CaughtUp", "{is}");
        }
    }
    Ok(())
}
