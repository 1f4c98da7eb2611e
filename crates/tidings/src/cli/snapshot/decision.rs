//! What the controller would decide about a workload of a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use jiff::Timestamp;
use tidings_core::decide::{Act, Moment, Verdict, decide};
use tidings_core::evidence::{Evidence, Finding, PodsSince, Question};
use tidings_core::impact::Hypothesis;
use tidings_core::object::Seconds;
use tidings_core::refs::{Name, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::state::Entry;
use tidings_core::train::Trains;

use super::{READS, Snapshot};
use crate::api::ApiError;
use crate::records::cluster;
use crate::records::memory::{Shard, Store};

/// Reading what a decision lacks brings up further questions, but not for ever.
const ROUNDS: usize = 8;

/// The records of a namespace, or what reading them needs.
pub(super) type Records = Result<BTreeMap<WorkloadRef, Entry>, String>;

/// What was read; an error where it is of a newer version.
fn entries(store: &Store) -> Records {
    if let Some(newer) = store.newer() {
        return Err(newer.to_owned());
    }
    let entries = store
        .workloads()
        .filter_map(|key| Some((key.clone(), store.get(key)?.clone())));
    Ok(entries.collect())
}

impl Snapshot {
    /// The record of a workload, or what reading it needs. Its namespace's have been
    /// read ([`Snapshot::read_records`]).
    pub fn record(&self, key: &WorkloadRef) -> Result<Option<&Entry>, &str> {
        match self.records.get(&key.namespace) {
            Some(Ok(entries)) => Ok(entries.get(key)),
            Some(Err(needs)) => Err(needs),
            None => Ok(None),
        }
    }

    /// Reads the records of a namespace, once.
    pub async fn read_records(&mut self, namespace: &Name) {
        self.read_records_within([namespace].into()).await;
    }

    /// The same of several, some at the same time.
    async fn read_records_within(&mut self, namespaces: BTreeSet<&Name>) {
        let (api, home, kinds) = (&self.api, &self.home(), &self.installation.kinds);
        let is_new = |namespace: &&&Name| !self.records.contains_key(**namespace);
        let unread = namespaces.iter().filter(is_new);
        let reads = unread.map(|namespace| async move {
            let mut store = Store::new(true, kinds.clone());
            let read = cluster::read_all(api, home, namespace, &mut store).await;
            ((*namespace).clone(), store, read)
        });
        let reads: Vec<_> = reads.collect();
        let read: Vec<_> = futures::stream::iter(reads).buffered(READS).collect().await;
        for (namespace, store, read) in read {
            let records = match read {
                Ok(()) => entries(&store),
                Err((shard, error)) => Err(self.lacking_record(&shard, &error)),
            };
            self.records.insert(namespace, records);
        }
    }

    fn lacking_record(&mut self, shard: &Shard, error: &ApiError) -> String {
        let place = self.home();
        let name = shard.object_name(&place.instance);
        self.lacking(error, &format!("secret {name} in {}", place.namespace))
    }

    /// Whether there are records at all, of any namespace; none where that may not be
    /// asked. Those of these workloads' namespaces are read.
    pub async fn read_records_of(&mut self, keys: &[WorkloadRef]) -> Option<bool> {
        let namespaces = keys.iter().map(|key| &key.namespace).collect();
        self.read_records_within(namespaces).await;
        let has_some = |records: &Records| !matches!(records, Ok(none) if none.is_empty());
        if self.records.values().any(has_some) {
            return Some(true);
        }
        let all = cluster::list(&self.api, &self.home()).await;
        all.ok().map(|all| !all.is_empty())
    }

    /// Decides with the digests of all that counts, so that they can be shown.
    pub async fn verdict(&mut self, key: &WorkloadRef) -> Option<Verdict> {
        self.read_sources(key).await;
        self.decision(key).await
    }

    /// Reads together what these decisions will ask for first.
    pub async fn prepare(&mut self, keys: &[WorkloadRef]) {
        let (evidence, now) = (Evidence::default(), Timestamp::now().as_second());
        let mut unread = BTreeSet::new();
        self.list_for_wildcards().await;
        for key in keys {
            self.index.work_out(key);
            self.assemble_trains(key);
            let entry = self.record(key).ok().flatten();
            let verdict = self.decide(key, entry, &evidence, now);
            if let Some(Act::Read(sources)) = verdict.map(|verdict| verdict.act) {
                unread.extend(sources);
            }
        }
        self.fetch(unread.into_iter().collect()).await;
    }

    fn decide(
        &self,
        key: &WorkloadRef,
        entry: Option<&Entry>,
        evidence: &Evidence,
        now: Seconds,
    ) -> Option<Verdict> {
        let restless = self.restless(key, now);
        let none = Trains::default();
        let moment = Moment {
            now,
            evidence,
            trains: self.trains.get(&key.namespace).unwrap_or(&none),
            unled_since: None,
            // What is drawn here is not written.
            seed: 0,
            restless: &restless,
        };
        decide(key, &self.index, entry, moment, &self.installation.rules)
    }

    /// Decides, and reads what the decision lacks, until it lacks nothing that
    /// may be read.
    pub async fn decision(&mut self, key: &WorkloadRef) -> Option<Verdict> {
        let record = self.record(key).ok().flatten().cloned();
        self.decided(key, record.as_ref(), None).await
    }

    /// The same with this record, where what is supposed has happened.
    pub async fn decided(
        &mut self,
        key: &WorkloadRef,
        entry: Option<&Entry>,
        supposed: Option<&Hypothesis>,
    ) -> Option<Verdict> {
        let mut evidence = Evidence::default();
        let now = Timestamp::now().as_second();
        for _ in 0..ROUNDS {
            self.index.work_out(key);
            self.assemble_trains(key);
            let verdict = self.decide(key, entry, &evidence, now)?;
            match &verdict.act {
                Act::Read(sources) => {
                    let can = |source: &&SourceRef| {
                        let is_supposed = supposed.is_some_and(|it| it.is_about(source));
                        !self.refused.contains_key(*source) && !is_supposed
                    };
                    let unread: Vec<_> = sources.iter().filter(can).cloned().collect();
                    if !self.list_for_wildcards().await && unread.is_empty() {
                        return None;
                    }
                    self.fetch(unread).await;
                }
                Act::Ask(questions) => {
                    for question in questions {
                        let found = self.supposed(key, question, supposed).await;
                        evidence.add(question.clone(), found);
                    }
                }
                _ => return Some(verdict),
            }
        }
        None
    }

    /// What is supposed, else what was.
    async fn supposed(
        &self,
        key: &WorkloadRef,
        question: &Question,
        supposed: Option<&Hypothesis>,
    ) -> Finding {
        let known = self.index.get(key).zip(supposed);
        let told = known.and_then(|(known, supposed)| supposed.answer(known, question));
        let found = match told {
            Some(told) => told,
            None => self.find(key, question).await,
        };
        match (question, found) {
            // Whether its pods are stale now is not what is asked.
            (Question::Pods, Finding::NotTold) if supposed.is_some() => {
                Finding::Pods(PodsSince::Never)
            }
            (_, found) => found,
        }
    }

    /// How quiet a source is cannot be seen at a glance: what the record tells of
    /// is taken to be restless still.
    fn restless(&self, key: &WorkloadRef, now: Seconds) -> Restless {
        let mut restless = Restless::new(now);
        let entry = self.record(key).ok().flatten();
        for seen in entry.into_iter().flat_map(|e| e.restless.keys()) {
            restless.resume(&seen.source(&key.namespace));
        }
        restless
    }

    /// What cannot be found out is not known, and said so.
    async fn find(&self, key: &WorkloadRef, question: &Question) -> Finding {
        let found = crate::fetch::find(&self.api, key, question, &self.filter).await;
        found.unwrap_or(Finding::NotTold)
    }

    /// The namespaces of which Tidings has records: none where it is not installed, or they
    /// may not be listed.
    pub async fn recorded(&self) -> BTreeSet<Name> {
        let records = cluster::list(&self.api, &self.home()).await;
        let records = records.unwrap_or_default().into_iter();
        records.map(|(shard, _)| shard.namespace).collect()
    }

    /// Where the records are.
    pub(crate) fn home(&self) -> cluster::Home {
        cluster::Home {
            namespace: self.installation.own_namespace.to_string(),
            instance: self.installation.rules.instance.to_string(),
        }
    }
}
