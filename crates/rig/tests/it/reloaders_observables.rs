//! With `--reloader-observables` Reloader's dashboards, probes and tools find what
//! they look for; and it is started as Reloader is.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::Api;
use kube::api::ListParams;
use rig::fixtures::{config_map, deployment};
use rig::installed::RELOAD;
use rig::{Installed, secs, wait_until};

const WEB: &str = "deployment/web";
const LIMIT: std::time::Duration = secs(30);

/// A roll under a controller with the observables; as `rig`'s own namespaces have
/// it, with the meta-info in its own.
async fn rolled_once(about: &str) -> Result<(Installed, rig::process::Tidings)> {
    let lab = Installed::new(rig::Cluster::shared().await?, about).await?;
    let launch = lab.launch(&["--reloader-observables"])?;
    let launch = launch.env("METRICS_COUNT_BY_NAMESPACE", "enabled");
    let launch = launch.env("RELOADER_NAMESPACE", lab.own().name());
    let tidings = launch.env("RELOADER_DEPLOYMENT_NAME", "reloader").start()?;
    tidings.ready(LIMIT).await?;
    lab.ns().apply(config_map("app", &[("key", "1")])).await?;
    let web = deployment("web").env_from("configmap/app");
    lab.adopt([web.annotate(RELOAD, "auto")]).await?;
    lab.ns().apply(config_map("app", &[("key", "2")])).await?;
    lab.numbered(WEB, 1).await?;
    Ok((lab, tidings))
}

#[tokio::test]
async fn its_metrics_count_what_happened_once() -> Result<()> {
    let (lab, tidings) = rolled_once("counted").await?;
    let namespace = format!("namespace=\"{}\"", lab.ns().name());
    let counts: [(&str, &[&str], f64); 6] = [
        ("reloader_reload_executed_total", &["success=\"true\""], 1.0),
        (
            "reloader_reload_executed_total",
            &["success=\"false\""],
            0.0,
        ),
        (
            "reloader_reload_executed_total_by_namespace",
            &[&namespace],
            1.0,
        ),
        (
            "reloader_action_total",
            &["workload_kind=\"Deployment\"", "success"],
            1.0,
        ),
        ("reloader_action_latency_seconds_count", &[], 1.0),
        (
            "reloader_workloads_matched_total",
            &["kind=\"Deployment\""],
            1.0,
        ),
    ];
    for (name, labels, expected) in counts {
        wait_until(&format!("{name} {labels:?}"), LIMIT, async || {
            let count = tidings.metric(name, labels).await?;
            ensure!((count - expected).abs() < 0.5, "{count}");
            Ok(())
        })
        .await?;
    }
    let updates = ["event_type=\"update\"", "resource_type=\"configmaps\""];
    let heard = tidings.metric("reloader_events_received_total", &updates);
    ensure!(heard.await? >= 1.0, "{}", tidings.metrics().await?);
    let patched = ["code=\"200\"", "method=\"PATCH\""];
    ensure!(
        tidings
            .metric("rest_client_requests_total", &patched)
            .await?
            >= 1.0
    );
    let text = tidings.metrics().await?;
    ensure!(text.contains("# TYPE reloader_reload_executed_total counter\n"));
    assert_eq!(tidings.get("/live").await?, (200, "alive".to_owned()));
    Ok(())
}

#[tokio::test]
async fn its_event_and_its_config_map_are_there() -> Result<()> {
    let (lab, _tidings) = rolled_once("told").await?;
    let events: Api<Event> = lab.ns().api();
    let about = ListParams::default().fields("reason=Reloaded");
    let event = wait_until("the Event Reloaded", LIMIT, async || {
        let found = events.list(&about).await?.items.pop();
        found.context("none yet")
    })
    .await?;
    let ns = lab.ns().name();
    let message = format!(
        "Changes detected in 'app' of type 'CONFIGMAP' in namespace '{ns}', \
         Updated 'web' of type 'Deployment' in namespace '{ns}'"
    );
    assert_eq!(event.message, Some(message));
    assert_eq!(
        event.reporting_component.as_deref(),
        Some("reloader-configmaps")
    );
    lab.told(WEB, "Changed", "configmap/app").await?;

    let meta: ConfigMap = lab.own().api().get("reloader-meta-info").await?;
    let data = meta.data.context("no data")?;
    for key in ["buildInfo", "reloaderOptions", "deploymentInfo"] {
        let _: serde_json::Value = serde_json::from_str(&data[key])?;
    }
    ensure!(data["deploymentInfo"].contains("\"reloader\""));
    let label = "reloader.stakater.com/meta-info";
    assert_eq!(
        meta.metadata.labels.context("no labels")?[label],
        "reloader"
    );
    Ok(())
}
