//! Asks the API server what `why` needs to know, once.
//!
//! Goes in: settings. Comes out: reports. It fills the controller's own index
//! and asks the controller's own decide; only the sources that a workload uses
//! are read.
//!
//! Error policy: without the workload there is nothing to say. Anything else
//! that may not be read is named in the report, and the rest is said.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tidings_core::decide::{Act, Moment, Verdict, decide};
use tidings_core::evidence::{Evidence, Finding, Question};
use tidings_core::index::{Fact, Fetched, How, Index, Stream, StreamOf};
use tidings_core::kinds::{Kind, Renewal};
use tidings_core::object::{Meta, Seconds, Workload, read_workload};
use tidings_core::refs::{Name, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::state::Entry;
use tokio::time::timeout;

use super::explain::Facts;
use super::leader::LeaderReport;
use super::report::{WhyReport, WorkloadReport};
use super::table;
use crate::api::connect::{self, Idle};
use crate::api::page::{self, METADATA};
use crate::api::{self, ApiClient, ApiError, Call, Place, Verb};
use crate::cli::exit::Exit;
use crate::lease::{self, LeaseObject};
use crate::records::cluster;
use crate::records::memory::Store;
use crate::settings::streams::streams;
use crate::settings::values::Output;
use crate::settings::{Installation, Namespaces, Target, WhySettings};
use crate::watch::scope::{Filter, Selectors};

/// Sources that are read at the same time.
const READS: usize = 8;
/// Who leads is not waited for any longer.
const LEADER: Duration = Duration::from_secs(5);
/// Reading what a decision lacks brings up further questions, but not for ever.
const ROUNDS: usize = 8;

/// Explains the workloads that are asked about, on standard output.
pub async fn why(settings: WhySettings) -> Result<(String, Exit)> {
    let client = connect::connect(&settings.cluster, Idle::Short).await?;
    ask(client.into(), settings).await
}

/// The same by a client that is there already.
pub async fn ask(api: ApiClient, settings: WhySettings) -> Result<(String, Exit)> {
    let mut asking = Asking::new(api, settings.installation);
    let keys = asking.workloads(&settings.target).await?;
    let mut reports = Vec::new();
    for key in &keys {
        reports.extend(asking.report(key).await);
    }
    let one = matches!(settings.target, Target::One { .. });
    let text = match (settings.output, reports.as_slice()) {
        (Output::Table, [report]) if one => table::workload(report),
        _ => String::new(),
    };
    let report = WhyReport::new(reports, asking.leader().await);
    let text = match settings.output {
        Output::Json => report.json()?,
        Output::Table if one => text + &table::without_leader(&report.leader),
        Output::Table => table::summary(&report),
    };
    Ok((text, report.exit()))
}

/// The records of a namespace, or what reading them needs.
type Records = Result<BTreeMap<WorkloadRef, Entry>, String>;

struct Asking {
    api: ApiClient,
    installation: Installation,
    filter: Filter,
    index: Index,
    records: BTreeMap<Name, Records>,
    refused: BTreeMap<SourceRef, String>,
}

impl Asking {
    fn new(api: ApiClient, installation: Installation) -> Self {
        // Namespaces are read one by one: who may not has no less to be told.
        let mut streams = streams(&installation);
        streams.retain(|stream| stream.of != StreamOf::Namespaces);
        let filter = installation.filter();
        let mut index = Index::new(installation.defaults, streams.clone());
        // From here on the index asks for the lists that wildcards need.
        for stream in streams {
            index.apply(Fact::ListBegan(stream));
        }
        let (records, refused) = (BTreeMap::new(), BTreeMap::new());
        Self {
            api,
            installation,
            filter,
            index,
            records,
            refused,
        }
    }

    // --- workloads ---------------------------------------------------------

    async fn workloads(&mut self, target: &Target) -> Result<Vec<WorkloadRef>> {
        match target {
            Target::All => {
                let places: Vec<Option<Name>> = match &self.installation.namespaces {
                    Namespaces::Only(names) => names.iter().cloned().map(Some).collect(),
                    Namespaces::All { .. } => vec![None],
                };
                self.all(places).await
            }
            Target::Within(namespace) => {
                let namespace = self.namespace_or_own(namespace.as_ref());
                self.is_covered(&namespace)?;
                let keys = self.all(vec![Some(namespace.clone())]).await?;
                if keys.is_empty() {
                    self.is_there(&namespace).await?;
                }
                Ok(keys)
            }
            Target::One {
                kind,
                name,
                namespace,
            } => {
                let namespace = self.namespace_or_own(namespace.as_ref());
                let key = WorkloadRef::new(kind, namespace, name.clone());
                self.one(&key).await?;
                Ok(vec![key])
            }
        }
    }

    /// Else that of the kubeconfig's context.
    fn namespace_or_own(&self, namespace: Option<&Name>) -> Name {
        let own = || self.api.default_namespace().into();
        namespace.cloned().unwrap_or_else(own)
    }

    fn is_covered(&self, namespace: &Name) -> Result<()> {
        if !self.installation.covers(namespace) {
            bail!("the namespace {namespace} is not among those that are watched");
        }
        Ok(())
    }

    /// Who may not read namespaces is not told that one is missing.
    async fn is_there(&self, namespace: &Name) -> Result<()> {
        let place = Place::core("namespaces").named(namespace.clone());
        match self.api.get(place).await {
            Err(ApiError::Gone) => bail!("there is no namespace {namespace}"),
            _ => Ok(()),
        }
    }

    async fn one(&mut self, key: &WorkloadRef) -> Result<()> {
        self.is_covered(&key.namespace)?;
        let json = match self.api.get(Place::workload(key)).await {
            Err(ApiError::Gone) => bail!("there is no {key}; is it in another namespace (-n)?"),
            json => json.with_context(|| format!("cannot read {key}"))?,
        };
        self.namespace(&key.namespace).await?;
        let workload = read_workload(key.kind, &json, &self.filter.vocabulary)?;
        let lender = workload.lender.clone();
        self.listed(workload);
        if let Some(lender) = lender {
            self.lender(&lender).await?;
        }
        if key.kind.renewal == Renewal::Run {
            self.runs(key).await?;
        }
        Ok(())
    }

    /// The workload whose pod template another one uses. Perhaps it is not there.
    async fn lender(&mut self, key: &WorkloadRef) -> Result<()> {
        match self.api.get(Place::workload(key)).await {
            Err(ApiError::Gone) => {}
            json => {
                let json = json.with_context(|| format!("cannot read {key}"))?;
                let workload = read_workload(key.kind, &json, &self.filter.vocabulary)?;
                self.listed(workload);
            }
        }
        Ok(())
    }

    fn listed(&mut self, workload: Workload) {
        let fact = Fact::Workload(Box::new(workload), How::Listed);
        self.index.apply(fact);
    }

    /// The Jobs of a CronJob's namespace, where the controller knows them too.
    async fn runs(&mut self, key: &WorkloadRef) -> Result<()> {
        let kinds = self.installation.kinds.clone();
        for kind in kinds.iter().filter(|k| k.renewal == Renewal::Recreate) {
            self.list(kind, Some(key.namespace.clone())).await?;
        }
        Ok(())
    }

    async fn all(&mut self, places: Vec<Option<Name>>) -> Result<Vec<WorkloadRef>> {
        for namespace in places {
            for kind in self.installation.kinds.clone().iter() {
                self.list(kind, namespace.clone()).await?;
            }
        }
        let keys: Vec<_> = self.index.workloads().map(|(key, _)| key.clone()).collect();
        let mut namespaces: Vec<_> = keys.iter().map(|key| key.namespace.clone()).collect();
        namespaces.dedup();
        for namespace in namespaces {
            self.namespace(&namespace).await?;
        }
        Ok(keys)
    }

    async fn list(&mut self, kind: &'static Kind, namespace: Option<Name>) -> Result<()> {
        let ignored: Vec<Name> = match &self.installation.namespaces {
            Namespaces::All { ignored, .. } => ignored.iter().cloned().collect(),
            Namespaces::Only(_) => Vec::new(),
        };
        let stream = Stream {
            of: StreamOf::Workloads(kind),
            namespace,
        };
        let scope = Selectors::of(&stream, &self.filter, &ignored);
        let list =
            Call::new(Verb::List, Place::stream(&stream)).with("fieldSelector", scope.fields);
        let (api, vocabulary) = (self.api.clone(), self.filter.vocabulary.clone());
        let read = |item: &RawValue| {
            self.listed(read_workload(kind, item.get().as_bytes(), &vocabulary)?);
            Ok(())
        };
        match page::all(&api, list, stream.of, read).await {
            Err(ApiError::Gone) if stream.of.may_be_lacking() => Ok(()),
            answer => answer.with_context(|| format!("cannot list {stream}")),
        }
    }

    /// What a namespace sets, and whether it is selected. Where it may not be read it
    /// sets nothing that could be known, and of one that a selector chooses there is
    /// nothing to say.
    async fn namespace(&mut self, name: &Name) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct WithMetadata {
            metadata: Meta,
        }
        let call =
            Call::new(Verb::Get, Place::core("namespaces").named(name.clone())).accept(METADATA);
        let json = self.api.read(&call).await;
        let metadata = match json.and_then(|json| api::read(&json)) {
            Ok(WithMetadata { metadata }) => metadata,
            Err(_) if self.filter.namespaces.selects_all() => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("whether --namespace-selector leaves out {name} is not known")
                });
            }
        };
        let left_out = self.filter.leaves_out(&metadata.labels);
        let annotations = metadata.annotations(&self.filter.vocabulary);
        self.index.apply(Fact::Namespace {
            name: name.clone(),
            annotations: annotations.unwrap_or_default(),
            left_out,
        });
        Ok(())
    }

    /// Who leads the installation.
    async fn leader(&self) -> LeaderReport {
        let namespace = &self.installation.own_namespace;
        let name = &self.installation.rules.instance;
        let place = lease::leases(namespace).named(name.clone());
        let found = timeout(LEADER, self.api.get(place)).await;
        let late = || ApiError::Unreachable(format!("no answer in {} s", LEADER.as_secs()));
        let found = found.unwrap_or_else(|_| Err(late()));
        let found = found.and_then(|json| LeaseObject::read(&json, name));
        LeaderReport::new(&found, &format!("{namespace}/{name}"), Timestamp::now())
    }

    // --- one report ----------------------------------------------------------

    async fn report(&mut self, key: &WorkloadRef) -> Option<WorkloadReport> {
        self.read_records(&key.namespace).await;
        let verdict = self.verdict(key).await;
        let record = match &self.records[&key.namespace] {
            Ok(entries) => Ok(entries.get(key)),
            Err(needs) => Err(needs.as_str()),
        };
        Some(WorkloadReport::new(&Facts {
            known: self.index.get(key)?,
            index: &self.index,
            record,
            verdict: verdict.as_ref(),
            refused: &self.refused,
        }))
    }

    async fn read_records(&mut self, namespace: &Name) {
        if !self.records.contains_key(namespace) {
            let records = self.records_of(namespace).await;
            self.records.insert(namespace.clone(), records);
        }
    }

    async fn records_of(&self, namespace: &Name) -> Records {
        let place = cluster::Home {
            namespace: self.installation.own_namespace.to_string(),
            instance: self.installation.rules.instance.to_string(),
        };
        let mut store = Store::new(true, self.installation.kinds.clone());
        let read = cluster::read_all(&self.api, &place, namespace, &mut store).await;
        if let Err((shard, error)) = read {
            let name = shard.object_name(&place.instance);
            let what = format!("secret {name} in {}", place.namespace);
            return Err(lacking(&error, &what));
        }
        if let Some(newer) = store.newer() {
            return Err(newer.to_owned());
        }
        let entries = store
            .workloads()
            .filter_map(|key| Some((key.clone(), store.get(key)?.clone())));
        Ok(entries.collect())
    }

    /// Decides, and reads what the decision lacks, until it lacks nothing that
    /// may be read.
    async fn verdict(&mut self, key: &WorkloadRef) -> Option<Verdict> {
        self.read_sources(key).await;
        let mut evidence = Evidence::default();
        let now = Timestamp::now().as_second();
        let restless = self.restless(key, now);
        for _ in 0..ROUNDS {
            self.index.work_out(key);
            let entry = self.records[&key.namespace]
                .as_ref()
                .ok()
                .and_then(|e| e.get(key));
            let moment = Moment {
                now,
                evidence: &evidence,
                unled_since: None,
                // What is drawn here is not written.
                seed: 0,
                restless: &restless,
            };
            let verdict = decide(key, &self.index, entry, moment, &self.installation.rules)?;
            match &verdict.act {
                Act::Read(sources) => {
                    let unread = sources.iter().filter(|s| !self.refused.contains_key(*s));
                    let unread: Vec<_> = unread.cloned().collect();
                    if !self.list_for_wildcards().await && unread.is_empty() {
                        return None;
                    }
                    self.fetch(unread).await;
                }
                Act::Ask(questions) => {
                    for question in questions {
                        let found = self.find(key, question).await;
                        evidence.add(question.clone(), found);
                    }
                }
                _ => return Some(verdict),
            }
        }
        None
    }

    /// How quiet a source is cannot be seen at a glance: what the record tells of
    /// is taken to be restless still.
    fn restless(&self, key: &WorkloadRef, now: Seconds) -> Restless {
        let mut restless = Restless::new(now);
        let records = self.records[&key.namespace].as_ref().ok();
        for seen in records
            .and_then(|all| all.get(key))
            .into_iter()
            .flat_map(|e| e.restless.keys())
        {
            restless.resume(&seen.source(&key.namespace));
        }
        restless
    }

    /// What cannot be found out is not known, and said so.
    async fn find(&self, key: &WorkloadRef, question: &Question) -> Finding {
        let found = crate::fetch::find(&self.api, key, question, &self.filter).await;
        found.unwrap_or(Finding::NotTold)
    }

    /// Every source that counts, so that its present digests can be shown.
    async fn read_sources(&mut self, key: &WorkloadRef) {
        self.list_for_wildcards().await;
        self.index.work_out(key);
        let Some(known) = self.index.get(key) else {
            return;
        };
        let needs = tidings_core::needs::needs_of(known, &self.index, None).needs;
        let sources = needs.into_iter().map(|need| need.source);
        let unread = sources.filter(|source| {
            self.index.watches(source.kind, &source.namespace)
                && self.index.view(source).current().is_none()
        });
        self.fetch(unread.collect()).await;
    }

    async fn fetch(&mut self, sources: Vec<SourceRef>) {
        let (api, filter) = (&self.api, &self.filter);
        let asked = sources.into_iter().map(|source| {
            let sha1 = self.index.wants_sha1(&source);
            (source, sha1)
        });
        let asked: Vec<_> = asked.collect();
        let reads = futures::stream::iter(asked).map(|(source, sha1)| async move {
            let result = crate::fetch::source(api, &source, filter, sha1).await;
            (source, result)
        });
        let results: Vec<_> = reads.buffer_unordered(READS).collect().await;
        for (source, result) in results {
            self.read(source, result);
        }
    }

    fn read(&mut self, source: SourceRef, result: Result<Fetched, ApiError>) {
        match result {
            Ok(fetched) => {
                let told = self.index.view(&source).told;
                self.index.apply(Fact::Read(source, told, fetched));
            }
            Err(error) => {
                let what = format!(
                    "{} {} in {}",
                    source.kind.row().word,
                    source.name,
                    source.namespace
                );
                self.refused.insert(source, lacking(&error, &what));
            }
        }
    }

    /// Returns whether there was anything to list.
    async fn list_for_wildcards(&mut self) -> bool {
        let listings = self.index.take_listings();
        let is_any = !listings.is_empty();
        for (kind, namespace) in listings {
            let metas = crate::fetch::metas(&self.api, kind, &namespace, &self.filter).await;
            if let Ok(metas) = metas {
                self.index.apply(Fact::Listed(kind, namespace, metas));
            }
        }
        is_any
    }
}

/// What reading something needs: a right, or a server that answers.
fn lacking(error: &ApiError, what: &str) -> String {
    match error.refusal() {
        Some(refusal) => format!("{} on {what}", refusal.verb),
        None => format!("{what}: {error}"),
    }
}
