//! Asks the API server what `stale` needs to know, once.
//!
//! Goes in: settings. Comes out: what to say. Pods are listed, and the metadata of what
//! they use; of the past, of the present and of records only that is read which is needed
//! to tell what was written since they started.
//!
//! Error policy: what may not be read is named, and the rest is said. Without any pods
//! there is nothing to say.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use jiff::Timestamp;
use tidings_core::evidence::{Evidence, Finding};
use tidings_core::object::{Group, Version};
use tidings_core::refs::{SourceRef, WorkloadRef};
use tidings_core::stale::{Look, Recorded, StaleUse, is_written_since, look, recorded};
use tidings_core::standing::Word;

use super::report::StaleReport;
use super::table::{self, Shape};
use crate::api::ApiClient;
use crate::cli::exit::Printed;
use crate::cli::grants::grants;
use crate::cli::screen::Screen;
use crate::cli::snapshot::Snapshot;
use crate::settings::{StaleSettings, Target};

/// Each answer may bring up a further question, but not for ever.
const ROUNDS: usize = 60;

/// Says which pods are stale.
pub async fn ask(api: ApiClient, settings: StaleSettings) -> Result<Printed> {
    let mut snapshot = Snapshot::new(api, settings.installation);
    let report = report(&mut snapshot, &settings.target, &settings.labels).await?;
    let shape = Shape {
        output: settings.output,
        bare: settings.bare,
        namespaces: matches!(settings.target, Target::All),
        now: Timestamp::now(),
        screen: settings.output.fitting(Screen::of_stdout()),
    };
    let mut said = table::said(&report, &shape)?;
    if !settings.output.is_data() {
        said.err += &grants(&snapshot.rights);
    }
    Ok(said)
}

/// Looks once.
pub(crate) async fn report(
    snapshot: &mut Snapshot,
    target: &Target,
    labels: &str,
) -> Result<StaleReport> {
    let rows = seen(snapshot, target, labels).await?;
    let pods = snapshot.index.pods().count();
    let mut gaps = std::mem::take(&mut snapshot.gaps);
    gaps.extend(unread(snapshot));
    Ok(StaleReport::new(&rows, pods, gaps))
}

/// The sources that may be listed and not read: what was written of them is not known.
fn unread(snapshot: &Snapshot) -> Vec<String> {
    let used = |source: &&SourceRef| snapshot.index.is_used_by_pods(source);
    let refused = snapshot.refused.iter();
    let refused = refused.filter(|(source, _)| used(source));
    refused.map(|(_, needs)| needs.clone()).collect()
}

/// Looks once: the pods, and which of them are stale.
pub(crate) async fn seen(
    snapshot: &mut Snapshot,
    target: &Target,
    labels: &str,
) -> Result<Vec<StaleUse>> {
    let places = snapshot.places_of(target)?;
    snapshot.pods(&places, labels).await?;
    if let [Some(namespace)] = places.as_slice()
        && snapshot.index.pods().next().is_none()
    {
        snapshot.is_there(namespace).await?;
    }
    snapshot.sources_of_pods(places.contains(&None)).await;
    Ok(rows(snapshot).await)
}

/// Looks at the pods of those of these workloads that are in step by their records, though
/// something that they use was written since: a container that was started again may have
/// read something else. What is found is kept ([`Snapshot::older`]).
pub(crate) async fn beside(snapshot: &mut Snapshot, stand: &[(WorkloadRef, Word)]) {
    let now = Timestamp::now().as_second();
    let open = stand.iter().filter_map(|(key, word)| {
        let entry = snapshot.record(key).ok()??;
        let known = snapshot.index.get(key)?;
        let recorded =
            (*word == Word::InStep).then(|| recorded(known, &snapshot.index, entry, *word));
        let recorded = recorded.flatten()?;
        is_written_since(&recorded, &snapshot.index, now).then(|| (Group::of(key), recorded))
    });
    let records: BTreeMap<Group, Recorded> = open.collect();
    let climbing = stand.iter().map(|(key, _)| key);
    let climbing = climbing.filter(|key| goes_pod_by_pod(snapshot, key));
    let groups = climbing.map(Group::of).chain(records.keys().cloned());
    let groups: BTreeSet<_> = groups.collect();
    if groups.is_empty() {
        return;
    }
    snapshot.pods_of(&groups).await;
    if records.is_empty() {
        return;
    }
    let mut rows = settled(snapshot, beginning(snapshot), &records).await;
    // Of what is under way it is no news that its pods have something else.
    rows.retain(|row| records.contains_key(&row.group));
    snapshot.keep_older(rows);
}

/// Whether a method is under way that goes pod by pod: how far it is the pods tell.
fn goes_pod_by_pod(snapshot: &Snapshot, key: &WorkloadRef) -> bool {
    let entry = snapshot.record(key).ok().flatten();
    entry.is_some_and(|entry| {
        let is_open = !entry.done && entry.refused().is_none();
        is_open && entry.method().is_pod_wise()
    })
}

/// What is known of the past before anything is asked.
fn beginning(snapshot: &Snapshot) -> Evidence {
    let mut evidence = Evidence::default();
    if !snapshot.installation.rules.one_etcd {
        evidence.forget(Version::MAX);
    }
    evidence
}

async fn rows(snapshot: &mut Snapshot) -> Vec<StaleUse> {
    let evidence = beginning(snapshot);
    let first = look(&snapshot.index, &evidence, &BTreeMap::new());
    let records = records(snapshot, &first).await;
    settled(snapshot, evidence, &records).await
}

/// What is found when all that can be asked is known.
async fn settled(
    snapshot: &mut Snapshot,
    mut evidence: Evidence,
    records: &BTreeMap<Group, Recorded>,
) -> Vec<StaleUse> {
    let mut known = look(&snapshot.index, &evidence, records);
    for _ in 0..ROUNDS {
        if known.questions.is_empty() && known.unread.is_empty() {
            break;
        }
        read(snapshot, &known, &mut evidence).await;
        snapshot.ask(known.questions, &mut evidence).await;
        known = look(&snapshot.index, &evidence, records);
    }
    known.rows
}

/// What may not be read as it is now cannot be compared with what it was.
async fn read(snapshot: &mut Snapshot, known: &Look, evidence: &mut Evidence) {
    snapshot.fetch(known.unread.iter().cloned().collect()).await;
    let refused = known
        .unread
        .iter()
        .filter_map(|source| snapshot.unreadable(source));
    for question in refused {
        evidence.add(question, Finding::NotTold);
    }
}

/// What Tidings' records tell of workloads that seem stale, if it is installed.
async fn records(snapshot: &mut Snapshot, seen: &Look) -> BTreeMap<Group, Recorded> {
    let mut told = BTreeMap::new();
    let groups: BTreeSet<&Group> = seen.rows.iter().map(|row| &row.group).collect();
    if groups.is_empty() {
        return told;
    }
    let recorded = snapshot.recorded().await;
    for group in groups
        .into_iter()
        .filter(|group| recorded.contains(&group.namespace))
    {
        let record = record(snapshot, group).await;
        told.extend(record.map(|record| (group.clone(), record)));
    }
    told
}

/// As the controller would decide: what its record tells of it.
async fn record(snapshot: &mut Snapshot, group: &Group) -> Option<Recorded> {
    let kind = snapshot.installation.kinds.parse(&group.kind)?;
    let key = WorkloadRef::new(kind, group.namespace.clone(), group.name.clone());
    snapshot.read_records(&key.namespace).await;
    snapshot.record(&key).ok()??;
    snapshot.workload(&key).await.ok()?;
    let standing = snapshot.verdict(&key).await?.standing?;
    let (entry, known) = (snapshot.record(&key).ok()??, snapshot.index.get(&key)?);
    recorded(known, &snapshot.index, entry, standing.word)
}
