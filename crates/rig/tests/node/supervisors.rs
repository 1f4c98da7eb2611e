//! The agent as supervisor, in nginx's own container. Way 1: it sends the signal. Way 2,
//! what scripts around inotify do: it has the new files checked first, too.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use rig::fixtures::{TestNamespace, config_map};
use rig::node::{images, pods};
use rig::wait_until;

use crate::lab::{LIMIT, Make, Server, agent_readyz, agent_says, lab};

const IMAGES: &[Make] = &[images::nginx_unprivileged, images::agent];
const LABELS: &str = "app=web";
const PAGE: (u16, &str) = (8080, "/");

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: { app: web }
spec:
  initContainers:
    - name: tidings-agent
      image: AGENT
      args: [install, /tidings/tidings-agent]
      volumeMounts:
        - { name: tidings, mountPath: /tidings }
  containers:
    - name: nginx
      image: NGINX
      command: [/tidings/tidings-agent, run, OPTIONS, "--listen=:9533", --]
      args: [nginx, -g, "daemon off;"]
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
      volumeMounts:
        - { name: tidings, mountPath: /tidings, readOnly: true }
        - { name: config, mountPath: /etc/nginx/conf.d }
  volumes:
    - { name: config, configMap: { name: web } }
    - { name: tidings, emptyDir: {} }
"#;

#[tokio::test]
async fn nginx_is_signalled_and_serves_the_new_page() -> Result<()> {
    let Some(ns) = lab("by-signal", IMAGES).await? else {
        return Ok(());
    };
    let server = start(&ns, "--signal=HUP").await?;
    change(&ns, server.pod(), &serving("two")).await?;
    pods::serves(server.pod(), PAGE, "two", LIMIT).await?;
    // Nobody has asked it for a proof.
    agent_says(server.pod(), "unverified").await?;
    server.is_the_same().await
}

#[tokio::test]
async fn what_the_check_refuses_is_not_brought_and_its_fix_is() -> Result<()> {
    let Some(ns) = lab("by-check", IMAGES).await? else {
        return Ok(());
    };
    let server = start(&ns, "--check=nginx -t, --prove=children").await?;
    let pod = server.pod();
    change(&ns, pod, "server { listen 8080; retrun 200; }").await?;
    let state = agent_says(pod, "rejected").await?;
    ensure!(state["owed"] == true, "{state}");
    wait_until("the agent to be not ready", LIMIT, async || {
        let (status, why) = agent_readyz(pod).await?;
        ensure!(
            status == 503 && why.contains("check failed"),
            "{status} {why}"
        );
        Ok(())
    })
    .await?;
    let (status, page) = pods::get(pod, PAGE.0, PAGE.1).await?;
    ensure!(status == 200 && page == "one\n", "{status} {page}");

    change(&ns, pod, &serving("two")).await?;
    pods::serves(pod, PAGE, "two", LIMIT).await?;
    agent_says(pod, "applied").await?;
    server.is_the_same().await
}

fn serving(page: &str) -> String {
    format!("server {{ listen 8080; return 200 \"{page}\\n\"; }}")
}

async fn start<'a>(ns: &'a TestNamespace, options: &str) -> Result<Server<'a>> {
    ns.apply(config_map("web", &[("default.conf", &serving("one"))]))
        .await?;
    let pod = POD.replace("AGENT", images::AGENT);
    let pod = pod.replace("NGINX", images::NGINX_UNPRIVILEGED);
    pods::apply(ns, &pod.replace("OPTIONS", options)).await?;
    let server = Server::running(ns, LABELS, "nginx").await?;
    pods::serves(server.pod(), PAGE, "one", LIMIT).await?;
    Ok(server)
}

async fn change(ns: &TestNamespace, pod: &Pod, conf: &str) -> Result<()> {
    ns.apply(config_map("web", &[("default.conf", conf)]))
        .await?;
    pods::poke(ns, pod).await
}
