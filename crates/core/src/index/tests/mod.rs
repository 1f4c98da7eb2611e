//! What each kind of fact does to the index. That their order does not matter is
//! `order`'s; that what is not known is waited for, `unknown`'s.

mod home;
mod order;
mod unknown;

use serde_json::{Value, json};

use super::*;
use crate::bounds;
use crate::digest::Digest;
use crate::kinds::KINDS;
use crate::needs::needs_of;
use crate::object::{Meta, SourceMeta, Version, Workload, read_workload};
use crate::refs::WorkloadRef;
use crate::vocabulary::Vocabulary;

/// A Deployment in namespace `ns` with this pod spec, as an event shows it.
pub(crate) fn workload(name: &str, spec: &Value) -> Workload {
    opted_in(name, 10, "", spec)
}

fn opted_in(name: &str, version: Version, reload: &str, spec: &Value) -> Workload {
    let annotations = match reload {
        "" => json!({}),
        text => json!({"tidings.dev/reload": text}),
    };
    let json = json!({
        "metadata": {"namespace": "ns", "name": name, "uid": name, "resourceVersion": version.to_string(),
            "generation": version, "annotations": annotations},
        "spec": {"template": {"spec": spec}},
    });
    read_workload(
        &KINDS[0],
        json.to_string().as_bytes(),
        &Vocabulary::default(),
    )
    .unwrap()
}

fn from(names: &[&str]) -> Value {
    let env_from: Vec<_> = names
        .iter()
        .map(|name| json!({"configMapRef": {"name": name}}))
        .collect();
    json!({"containers": [{"envFrom": env_from}]})
}

fn web() -> WorkloadRef {
    WorkloadRef::new(&KINDS[0], "ns", "web")
}

fn cm(name: &str) -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", name)
}

fn meta(name: &str, version: Version) -> SourceMeta {
    let json = json!({"namespace": "ns", "name": name, "resourceVersion": version.to_string()});
    let meta: Meta = serde_json::from_value(json).unwrap();
    meta.into_source(SourceKind::ConfigMap, &Vocabulary::default())
        .unwrap()
}

fn fetched(name: &str, version: Version) -> Fetched {
    let digest = Digest::of_key(&cm(name), "k", &version.to_le_bytes());
    let content = Content::new(version, [("k".into(), digest)]);
    Fetched::Present(meta(name, version), content)
}

fn stream(of: StreamOf) -> Stream {
    let namespace = None;
    Stream { of, namespace }
}

const WORKLOADS: StreamOf = StreamOf::Workloads(&KINDS[0]);
const CONFIG_MAPS: StreamOf = StreamOf::Sources(SourceKind::ConfigMap);
const SECRETS: StreamOf = StreamOf::Sources(SourceKind::Secret);

/// Gone while nobody looked.
fn unseen(key: WorkloadRef) -> Gone {
    Gone {
        key,
        how: Going::Unseen,
    }
}

fn complete(index: &mut Index, of: StreamOf, version: Version) -> Concerned {
    index.begin_list(&stream(of));
    index.end_list(&stream(of), version)
}

/// An index in which `web` uses `c`, and all streams are complete.
fn index() -> Index {
    let of = [WORKLOADS, CONFIG_MAPS, SECRETS];
    let mut index = Index::new(Defaults::default(), of.map(stream));
    for of in of {
        complete(&mut index, of, 10);
    }
    index.apply_workload(opted_in("web", 11, "auto", &from(&["c"])), How::Event);
    index
}

impl Index {
    /// What decisions would work out, for all workloads.
    pub(crate) fn work_out_all(&mut self) {
        let all: Vec<_> = self.workloads.keys().cloned().collect();
        for key in &all {
            self.work_out(key);
        }
    }
}

fn told(index: &Index, name: &str) -> u32 {
    index.source(&cm(name)).unwrap().told
}

fn presence(index: &Index, name: &str) -> Presence {
    index.view(&cm(name)).presence.clone()
}

/// Its status says how many pods there should be, and says it after they were made: so one
/// that has none, and then some, may have had them before what changed in between.
#[test]
fn a_daemon_set_is_not_scaled_up() {
    let mut index = index();
    let kind = KINDS.iter().find(|kind| kind.word == "daemonset").unwrap();
    let key = WorkloadRef::new(kind, "ns", "web");
    let mut told = |version: Version, generation: u32, observed: u32, pods: u32| {
        let json = json!({
            "metadata": {"namespace": "ns", "name": "web", "uid": "web",
                "resourceVersion": version.to_string(), "generation": generation},
            "spec": {"template": {"spec": from(&["c"])}},
            "status": {"observedGeneration": observed, "desiredNumberScheduled": pods,
                "currentNumberScheduled": pods, "updatedNumberScheduled": pods},
        });
        let json = json.to_string();
        let web = read_workload(kind, json.as_bytes(), &Vocabulary::default()).unwrap();
        index.apply_workload(
            web,
            if version == 12 {
                How::Listed
            } else {
                How::Event
            },
        );
        index.get(&key).unwrap().pods.edited
    };
    told(12, 1, 1, 0);
    assert_eq!(
        told(13, 2, 1, 0),
        None,
        "its controller has not seen the edit"
    );
    assert_eq!(told(14, 2, 2, 0), None);
    assert_eq!(told(15, 2, 2, 3), None);
}

/// A cache that lags behind may tell of the workload that had the name before.
#[test]
fn what_is_told_of_an_older_version_is_not_believed() {
    let mut index = index();
    let then = |index: &Index| index.get(&web()).map(|known| known.workload.version);
    index.apply(Fact::WorkloadGone(web(), 5));
    assert_eq!(then(&index), Some(11));
    for how in [How::Made, How::Event] {
        let mut another = opted_in("web", 5, "off", &from(&["c"]));
        another.uid = "another".into();
        index.apply_workload(another, how);
        assert_eq!(then(&index), Some(11));
    }
    index.apply(Fact::WorkloadGone(web(), 12));
    assert_eq!(then(&index), None);
}

#[test]
fn an_event_of_a_workload_that_no_list_showed_is_not_that_it_was_made() {
    let mut index = index();
    let beginning = |index: &Index, name: &str| {
        let key = WorkloadRef::new(&KINDS[0], "ns", name);
        index.get(&key).unwrap().beginning
    };
    index.apply_workload(opted_in("left-out", 12, "auto", &from(&["c"])), How::Event);
    assert_eq!(beginning(&index, "left-out"), Beginning::Found);
    index.apply_workload(opted_in("new", 13, "auto", &from(&["c"])), How::Made);
    assert_eq!(beginning(&index, "new"), Beginning::Made(13));
}

#[test]
fn an_answer_from_before_an_event_does_not_count() {
    let mut index = index();
    let asked = told(&index, "c");
    assert!(index.apply_source(&meta("c", 12)));
    index.apply_fetched(&cm("c"), asked, Fetched::Absent);
    assert!(matches!(presence(&index, "c"), Presence::Present(_)));

    let asked = told(&index, "c");
    assert!(index.delete_source(&cm("c"), 13));
    index.apply_fetched(&cm("c"), asked, fetched("c", 12));
    assert_eq!(presence(&index, "c"), Presence::Unknown);
}

#[test]
fn an_answer_to_one_that_was_dropped_does_not_count() {
    let mut index = index();
    let asked = told(&index, "c");
    index.apply_workload(opted_in("web", 12, "off", &from(&["c"])), How::Event);
    assert_eq!(index.sources(), 0);
    index.apply_fetched(&cm("c"), asked, Fetched::Absent);
    assert_eq!((index.sources(), index.pass_on(&cm("c"))), (0, vec![]));
    index.apply_workload(opted_in("web", 13, "auto", &from(&["c"])), How::Event);
    index.apply_fetched(&cm("c"), asked, Fetched::Absent);
    assert_eq!(presence(&index, "c"), Presence::Unknown);
}

#[test]
fn a_late_answer_does_not_replace_a_newer_one() {
    let mut index = index();
    let asked = told(&index, "c");
    index.apply_fetched(&cm("c"), asked, fetched("c", 14));
    index.apply_fetched(&cm("c"), asked, fetched("c", 13));
    assert_eq!(
        index.source(&cm("c")).unwrap().current().unwrap().version,
        14
    );
    index.apply_source(&meta("c", 15));
    assert!(index.source(&cm("c")).unwrap().current().is_none());
}

#[test]
fn what_a_list_does_not_show_is_gone() {
    let mut index = index();
    index.apply_workload(
        opted_in("other", 12, "auto", &from(&["c", "d"])),
        How::Event,
    );
    index.apply_source(&meta("c", 13));
    index.apply_source(&meta("d", 13));
    index.begin_list(&stream(CONFIG_MAPS));
    index.apply_source(&meta("c", 13));
    let concerned = index.end_list(&stream(CONFIG_MAPS), 14);
    assert_eq!(concerned.changed, [cm("d")]);
    assert_eq!(&*index.pass_on(&cm("d"))[0].name, "other");
    assert_eq!(presence(&index, "d"), Presence::Unknown);

    index.begin_list(&stream(WORKLOADS));
    index.apply_workload(
        opted_in("other", 12, "auto", &from(&["c", "d"])),
        How::Listed,
    );
    let concerned = index.end_list(&stream(WORKLOADS), 15);
    assert_eq!(concerned.gone, [unseen(web())]);
    assert_eq!(index.get(&web()).map(|k| k.since), None);
}

#[test]
fn an_answer_from_before_a_list_does_not_count() {
    let mut index = index();
    let asked = told(&index, "c");
    complete(&mut index, CONFIG_MAPS, 13);
    index.apply_fetched(&cm("c"), asked, fetched("c", 12));
    assert_eq!(presence(&index, "c"), Presence::Unknown);
}

#[test]
fn a_namespace_does_not_keep_what_a_list_does_not_show() {
    let mut index = index();
    index.begin_list(&stream(WORKLOADS));
    let defaults = [("tidings.dev/settle".to_owned(), "1s".to_owned())];
    let concerned = index.apply_namespace(&"ns".into(), defaults.into(), false, None);
    assert_eq!(concerned, [web()]);
    assert_eq!(index.get(&web()).unwrap().policy.own.settle, Some(1_000));
    assert_eq!(index.end_list(&stream(WORKLOADS), 15).gone, [unseen(web())]);
}

#[test]
fn a_list_older_than_what_is_known_is_believed() {
    let mut index = index();
    index.apply_workload(opted_in("web", 90, "auto", &from(&["c", "d"])), How::Event);
    index.apply_source(&meta("c", 91));
    index.begin_list(&stream(WORKLOADS));
    index.apply_workload(opted_in("web", 20, "auto", &from(&["c"])), How::Listed);
    assert_eq!(index.end_list(&stream(WORKLOADS), 21).gone, []);
    let known = index.get(&web()).unwrap();
    assert_eq!(
        (known.workload.version, known.pods.edited, known.since),
        (20, None, 21)
    );
    index.begin_list(&stream(CONFIG_MAPS));
    assert!(index.apply_source(&meta("c", 19)));
    index.end_list(&stream(CONFIG_MAPS), 21);
    assert_eq!(presence(&index, "c"), Presence::Unknown);
}

#[test]
fn an_event_older_than_what_is_known_is_late() {
    let mut index = index();
    index.apply_source(&meta("c", 20));
    assert!(!index.apply_source(&meta("c", 19)));
    assert!(!index.delete_source(&cm("c"), 19));
    assert!(matches!(presence(&index, "c"), Presence::Present(p) if p.version == 20));
    let late = opted_in("web", 9, "off", &from(&[]));
    let concerned = index.apply_workload(late, How::Event);
    assert_eq!(concerned, Concerned::default());
    assert!(index.get(&web()).unwrap().policy.opted_in());
}

#[test]
fn a_new_use_leaves_the_others_as_they_are_known() {
    let mut index = index();
    let asked = told(&index, "c");
    index.apply_fetched(&cm("c"), asked, fetched("c", 12));
    index.apply_workload(opted_in("web", 13, "auto", &from(&["c", "d"])), How::Event);
    assert!(index.source(&cm("c")).unwrap().current().is_some());
    assert_eq!(index.sources(), 2);
    index.delete_workload(&web());
    assert_eq!(index.sources(), 0);
}

#[test]
fn what_cannot_roll_anything_is_not_held() {
    let mut index = index();
    let uses = from(&["c", "d"]);
    index.apply_workload(opted_in("web", 13, "!configmap/d", &uses), How::Event);
    assert_eq!((index.sources(), index.users(&cm("d"))), (1, vec![]));
    index.apply_workload(opted_in("web", 14, "configmap/d", &uses), How::Event);
    assert_eq!((index.sources(), index.users(&cm("d"))), (1, vec![web()]));
    assert!(!index.apply_source(&meta("x", 15)));
    assert_eq!(index.sources(), 1);
}

/// An index in which `web` names `d-*`, and what is there was listed for it.
fn wild() -> Index {
    let mut index = index();
    let uses = from(&["c"]);
    index.apply_workload(
        opted_in("web", 13, "auto, configmap/d-*", &uses),
        How::Event,
    );
    let listing = (SourceKind::ConfigMap, Name::from("ns"));
    assert_eq!(index.take_listings(), [listing]);
    assert!(index.take_listings().is_empty());
    index
}

fn list(index: &mut Index, names: &[&str], version: Version) -> Concerned {
    let metas = names.iter().map(|name| meta(name, version)).collect();
    let concerned = index.apply_listing(SourceKind::ConfigMap, &"ns".into(), metas);
    index.work_out_all();
    concerned
}

#[test]
fn a_pattern_waits_for_its_list() {
    let mut index = wild();
    let needs = |index: &Index| needs_of(index.get(&web()).unwrap(), index, None);
    assert!(needs(&index).unlisted);
    index.retry_listing(SourceKind::ConfigMap, &"ns".into());
    assert_eq!(index.take_listings().len(), 1);
    assert_eq!(list(&mut index, &["d-1", "e"], 12).look, [web()]);
    let names: Vec<_> = needs(&index)
        .needs
        .iter()
        .map(|n| n.source.to_string())
        .collect();
    assert_eq!(names, ["configmap/c", "configmap/d-1"]);
    assert!(index.apply_source(&meta("d-2", 14)));
    assert_eq!(index.pass_on(&cm("d-2")), [web()]);
    assert!(!index.apply_source(&meta("e", 14)));
}

#[test]
fn a_list_for_one_is_news_to_others() {
    let mut index = wild();
    let other = opted_in("other", 14, "auto", &from(&["x"]));
    let key = other.key.clone();
    index.apply_workload(other, How::Event);
    index.apply_source(&meta("x", 15));
    let concerned = list(&mut index, &["x"], 16);
    assert_eq!(
        (concerned.read, concerned.look),
        (vec![cm("x")], vec![web()])
    );
    assert_eq!(index.pass_on(&cm("x")), [key]);
    assert!(!index.apply_source(&meta("x", 16)));
}

#[test]
fn what_is_gone_is_not_held_for_a_pattern() {
    let mut index = wild();
    list(&mut index, &["d-1", "e"], 12);
    assert_eq!(index.sources(), 3);
    index.delete_source(&cm("e"), 13);
    assert_eq!(
        (index.sources(), presence(&index, "e")),
        (2, Presence::Absent)
    );
    index.delete_source(&cm("d-1"), 13);
    assert_eq!(presence(&index, "d-1"), Presence::Unknown);
    let asked = told(&index, "d-1");
    index.apply_fetched(&cm("d-1"), asked, Fetched::Absent);
    assert_eq!(index.pass_on(&cm("d-1")), [web()]);
    assert_eq!(
        (index.sources(), presence(&index, "d-1")),
        (1, Presence::Absent)
    );
    index.apply_workload(opted_in("web", 20, "auto", &from(&["c"])), How::Event);
    assert_eq!(presence(&index, "d-1"), Presence::Unknown);
}

#[test]
fn only_those_who_need_a_stream_wait_for_it() {
    let of = [WORKLOADS, CONFIG_MAPS, SECRETS];
    let mut index = Index::new(Defaults::default(), of.map(stream));
    index.begin_list(&stream(WORKLOADS));
    index.apply_workload(opted_in("web", 1, "auto", &from(&["c"])), How::Listed);
    let named = opted_in("named", 1, "secret/s", &from(&["c"]));
    let key = named.key.clone();
    index.apply_workload(named, How::Listed);
    assert!(!index.ready(&web()));
    index.end_list(&stream(WORKLOADS), 2);
    assert!(!index.ready(&web()));
    complete(&mut index, CONFIG_MAPS, 2);
    assert!(index.ready(&web()) && !index.ready(&key));
    let look = complete(&mut index, SECRETS, 2).look;
    assert!(index.ready(&key) && look.contains(&key));
    assert!(complete(&mut index, SECRETS, 3).look.is_empty());
}

#[test]
fn a_kind_that_is_not_watched_blocks_nobody() {
    let mut index = Index::new(Defaults::default(), [WORKLOADS, CONFIG_MAPS].map(stream));
    index.begin_list(&stream(WORKLOADS));
    let uses = from(&["c"]);
    index.apply_workload(
        opted_in("web", 1, "auto, secret/s-*, secret/t", &uses),
        How::Listed,
    );
    index.end_list(&stream(WORKLOADS), 2);
    complete(&mut index, CONFIG_MAPS, 2);
    assert!(index.ready(&web()) && index.take_listings().is_empty());
    let needs = needs_of(index.get(&web()).unwrap(), &index, None);
    assert!(!needs.unlisted);
    assert_eq!(needs.problems.len(), 1);
    assert!(
        needs.problems[0]
            .text
            .contains("secret/s-* is named, but not watched")
    );
}

#[test]
fn a_source_takes_little_memory() {
    assert!(size_of::<Source>() <= 144, "{}", size_of::<Source>());
    assert!(size_of::<SourceRef>() <= 40);
    assert!(size_of::<(Name, Digest)>() <= 32);
}

#[test]
fn no_more_digests_are_held_than_a_namespace_may_have() {
    let mut index = Index::new(Defaults::default(), []);
    index.apply_namespace(&"ns".into(), [].into(), false, None);
    let names: Vec<_> = (0..20).map(|i| format!("c{i}")).collect();
    let used: Vec<_> = names.iter().map(|name| &**name).collect();
    index.apply_workload(opted_in("web", 10, "auto", &from(&used)), How::Event);
    for (i, name) in names.iter().enumerate() {
        let keys = if i < 15 { 10 } else { bounds::KEYS_HELD / 4 };
        let digest = Digest::of_key(&cm(name), "k", b"v");
        let keys: Vec<_> = (0..keys)
            .map(|i| (format!("{i:06}").into(), digest))
            .collect();
        let read = Fetched::Present(meta(name, 5), Content::new(5, keys));
        let told = index.source(&cm(name)).unwrap().told;
        index.apply_fetched(&cm(name), told, read);
    }
    let held = |index: &Index| {
        let contents = names
            .iter()
            .filter_map(|name| index.source(&cm(name))?.current());
        contents
            .map(|content| content.keys.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(held(&index).len(), 20);
    index.shed(&"ns".into());
    assert_eq!(held(&index).len(), 18, "the small ones stay");
    assert!(held(&index).iter().sum::<usize>() <= bounds::KEYS_HELD);
}

/// A cache that lags behind.
#[test]
fn an_answer_older_than_what_was_told_is_late() {
    let mut index = index();
    index.apply_source(&meta("c", 20));
    let asked = told(&index, "c");
    assert!(index.is_late(&cm("c"), asked, &fetched("c", 19)));
    assert!(index.is_late(&cm("c"), asked, &Fetched::Absent));
    assert!(!index.is_late(&cm("c"), asked, &fetched("c", 20)));
    index.delete_source(&cm("c"), 21);
    let asked = told(&index, "c");
    assert!(!index.is_late(&cm("c"), asked, &Fetched::Absent));
    // The answer to an earlier question is of no moment at all.
    index.apply_source(&meta("c", 30));
    assert!(!index.is_late(&cm("c"), asked, &fetched("c", 19)));
}
