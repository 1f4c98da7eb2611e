//! An index to which a Deployment and ConfigMaps are told, and what is decided on them.

use serde_json::json;
use tidings_core::bounds;
use tidings_core::decide::{Act, Moment, Rules, Verdict, decide};
use tidings_core::digest::Digest;
use tidings_core::evidence::Evidence;
use tidings_core::index::{Content, Fact, Fetched, How, Index, Stream, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::object::{Meta, SourceMeta, Workload, read_workload};
use tidings_core::policy::Defaults;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::state::Entry;
use tidings_core::train::Trains;
use tidings_core::vocabulary::Vocabulary;

/// The Deployment.
pub(crate) fn web() -> WorkloadRef {
    WorkloadRef::new(&KINDS[0], "ns", "web")
}

fn streams() -> impl Iterator<Item = Stream> {
    let sources = [SourceKind::ConfigMap, SourceKind::Secret].map(StreamOf::Sources);
    let of = [StreamOf::Namespaces, StreamOf::Workloads(&KINDS[0])];
    let all = of.into_iter().chain(sources);
    all.map(|of| Stream {
        of,
        namespace: None,
    })
}

/// What there is.
pub(crate) struct Cluster {
    pub(crate) index: Index,
    /// The record.
    pub(crate) entry: Option<Entry>,
    pub(crate) config_maps: Vec<(String, usize)>,
}

impl Cluster {
    /// Everything is listed; the Deployment comes by an event, with these beside it.
    pub(crate) fn new(config_maps: &[(String, usize)]) -> Self {
        let mut index = Index::new(Defaults::default(), streams());
        let namespace = Fact::Namespace {
            name: "ns".into(),
            annotations: [].into(),
            left_out: false,
            since: None,
        };
        for stream in streams() {
            let is_of_namespaces = stream.of == StreamOf::Namespaces;
            index.apply(Fact::ListBegan(stream.clone()));
            if is_of_namespaces {
                index.apply(namespace.clone());
            }
            index.apply(Fact::ListEnded(stream, 9));
        }
        Self {
            index,
            entry: None,
            config_maps: config_maps.to_vec(),
        }
    }

    /// An event tells of a Deployment.
    pub(crate) fn tell(&mut self, deployment: Workload) {
        let fact = Fact::Workload(Box::new(deployment), How::Event);
        self.index.apply(fact);
    }

    /// Answers what the index and decisions ask for, until one is made.
    pub(crate) fn decide(&mut self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        loop {
            for (kind, namespace) in self.index.take_listings() {
                let all = self
                    .config_maps
                    .iter()
                    .filter(|_| kind == SourceKind::ConfigMap);
                let metas = all.map(|(name, _)| meta(name)).collect();
                self.index.apply(Fact::Listed(kind, namespace, metas));
            }
            let steps = self.index.work_out(&web());
            assert!(steps <= 2 * bounds::LINK_STEPS, "{steps}");
            let verdict = self.verdict();
            let asked = match &verdict.act {
                Act::Read(sources) if !sources.is_empty() => sources.clone(),
                Act::Record(entry) | Act::Note(entry) => {
                    self.entry = Some(entry.clone());
                    Vec::new()
                }
                _ => Vec::new(),
            };
            verdicts.push(verdict);
            if asked.is_empty() {
                return verdicts;
            }
            for source in asked {
                let told = self.index.source(&source).map_or(0, |held| held.told);
                let read = self.read(&source);
                self.index.apply(Fact::Read(source.clone(), told, read));
                self.index.pass_on(&source);
            }
        }
    }

    /// One decision.
    pub(crate) fn verdict(&self) -> Verdict {
        let moment = Moment {
            trains: &Trains::default(),
            now: 1_000,
            seed: 7,
            restless: &Restless::new(0),
            evidence: &Evidence::forgotten_until(0),
            unled_since: None,
        };
        decide(
            &web(),
            &self.index,
            self.entry.as_ref(),
            moment,
            &Rules::default(),
        )
        .unwrap()
    }

    fn read(&self, source: &SourceRef) -> Fetched {
        let mut all = self.config_maps.iter();
        let found =
            all.find(|(name, _)| source.kind == SourceKind::ConfigMap && **name == *source.name);
        let Some((name, keys)) = found else {
            return Fetched::Absent;
        };
        let key = |i: usize| Name::from(format!("key-{i:08}"));
        let keys: Vec<_> = (0..*keys)
            .map(|i| (key(i), Digest::of_key(source, &key(i), b"v")))
            .collect();
        Fetched::Present(meta(name), Content::new(5, keys))
    }
}

/// A Deployment as it comes from the API server.
pub(crate) fn read(json: &str) -> Workload {
    read_workload(&KINDS[0], json.as_bytes(), &Vocabulary::default()).unwrap()
}

pub(crate) fn meta(name: &str) -> SourceMeta {
    let json = json!({"namespace": "ns", "name": name, "resourceVersion": "5"});
    let meta: Meta = serde_json::from_value(json).unwrap();
    meta.into_source(SourceKind::ConfigMap, &Vocabulary::default())
        .unwrap()
}
