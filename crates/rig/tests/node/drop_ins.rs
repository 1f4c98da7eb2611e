//! The agent under the names and flags of the sidecars that people have beside
//! Prometheus: configmap-reload, and prometheus-config-reloader as its operator calls it.

use anyhow::{Result, ensure};
use rig::fixtures::config_map;
use rig::node::{images, pods};
use rig::wait_until;

use crate::lab::{LIMIT, Make, Server, lab};

const IMAGES: &[Make] = &[images::prometheus, images::agent];
const LABELS: &str = "app=prometheus";

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: prometheus
  labels: { app: prometheus }
spec:
  securityContext: { runAsUser: 65534, runAsGroup: 65534, fsGroup: 65534 }
  containers:
    - name: reloader
      image: AGENT
RELOADER
    - name: prometheus
      image: PROMETHEUS
      args: [--config.file=CONFIG, --storage.tsdb.path=/data, --web.enable-lifecycle]
      readinessProbe: { httpGet: { port: 9090, path: /-/ready }, periodSeconds: 1 }
      volumeMounts:
        - { name: config, mountPath: /etc/prometheus }
        - { name: out, mountPath: /etc/out }
        - { name: data, mountPath: /data }
  volumes:
    - { name: config, configMap: { name: prometheus } }
    - { name: out, emptyDir: {} }
    - { name: data, emptyDir: {} }
"#;

/// As its chart has it, which names no command.
const CONFIGMAP_RELOAD: &str = r#"
      args: [--volume-dir=/etc/prometheus, "--webhook-url=http://127.0.0.1:9090/-/reload"]
      ports: [{ containerPort: 9533 }]
      volumeMounts: [{ name: config, mountPath: /etc/prometheus }]
"#;

/// The operator's words (0.93.1) for what it makes.
const CONFIG_RELOADER: &str = r#"
      command: [/bin/prometheus-config-reloader]
      args:
        - --listen-address=:8080
        - --reload-url=http://127.0.0.1:9090/-/reload
        - --config-file=/etc/prometheus/prometheus.yml
        - --config-envsubst-file=/etc/out/prometheus.env.yaml
      env: [{ name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]
      volumeMounts:
        - { name: config, mountPath: /etc/prometheus }
        - { name: out, mountPath: /etc/out }
"#;

#[tokio::test]
async fn configmap_reload_has_prometheus_read_its_configuration() -> Result<()> {
    let config = "/etc/prometheus/prometheus.yml";
    let metric = "configmap_reload_last_reload_error{webhook=\"http://127.0.0.1:9090/-/reload\"} 0";
    brings_a_change("configmap-reload", CONFIGMAP_RELOAD, config, (9533, metric)).await
}

#[tokio::test]
async fn prometheus_config_reloader_renders_and_has_it_read() -> Result<()> {
    let config = "/etc/out/prometheus.env.yaml";
    let metric = "reloader_last_reload_successful 1";
    brings_a_change("config-reloader", CONFIG_RELOADER, config, (8080, metric)).await
}

async fn brings_a_change(
    about: &str,
    reloader: &str,
    config: &str,
    (port, metric): (u16, &str),
) -> Result<()> {
    let Some(ns) = lab(about, IMAGES).await? else {
        return Ok(());
    };
    let with = |interval: &str| {
        let text = format!(
            "global: {{ scrape_interval: {interval}, external_labels: {{ pod: $(POD_NAME) }} }}"
        );
        config_map("prometheus", &[("prometheus.yml", &text)])
    };
    ns.apply(with("30s")).await?;
    let pod = POD.replace("AGENT", images::AGENT);
    let pod = pod.replace("PROMETHEUS", images::PROMETHEUS);
    let pod = pod.replace("RELOADER\n", reloader.trim_start_matches('\n'));
    pods::apply(&ns, &pod.replace("CONFIG", config)).await?;
    // Prometheus may start before the first rendering is there, and then once more.
    let server = Server::running(&ns, LABELS, "prometheus").await?;
    let pod = server.pod();
    let at = (9090, "/api/v1/status/config");
    pods::serves(pod, at, "scrape_interval: 30s", LIMIT).await?;

    ns.apply(with("45s")).await?;
    pods::poke(&ns, pod).await?;
    pods::serves(pod, at, "scrape_interval: 45s", LIMIT).await?;
    wait_until("its metric to say so", LIMIT, async || {
        let (_, page) = pods::get(pod, port, "/metrics").await?;
        ensure!(page.contains(metric), "{page}");
        Ok(())
    })
    .await?;
    server.is_the_same().await
}
