//! Two streams bring events in order, each at its own pace, some twice; readings
//! are answered late; lists begin and end at any time. In the end the index is
//! that of somebody who lists everything once.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::compare::must_read;

const POLICIES: [&str; 5] = [
    "auto",
    "off",
    "configmap/a*",
    "auto, !configmap/b",
    "configmap/a, configmap/c*",
];
const USES: [&[&str]; 4] = [&[], &["a"], &["b", "c"], &["a", "b"]];
const SOURCES: [&str; 4] = ["a", "b", "c", "a2"];

#[derive(Clone, Debug)]
enum Step {
    PutWorkload(usize, usize, usize),
    DeleteWorkload(usize),
    PutSource(usize),
    DeleteSource(usize),
    Namespace(bool),
    /// The next event of a stream arrives, or the last one again.
    Arrive(bool, bool),
    List(bool),
    Ask(usize),
    Answer,
    Listing(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..2_usize, 0..POLICIES.len(), 0..USES.len()).prop_map(|(w, p, u)| Step::PutWorkload(w, p, u)),
        1 => (0..2_usize).prop_map(Step::DeleteWorkload),
        4 => (0..SOURCES.len()).prop_map(Step::PutSource),
        2 => (0..SOURCES.len()).prop_map(Step::DeleteSource),
        1 => any::<bool>().prop_map(Step::Namespace),
        8 => (any::<bool>(), any::<bool>()).prop_map(|(of, again)| Step::Arrive(of, again)),
        2 => any::<bool>().prop_map(Step::List),
        3 => (0..SOURCES.len()).prop_map(Step::Ask),
        3 => Just(Step::Answer),
        2 => any::<bool>().prop_map(Step::Listing),
    ];
    prop::collection::vec(step, 0..60)
}

#[derive(Clone, Debug)]
enum Event {
    Workload(WorkloadRef, Option<Box<Workload>>),
    Source(SourceRef, Option<SourceMeta>, Version),
}

/// What is really there, and what of it is under way.
struct Cluster {
    version: Version,
    workloads: BTreeMap<WorkloadRef, Workload>,
    sources: BTreeMap<SourceRef, Version>,
    defaults: bool,
    events: [VecDeque<Event>; 2],
    last: [Option<Event>; 2],
    answers: VecDeque<(SourceRef, u32, Fetched)>,
    index: Index,
}

fn streams() -> [Stream; 2] {
    [WORKLOADS, CONFIG_MAPS].map(stream)
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Self {
            version: 1,
            workloads: BTreeMap::new(),
            sources: BTreeMap::new(),
            defaults: false,
            events: Default::default(),
            last: Default::default(),
            answers: VecDeque::new(),
            index: Index::new(Defaults::default(), streams()),
        };
        cluster.list(false);
        cluster.list(true);
        cluster
    }

    fn step(&mut self, step: &Step) {
        self.version += 1;
        match *step {
            Step::PutWorkload(which, policy, uses) => {
                let name = ["v", "w"][which];
                let now = opted_in(name, self.version, POLICIES[policy], &from(USES[uses]));
                self.workloads.insert(now.key.clone(), now.clone());
                self.events[0].push_back(Event::Workload(now.key.clone(), Some(now.into())));
            }
            Step::DeleteWorkload(which) => {
                let key = WorkloadRef::new(&KINDS[0], "ns", ["v", "w"][which]);
                if self.workloads.remove(&key).is_some() {
                    self.events[0].push_back(Event::Workload(key, None));
                }
            }
            Step::PutSource(which) => {
                let name = SOURCES[which];
                self.sources.insert(cm(name), self.version);
                let event = Event::Source(cm(name), Some(meta(name, self.version)), self.version);
                self.events[1].push_back(event);
            }
            Step::DeleteSource(which) => {
                let key = cm(SOURCES[which]);
                if self.sources.remove(&key).is_some() {
                    self.events[1].push_back(Event::Source(key, None, self.version));
                }
            }
            Step::Namespace(on) => {
                self.defaults = on;
                namespace(&mut self.index, on);
            }
            Step::Arrive(of, again) => self.arrive(usize::from(of), again),
            Step::List(of) => self.list(of),
            Step::Ask(which) => self.ask(&cm(SOURCES[which])),
            Step::Answer => {
                if let Some((key, told, fetched)) = self.answers.pop_front() {
                    self.index.apply_fetched(&key, told, fetched);
                }
            }
            Step::Listing(fails) => self.listing(fails),
        }
    }

    fn arrive(&mut self, of: usize, again: bool) {
        let event = if again {
            // What was deleted since is not told of again.
            self.last[of].clone()
        } else {
            self.events[of].pop_front()
        };
        if let Some(event) = event {
            tell(&mut self.index, &event);
            self.last[of] = Some(event);
        }
    }

    /// A list shows what is there now; what was under way before does not arrive.
    fn list(&mut self, sources: bool) {
        let of = usize::from(sources);
        self.events[of].clear();
        self.last[of] = None;
        list_all(
            &mut self.index,
            &streams()[of],
            self.version,
            &self.workloads,
            &self.sources,
        );
    }

    fn fetched(&self, key: &SourceRef) -> Fetched {
        let version = self.sources.get(key);
        version.map_or(Fetched::Absent, |version| fetched(&key.name, *version))
    }

    fn ask(&mut self, key: &SourceRef) {
        if let Some(source) = self.index.source(key) {
            let answer = (key.clone(), source.told, self.fetched(key));
            self.answers.push_back(answer);
        }
    }

    fn listing(&mut self, fails: bool) {
        for (kind, namespace) in self.index.take_listings() {
            if fails {
                self.index.retry_listing(kind, &namespace);
            } else {
                let metas = self.sources.iter().map(|(key, v)| meta(&key.name, *v));
                let metas = metas.collect();
                self.index.apply_listing(kind, &namespace, metas);
            }
        }
    }

    /// Everything arrives, and what must be read is read.
    fn settle(&mut self) {
        for of in [0, 1] {
            while !self.events[of].is_empty() {
                self.arrive(of, false);
            }
        }
        while !self.answers.is_empty() {
            self.step(&Step::Answer);
        }
        self.listing(false);
        self.read_all();
    }

    fn read_all(&mut self) {
        loop {
            self.index.work_out_all();
            let unread = |(_, known): (&WorkloadRef, &Known)| {
                let needs = needs_of(known, &self.index, None);
                assert!(!needs.unlisted);
                needs
                    .needs
                    .into_iter()
                    .find(|need| must_read(need, None, self.index.view(&need.source)))
            };
            let Some(need) = self.index.workloads().find_map(unread) else {
                return;
            };
            self.ask(&need.source);
            self.step(&Step::Answer);
        }
    }

    fn rebuilt(&self) -> Self {
        let mut new = Self::new();
        (new.workloads, new.sources) = (self.workloads.clone(), self.sources.clone());
        (new.version, new.defaults) = (self.version, self.defaults);
        namespace(&mut new.index, self.defaults);
        new.list(false);
        new.list(true);
        new.settle();
        new
    }

    fn show(&self) -> Vec<String> {
        let index = &self.index;
        let mut lines = Vec::new();
        for (key, known) in index.workloads() {
            lines.push(format!(
                "{key} {:?} ready {}",
                known.policy,
                index.ready(key)
            ));
            for need in needs_of(known, index, None).needs {
                let source = index.view(&need.source);
                lines.push(format!(
                    "{need:?} {:?} {:?}",
                    source.presence,
                    source.current()
                ));
            }
        }
        // Of one that is gone nobody is asked for long.
        let users = self.sources.keys();
        let users = users.map(|source| format!("{source} {:?}", index.users(source)));
        lines.extend(users);
        lines
    }
}

fn namespace(index: &mut Index, on: bool) {
    let defaults = on.then(|| ("tidings.dev/settle".to_owned(), "1s".to_owned()));
    index.apply_namespace(&"ns".into(), defaults.into_iter().collect(), false, None);
}

fn tell(index: &mut Index, event: &Event) {
    match event {
        Event::Workload(_, Some(now)) => {
            index.apply_workload((**now).clone(), How::Event);
        }
        Event::Workload(key, None) => {
            index.delete_workload(key);
        }
        Event::Source(_, Some(meta), _) => {
            index.apply_source(meta);
        }
        Event::Source(key, None, version) => {
            index.delete_source(key, *version);
        }
    }
}

fn list_all(
    index: &mut Index,
    of: &Stream,
    version: Version,
    workloads: &BTreeMap<WorkloadRef, Workload>,
    sources: &BTreeMap<SourceRef, Version>,
) {
    index.begin_list(of);
    if of.of == WORKLOADS {
        for workload in workloads.values() {
            index.apply_workload(workload.clone(), How::Listed);
        }
    } else {
        for (key, version) in sources {
            index.apply_source(&meta(&key.name, *version));
        }
    }
    index.end_list(of, version);
}

/// What it was when it was there a moment ago.
#[test]
fn an_answer_from_before_a_list_is_late() {
    let mut cluster = Cluster::new();
    for step in [
        Step::PutWorkload(0, 2, 1),
        Step::Arrive(false, false),
        Step::Ask(0),
        Step::PutSource(0),
        Step::Answer,
        Step::Ask(0),
        Step::DeleteSource(0),
        Step::List(true),
    ] {
        cluster.step(&step);
    }
    cluster.settle();
    assert_eq!(cluster.show(), cluster.rebuilt().show());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_order_gives_the_same_index(steps in steps()) {
        let mut cluster = Cluster::new();
        for step in &steps {
            cluster.step(step);
        }
        cluster.settle();
        prop_assert_eq!(cluster.show(), cluster.rebuilt().show());
        let held = cluster.index.sources();
        for key in cluster.workloads.keys() {
            cluster.index.delete_workload(key);
        }
        prop_assert_eq!(cluster.index.sources(), 0, "{} were held", held);
    }
}
