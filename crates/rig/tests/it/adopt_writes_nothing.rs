//! Installing, starting and starting again write nothing on workloads; in an
//! unchanged cluster not even a source is read again.

use anyhow::Result;
use kube::ResourceExt;
use rig::fixtures::{config_map, cron_job, daemon_set, deployment, job, secret, stateful_set};
use rig::installed::RELOAD;
use rig::kubelet::DONE;
use rig::proxy::{Proxy, Seen};
use rig::{Cluster, Installed, secs};

const WORKLOADS: [&str; 5] = [
    "deployment/web",
    "statefulset/db",
    "daemonset/log",
    "cronjob/report",
    "job/import",
];

#[tokio::test]
async fn install_start_and_restart_write_nothing_on_workloads() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let lab = Installed::behind(&proxy, cluster, "adopt").await?;
    lab.ns().apply(config_map("app", &[("key", "1")])).await?;
    lab.ns()
        .apply(secret("db", &[("password", "hunter2")]))
        .await?;
    let opted_in = [
        deployment("web")
            .env_from("configmap/app")
            .mount("secret/db"),
        stateful_set("db").env_key("secret/db", "password"),
        daemon_set("log").mount("configmap/app"),
        cron_job("report").env_from("secret/db"),
        job("import")
            .env_from("configmap/app")
            .annotate_pods(DONE, "never"),
    ];
    for workload in opted_in {
        lab.ns().apply(workload.annotate(RELOAD, "auto")).await?;
    }
    for workload in &WORKLOADS[..3] {
        lab.ns().rolled_out(workload, secs(30)).await?;
    }

    let first = lab.controller(&[]).await?;
    for workload in WORKLOADS {
        lab.adopted(workload).await?;
    }
    lab.caught_up().await?;
    lab.stop(first).await?;
    assert_eq!(writes_on_workloads(&proxy), Vec::<String>::new());

    proxy.forget();
    let second = lab.controller(&[]).await?;
    lab.caught_up().await?;
    lab.stop(second).await?;
    assert_eq!(writes_on_workloads(&proxy), Vec::<String>::new());
    assert_eq!(
        reads_of_sources(&proxy, lab.ns().name()),
        Vec::<String>::new()
    );
    for workload in WORKLOADS {
        let object = lab.ns().get(workload).await?;
        assert_eq!(object.metadata.generation, Some(1), "{workload}");
        let managers = object.managed_fields().iter();
        let managers: Vec<_> = managers.filter_map(|by| by.manager.as_deref()).collect();
        assert!(!managers.contains(&"tidings"), "{workload}: {managers:?}");
    }
    for workload in &WORKLOADS[..3] {
        assert_eq!(lab.rolls(workload).await?, 0, "{workload}");
    }
    Ok(())
}

/// All but those on canaries, whose sources the rig changes.
fn writes_on_workloads(proxy: &Proxy<'_>) -> Vec<String> {
    paths(proxy, |seen| {
        let groups = ["/apis/apps/", "/apis/batch/"];
        seen.is_write() && groups.iter().any(|group| seen.path.contains(group))
    })
}

fn reads_of_sources(proxy: &Proxy<'_>, namespace: &str) -> Vec<String> {
    let sources =
        ["configmaps", "secrets"].map(|plural| format!("/api/v1/namespaces/{namespace}/{plural}/"));
    paths(proxy, |seen| {
        !seen.is_write() && sources.iter().any(|prefix| seen.path.starts_with(prefix))
    })
}

fn paths(proxy: &Proxy<'_>, is_it: impl Fn(&Seen) -> bool) -> Vec<String> {
    let seen = proxy.requests().into_iter();
    let seen = seen.filter(|seen| is_it(seen) && !seen.path.contains("/canary-"));
    seen.map(|seen| format!("{} {}", seen.method, seen.path))
        .collect()
}
