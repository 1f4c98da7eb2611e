//! A cluster with one workload, as the commands' own tests look at it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidings_core::decide::{Act, Moment, Rules, Verdict, decide};
use tidings_core::digest::Digest;
use tidings_core::evidence::{Evidence, Finding, PodsSince, Question};
use tidings_core::index::{Content, Fact, Fetched, How, Index, Stream, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::object::{Group, SourceFlags, SourceMeta, read_workload};
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::stale::{Certainty, Reads, StalePod, StaleUse};
use tidings_core::state::Entry;
use tidings_core::vocabulary::Vocabulary;

use super::super::explain::Facts;
use super::super::report::WorkloadReport;

/// A cluster with one workload, `web` in `stage`.
pub(in crate::cli) struct Cluster {
    pub(super) index: Index,
    pub(super) entry: Option<Entry>,
    pub(super) refused: BTreeMap<SourceRef, String>,
    pub(super) pods: Vec<StaleUse>,
}

pub(in crate::cli) fn source(kind: SourceKind, name: &str) -> SourceRef {
    SourceRef::new(kind, "stage", name)
}

fn meta(source: &SourceRef, version: u64, marks: SourceFlags) -> SourceMeta {
    SourceMeta {
        problem: None,
        rewritten: false,
        only_data: false,
        by: None,
        key: source.clone(),
        version,
        marks: Some(marks),
        written: None,
    }
}

pub(super) fn key() -> WorkloadRef {
    WorkloadRef::new(&KINDS[0], "stage", "web")
}

impl Cluster {
    pub(in crate::cli) fn new(annotations: &Value, pod: &Value) -> Self {
        let streams = SourceKind::all().map(|kind| Stream {
            of: StreamOf::Sources(kind),
            namespace: None,
        });
        let mut index = Index::new(tidings_core::policy::Defaults::default(), streams);
        let json = json!({
            "metadata": {
                "namespace": "stage", "name": "web", "uid": "u", "resourceVersion": "10",
                "annotations": annotations,
            },
            "spec": {"template": {"spec": pod}},
        });
        let workload = read_workload(
            &KINDS[0],
            json.to_string().as_bytes(),
            &Vocabulary::default(),
        )
        .unwrap();
        index.apply(Fact::Workload(Box::new(workload), How::Listed));
        Self {
            index,
            entry: None,
            refused: BTreeMap::new(),
            pods: Vec::new(),
        }
    }

    /// A source with these keys at this version.
    pub(in crate::cli) fn with(
        mut self,
        source: &SourceRef,
        version: u64,
        keys: &[(&str, &str)],
    ) -> Self {
        let digest = |value: &str| Digest::of_parts(&[value.as_bytes()]);
        let keys = keys
            .iter()
            .map(|(key, value)| ((*key).into(), digest(value)));
        let meta = meta(source, version, SourceFlags::default());
        let content = Content::new(version, keys.collect::<Box<[_]>>());
        self.index.apply(Fact::Source(meta.clone()));
        self.index.apply(Fact::Read(
            source.clone(),
            0,
            Fetched::Present(meta, content),
        ));
        self
    }

    /// A source is marked to roll nothing.
    pub(super) fn marked(mut self, source: &SourceRef) -> Self {
        let ignored = SourceFlags {
            ignore: true,
            matched: false,
            urgent: false,
        };
        self.index.apply(Fact::Source(meta(source, 50, ignored)));
        self
    }

    /// One of its three pods has something else of a source, for certain or perhaps.
    pub(in crate::cli) fn started_again(mut self, certainty: Certainty) -> Self {
        self.pods.push(StaleUse {
            group: Group::of(&key()),
            source: source(SourceKind::ConfigMap, "demo-config"),
            reads: Reads::Once,
            certainty,
            via: [].into(),
            keys: ["A".into()].into(),
            written: 0,
            by: None,
            pods: vec![StalePod {
                name: "web-5d-x".into(),
                containers: vec!["web".into()],
                started: 0,
            }],
            of: 3,
        });
        self
    }

    pub(super) fn without(mut self, source: &SourceRef) -> Self {
        let told = self.index.source(source).map_or(0, |s| s.told);
        self.index
            .apply(Fact::Read(source.clone(), told, Fetched::Absent));
        self
    }

    pub(super) fn decide(&self) -> Verdict {
        let rules = Rules {
            one_etcd: false,
            ..Rules::default()
        };
        let mut evidence = Evidence::default();
        evidence.add(Question::Pods, Finding::Pods(PodsSince::Never));
        let moment = Moment {
            trains: &tidings_core::train::Trains::default(),
            now: 0,
            evidence: &evidence,
            unled_since: None,
            seed: 0,
            restless: &Restless::default(),
        };
        decide(&key(), &self.index, self.entry.as_ref(), moment, &rules).unwrap()
    }

    /// Records how things are.
    pub(in crate::cli) fn recorded(mut self) -> Self {
        if let Act::Record(entry) = self.decide().act {
            self.entry = Some(entry);
        }
        self
    }

    /// A roll is written down.
    pub(in crate::cli) fn intended(mut self) -> Self {
        if let Act::Roll(entry, _) = self.decide().act {
            self.entry = Some(entry);
        }
        self
    }

    pub(in crate::cli) fn report(&self) -> WorkloadReport {
        WorkloadReport::new(&Facts {
            known: self.index.get(&key()).unwrap(),
            index: &self.index,
            record: Ok(self.entry.as_ref()),
            verdict: Some(&self.decide()),
            refused: &self.refused,
            older: &self.pods,
            place: None,
        })
    }
}

pub(in crate::cli) fn seed() -> Cluster {
    let pod = json!({
        "containers": [{
            "name": "web",
            "envFrom": [{"configMapRef": {"name": "demo-config"}}],
            "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
            "volumeMounts": [{"name": "v", "mountPath": "/etc/nginx"}],
        }],
        "volumes": [{"name": "v", "configMap": {"name": "nginx-config"}}],
        "imagePullSecrets": [{"name": "registry"}],
    });
    let annotations = json!({
        "configmap.reloader.stakater.com/reload": "nginx-config, demo-config, gone",
        "tidings.dev/setle": "1s",
    });
    let configmap = |name| source(SourceKind::ConfigMap, name);
    Cluster::new(&annotations, &pod)
        .with(
            &configmap("nginx-config"),
            5,
            &[("nginx.conf", "a"), ("mime", "b"), ("x", "c")],
        )
        .with(&configmap("demo-config"), 6, &[("A", "1")])
        .without(&configmap("gone"))
}
