//! After random lives of a ConfigMap and of pods: what `tidings stale` says of them beside
//! what their containers have read. It leaves none out that has something else, nor one that
//! a record tells of; it shows none that was made later than the data; and as long as all is
//! remembered it is certain only of what is so.

use proptest::prelude::*;

use super::*;
use crate::decide::simulation::same_lives;

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A value is written to one of the two keys, by who may have written labels before.
    Write(usize, u8),
    /// A label, by the client that writes the data or by another.
    Label { is_same: bool },
    /// A pod is made, which uses the first key or both.
    Made { uses_all: bool },
    /// A container is started again.
    Again(usize),
    /// All pods are made anew, and recorded.
    Roll,
    /// The store forgets what was.
    Compact,
}

/// Each after so many seconds.
fn events() -> impl Strategy<Value = Vec<(Seconds, Event)>> {
    let event = prop_oneof![
        6 => (0..2_usize, 0..3_u8).prop_map(|(key, value)| Event::Write(key, value)),
        2 => any::<bool>().prop_map(|is_same| Event::Label { is_same }),
        4 => any::<bool>().prop_map(|uses_all| Event::Made { uses_all }),
        3 => (0..8_usize).prop_map(Event::Again),
        1 => Just(Event::Roll),
        1 => Just(Event::Compact),
    ];
    let passed = prop::sample::select(vec![0, 0, 1, 2, 30, 200]);
    prop::collection::vec((passed, event), 1..40)
}

/// The values of the two keys.
type Held = [u8; 2];

const KEYS: [&str; 2] = ["a", "b"];

/// The source, as a version of it was.
#[derive(Clone, Copy, Debug)]
struct Moment {
    held: Held,
    written: Seconds,
    rewritten: bool,
    only_data: bool,
}

/// A pod with one container.
#[derive(Clone, Copy, Debug)]
struct Running {
    created: Seconds,
    started: Seconds,
    uses_all: bool,
    has: Held,
}

impl Running {
    /// Whether it has read something else than this, of what it uses.
    fn differs(&self, held: Held) -> bool {
        self.has[0] != held[0] || (self.uses_all && self.has[1] != held[1])
    }
}

struct Street {
    now: Seconds,
    /// By version.
    was: BTreeMap<Version, Moment>,
    forgotten: Version,
    pods: Vec<Running>,
    /// What a roll has brought all pods to, and its version.
    record: Option<(Version, Held)>,
}

impl Street {
    fn new() -> Self {
        let made = Moment {
            held: [0, 0],
            written: at(0),
            rewritten: false,
            only_data: true,
        };
        Self {
            now: at(0),
            was: [(10, made)].into(),
            forgotten: 0,
            pods: Vec::new(),
            record: None,
        }
    }

    fn present(&self) -> (Version, Moment) {
        let last = self.was.last_key_value();
        last.map(|(version, moment)| (*version, *moment)).unwrap()
    }

    fn run(&mut self, events: &[(Seconds, Event)]) {
        for (passed, event) in events {
            self.now += passed;
            self.happen(*event);
        }
    }

    fn happen(&mut self, event: Event) {
        let (version, present) = self.present();
        let mut after = present;
        match event {
            // The API server does not write what is there already.
            Event::Write(key, value) if present.held[key] == value => {}
            Event::Write(key, value) => {
                after.held[key] = value;
                (after.written, after.rewritten) = (self.now, true);
                self.was.insert(version + 10, after);
            }
            Event::Label { is_same } => {
                if is_same {
                    (after.written, after.rewritten) = (self.now, true);
                    after.only_data = false;
                }
                self.was.insert(version + 10, after);
            }
            Event::Made { uses_all } => self.pods.push(Running {
                created: self.now,
                started: self.now,
                uses_all,
                has: present.held,
            }),
            Event::Again(which) => {
                if let Some(pod) = self.pods.get_mut(which) {
                    (pod.started, pod.has) = (self.now, present.held);
                }
            }
            Event::Roll => {
                for pod in &mut self.pods {
                    (pod.created, pod.started, pod.has) = (self.now, self.now, present.held);
                }
                self.record = Some((version, present.held));
            }
            Event::Compact => self.forgotten = version,
        }
    }

    fn fetched(version: Version, moment: Moment) -> Fetched {
        let meta = SourceMeta {
            key: app(),
            version,
            marks: None,
            written: Some(moment.written),
            rewritten: moment.rewritten,
            by: Some("kubectl".into()),
            only_data: moment.only_data,
            problem: None,
        };
        let keys = KEYS.iter().zip(moment.held);
        let keys = keys.map(|(key, value)| (Name::from(*key), Digest::of_parts(&[&[value]])));
        Fetched::Present(meta, Content::new(version, keys.collect::<Box<[_]>>()))
    }

    /// What there is to look at: the source is not read yet.
    fn index(&self) -> Index {
        let of = StreamOf::Sources(SourceKind::ConfigMap);
        let namespace = None;
        let mut index = Index::new(Defaults::default(), [Stream { of, namespace }]);
        for (n, pod) in self.pods.iter().enumerate() {
            let spec = if pod.uses_all { from("app") } else { key("a") };
            let uses = read_pod(
                pod_json(&format!("p{n}"), pod, &spec)
                    .to_string()
                    .as_bytes(),
            );
            index.apply(Fact::Pod(Box::new(uses.unwrap().unwrap())));
        }
        let (version, present) = self.present();
        if let Fetched::Present(meta, _) = Self::fetched(version, present) {
            index.apply(Fact::Source(meta));
        }
        index
    }

    /// As the command asks, until there is nothing to ask.
    fn rows(&self, records: &BTreeMap<Group, Recorded>) -> Vec<StaleUse> {
        let (mut index, mut evidence) = (self.index(), Evidence::default());
        for _ in 0..60 {
            let look = look(&index, &evidence, records);
            if look.questions.is_empty() && look.unread.is_empty() {
                return look.rows;
            }
            if !look.unread.is_empty() {
                let (version, present) = self.present();
                let told = index.view(&app()).told;
                let read = Fact::Read(app(), told, Self::fetched(version, present));
                index.apply(read);
            }
            for question in look.questions {
                let found = self.find(&question);
                if found == Finding::Forgotten {
                    evidence.forget(question.version().unwrap());
                }
                evidence.add(question, found);
            }
        }
        unreachable!("it never has enough");
    }

    fn find(&self, question: &Question) -> Finding {
        let version = question.version().unwrap();
        let then = self.was.range(..=version).next_back();
        match then {
            _ if version <= self.forgotten => Finding::Forgotten,
            None => Finding::Source(Fetched::Absent),
            Some((version, moment)) => Finding::Source(Self::fetched(*version, *moment)),
        }
    }

    /// What a record tells, where all pods have what was recorded.
    fn records(&self) -> BTreeMap<Group, Recorded> {
        let (_, present) = self.present();
        let Some((version, held)) = self.record else {
            return BTreeMap::new();
        };
        if self.pods.iter().any(|pod| pod.differs(held)) {
            return BTreeMap::new();
        }
        let keys = (0..2).filter(|key| held[*key] != present.held[*key]);
        let changes = keys.map(|key| Change {
            source: app(),
            what: What::Changed,
            keys: [KEYS[key].into()].into_iter().collect(),
            version: None,
            dated: true,
            by: None,
        });
        let changes = changes.collect();
        let brought = [(app(), Brought { version, changes })].into();
        let index = self.index();
        let group = index.pods().next().map(|pod| pod.group.clone());
        group.map(|group| (group, brought)).into_iter().collect()
    }

    fn judge(&self) {
        let (_, present) = self.present();
        let rows = self.rows(&BTreeMap::new());
        let said = shown_pods(&rows, |_| true);
        for (n, pod) in self.pods.iter().enumerate() {
            let is_shown = said.contains(&n);
            assert!(
                is_shown || !pod.differs(present.held),
                "{n} is left out of {rows:?}"
            );
            let is_later = pod.created > present.written;
            assert!(!(is_shown && is_later), "{n} was made later: {rows:?}");
        }
        let recorded = self.rows(&self.records());
        let told = shown_pods(&recorded, |_| true);
        assert!(
            told.is_subset(&said),
            "only a record tells: {recorded:?}, and not {rows:?}"
        );
        if self.forgotten == 0 {
            let sure = shown_pods(&rows, |row| row.certainty == Certainty::Surely);
            let differs = |n: &usize| self.pods[*n].differs(present.held);
            assert!(sure.iter().all(differs), "not so certain: {rows:?}");
        }
    }
}

/// The pods of these rows.
fn shown_pods(rows: &[StaleUse], of: impl Fn(&StaleUse) -> bool) -> BTreeSet<usize> {
    let rows = rows.iter().filter(|row| of(row));
    let pods = rows.flat_map(|row| &row.pods);
    pods.map(|pod| pod.name[1..].parse().unwrap()).collect()
}

fn pod_json(name: &str, pod: &Running, spec: &Value) -> Value {
    let time = |at: Seconds| jiff::Timestamp::from_second(at).unwrap().to_string();
    let running = json!({"running": {"startedAt": time(pod.started)}});
    json!({
        "metadata": {"namespace": "ns", "name": name, "resourceVersion": "1",
            "creationTimestamp": time(pod.created), "labels": {"pod-template-hash": "5d"},
            "ownerReferences": [{"controller": true, "kind": "ReplicaSet", "name": "web-5d"}]},
        "spec": spec,
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": running}]},
    })
}

proptest! {
    #![proptest_config(same_lives(300))]

    #[test]
    fn what_stale_says_is_no_less_than_what_is_so(events in events()) {
        let mut street = Street::new();
        street.run(&events);
        street.judge();
    }
}
