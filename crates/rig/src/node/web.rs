//! nginx with Tidings' agent, so that `hot` can bring it changes: for tests, the demo and
//! the benchmark.
//!
//! Out: a Deployment whose pods serve at port 8080 what `configmap/web` says, and have
//! `LEVEL` of `configmap/env` in their environment; and these two. The agent is a native
//! sidecar with nginx' own image, since it has nginx check new files; or nginx' supervisor.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::{Node, images, pods};
use crate::fixtures::{config_map, object};

/// What the Deployment is called.
pub const WEB: &str = "deployment/web";
/// What its pods are labelled with.
pub const LABELS: &str = "app=web";
/// Where nginx listens.
pub const PORT: u16 = 8080;

/// The binary that an init container has put there.
const AGENT: &str = "/tidings/tidings-agent";
/// Where nginx' files are.
const FILES: &str = "/etc/nginx/conf.d";
/// The annotation whose value the agent reads.
const POKE: &str = "metadata.annotations['tidings.dev/poke']";

/// A pause between two looks at what is served.
const LOOK: Duration = Duration::from_millis(5);

/// A Deployment to be made.
#[derive(Clone, Debug)]
pub struct Web {
    replicas: usize,
    agent: Agent,
    is_projected: bool,
    is_resizable: bool,
    options: Vec<String>,
    annotations: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agent {
    Sidecar,
    Supervisor,
    /// Something else is in its place, which does not listen.
    Missing,
}

impl Web {
    /// Two pods with a sidecar, of which these methods are allowed.
    pub fn new(methods: &str) -> Self {
        let web = Self {
            replicas: 2,
            agent: Agent::Sidecar,
            is_projected: false,
            is_resizable: false,
            options: Vec::new(),
            annotations: Vec::new(),
        };
        web.annotate("tidings.dev/reload", "auto")
            .annotate("tidings.dev/method", methods)
    }

    /// So many pods.
    #[must_use]
    pub fn replicas(self, replicas: usize) -> Self {
        Self { replicas, ..self }
    }

    /// The agent starts nginx, in nginx' container.
    #[must_use]
    pub fn supervised(self) -> Self {
        let agent = Agent::Supervisor;
        Self { agent, ..self }
    }

    /// In the sidecar is no agent, and nobody listens.
    #[must_use]
    pub fn without_agent(self) -> Self {
        let agent = Agent::Missing;
        Self { agent, ..self }
    }

    /// All files are in one projected volume: those of `configmap/web` and `secret/more`,
    /// and the poke.
    #[must_use]
    pub fn projected(self) -> Self {
        Self {
            is_projected: true,
            ..self
        }
    }

    /// Another CPU request starts nginx again, in its pod.
    #[must_use]
    pub fn resizable(self) -> Self {
        Self {
            is_resizable: true,
            ..self
        }
    }

    /// One more option of the agent.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// An annotation of the Deployment.
    #[must_use]
    pub fn annotate(mut self, key: &str, value: &str) -> Self {
        self.annotations.push((key.to_owned(), value.to_owned()));
        self
    }

    fn pod(&self) -> Value {
        let tidings = mount("tidings", "/tidings");
        let install = json!({
            "name": "install",
            "image": images::AGENT,
            "args": ["install", AGENT],
            "volumeMounts": [tidings],
        });
        let mut first = vec![install];
        let mut nginx = json!({
            "name": "nginx",
            "image": images::NGINX_UNPRIVILEGED,
            "env": [{"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "env", "key": "LEVEL"}}}],
            "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
            "volumeMounts": [mount("config", FILES)],
        });
        if self.is_resizable {
            nginx["resources"] = json!({"requests": {"cpu": "50m"}});
            nginx["resizePolicy"] = restarts();
        }
        if self.agent == Agent::Supervisor {
            nginx["command"] = self.command("run");
            nginx["args"] = json!(["--", "nginx", "-g", "daemon off;"]);
            nginx["ports"] = ports();
            nginx["volumeMounts"] = self.mounts();
        } else {
            first.push(self.sidecar());
        }
        json!({
            "terminationGracePeriodSeconds": 1,
            "shareProcessNamespace": self.agent != Agent::Supervisor,
            "initContainers": first,
            "containers": [nginx],
            "volumes": self.volumes(),
        })
    }

    fn sidecar(&self) -> Value {
        let (image, command) = match self.agent {
            Agent::Missing => (images::BUSYBOX, json!(["sleep", "1000000"])),
            _ => (images::NGINX_UNPRIVILEGED, self.command("watch")),
        };
        json!({
            "name": "tidings-agent",
            "image": image,
            "restartPolicy": "Always",
            "command": command,
            "ports": ports(),
            "volumeMounts": self.mounts(),
        })
    }

    fn command(&self, command: &str) -> Value {
        let poke = if self.is_projected { FILES } else { "/poke" };
        let mut words = vec![
            AGENT.to_owned(),
            command.to_owned(),
            "--preset=nginx".to_owned(),
            format!("--watch={FILES}"),
            format!("--poke-file={poke}/poke"),
            "--memory=/memory".to_owned(),
            "--listen=:9533".to_owned(),
        ];
        words.extend(self.options.iter().cloned());
        json!(words)
    }

    fn mounts(&self) -> Value {
        let mut mounts = vec![
            mount("tidings", "/tidings"),
            mount("memory", "/memory"),
            mount("config", FILES),
        ];
        if !self.is_projected {
            mounts.push(mount("poke", "/poke"));
        }
        json!(mounts)
    }

    fn volumes(&self) -> Value {
        let poke = json!({"items": [{"path": "poke", "fieldRef": {"fieldPath": POKE}}]});
        let sources = json!([
            {"configMap": {"name": "web"}},
            {"secret": {"name": "more"}},
            {"downwardAPI": poke},
        ]);
        let config = if self.is_projected {
            json!({"name": "config", "projected": {"sources": sources}})
        } else {
            json!({"name": "config", "configMap": {"name": "web"}})
        };
        json!([
            config,
            {"name": "poke", "downwardAPI": poke},
            {"name": "memory", "emptyDir": {}},
            {"name": "tidings", "emptyDir": {}},
        ])
    }
}

impl From<Web> for DynamicObject {
    fn from(web: Web) -> Self {
        let labels = json!({"app": "web"});
        let spec = json!({
            "replicas": web.replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": web.pod()},
        });
        let mut object = object("deployment", "web", json!({"spec": spec}));
        object.metadata.annotations = Some(web.annotations.into_iter().collect());
        object
    }
}

/// Gives the node the images.
pub async fn prepare(node: &Node) -> Result<()> {
    let images = [
        images::nginx_unprivileged()?,
        images::agent()?,
        images::busybox()?,
    ];
    node.images(&images).await
}

/// `configmap/web`, by which this is served.
pub fn serving(page: &str) -> DynamicObject {
    config_map("web", &[("page.conf", &server(PORT, page))])
}

/// nginx' words for serving this.
pub fn server(port: u16, page: &str) -> String {
    format!("server {{ listen {port}; return 200 \"{page}\\n\"; }}\n")
}

/// `configmap/env`.
pub fn level(level: &str) -> DynamicObject {
    config_map("env", &[("LEVEL", level)])
}

/// Waits until a pod serves this; gives when it did first.
pub async fn serves_at(pod: &Pod, page: &str, limit: Duration) -> Result<Instant> {
    let start = Instant::now();
    loop {
        let answer = pods::get(pod, PORT, "/").await;
        if answer.as_ref().is_ok_and(|(_, now)| now.trim_end() == page) {
            return Ok(Instant::now());
        }
        let name = pod.name_any();
        ensure!(
            start.elapsed() < limit,
            "{name} does not serve {page}: {answer:?}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// The policy by which another CPU request starts a container again.
pub fn restarts() -> Value {
    json!([{"resourceName": "cpu", "restartPolicy": "RestartContainer"}])
}

fn mount(name: &str, path: &str) -> Value {
    json!({"name": name, "mountPath": path})
}

fn ports() -> Value {
    json!([{"name": "tidings", "containerPort": 9533}])
}
