//! What there is to draw, as the index has it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Beside, Focus, Glance, Used, WayOfUse};
use crate::index::{Index, Known, Presence};
use crate::needs::needs_of;
use crate::object::Group;
use crate::refs::{Name, SourceRef, WorkloadRef};
use crate::stale::Certainty;
use crate::uses::{Keys, Use, Via};

/// Everything by itself. All of it is of one namespace.
#[derive(Debug, Default)]
pub(super) struct Everything {
    /// In order.
    pub(super) sources: Vec<SourceFact>,
    /// What needs attention first, then in order.
    pub(super) workloads: Vec<WorkloadFact>,
    /// Those of a workload side by side, in order.
    pub(super) pods: Vec<PodFact>,
    /// In the order of workloads, then of sources.
    pub(super) uses: Vec<UseFact>,
    pub(super) idle: usize,
}

#[derive(Debug)]
pub(super) struct SourceFact {
    pub(super) source: SourceRef,
    pub(super) mark: Glance,
}

#[derive(Debug)]
pub(super) struct WorkloadFact {
    pub(super) group: Group,
    pub(super) mark: Glance,
}

#[derive(Debug)]
pub(super) struct PodFact {
    pub(super) name: Name,
    pub(super) workload: usize,
    pub(super) stale: Option<Certainty>,
}

#[derive(Debug)]
pub(super) struct UseFact {
    pub(super) source: usize,
    pub(super) workload: usize,
    pub(super) ways: BTreeMap<Via, Used>,
    pub(super) counts: bool,
    pub(super) stale: bool,
}

/// How a workload uses a source.
#[derive(Debug, Default)]
struct Usage {
    ways: BTreeMap<Via, Used>,
    counts: bool,
}

type Usages = BTreeMap<SourceRef, Usage>;

pub(super) fn facts(index: &Index, seen: Beside<'_>, focus: &Focus) -> Everything {
    let mut workloads = users(index, focus);
    let all = workloads.len();
    workloads.retain(|_, readings| !readings.is_empty());
    let idle = match focus {
        Focus::Source(_) => 0,
        // Who looks at one sees it, whatever it uses.
        Focus::Workload(group) if all > workloads.len() => {
            workloads.insert(group.clone(), Usages::new());
            0
        }
        _ => all - workloads.len(),
    };
    let facts = Everything {
        idle,
        ..Everything::default()
    };
    let stale = seen.stale.iter().map(|row| (&row.group, &row.source));
    let gathering = Gathering {
        index,
        seen,
        stale: stale.collect(),
        facts,
    };
    gathering.of(workloads, focus)
}

/// The sources that may be drawn.
pub fn used(index: &Index, focus: &Focus) -> BTreeSet<SourceRef> {
    let all = users(index, focus).into_values().flatten();
    all.map(|(source, _)| source).collect()
}

/// Who may be shown, with what each of them uses of what is looked at.
fn users(index: &Index, focus: &Focus) -> BTreeMap<Group, Usages> {
    let mut users = BTreeMap::new();
    for (key, known) in index.workloads().filter(|(key, _)| focus.is_within(key)) {
        let group = Group::of(key);
        if focus.asks_for(&group) {
            users.insert(group, readings(known, index));
        }
    }
    // What no workload is known for is known by its pods.
    let others = index.pods().filter(|pod| focus.asks_for(&pod.group));
    let known: BTreeSet<_> = users.keys().cloned().collect();
    for pod in others.filter(|pod| !known.contains(&pod.group)) {
        let readings = users.entry(pod.group.clone()).or_default();
        for container in &pod.containers {
            add_uses(readings, &pod.group.namespace, &container.uses);
        }
    }
    if let Focus::Source(source) = focus {
        for readings in users.values_mut() {
            readings.retain(|used, _| used == source);
        }
    }
    users
}

impl Focus {
    /// The namespace: all that is looked at is of one.
    pub fn namespace(&self) -> &Name {
        match self {
            Self::Namespace(namespace) => namespace,
            Self::Workload(group) => &group.namespace,
            Self::Source(source) => &source.namespace,
        }
    }

    fn is_within(&self, key: &WorkloadRef) -> bool {
        key.namespace == *self.namespace()
    }

    fn asks_for(&self, group: &Group) -> bool {
        match self {
            Self::Workload(only) => group == only,
            _ => group.namespace == *self.namespace(),
        }
    }
}

/// What its containers use, and what counts for it.
fn readings(known: &Known, index: &Index) -> Usages {
    let workload = &known.workload;
    let namespace = &workload.key.namespace;
    let mut readings = Usages::new();
    add_uses(&mut readings, namespace, &workload.uses);
    if !known.policy.opted_in() || index.left_out(namespace) {
        return readings;
    }
    for need in needs_of(known, index, None).needs {
        let named = need.via.contains(&Via::Named);
        let reading = readings.entry(need.source).or_default();
        reading.counts = true;
        if named {
            reading.ways.insert(Via::Named, Used::All);
        }
    }
    readings
}

fn add_uses(readings: &mut Usages, namespace: &Name, uses: &[Use]) {
    // What is pulled is read at each pull.
    for used in uses.iter().filter(|used| used.via != Via::ImagePullSecret) {
        let reading = readings.entry(used.source(namespace)).or_default();
        add_way(&mut reading.ways, used.via, &of_keys(&used.keys));
    }
}

fn of_keys(keys: &Keys) -> Used {
    match keys {
        Keys::All | Keys::Except(_) => Used::All,
        Keys::Some(keys) => Used::Keys(keys.iter().cloned().collect()),
        Keys::Present(_) => Used::Keys(BTreeSet::new()),
    }
}

/// Adds to what is used in one way.
pub(super) fn add_way(ways: &mut BTreeMap<Via, Used>, via: Via, more: &Used) {
    let none = || Used::Keys(BTreeSet::new());
    let used = ways.entry(via).or_insert_with(none);
    match (used, more) {
        (Used::Keys(keys), Used::Keys(more)) => keys.extend(more.iter().cloned()),
        (used, Used::All) => *used = Used::All,
        (Used::All, Used::Keys(_)) => {}
    }
}

/// The same as a list.
pub(super) fn listed(ways: BTreeMap<Via, Used>) -> Vec<WayOfUse> {
    let ways = ways.into_iter();
    ways.map(|(via, keys)| WayOfUse { via, keys }).collect()
}

struct Gathering<'a> {
    index: &'a Index,
    seen: Beside<'a>,
    /// Who uses what that has not reached all pods.
    stale: BTreeSet<(&'a Group, &'a SourceRef)>,
    facts: Everything,
}

impl Gathering<'_> {
    fn of(mut self, users: BTreeMap<Group, Usages>, focus: &Focus) -> Everything {
        let used = users.values().flat_map(BTreeMap::keys).cloned();
        let looked_at = match focus {
            Focus::Source(source) => Some(source.clone()),
            _ => None,
        };
        let sources: BTreeSet<_> = used.chain(looked_at).collect();
        let order: BTreeMap<_, _> = sources.iter().zip(0..).collect();
        for (group, readings) in self.by_attention(users) {
            self.add(group, readings, &order);
        }
        self.pods(focus);
        let sources = sources.iter().map(|source| self.source(source));
        self.facts.sources = sources.collect();
        self.facts
    }

    fn by_attention(
        &self,
        users: BTreeMap<Group, Usages>,
    ) -> impl Iterator<Item = (WorkloadFact, Usages)> + use<> {
        let standings = self.seen.standings.iter();
        let words: BTreeMap<_, _> = standings
            .map(|(key, word)| (Group::of(key), *word))
            .collect();
        let users = users.into_iter().map(|(group, readings)| {
            let word = words.get(&group);
            let mark = word.map_or(Glance::None, |word| Glance::Standing(*word));
            (WorkloadFact { group, mark }, readings)
        });
        let mut users: Vec<_> = users.collect();
        users.sort_by_key(|(fact, _)| rank(fact.mark));
        users.into_iter()
    }

    fn add(&mut self, fact: WorkloadFact, readings: Usages, order: &BTreeMap<&SourceRef, usize>) {
        let workload = self.facts.workloads.len();
        for (source, reading) in readings {
            self.facts.uses.push(UseFact {
                source: order[&source],
                workload,
                stale: self.stale.contains(&(&fact.group, &source)),
                ways: reading.ways,
                counts: reading.counts,
            });
        }
        self.facts.workloads.push(fact);
    }

    fn pods(&mut self, focus: &Focus) {
        let workloads = self.facts.workloads.iter().zip(0..);
        let numbers: BTreeMap<_, _> = workloads.map(|(fact, n)| (&fact.group, n)).collect();
        let stale = self.stale_pods(focus);
        let pods = self.index.pods().filter_map(|pod| {
            let workload = *numbers.get(&pod.group)?;
            Some(PodFact {
                name: pod.name.clone(),
                workload,
                stale: stale.get(&pod.name).copied(),
            })
        });
        let mut pods: Vec<_> = pods.collect();
        pods.sort_by_key(|pod| pod.workload);
        self.facts.pods = pods;
    }

    /// How certain it is of each pod of the namespace.
    fn stale_pods(&self, focus: &Focus) -> BTreeMap<Name, Certainty> {
        let mut pods = BTreeMap::new();
        let rows = self.seen.stale.iter();
        for row in rows.filter(|row| row.group.namespace == *focus.namespace()) {
            for pod in &row.pods {
                let known = pods.entry(pod.name.clone()).or_insert(row.certainty);
                *known = row.certainty.min(*known);
            }
        }
        pods
    }

    fn source(&self, source: &SourceRef) -> SourceFact {
        let is_absent = matches!(self.index.view(source).presence, Presence::Absent);
        SourceFact {
            source: source.clone(),
            mark: if is_absent {
                Glance::Absent
            } else {
                Glance::None
            },
        }
    }
}

/// What needs attention comes first; who is not opted in, last.
pub(super) fn rank(mark: Glance) -> usize {
    use crate::standing::Word::{Failed, InStep, Rolling, Stale, Unknown, Waiting};
    let order = [Failed, Stale, Waiting, Unknown, Rolling, InStep];
    let is_it = |word| mark == Glance::Standing(word);
    order.into_iter().position(is_it).unwrap_or(order.len())
}
