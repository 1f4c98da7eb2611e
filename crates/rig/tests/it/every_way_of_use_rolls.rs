//! However a container uses a ConfigMap or Secret, a change of it rolls the
//! workload, of every kind. What no container uses rolls nothing.

use anyhow::Result;
use kube::core::DynamicObject;
use rig::Installed;
use rig::fixtures::{
    Workload, config_map, daemon_set, deployment, reference_to, secret, stateful_set,
};
use rig::installed::RELOAD;
use serde_json::json;

type Way = (&'static str, fn(Workload, &str) -> Workload);

const WAYS: &[Way] = &[
    ("env", |workload, source| workload.env_key(source, "key")),
    ("env-from", |workload, source| workload.env_from(source)),
    ("volume", |workload, source| workload.mount(source)),
    ("projected", |workload, source| {
        workload.mount_projected(&["configmap/calm", source])
    }),
    ("sub-path", |workload, source| {
        workload.mount_sub_path(source, "key")
    }),
    ("init", |workload, source| {
        workload.init("setup").env_from(source)
    }),
    ("sidecar", |workload, source| {
        workload.sidecar("proxy").mount(source)
    }),
];

/// Without pods: what is tested here is the template.
const KINDS: &[fn(&str) -> Workload] = &[
    |name| deployment(name).replicas(0),
    |name| stateful_set(name).replicas(0),
    |name| daemon_set(name).pod(&json!({"nodeSelector": {"no": "node"}})),
];

fn app(value: &str) -> [DynamicObject; 2] {
    let data = [("key", value)];
    [config_map("app", &data), secret("app", &data)]
}

#[tokio::test]
async fn a_change_rolls_workloads_of_every_kind_by_every_way_of_use() -> Result<()> {
    let (lab, _tidings) = Installed::running("ways", &[]).await?;
    lab.ns().apply(config_map("calm", &[("key", "1")])).await?;
    for source in app("1") {
        lab.ns().apply(source).await?;
    }
    let mut users = Vec::new();
    for kind in KINDS {
        for (way, uses) in WAYS {
            for source in ["configmap/app", "secret/app"] {
                let name = format!("{way}-{}", source.replace('/', "-"));
                let workload = kind(&name).annotate(RELOAD, "auto");
                users.push((source, DynamicObject::from(uses(workload, source))));
            }
        }
    }
    lab.adopt(users.iter().map(|(_, workload)| workload.clone()))
        .await?;

    for source in app("2") {
        lab.ns().apply(source).await?;
    }
    for (source, workload) in &users {
        let workload = reference_to(workload);
        lab.numbered(&workload, 1).await?;
        let because = lab.because(&workload).await?;
        assert_eq!(because, Some(format!("{source} (key)")), "{workload}");
    }
    lab.caught_up().await?;
    for (_, workload) in &users {
        let workload = reference_to(workload);
        assert_eq!(lab.number(&workload).await?, Some(1), "{workload}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unmounted_volume_and_image_pull_secrets_never_roll() -> Result<()> {
    let (lab, _tidings) = Installed::running("unused", &[]).await?;
    lab.ns().apply(config_map("calm", &[("key", "1")])).await?;
    for source in app("1") {
        lab.ns().apply(source).await?;
    }
    let unused = json!({
        "imagePullSecrets": [{"name": "app"}],
        "volumes": [
            {"name": "map", "configMap": {"name": "app"}},
            {"name": "secret", "secret": {"secretName": "app"}},
        ],
    });
    let users = ["idle", "busy"].map(|name| {
        let workload = deployment(name).pod(&unused).annotate(RELOAD, "auto");
        workload.replicas(0)
    });
    let [idle, busy] = users;
    lab.ns().apply(idle).await?;
    lab.adopt([busy.env_from("configmap/calm")]).await?;
    lab.rolls_nothing(&["deployment/idle", "deployment/busy"], async || {
        for source in app("2") {
            lab.ns().apply(source).await?;
        }
        Ok(())
    })
    .await
}
