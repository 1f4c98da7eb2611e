//! What one namespace asks for costs another one nothing: the controller itself, with
//! answers as the API server would give them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings_core::digest::Digest;
use tidings_core::index::{How, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::object::{Meta, SourceMeta, Version, Workload, read_workload};
use tidings_core::refs::{Name, SourceKind, WorkloadRef};
use tidings_core::standing::Word;
use tidings_core::state::{Entry, Epoch};
use tidings_core::vocabulary::Vocabulary;

use super::simulation::control_of;
use super::*;
use crate::api::Refusal;
use crate::records::memory::Store;

pub(super) struct Neighbourhood {
    pub(super) control: Control,
    pub(super) version: u64,
}

fn streams() -> Vec<Stream> {
    let sources = [SourceKind::ConfigMap, SourceKind::Secret].map(StreamOf::Sources);
    let of = [StreamOf::Namespaces, StreamOf::Workloads(&KINDS[0])];
    let all = of.into_iter().chain(sources);
    all.map(|of| Stream {
        of,
        namespace: None,
    })
    .collect()
}

impl Neighbourhood {
    /// It leads, and all lists are complete and empty but for that of namespaces.
    pub(super) fn new() -> Self {
        let mut control = control_of(streams(), 0);
        for stream in streams() {
            let is_of_namespaces = stream.of == StreamOf::Namespaces;
            control.take(0, Input::Fact(Fact::ListBegan(stream.clone())));
            for name in ["loud", "quiet"].iter().filter(|_| is_of_namespaces) {
                let namespace = Fact::Namespace {
                    name: (*name).into(),
                    annotations: [].into(),
                    left_out: false,
                    since: None,
                };
                control.take(0, Input::Fact(namespace));
            }
            control.take(0, Input::Fact(Fact::ListEnded(stream, 9)));
        }
        control.take(
            0,
            Input::Leading(NewTerm {
                number: 1,
                state: Vec::new(),
                remaking: Vec::new(),
                unled_since: None,
            }),
        );
        control.turn(0);
        Self {
            control,
            version: 10,
        }
    }

    /// An event tells of a Deployment that uses these Secrets, if they are there.
    pub(super) fn uses(&mut self, namespace: &str, name: &str, secrets: &[String]) {
        let workload = self.deployment(namespace, name, "auto", secrets);
        self.told(Fact::Workload(Box::new(workload), How::Made));
    }

    pub(super) fn told(&mut self, fact: Fact) {
        self.control.take(0, Input::Fact(fact));
    }

    /// A Secret changes.
    fn changes(&mut self, namespace: &str, name: &str) {
        self.version += 1;
        let version = self.version;
        self.told(Fact::Source(meta(namespace, name, version)));
    }

    fn deployment(
        &mut self,
        namespace: &str,
        name: &str,
        reload: &str,
        secrets: &[String],
    ) -> Workload {
        self.version += 1;
        let secret = |name: &String| json!({"secretRef": {"name": name, "optional": true}});
        let from: Vec<Value> = secrets.iter().map(secret).collect();
        let json = json!({
            "metadata": {"namespace": namespace, "name": name, "uid": name, "generation": 1,
                "resourceVersion": self.version.to_string(), "annotations": {"tidings.dev/reload": reload}},
            "spec": {"template": {"spec": {"containers": [{"envFrom": from}]}}},
        });
        let read = read_workload(
            &KINDS[0],
            json.to_string().as_bytes(),
            &Vocabulary::default(),
        );
        read.unwrap()
    }

    /// All turns until nothing more is due; every source that is asked for is absent.
    fn settle(&mut self) {
        loop {
            let effects = self.control.turn(0);
            for (source, told) in fetches(&effects) {
                let answer = Input::Fetched(source, told, Ok(Fetched::Absent));
                self.control.take(0, answer);
            }
            if effects.is_empty() && self.control.next().is_none_or(|at| at > 0) {
                return;
            }
        }
    }

    fn is_decided(&mut self, namespace: &str) -> bool {
        let decided = |desk: &WorkloadRef| &*desk.namespace == namespace;
        let leading = self.control.leading.as_ref().unwrap();
        leading.store.workloads().any(decided)
    }
}

pub(super) fn meta(namespace: &str, name: &str, version: u64) -> SourceMeta {
    let json =
        json!({"namespace": namespace, "name": name, "resourceVersion": version.to_string()});
    let meta: Meta = serde_json::from_value(json).unwrap();
    let meta = meta.into_source(SourceKind::Secret, &Vocabulary::default());
    meta.unwrap()
}

fn secrets(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("s{i:03}")).collect()
}

pub(super) fn fetches(effects: &[Effect]) -> Vec<(SourceRef, u32)> {
    let fetch = |effect: &Effect| match effect {
        Effect::Fetch(source, told, _) => Some((source.clone(), *told)),
        _ => None,
    };
    effects.iter().filter_map(fetch).collect()
}

fn lookups(effects: Vec<Effect>) -> Vec<Lookup> {
    let lookup = |effect| match effect {
        Effect::LookUp(lookup) => Some(lookup),
        _ => None,
    };
    effects.into_iter().filter_map(lookup).collect()
}

#[test]
fn what_is_not_there_is_found_out_by_one_list() {
    let mut town = Neighbourhood::new();
    town.uses("loud", "a", &secrets(300));
    town.uses("loud", "b", &secrets(300));
    let mut asked = lookups(town.control.turn(0));
    assert_eq!(asked.len(), 1);
    let lookup = asked.remove(0);
    assert_eq!((&*lookup.namespace, lookup.asked.len()), ("loud", 300));
    let there: BTreeSet<Name> = [lookup.asked[7].0.clone()].into();
    town.control.take(0, Input::LookedUp(lookup, Ok(there)));
    let fetched = fetches(&town.control.turn(0));
    assert_eq!(fetched.len(), 1);
    let (source, told) = fetched[0].clone();
    let answer = Input::Fetched(source, told, Ok(Fetched::Absent));
    town.control.take(0, answer);
    town.control.turn(0);
    assert!(town.is_decided("loud"));
}

#[test]
fn who_may_not_list_reads_one_by_one_and_so_many_at_once() {
    let mut town = Neighbourhood::new();
    town.uses("loud", "a", &secrets(300));
    let lookup = lookups(town.control.turn(0)).remove(0);
    let refused = ApiError::Forbidden(Refusal {
        verb: "list",
        resource: "secrets".to_owned(),
        namespace: Some("loud".into()),
        message: String::new(),
    });
    town.control.take(0, Input::LookedUp(lookup, Err(refused)));
    let mut under_way = fetches(&town.control.turn(0));
    assert_eq!(under_way.len(), 32);
    town.uses("quiet", "a", &secrets(3));
    under_way.extend(fetches(&town.control.turn(0)));
    assert_eq!(under_way.len(), 35, "the other namespace does not wait");
    let (mut answered, mut decisions) = (0, 0);
    while let Some((source, told)) = under_way.pop() {
        answered += 1;
        town.control
            .take(0, Input::Fetched(source, told, Ok(Fetched::Absent)));
        under_way.extend(fetches(&town.control.turn(0)));
        decisions += town.control.take_decided().len();
        assert!(under_way.len() <= 35);
    }
    assert_eq!(answered, 303);
    assert!(decisions <= 6, "{decisions} decisions");
    assert!(town.is_decided("loud") && town.is_decided("quiet"));
}

#[test]
fn a_turn_ends_and_the_next_is_another_namespaces() {
    let mut town = Neighbourhood::new();
    let some = secrets(3);
    for i in 0..3_000 {
        town.uses("loud", &format!("w{i}"), &some);
    }
    let mut under_way = fetches(&town.control.turn(0));
    assert!(
        town.control.next() <= Some(0),
        "not all was decided in one turn"
    );
    town.uses("quiet", "a", &some);
    under_way.extend(fetches(&town.control.turn(0)));
    let is_of = |namespace| {
        under_way
            .iter()
            .any(|(source, _)| &*source.namespace == namespace)
    };
    assert!(is_of("loud") && is_of("quiet"));
}

/// However many use a source, and however often it changes, they are told in the turn of
/// their namespace, and once.
#[test]
fn a_crowd_is_told_in_its_own_turn() {
    let mut town = Neighbourhood::new();
    let one = secrets(1);
    (0..3_000).for_each(|i| town.uses("loud", &format!("w{i}"), &one));
    town.settle();
    for _ in 0..50 {
        town.changes("loud", "s000");
    }
    assert_eq!(
        town.control.gauges().queue,
        0,
        "nobody was told when it was heard"
    );
    town.uses("quiet", "a", &one);
    let asked = fetches(&town.control.turn(0));
    let namespaces: Vec<_> = asked.iter().map(|(source, _)| &*source.namespace).collect();
    assert_eq!(namespaces, ["quiet", "loud"]);
}

/// Who names all sources, and then not, and then again, has them listed again only when
/// the last list is a while ago; and none counts that began before he named them.
#[test]
fn who_comes_and_goes_has_all_listed_once_in_a_while() {
    let mut town = Neighbourhood::new();
    let writes = |reload: &str, now: u64, town: &mut Neighbourhood| {
        let workload = town.deployment("loud", "a", reload, &[]);
        town.told(Fact::Workload(Box::new(workload), How::Made));
        listed(&town.control.turn(now))
    };
    let answer = |town: &mut Neighbourhood| {
        let metas = (0..5_000).map(|i| meta("loud", &format!("s{i}"), 5));
        let answer = Input::Listed(SourceKind::Secret, "loud".into(), Ok(metas.collect()));
        town.control.take(0, answer);
    };
    assert_eq!(writes("secret/*", 0, &mut town), 1);
    assert_eq!(writes("off", 0, &mut town), 0);
    assert_eq!(writes("secret/*", 0, &mut town), 0, "one is under way");
    answer(&mut town);
    assert!(!town.is_decided("loud"), "it may lack what came meanwhile");
    assert_eq!(town.control.next(), Some(5_000));
    assert_eq!(listed(&town.control.turn(5_000)), 1);
    answer(&mut town);
    assert_eq!(listed(&town.control.turn(5_001)), 0);
    assert_eq!(town.control.index().sources(), 5_000);
}

/// Where a namespace has no room for a workload, it is followed when there is room again,
/// without having been written meanwhile.
#[test]
fn what_was_crowded_out_comes_back() {
    let mut town = Neighbourhood::new();
    let many = secrets(500);
    (0..100).for_each(|i| town.uses("loud", &format!("w{i:02}"), &many));
    let crowded = |town: &Neighbourhood| {
        let workloads = town.control.index().workloads();
        let crowded = workloads.filter(|(_, known)| known.crowded.is_some());
        crowded.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    let first = crowded(&town).first().cloned().unwrap();
    assert!(returns(&town.control.turn(0)).is_empty());
    let gone = WorkloadRef::new(&KINDS[0], "loud", "w00");
    town.told(Fact::WorkloadGone(gone, Version::MAX));
    assert_eq!(returns(&town.control.turn(0)), [(first.clone(), 0)]);
    let lost = ApiError::Unreachable("gone".to_owned());
    let failed = Input::Returned(first.clone(), Err(lost));
    town.control.take(0, failed);
    assert_eq!(returns(&town.control.turn(0)), [(first.clone(), 50)]);
    let workload = town.deployment("loud", &first.name, "auto", &many);
    let read = Input::Returned(first.clone(), Ok(Some(Box::new(workload))));
    town.control.take(50, read);
    assert!(!crowded(&town).contains(&first));
    assert!(
        returns(&town.control.turn(50)).is_empty(),
        "there is no more room"
    );
}

/// Its answer is from before it was deleted.
#[test]
fn who_was_read_again_and_is_gone_since_stays_gone() {
    let mut town = Neighbourhood::new();
    let late = town.deployment("loud", "late", "auto", &[]);
    let key = late.key.clone();
    town.told(Fact::WorkloadGone(key.clone(), Version::MAX));
    let read = Input::Returned(key.clone(), Ok(Some(Box::new(late))));
    town.control.take(0, read);
    assert!(town.control.index().get(&key).is_none());
}

fn listed(effects: &[Effect]) -> usize {
    let is_list = |effect: &&Effect| matches!(effect, Effect::List(..));
    effects.iter().filter(is_list).count()
}

fn returns(effects: &[Effect]) -> Vec<(WorkloadRef, Millis)> {
    let returns = |effect: &Effect| match effect {
        Effect::Return(key, at) => Some((key.clone(), *at)),
        _ => None,
    };
    effects.iter().filter_map(returns).collect()
}

/// Where the records of a namespace take all that they may, who has no room is unknown and
/// told, and tried again; those of workloads that are gone go first.
#[test]
fn who_has_no_room_for_a_record_is_told_and_tried_again() {
    let mut town = Neighbourhood::new();
    let key = |name: &str| WorkloadRef::new(&KINDS[0], "loud", name);
    let leading = town.control.leading.as_mut().unwrap();
    for bytes in [1_000_000, 10_000, 1] {
        let entry = Entry {
            because: "x".repeat(bytes),
            ..Entry::new("u".into(), Epoch::draw(1, "u"), Digest::of_parts(&[]))
        };
        let mut names = (0..1_000).map(|i| key(&format!("w{bytes}-{i}")));
        assert!(names.any(|key| leading.store.put(&key, entry.clone()).is_err()));
    }
    are_written(&mut leading.store);
    town.uses("loud", "a", &secrets(1));
    town.uses("loud", "b", &secrets(1));
    town.settle();
    let desk = |town: &Neighbourhood| {
        let leading = town.control.leading.as_ref().unwrap();
        let desk = leading.desks.get(&key("a")).unwrap();
        let problems: Vec<_> = desk.announced.problems().collect();
        (desk.announced.standing(), problems)
    };
    let told = (Some(Word::Unknown), vec![Reason::LimitExceeded]);
    assert_eq!(desk(&town), told);
    assert!(town.control.next() > Some(1_000), "not at once");

    let leading = town.control.leading.as_mut().unwrap();
    leading.store.remove(&key("w1000000-0"), 0);
    are_written(&mut leading.store);
    town.control.turn(60_000);
    assert_eq!(desk(&town), (Some(Word::InStep), vec![]));
}

fn are_written(store: &mut Store) {
    for write in store.take_writes(0, true) {
        store.written(&write, "1".to_owned());
    }
}
