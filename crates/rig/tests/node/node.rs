//! The node of the rig itself: pods run, serve, tell and follow; changed files come.

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use rig::fixtures::{TestNamespace, config_map};
use rig::node::{Node, images, pods};
use rig::{secs, wait_until};

/// It says each second what it reads.
const READER: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: reader
  labels: { app: reader }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: reader
      image: IMAGE
      command: [sh, -c, "echo $WORD; cd /www; while :; do cat /config/page >page; sleep 0.1; done & exec httpd -f -p 8080 -h /www"]
      env:
        - { name: WORD, valueFrom: { configMapKeyRef: { name: page, key: page } } }
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
      volumeMounts:
        - { name: config, mountPath: /config }
        - { name: www, mountPath: /www }
  volumes:
    - { name: config, configMap: { name: page } }
    - { name: www, emptyDir: {} }
"#;

#[tokio::test]
async fn a_pod_runs_serves_and_gets_changed_files() -> Result<()> {
    let Some(node) = Node::of_this_test().await? else {
        return Ok(());
    };
    node.image(&images::busybox()?).await?;
    let ns = TestNamespace::new(node.cluster(), "reader").await?;
    ns.apply(config_map("page", &[("page", "first")])).await?;
    pods::apply(&ns, &READER.replace("IMAGE", images::BUSYBOX)).await?;
    let pod = pods::ready_one(&ns, "app=reader", secs(60)).await?;
    pods::serves(&pod, (8080, "/page"), "first", secs(10)).await?;

    ns.apply(config_map("page", &[("page", "second")])).await?;
    pods::poke(&ns, &pod).await?;
    pods::serves(&pod, (8080, "/page"), "second", secs(60)).await?;

    let now = pods::ready_one(&ns, "app=reader", secs(10)).await?;
    assert_eq!(pods::restarts(&now), 0);
    wait_until("what it has said", secs(10), async || {
        let said = pods::logs(ns.client(), &now, "reader").await?;
        ensure!(said == "first\n", "{said}");
        Ok(())
    })
    .await?;
    let uid = pod.uid().context("no uid")?;
    assert_eq!(now.uid(), Some(uid), "the pod was made again");
    Ok(())
}

/// Nobody pokes it: a minute or so.
#[tokio::test]
async fn changed_files_come_by_themselves() -> Result<()> {
    let Some(node) = Node::of_this_test().await? else {
        return Ok(());
    };
    node.image(&images::busybox()?).await?;
    let ns = TestNamespace::new(node.cluster(), "patient").await?;
    ns.apply(config_map("page", &[("page", "first")])).await?;
    pods::apply(&ns, &READER.replace("IMAGE", images::BUSYBOX)).await?;
    let pod = pods::ready_one(&ns, "app=reader", secs(60)).await?;
    ns.apply(config_map("page", &[("page", "second")])).await?;
    pods::serves(&pod, (8080, "/page"), "second", secs(180)).await?;
    Ok(())
}
