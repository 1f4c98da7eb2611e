//! The manifests that the README gives to copy, as they are but for the images' names:
//! their pods become ready, a change of their ConfigMap arrives in the same process, and
//! the agent says so.

use anyhow::{Context, Result, ensure};
use rig::node::{images, pods};
use rig::packages;

use crate::lab::{LIMIT, Make, Server, UNPOKED, agent_says, lab};

/// What is changed, and where it is seen.
struct Example {
    file: &'static str,
    image: (&'static str, &'static str),
    make: Make,
    labels: &'static str,
    program: &'static str,
    /// In the file, from what to what.
    change: (&'static str, &'static str),
    /// In what is answered, before and after.
    seen: (&'static str, &'static str),
    at: (u16, &'static str),
    poked: bool,
}

const AGENT: &str = "tidings-agent:0.1.0";

const SUPERVISOR: Example = Example {
    file: "supervisor.yaml",
    image: (
        "nginxinc/nginx-unprivileged:1.28",
        images::NGINX_UNPRIVILEGED,
    ),
    make: images::nginx_unprivileged,
    labels: "app=web",
    program: "nginx",
    change: (r"one\n", r"two\n"),
    seen: ("one", "two"),
    at: (8080, "/"),
    poked: false,
};

const BY_SIGNAL: Example = Example {
    file: "sidecar-signal.yaml",
    image: ("haproxy:3.2", images::HAPROXY),
    make: images::haproxy,
    labels: "app=proxy",
    program: "haproxy",
    change: (r"one\n", r"two\n"),
    seen: ("one", "two"),
    at: (8080, "/"),
    poked: true,
};

const BY_HTTP: Example = Example {
    file: "sidecar-http.yaml",
    image: ("prom/prometheus:v3.5.0", images::PROMETHEUS),
    make: images::prometheus,
    labels: "app=prometheus",
    program: "prometheus",
    change: ("scrape_interval: 30s", "scrape_interval: 45s"),
    seen: ("scrape_interval: 30s", "scrape_interval: 45s"),
    at: (9090, "/api/v1/status/config"),
    poked: true,
};

/// Nobody pokes it.
#[tokio::test]
async fn the_supervisor_brings_a_change_to_nginx() -> Result<()> {
    a_change_arrives(&SUPERVISOR).await
}

#[tokio::test]
async fn the_sidecar_by_signal_brings_a_change_to_haproxy() -> Result<()> {
    a_change_arrives(&BY_SIGNAL).await
}

#[tokio::test]
async fn the_sidecar_by_http_brings_a_change_to_prometheus() -> Result<()> {
    a_change_arrives(&BY_HTTP).await
}

async fn a_change_arrives(example: &Example) -> Result<()> {
    let Some(ns) = lab("example", &[example.make, images::agent]).await? else {
        return Ok(());
    };
    let manifest = example.manifest()?;
    pods::apply(&ns, &manifest).await?;
    let server = Server::running(&ns, example.labels, example.program).await?;
    let pod = server.pod();
    pods::serves(pod, example.at, example.seen.0, LIMIT).await?;

    let changed = manifest.replace(example.change.0, example.change.1);
    pods::apply(&ns, &changed).await?;
    let mut limit = UNPOKED;
    if example.poked {
        pods::poke(&ns, pod).await?;
        limit = LIMIT;
    }
    pods::serves(pod, example.at, example.seen.1, limit).await?;
    let state = agent_says(pod, "applied").await?;
    ensure!(state["owed"] == false, "{state}");
    server.is_the_same().await
}

impl Example {
    /// The file with the images of the node, each of which it must name.
    fn manifest(&self) -> Result<String> {
        let path = packages::tree("examples").join(self.file);
        let text = std::fs::read_to_string(&path)?;
        let (name, ours) = self.image;
        for name in [AGENT, name] {
            let line = format!("image: {name}\n");
            ensure!(text.contains(&line), "{} has no {line}", self.file);
        }
        let text = text.replace(AGENT, images::AGENT).replace(name, ours);
        let before = self.change.0;
        ensure!(text.contains(before), "{} has no {before}", self.file);
        Ok(text)
    }
}

/// So that one that is added is not forgotten here.
#[test]
fn every_example_is_run() -> Result<()> {
    let run = [SUPERVISOR, BY_SIGNAL, BY_HTTP].map(|example| example.file);
    for entry in std::fs::read_dir(packages::tree("examples"))? {
        let name = entry?.file_name();
        let name = name.to_str().context("a name that is not UTF-8")?;
        ensure!(run.contains(&name), "{name} is run by no test");
    }
    Ok(())
}
