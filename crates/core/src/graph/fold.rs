//! What is put together so that the rest can be read.
//!
//! Rules, one after the other, until no more nodes are left than are readable: the gentler
//! first. Nothing is left out: whoever is put together is counted, and what is known of
//! his uses and pods goes over to the node that stands for him.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{Everything, UseFact, WorkloadFact, add_way, listed};
use super::{Edge, Glance, Graph, Node, Subject, Used};
use crate::uses::Via;

/// Why things were put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fold {
    /// Pods of one workload.
    Pods,
    /// Sources for which nobody is rolled.
    Unwanted,
    /// Workloads that use the same in the same ways and stand the same, and their pods.
    Alike,
    /// Sources that the same workloads use.
    Together,
    /// Workloads that stand the same, those that need attention least, and what only they
    /// use.
    Rest,
}

/// What was put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Folded {
    /// Why.
    pub why: Fold,
    /// How many things.
    pub things: usize,
    /// To how many nodes.
    pub nodes: usize,
}

/// Which of a layer are one node: for each the first that is in it.
#[derive(Clone, Debug)]
struct Bundles(Vec<usize>);

impl Bundles {
    fn apart(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn of(&self, one: usize) -> usize {
        self.0[one]
    }

    /// The first of each.
    fn heads(&self) -> impl Iterator<Item = usize> {
        let all = self.0.iter().enumerate();
        all.filter(|(one, head)| one == *head).map(|(one, _)| one)
    }

    fn count(&self) -> usize {
        self.heads().count()
    }

    /// Puts together what has the same key. A node as a whole is asked by its first.
    fn gather<K: Ord>(&mut self, key: impl Fn(usize) -> Option<K>) {
        let mut firsts = BTreeMap::new();
        let mut becomes = BTreeMap::new();
        for head in self.heads() {
            if let Some(key) = key(head) {
                becomes.insert(head, *firsts.entry(key).or_insert(head));
            }
        }
        for of in &mut self.0 {
            *of = becomes.get(of).copied().unwrap_or(*of);
        }
    }

    /// Of what is together and was not before: how many things, in how many nodes.
    fn news(&self, before: &Self) -> (usize, usize) {
        let mut parts: BTreeMap<usize, (BTreeSet<usize>, usize)> = BTreeMap::new();
        for (head, was) in self.0.iter().zip(&before.0) {
            let (heads, things) = parts.entry(*head).or_default();
            heads.insert(*was);
            *things += 1;
        }
        let grown = parts.values().filter(|(heads, _)| heads.len() > 1);
        grown.fold((0, 0), |(all, nodes), (_, things)| {
            (all + things, nodes + 1)
        })
    }

    /// The members of each that has several, by its first.
    fn members(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut members: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (one, head) in self.0.iter().enumerate() {
            members.entry(*head).or_default().push(one);
        }
        members
    }
}

/// What is put together in each layer.
#[derive(Clone, Debug)]
struct Folding<'a> {
    facts: &'a Everything,
    limit: usize,
    sources: Bundles,
    workloads: Bundles,
    pods: Bundles,
}

/// Each rule, and how it puts together what is left.
type Rule = (Fold, fn(&mut Folding<'_>));

const RULES: &[Rule] = &[
    (Fold::Pods, |folding| folding.pods_of_each()),
    (Fold::Unwanted, |folding| folding.unwanted_sources()),
    (Fold::Alike, |folding| folding.workloads_alike()),
    (Fold::Together, |folding| folding.sources_together()),
    (Fold::Rest, |folding| folding.rest()),
];

pub(super) fn fold(facts: &Everything, limit: usize) -> Graph {
    let mut folding = Folding {
        facts,
        limit,
        sources: Bundles::apart(facts.sources.len()),
        workloads: Bundles::apart(facts.workloads.len()),
        pods: Bundles::apart(facts.pods.len()),
    };
    let mut folded = Vec::new();
    for (why, rule) in RULES {
        if folding.fits() {
            break;
        }
        let before = folding.clone();
        rule(&mut folding);
        folded.extend(folding.since(&before, *why));
    }
    Graph {
        folded,
        idle: facts.idle,
        ..folding.graph()
    }
}

impl Folding<'_> {
    fn count(&self) -> usize {
        self.sources.count() + self.workloads.count() + self.pods.count()
    }

    fn fits(&self) -> bool {
        self.count() <= self.limit
    }

    fn since(&self, before: &Self, why: Fold) -> Option<Folded> {
        let (things, nodes) = match why {
            Fold::Pods => self.pods.news(&before.pods),
            Fold::Unwanted | Fold::Together => self.sources.news(&before.sources),
            Fold::Alike | Fold::Rest => self.workloads.news(&before.workloads),
        };
        (things > 0).then_some(Folded { why, things, nodes })
    }

    /// Of those that have most pods first, until it is enough.
    fn pods_of_each(&mut self) {
        let mut sizes = vec![0_usize; self.facts.workloads.len()];
        for pod in &self.facts.pods {
            sizes[pod.workload] += 1;
        }
        let mut largest: Vec<_> = (0..sizes.len()).filter(|one| sizes[*one] > 1).collect();
        largest.sort_by_key(|one| (usize::MAX - sizes[*one], *one));
        let mut over = self.count().saturating_sub(self.limit);
        let mut folded = BTreeSet::new();
        for one in largest {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(sizes[one] - 1);
            folded.insert(one);
        }
        let workload = |pod: usize| self.facts.pods[pod].workload;
        let key = |pod| Some(workload(pod)).filter(|one| folded.contains(one));
        self.pods.gather(key);
    }

    fn unwanted_sources(&mut self) {
        let wanted = self.facts.uses.iter().filter(|used| used.counts);
        let wanted: BTreeSet<_> = wanted.map(|used| used.source).collect();
        self.sources
            .gather(|source| (!wanted.contains(&source)).then_some(()));
    }

    fn workloads_alike(&mut self) {
        let mut shapes = vec![BTreeSet::new(); self.facts.workloads.len()];
        for used in &self.facts.uses {
            let source = self.sources.of(used.source);
            shapes[used.workload].insert((source, &used.ways, used.counts, used.stale));
        }
        let shape = |one: usize| {
            let WorkloadFact { group, mark } = &self.facts.workloads[one];
            Some((&group.kind, *mark, &shapes[one]))
        };
        self.workloads.gather(shape);
        self.pods_of_bundles();
    }

    /// Pods of workloads that are one node.
    fn pods_of_bundles(&mut self) {
        let bundles = self.workloads.members();
        let key = |pod: usize| {
            let workload = self.workloads.of(self.facts.pods[pod].workload);
            (bundles[&workload].len() > 1).then_some(workload)
        };
        self.pods.gather(key);
    }

    fn sources_together(&mut self) {
        let users = self.users();
        let kind = |source: usize| self.facts.sources[source].source.kind;
        let key = |source| Some((kind(source), users.get(&source)?));
        self.sources.gather(key);
    }

    /// The workloads that use each source.
    fn users(&self) -> BTreeMap<usize, BTreeSet<usize>> {
        let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for used in &self.facts.uses {
            let workload = self.workloads.of(used.workload);
            let source = self.sources.of(used.source);
            users.entry(source).or_default().insert(workload);
        }
        users
    }

    /// Keeps as many by themselves as there is room for.
    fn rest(&mut self) {
        let (mut kept, mut too_many) = (0, self.workloads.count());
        while kept + 1 < too_many {
            let some = usize::midpoint(kept, too_many);
            if self.after(some).fits() {
                kept = some;
            } else {
                too_many = some;
            }
        }
        *self = self.after(kept);
    }

    /// The same with only so many workloads by themselves, those that need attention
    /// first.
    fn after(&self, kept: usize) -> Self {
        let mut folding = self.clone();
        let first = self.workloads.heads().nth(kept).unwrap_or(usize::MAX);
        let mark = |one: usize| self.facts.workloads[one].mark;
        folding
            .workloads
            .gather(|one| (one >= first).then(|| mark(one)));
        folding.pods_of_bundles();
        let users = folding.users();
        let by = |source| users.get(&source)?.first().copied();
        folding
            .sources
            .gather(|source| by(source).filter(|user| *user >= first));
        folding
    }

    fn graph(&self) -> Graph {
        let mut nodes = Vec::new();
        let sources = numbered(&self.sources, &mut nodes, |all| self.source_node(all));
        let workloads = numbered(&self.workloads, &mut nodes, |all| self.workload_node(all));
        let pods = numbered(&self.pods, &mut nodes, |all| self.pod_node(all));
        let mut edges = Edges::default();
        for used in &self.facts.uses {
            let from = sources[&self.sources.of(used.source)];
            edges.add(from, workloads[&self.workloads.of(used.workload)], used);
        }
        for (pod, fact) in self.facts.pods.iter().enumerate() {
            let from = workloads[&self.workloads.of(fact.workload)];
            let edge = edges.edge(from, pods[&self.pods.of(pod)]);
            edge.stale |= fact.stale.is_some();
        }
        Graph {
            nodes,
            edges: edges.listed(),
            ..Graph::default()
        }
    }

    fn source_node(&self, all: &[usize]) -> Node {
        let facts = || all.iter().map(|one| &self.facts.sources[*one]);
        let names: Vec<_> = facts().map(|fact| fact.source.clone()).collect();
        let marks: BTreeSet<_> = facts().map(|fact| fact.mark).collect();
        let mark = match (marks.first(), marks.len()) {
            (Some(mark), 1) => *mark,
            _ => Glance::None,
        };
        let what = one_or(names, Subject::Source, Subject::Sources);
        Node { what, mark }
    }

    fn workload_node(&self, all: &[usize]) -> Node {
        let facts = || all.iter().map(|one| &self.facts.workloads[*one]);
        let mut groups: Vec<_> = facts().map(|fact| fact.group.clone()).collect();
        groups.sort();
        // Only those are put together that stand the same.
        let mark = facts().next().map_or(Glance::None, |fact| fact.mark);
        let what = one_or(groups, Subject::Workload, Subject::Workloads);
        Node { what, mark }
    }

    fn pod_node(&self, all: &[usize]) -> Node {
        let facts = || all.iter().map(|one| &self.facts.pods[*one]);
        let names: Vec<_> = facts().map(|fact| fact.name.clone()).collect();
        let stale = || facts().filter_map(|fact| fact.stale);
        let count = stale().count();
        Node {
            what: one_or(names, Subject::Pod, |names| Subject::Pods(names, count)),
            mark: stale().min().map_or(Glance::None, Glance::Stale),
        }
    }
}

fn one_or<T>(
    mut all: Vec<T>,
    one: impl Fn(T) -> Subject,
    more: impl Fn(Vec<T>) -> Subject,
) -> Subject {
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => one(only),
        (last, _) => {
            all.extend(last);
            more(all)
        }
    }
}

/// Adds a node for each, and tells its number by the first that is in it.
fn numbered(
    bundles: &Bundles,
    nodes: &mut Vec<Node>,
    node: impl Fn(&[usize]) -> Node,
) -> BTreeMap<usize, usize> {
    let members = bundles.members().into_iter();
    let numbers = members.map(|(head, all)| {
        nodes.push(node(&all));
        (head, nodes.len() - 1)
    });
    numbers.collect()
}

/// Edges by where they begin and end.
#[derive(Default)]
struct Edges(BTreeMap<(usize, usize), (BTreeMap<Via, Used>, Edge)>);

impl Edges {
    fn add(&mut self, from: usize, to: usize, used: &UseFact) {
        let edge = self.edge(from, to);
        edge.counts |= used.counts;
        edge.stale |= used.stale;
        if let Some((ways, _)) = self.0.get_mut(&(from, to)) {
            for (via, keys) in &used.ways {
                add_way(ways, *via, keys);
            }
        }
    }

    fn edge(&mut self, from: usize, to: usize) -> &mut Edge {
        let new = || Edge {
            from,
            to,
            ways: Vec::new(),
            counts: false,
            stale: false,
        };
        let entry = self.0.entry((from, to));
        &mut entry.or_insert_with(|| (BTreeMap::new(), new())).1
    }

    fn listed(self) -> Vec<Edge> {
        let edges = self.0.into_values();
        edges
            .map(|(ways, edge)| Edge {
                ways: listed(ways),
                ..edge
            })
            .collect()
    }
}
