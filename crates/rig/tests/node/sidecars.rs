//! The agent beside a server whose command is its own: a signal, where the pod shares
//! its processes.

use anyhow::{Result, ensure};
use rig::fixtures::config_map;
use rig::node::{images, pods};

use crate::lab::{LIMIT, Server, agent_says, lab};

/// nginx starts as root, as it does where nobody says otherwise; so does the agent, which
/// keeps the one capability that it needs.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: { app: web }
spec:
  shareProcessNamespace: true
  initContainers:
    - name: tidings-agent
      image: AGENT
      restartPolicy: Always
      args: [watch, --watch=/etc/nginx, --signal=HUP, --process=nginx, --prove=children, --memory=/memory, "--listen=:9533"]
      volumeMounts:
        - { name: config, mountPath: /etc/nginx }
        - { name: memory, mountPath: /memory }
      securityContext:
        runAsUser: 0
        capabilities: { drop: [ALL], add: [KILL] }
  containers:
    - name: nginx
      image: NGINX
      readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 }
      volumeMounts:
        - { name: config, mountPath: /etc/nginx }
  volumes:
    - { name: config, configMap: { name: web } }
    - { name: memory, emptyDir: {} }
"#;

#[tokio::test]
async fn nginx_is_found_signalled_and_proved() -> Result<()> {
    let Some(ns) = lab("sidecar", &[images::nginx, images::agent]).await? else {
        return Ok(());
    };
    let serving = |page: &str| {
        let conf = format!("events {{}} http {{ server {{ return 200 \"{page}\\n\"; }} }}");
        config_map("web", &[("nginx.conf", &conf)])
    };
    ns.apply(serving("one")).await?;
    let pod = POD.replace("AGENT", images::AGENT);
    pods::apply(&ns, &pod.replace("NGINX", images::NGINX)).await?;
    let server = Server::running(&ns, "app=web", "nginx").await?;
    let pod = server.pod();
    pods::serves(pod, (80, "/"), "one", LIMIT).await?;

    ns.apply(serving("two")).await?;
    pods::poke(&ns, pod).await?;
    pods::serves(pod, (80, "/"), "two", LIMIT).await?;
    let state = agent_says(pod, "applied").await?;
    let program = state["process"]["program"].as_str().unwrap_or_default();
    ensure!(program.ends_with("nginx"), "{state}");
    server.is_the_same().await
}
