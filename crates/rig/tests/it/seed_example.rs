//! The example of the article that this project began with: `demo-deployment`
//! mounts `nginx-config` and takes `demo-config` by envFrom, and names both in
//! Reloader's annotation. A change rolls it, once, and it is said why.

use anyhow::Result;
use kube::core::DynamicObject;
use rig::fixtures::config_map;
use rig::{Installed, secs};
use serde_json::json;

const DEMO: &str = "deployment/demo-deployment";

#[tokio::test]
async fn the_seeds_deployment_rolls_once_for_each_change_and_says_why() -> Result<()> {
    let (lab, _tidings) = Installed::running("seed", &[]).await?;
    rolls_once_for_each_change(&lab).await
}

/// Where a controller runs already.
pub(crate) async fn rolls_once_for_each_change(lab: &Installed) -> Result<()> {
    lab.ns().apply(nginx_config("worker_processes 1;")).await?;
    lab.ns().apply(demo_config("info")).await?;
    lab.adopt([demo_deployment()?]).await?;
    lab.ns().rolled_out(DEMO, secs(30)).await?;

    lab.ns().apply(nginx_config("worker_processes 2;")).await?;
    lab.rolled_no_further(DEMO, 1).await?;
    let because = lab.because(DEMO).await?;
    assert_eq!(
        because.as_deref(),
        Some("configmap/nginx-config (nginx.conf)")
    );
    let told = lab.told(DEMO, "Changed", "nginx.conf").await?;
    assert_eq!(told.class, "Normal");
    assert!(told.text.contains("configmap/nginx-config"), "{told:?}");
    lab.ns().rolled_out(DEMO, secs(30)).await?;
    assert_eq!(lab.rolls(DEMO).await?, 1);

    lab.ns().apply(demo_config("debug")).await?;
    lab.rolled_no_further(DEMO, 2).await?;
    let because = lab.because(DEMO).await?;
    assert_eq!(because.as_deref(), Some("configmap/demo-config (LEVEL)"));
    lab.ns().rolled_out(DEMO, secs(30)).await?;
    assert_eq!(lab.rolls(DEMO).await?, 2);
    Ok(())
}

fn nginx_config(nginx_conf: &str) -> DynamicObject {
    let files = [
        ("nginx.conf", nginx_conf),
        ("mime.types", "types {}"),
        ("conf.d__default.conf", "server {}"),
    ];
    config_map("nginx-config", &files)
}

fn demo_config(level: &str) -> DynamicObject {
    config_map("demo-config", &[("LEVEL", level)])
}

/// As in the article, but for the namespace.
fn demo_deployment() -> Result<DynamicObject> {
    let labels = json!({"app": "config-demo-app"});
    let annotations =
        json!({"configmap.reloader.stakater.com/reload": "nginx-config, demo-config"});
    let items = json!([
        {"key": "nginx.conf", "path": "nginx.conf"},
        {"key": "mime.types", "path": "mime.types"},
        {"key": "conf.d__default.conf", "path": "conf.d/default.conf"},
    ]);
    let container = json!({
        "name": "config-demo-app",
        "image": "nginx:latest",
        "ports": [{"containerPort": 80}],
        "volumeMounts": [
            {"mountPath": "/etc/nginx/", "name": "configmap-volume", "readOnly": true},
        ],
        "envFrom": [{"configMapRef": {"name": "demo-config"}}],
    });
    let volume = json!({
        "name": "configmap-volume",
        "configMap": {"name": "nginx-config", "items": items},
    });
    let pod = json!({"volumes": [volume], "containers": [container]});
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    Ok(serde_json::from_value(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "demo-deployment", "annotations": annotations, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }))?)
}
