//! What `tidings inject` makes of a manifest, where pods run: admitted as "restricted", it
//! takes a change without a restart once its pod is poked, and answers who bears the token.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use rig::fixtures::TestNamespace;
use rig::node::{images, pods};
use rig::{Cluster, process, wait_until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lab::{LIMIT, Server, agent_says, lab};

const TOKEN: &str = "9f86d081884c7d659a2feaa0c55ad015";

/// As somebody writes it who knows nothing of agents.
const MANIFEST: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  default.conf: |
    server { listen 8080; return 200 "one\n"; }
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: nginx
          image: NGINX
          command: [nginx, -g, daemon off;]
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
          securityContext:
            runAsNonRoot: true
            allowPrivilegeEscalation: false
            capabilities: { drop: [ALL] }
            seccompProfile: { type: RuntimeDefault }
          volumeMounts:
            - { name: config, mountPath: /etc/nginx/conf.d }
      volumes:
        - { name: config, configMap: { name: web } }
"#;

#[tokio::test]
async fn nginx_takes_a_change_in_the_same_process_and_the_agent_says_so() -> Result<()> {
    let Some(ns) = lab("injected", &[images::nginx_unprivileged, images::agent]).await? else {
        return Ok(());
    };
    let restricted =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    ns.merge(&restricted).await?;
    let manifest = injected(&MANIFEST.replace("NGINX", images::NGINX_UNPRIVILEGED)).await?;
    pods::apply(&ns, &manifest).await?;
    let server = Server::running(&ns, "app=web", "nginx").await?;
    let pod = server.pod();
    pods::serves(pod, (8080, "/"), "one", LIMIT).await?;
    let (status, _) = ask(&ns, pod).await?;
    ensure!(
        status == 401,
        "without a poke somebody was answered: {status}"
    );

    pods::apply(&ns, &manifest.replace(r"one\n", r"two\n")).await?;
    let poke =
        json!({"metadata": {"annotations": {"tidings.dev/poke": format!("1-abcd {TOKEN}")}}});
    ns.edit(&format!("pod/{}", pod.name_any()), poke).await?;
    pods::serves(pod, (8080, "/"), "two", LIMIT).await?;
    agent_says(pod, "applied").await?;
    wait_until("an answer", LIMIT, async || {
        let (status, answer) = ask(&ns, pod).await?;
        ensure!(status == 200, "{status}");
        ensure!(answer["outcome"] == "applied", "{answer}");
        Ok(())
    })
    .await?;
    server.is_the_same().await
}

async fn injected(manifest: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("web.yaml");
    std::fs::write(&path, manifest)?;
    let path = path.display().to_string();
    let kubeconfig = Cluster::shared().await?.kubeconfig();
    let args = ["inject", "-f", &path, "--image", images::AGENT];
    let output = process::run(kubeconfig, &args).await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.success(), "{said}");
    ensure!(
        said.contains("nginx in container nginx is started by an agent"),
        "{said}"
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Asks the agent whether its file was taken: status and answer.
async fn ask(ns: &TestNamespace, pod: &Pod) -> Result<(u16, Value)> {
    let source = format!("configmap/{}/web", ns.name());
    let question = json!({"files": [{"path": "/etc/nginx/conf.d/default.conf",
        "source": source, "key": "default.conf", "digest": "*"}]});
    let question = question.to_string();
    let request = format!(
        "POST /holds HTTP/1.1\r\nHost: agent\r\nTidings-Token: {TOKEN}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{question}",
        question.len()
    );
    let mut stream = TcpStream::connect((pods::address(pod)?, 9533)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}
