//! The Deployment of the article that this project began with, with a real nginx: the
//! controller rolls it for a changed ConfigMap, and the new pod serves the new page.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::fixtures::config_map;
use rig::node::{images, pods};
use rig::{Installed, secs};

use crate::lab::{LIMIT, node};

const DEMO: &str = "deployment/demo-deployment";
const LABELS: &str = "app=config-demo-app";

/// As in the article, but for the namespace and the image's name.
const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: demo-deployment
  annotations:
    configmap.reloader.stakater.com/reload: "nginx-config, demo-config"
  labels:
    app: config-demo-app
spec:
  replicas: 1
  selector:
    matchLabels:
      app: config-demo-app
  template:
    metadata:
      labels:
        app: config-demo-app
    spec:
      volumes:
        - name: configmap-volume
          configMap:
            name: nginx-config
            items:
              - key: nginx.conf
                path: nginx.conf
              - key: mime.types
                path: mime.types
              - key: conf.d__default.conf
                path: conf.d/default.conf
      containers:
      - name: config-demo-app
        image: nginx:latest
        ports:
          - containerPort: 80
        volumeMounts:
          - mountPath: /etc/nginx/
            name: configmap-volume
            readOnly: true
        envFrom:
          - configMapRef:
              name: demo-config
"#;

#[tokio::test]
async fn a_changed_page_is_served_by_new_pods() -> Result<()> {
    let Some(node) = node(&[images::nginx]).await? else {
        return Ok(());
    };
    let lab = Installed::new(node.cluster(), "seed").await?;
    let _tidings = lab.controller(&[]).await?;
    a_change_is_served(&lab).await
}

/// Where a controller runs already.
pub(crate) async fn a_change_is_served(lab: &Installed) -> Result<()> {
    let ns = lab.ns();
    ns.apply(serving("one")).await?;
    ns.apply(config_map("demo-config", &[("LEVEL", "info")]))
        .await?;
    pods::apply(ns, &DEPLOYMENT.replace("nginx:latest", images::NGINX)).await?;
    ns.rolled_out(DEMO, LIMIT).await?;
    lab.adopted(DEMO).await?;
    let first = pods::ready_one(ns, LABELS, LIMIT).await?;
    pods::serves(&first, (80, "/"), "one", secs(30)).await?;

    ns.apply(serving("two")).await?;
    lab.numbered(DEMO, 1).await?;
    let second = replaced(lab, &first).await?;
    pods::serves(&second, (80, "/"), "two", secs(30)).await?;
    let because = lab.because(DEMO).await?;
    ensure!(
        because.as_deref() == Some("configmap/nginx-config (conf.d__default.conf)"),
        "{because:?}"
    );

    ns.apply(config_map("demo-config", &[("LEVEL", "debug")]))
        .await?;
    lab.numbered(DEMO, 2).await?;
    let third = replaced(lab, &second).await?;
    pods::serves(&third, (80, "/"), "two", secs(30)).await?;
    let rolls = lab.rolls(DEMO).await?;
    ensure!(rolls == 2, "{rolls} rolls");
    Ok(())
}

/// Waits for the pod that stands in the place of this one, alone.
async fn replaced(lab: &Installed, before: &Pod) -> Result<Pod> {
    lab.ns().rolled_out(DEMO, LIMIT).await?;
    let now = pods::ready_one(lab.ns(), LABELS, LIMIT).await?;
    let before = before.uid().context("no uid")?;
    ensure!(now.uid() != Some(before), "it is the same pod");
    Ok(now)
}

fn serving(page: &str) -> DynamicObject {
    let page = format!("server {{ listen 80; return 200 \"{page}\\n\"; }}");
    let files = [
        (
            "nginx.conf",
            "events {} http { include mime.types; include conf.d/*.conf; }",
        ),
        ("mime.types", "types { text/html html; }"),
        ("conf.d__default.conf", &page),
    ];
    config_map("nginx-config", &files)
}
