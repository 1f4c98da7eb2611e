//! What one namespace asks for costs another one nothing: the controller itself, with
//! answers as the API server would give them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings_core::index::{How, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::object::read_workload;
use tidings_core::refs::{Name, SourceKind, WorkloadRef};
use tidings_core::vocabulary::Vocabulary;

use super::simulation::control_of;
use super::*;
use crate::api::Refusal;

struct Neighbourhood {
    control: Control,
    version: u64,
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
    fn new() -> Self {
        let mut control = control_of(streams(), 0);
        for stream in streams() {
            let is_of_namespaces = stream.of == StreamOf::Namespaces;
            control.take(0, Input::Fact(Fact::ListBegan(stream.clone())));
            for name in ["loud", "quiet"].iter().filter(|_| is_of_namespaces) {
                let namespace = Fact::Namespace {
                    name: (*name).into(),
                    annotations: [].into(),
                    left_out: false,
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
    fn uses(&mut self, namespace: &str, name: &str, secrets: &[String]) {
        self.version += 1;
        let secret = |name: &String| json!({"secretRef": {"name": name, "optional": true}});
        let from: Vec<Value> = secrets.iter().map(secret).collect();
        let json = json!({
            "metadata": {"namespace": namespace, "name": name, "uid": name, "generation": 1,
                "resourceVersion": self.version.to_string(), "annotations": {"tidings.dev/reload": "auto"}},
            "spec": {"template": {"spec": {"containers": [{"envFrom": from}]}}},
        });
        let read = read_workload(
            &KINDS[0],
            json.to_string().as_bytes(),
            &Vocabulary::default(),
        );
        let fact = Fact::Workload(Box::new(read.unwrap()), How::Event);
        self.control.take(0, Input::Fact(fact));
    }

    fn is_decided(&mut self, namespace: &str) -> bool {
        let decided = |desk: &WorkloadRef| &*desk.namespace == namespace;
        let leading = self.control.leading.as_ref().unwrap();
        leading.store.workloads().any(decided)
    }
}

fn secrets(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("s{i:03}")).collect()
}

fn fetches(effects: &[Effect]) -> Vec<(SourceRef, u32)> {
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
