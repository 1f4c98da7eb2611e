//! What a pod uses is read as the kubelet does it: paths in mounts are cleaned,
//! what no process sees restarts nothing, and a variable is no file.

use anyhow::Result;
use kube::core::DynamicObject;
use rig::Installed;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{RELOAD, text_of};
use serde_json::{Value, json};

const APP: &str = "configmap/app";

fn app(used: &str, unused: &str) -> DynamicObject {
    config_map("app", &[("used", used), ("unused", unused)])
}

fn user(name: &str) -> Workload {
    deployment(name).replicas(0).annotate(RELOAD, "auto")
}

/// The API server takes all of these, and the kubelet mounts the key `used`.
fn by_odd_paths() -> Vec<Workload> {
    let by_sub_path = ["./used", "used/", ".//used/.", "..data/used"];
    let by_sub_path = by_sub_path.iter().enumerate();
    let by_item = ["a//b", "./a/b", "a/./b"].iter().enumerate();
    let item = |(n, path): (usize, &&str)| {
        let items = json!([{"key": "used", "path": path}, {"key": "unused", "path": "c"}]);
        let volume = json!({"name": "v", "configMap": {"name": "app", "items": items}});
        let mount = json!({"name": "v", "mountPath": "/m", "subPath": "a/b"});
        let main = json!({"name": "main", "image": "rig.example/app:1", "volumeMounts": [mount]});
        user(&format!("item-{n}")).pod(&json!({"volumes": [volume], "containers": [main]}))
    };
    let sub_path =
        |(n, path): (usize, &&str)| user(&format!("sub-path-{n}")).mount_sub_path(APP, path);
    by_sub_path.map(sub_path).chain(by_item.map(item)).collect()
}

#[tokio::test]
async fn paths_mean_what_they_mean_to_the_kubelet() -> Result<()> {
    let (lab, _tidings) = Installed::running("paths", &[]).await?;
    lab.ns().apply(app("1", "1")).await?;
    let users = by_odd_paths();
    let names: Vec<_> = (0..4).map(|n| format!("deployment/sub-path-{n}")).collect();
    let items = (0..3).map(|n| format!("deployment/item-{n}"));
    let names: Vec<_> = names.into_iter().chain(items).collect();
    lab.adopt(users).await?;
    let all: Vec<_> = names.iter().map(String::as_str).collect();
    lab.rolls_nothing(&all, async || {
        lab.ns().apply(app("1", "2")).await?;
        Ok(())
    })
    .await?;
    lab.ns().apply(app("2", "2")).await?;
    for workload in all {
        lab.numbered(workload, 1).await?;
    }
    Ok(())
}

/// What the kubelet alone knows counts as all keys.
#[tokio::test]
async fn what_is_not_understood_counts_as_all_keys() -> Result<()> {
    let (lab, _tidings) = Installed::running("paths-odd", &[]).await?;
    lab.ns().apply(app("1", "1")).await?;
    lab.adopt([user("web").mount_sub_path(APP, "..2026_11_28/used")])
        .await?;
    lab.ns().apply(app("1", "2")).await?;
    lab.rolled_no_further("deployment/web", 1).await
}

fn binary(text: &str, binary: &str) -> DynamicObject {
    let mut map = config_map("app", &[("text", text)]);
    map.data["binaryData"] = json!({"binary": binary});
    map
}

/// `env` and `envFrom` read `data` alone.
#[tokio::test]
async fn binary_data_is_no_environment() -> Result<()> {
    let (lab, _tidings) = Installed::running("binary", &[]).await?;
    lab.ns().apply(binary("1", "AQ==")).await?;
    let whole = user("env-from").env_from(APP);
    lab.adopt([
        whole,
        user("file").mount(APP),
        user("key").env_key(APP, "binary"),
    ])
    .await?;
    lab.rolls_nothing(&["deployment/env-from", "deployment/key"], async || {
        lab.ns().apply(binary("1", "Ag==")).await?;
        lab.numbered("deployment/file", 1).await
    })
    .await?;
    let why = lab.why(&["deployment/key"]).await?;
    let said = text_of(&why);
    assert!(
        said.contains("Missing") && said.contains("configmap/app (binary)"),
        "{said}"
    );
    lab.ns().apply(binary("2", "Ag==")).await?;
    lab.rolled_no_further("deployment/env-from", 1).await
}

fn with_env(workload: Workload, env: &Value) -> Workload {
    let from = json!([{"configMapRef": {"name": "app"}}, {"configMapRef": {"name": "over"}}]);
    let main = json!({"name": "main", "image": "rig.example/app:1", "env": env, "envFrom": from});
    workload.pod(&json!({"containers": [main]}))
}

/// A variable that something else replaces before a process sees it.
#[tokio::test]
async fn what_is_overridden_restarts_nothing() -> Result<()> {
    let (lab, _tidings) = Installed::running("overridden", &[]).await?;
    let map = |env: &str, from: &str, free: &str| {
        config_map("app", &[("BY_ENV", env), ("BY_FROM", from), ("FREE", free)])
    };
    lab.ns().apply(map("1", "1", "1")).await?;
    lab.ns()
        .apply(config_map("over", &[("BY_FROM", "x")]))
        .await?;
    let plain = with_env(user("plain"), &json!([{"name": "BY_ENV", "value": "x"}]));
    let refers = json!([{"name": "BY_ENV", "value": "$(BY_ENV)-x"}]);
    let refers = with_env(user("refers"), &refers);
    lab.adopt([plain, refers]).await?;
    lab.rolls_nothing(&["deployment/plain"], async || {
        lab.ns().apply(map("2", "2", "1")).await?;
        lab.numbered("deployment/refers", 1).await
    })
    .await?;
    lab.ns().apply(map("2", "2", "2")).await?;
    lab.numbered("deployment/plain", 1).await?;
    let because = lab.because("deployment/plain").await?;
    assert_eq!(because.as_deref(), Some("configmap/app (FREE)"));
    lab.numbered("deployment/refers", 2).await
}
