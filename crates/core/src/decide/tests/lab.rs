//! One workload `w` of any kind, which uses all of `configmap/c`, and its
//! decisions.

use serde_json::{Value, json};

use crate::decide::{Act, Moment, Rules, Verdict, decide};
use crate::digest::Digest;
use crate::evidence::Evidence;
use crate::index::{Content, Fact, Fetched, How, Index, Stream, StreamOf};
use crate::kinds::Kind;
use crate::object::{Meta, read_workload};
use crate::policy::Defaults;
use crate::refs::{SourceKind, SourceRef, WorkloadRef};
use crate::reloader::traces::Sha1;
use crate::restless::Restless;
use crate::state::Entry;
use crate::train::Trains;
use crate::vocabulary::Vocabulary;

use super::show;

pub(super) struct Lab {
    pub(super) index: Index,
    pub(super) rules: Rules,
    pub(super) key: WorkloadRef,
    pub(super) entry: Option<Entry>,
    streams: [Stream; 2],
    /// Whether what is written now is told by an event.
    listed: bool,
    version: u64,
    /// What Reloader would hash the present content to.
    sha1: Sha1,
}

fn template() -> Value {
    let from = json!([{"configMapRef": {"name": "c"}}]);
    json!({"spec": {"containers": [{"name": "app", "envFrom": from}]}})
}

fn source() -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", "c")
}

impl Lab {
    pub(super) fn new(kind: &str) -> Self {
        let kind = Kind::parse(kind).unwrap();
        let of = [
            StreamOf::Workloads(kind),
            StreamOf::Sources(SourceKind::ConfigMap),
        ];
        let stream = |of| Stream {
            of,
            namespace: None,
        };
        let streams = of.map(stream);
        let mut index = Index::new(Defaults::default(), streams.clone());
        for stream in &streams {
            index.apply(Fact::ListBegan(stream.clone()));
        }
        Self {
            index,
            rules: Rules {
                instance: "t".into(),
                ..Rules::default()
            },
            key: WorkloadRef::new(kind, "ns", "w"),
            entry: None,
            streams,
            listed: false,
            version: 10,
            sha1: sha1(""),
        }
    }

    pub(super) fn write(
        &mut self,
        kind: &'static Kind,
        name: &str,
        part: &Value,
    ) -> Vec<WorkloadRef> {
        self.version += 1;
        let mut object = json!({
            "metadata": {"namespace": "ns", "name": name, "uid": "u", "generation": 1,
                "resourceVersion": self.version.to_string(),
                "annotations": {"tidings.dev/reload": "auto"}},
            "spec": {"template": template(), "jobTemplate": {"spec": {"template": template()}}},
        });
        merge(&mut object, part);
        let workload =
            read_workload(kind, object.to_string().as_bytes(), &Vocabulary::default()).unwrap();
        let known = self.index.get(&workload.key);
        let is_known = known.is_some_and(|known| known.workload.uid == workload.uid);
        let how = match (self.listed, is_known) {
            (false, _) => How::Listed,
            (true, false) => How::Made,
            (true, true) => How::Event,
        };
        let fact = Fact::Workload(Box::new(workload), how);
        let look = self.index.apply(fact).look;
        self.index.work_out_all();
        look
    }

    pub(super) fn is(&mut self, part: &Value) {
        self.write(self.key.kind, "w", part);
    }

    pub(super) fn content(&mut self, value: &str) {
        self.version += 1;
        self.sha1 = sha1(value);
        let meta =
            json!({"namespace": "ns", "name": "c", "resourceVersion": self.version.to_string()});
        let meta: Meta = serde_json::from_value(meta).unwrap();
        let meta = meta
            .into_source(SourceKind::ConfigMap, &Vocabulary::default())
            .unwrap();
        self.index.apply(Fact::Source(meta.clone()));
        let Some(held) = self.index.source(&source()) else {
            return;
        };
        let told = held.told;
        let digest = Digest::of_key(&source(), "k", value.as_bytes());
        let content = Content::new(self.version, [("k".into(), digest)]).hashed(self.sha1);
        let fetched = Fetched::Present(meta, content);
        self.index.apply(Fact::Read(source(), told, fetched));
    }

    pub(super) fn decide(&mut self) -> Verdict {
        if !std::mem::replace(&mut self.listed, true) {
            for stream in &self.streams {
                let ended = Fact::ListEnded(stream.clone(), self.version);
                self.index.apply(ended);
            }
        }
        self.index.work_out(&self.key);
        let moment = Moment {
            trains: &Trains::default(),
            now: 1_000,
            evidence: &Evidence::default(),
            unled_since: None,
            seed: 1,
            restless: &Restless::default(),
        };
        let verdict = decide(
            &self.key,
            &self.index,
            self.entry.as_ref(),
            moment,
            &self.rules,
        );
        let verdict = verdict.unwrap();
        if let Act::Record(entry) | Act::Note(entry) | Act::Roll(entry, _) = &verdict.act {
            self.entry = Some(entry.clone());
        }
        verdict
    }

    pub(super) fn adopted(&mut self) {
        self.content("1");
        assert_eq!(show(&self.decide()), "Record Adopted");
    }
}

pub(super) fn merge(into: &mut Value, part: &Value) {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            for (key, value) in part {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, part) => *into = part.clone(),
    }
}

/// Stands for the hash of content: what is compared is only whether it is equal.
pub(super) fn sha1(content: &str) -> Sha1 {
    let mut bytes = [0; 20];
    for (byte, c) in bytes.iter_mut().zip(content.bytes()) {
        *byte = c;
    }
    Sha1(bytes)
}
