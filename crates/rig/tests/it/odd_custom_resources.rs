//! A custom resource has the shape that its owners give it. `null` is read as
//! absent; what cannot be read at all is told on it, and keeps nobody from seeing
//! the rest.

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{config_map, deployment, fleet, reference_to};
use rig::installed::{RELOAD, text_of};
use rig::{Cluster, Installed, crds};
use serde_json::{Value, json};

fn odd(group: &str, name: &str, template: Value) -> DynamicObject {
    let mut odd = DynamicObject::from(fleet(group, name).annotate(RELOAD, "auto"));
    odd.data["spec"]["workers"]["podTemplate"] = template;
    odd
}

/// Templates that use `configmap/app`, with `null` wherever it may be.
fn with_nulls() -> Vec<Value> {
    let env = |from: Value| {
        let main = json!({"name": "main", "env": null, "envFrom": [from], "volumeMounts": null});
        json!({"containers": [main], "initContainers": null, "volumes": [null]})
    };
    let mount = |volume: Value| {
        let mounts =
            json!([{"name": "v", "mountPath": "/m", "subPath": null, "subPathExpr": null}]);
        let main = json!({"name": "main", "volumeMounts": mounts});
        json!({"containers": [main], "volumes": [volume], "imagePullSecrets": null})
    };
    let app = json!({"name": "app", "optional": null, "items": null});
    let sources = json!([null, {"configMap": app, "secret": null}, {"secret": {"name": null}}]);
    vec![
        json!({"metadata": null, "spec": env(json!({"prefix": null, "configMapRef": app, "secretRef": null}))}),
        json!({"metadata": {"annotations": null}, "spec": mount(json!({"name": "v", "configMap": app, "secret": null}))}),
        json!({"spec": mount(json!({"name": "v", "projected": {"sources": sources}}))}),
    ]
}

#[tokio::test]
async fn null_is_absent_and_another_shape_is_told() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "odd").await?;
    let group = format!("{}.example.org", lab.ns().name());
    let kind = crds::fleet(&group);
    crds::install(lab.ns().client(), std::slice::from_ref(&kind)).await?;
    let row = format!("{group}/v1/Fleet:spec.workers.podTemplate");
    let _tidings = lab.controller(&["--custom-workloads", &row]).await?;
    lab.ns().apply(config_map("app", &[("a", "1")])).await?;

    let templates = with_nulls().into_iter().enumerate();
    let fleets: Vec<_> = templates
        .map(|(n, template)| odd(&group, &format!("null-{n}"), template))
        .collect();
    let names: Vec<_> = fleets.iter().map(reference_to).collect();
    lab.adopt(fleets).await?;
    let kept = lab.ns().get(&names[0]).await?;
    let kept = &kept.data["spec"]["workers"]["podTemplate"];
    ensure!(
        kept.pointer("/spec/initContainers") == Some(&Value::Null),
        "{kept}"
    );
    lab.adopt([deployment("sound")
        .replicas(0)
        .env_from("configmap/app")
        .annotate(RELOAD, "auto")])
        .await?;

    let broken = odd(&group, "broken", json!({"spec": {"volumes": "none"}}));
    let reference = reference_to(&broken);
    lab.ns().apply(broken).await?;
    lab.told(&reference, "Unreadable", "has not the shape")
        .await?;
    let why = lab.why(&["-A", "--custom-workloads", &row]).await?;
    let said = text_of(&why);
    ensure!(
        said.contains("fleet/broken") && said.contains("Unreadable"),
        "{said}"
    );
    ensure!(said.contains("deployment/sound"), "{said}");
    ensure!(why.status.code() == Some(2), "{said}");

    lab.ns().apply(config_map("app", &[("a", "2")])).await?;
    for name in &names {
        lab.numbered(name, 1).await?;
    }
    lab.rolled_no_further("deployment/sound", 1).await?;
    crds::remove(lab.ns().client(), &kind).await
}
