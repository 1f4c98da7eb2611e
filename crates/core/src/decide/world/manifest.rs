//! The workload of a world as the API server has it: its manifest, and its status.
//!
//! Goes in: what is used, in words (see [`add_use`]). Comes out: the object that is
//! read.

use serde_json::{Value, json};

use super::{Data, timestamp};
use crate::kinds::KINDS;
use crate::object::{Workload, read_workload};
use crate::vocabulary::Vocabulary;

/// What is written in the workload's manifest, and what its status says.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
#[derive(Clone, Debug, Default)]
pub(super) struct Manifest {
    pub(super) uid: u64,
    pub(super) generation: i64,
    pub(super) created: i64,
    pub(super) version: u64,
    pub(super) uses: Vec<String>,
    pub(super) image: String,
    pub(super) annotations: Data,
    pub(super) marks: Data,
    pub(super) paused: bool,
    pub(super) strategy: Value,
    pub(super) updated: u32,
    pub(super) stuck: bool,
    pub(super) late: bool,
    /// Its controller does not look at it.
    pub(super) lags: bool,
    pub(super) replicas: Option<u32>,
    /// How many pods are ready; else all.
    pub(super) ready: Option<u32>,
    /// Its pods wait for what they require.
    pub(super) waits: bool,
    /// The template that its pods were made from: while it is paused, an earlier one.
    pub(super) made: String,
    /// The uid of what made it.
    pub(super) owner: Option<u64>,
}

pub(super) fn strategy(word: &str) -> Value {
    match word {
        "on-delete" => json!({"type": "OnDelete"}),
        "partition" => json!({"rollingUpdate": {"partition": 2}}),
        _ => json!({}),
    }
}

impl Manifest {
    fn conditions(&self) -> Value {
        let late = json!({"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded"});
        let all: Vec<_> = self.late.then_some(late).into_iter().collect();
        json!(all)
    }

    pub(super) fn template(&self) -> Value {
        let mut spec = json!({"image": self.image, "containers": [{"name": "app", "ports": [], "env": [], "envFrom": [], "volumeMounts": []}], "volumes": []});
        for used in &self.uses {
            add_use(&mut spec, used);
        }
        json!({"metadata": {"annotations": self.marks}, "spec": spec})
    }

    pub(super) fn read(&self) -> Workload {
        let pods = self.updated + u32::from(self.stuck);
        let template = self.template().to_string();
        let made = template == self.made;
        let updated = if made { self.updated } else { 0 };
        let ready = if self.waits {
            0
        } else {
            self.ready.unwrap_or(pods.min(self.replicas.unwrap_or(3)))
        };
        let json = json!({
            "metadata": {"namespace": "ns", "name": "web", "uid": self.uid.to_string(),
                "ownerReferences": [{"controller": self.owner.is_some(), "uid": "o", "kind": "Prometheus"}],
                "resourceVersion": self.version.to_string(), "generation": self.generation,
                "creationTimestamp": timestamp(self.created), "annotations": self.annotations},
            "spec": {"replicas": self.replicas.unwrap_or(3), "paused": self.paused, "updateStrategy": self.strategy,
                "template": self.template()},
            "status": {"observedGeneration": self.generation - i64::from(self.lags), "updatedReplicas": updated,
                "replicas": pods, "readyReplicas": ready, "conditions": self.conditions()},
        });
        read_workload(&KINDS[0], json.to_string().as_bytes(), &vocabulary()).unwrap()
    }
}

/// One that reads how pods see what they use.
fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    vocabulary.sees_pods = true;
    vocabulary
}

/// An agent that listens at this port, and finds its token.
fn add_agent(spec: &mut Value, port: &str) {
    let field = json!({"fieldPath": "metadata.annotations['tidings.dev/poke']"});
    let poke =
        json!({"name": "poke", "downwardAPI": {"items": [{"path": "poke", "fieldRef": field}]}});
    let port = json!({"name": "tidings", "containerPort": port.parse::<u16>().unwrap()});
    let added = [
        ("/containers/0/ports", port),
        (
            "/containers/0/volumeMounts",
            json!({"name": "poke", "mountPath": "/poke"}),
        ),
        ("/volumes", poke),
    ];
    for (at, value) in added {
        let list = spec.pointer_mut(at).and_then(Value::as_array_mut);
        list.unwrap().push(value);
    }
}

/// `agent:9533`; `env:c.k`, `from:c`, `vol:c`, `items:c.k`, `sub:c.k`; `env?:c.k`: optional.
/// `var:c.k`: a variable `k`; `lit:k`: one that is written out; `ref:k`: one that
/// refers to it; `from:c.P_`: with a prefix.
fn add_use(spec: &mut Value, text: &str) {
    let (how, what) = text.split_once(':').unwrap();
    let (name, key) = what.split_once('.').unwrap_or((what, ""));
    let (how, optional) = (how.trim_end_matches('?'), how.ends_with('?'));
    let mut to = json!({"name": name, "optional": optional});
    let push = |spec: &mut Value, at: &str, value| {
        let list = spec.pointer_mut(at).and_then(Value::as_array_mut).unwrap();
        list.push(value);
    };
    match how {
        "agent" => return add_agent(spec, what),
        "env" | "var" => {
            to["key"] = key.into();
            let name = if how == "var" { key } else { "" };
            let env = json!({"name": name, "valueFrom": {"configMapKeyRef": to}});
            return push(spec, "/containers/0/env", env);
        }
        "lit" => {
            return push(
                spec,
                "/containers/0/env",
                json!({"name": what, "value": "x"}),
            );
        }
        "ref" => {
            let env = json!({"name": "R", "value": format!("$({what})")});
            return push(spec, "/containers/0/env", env);
        }
        "from" => {
            let from = json!({"prefix": key, "configMapRef": to});
            return push(spec, "/containers/0/envFrom", from);
        }
        "items" => to["items"] = json!([{"key": key, "path": key}]),
        _ => {}
    }
    let sub_path = if how == "sub" { key } else { "" };
    let mount = json!({"name": text, "subPath": sub_path, "mountPath": format!("/{name}")});
    push(spec, "/containers/0/volumeMounts", mount);
    push(spec, "/volumes", json!({"name": text, "configMap": to}));
}
