//! What is told by another object than the workload, and not known yet, is waited for.

use serde_json::json;

use super::*;
use crate::annotations::Annotations;
use crate::kinds::Kind;

const NAMESPACES: StreamOf = StreamOf::Namespaces;

/// A namespace `ns`, which the selector leaves out or not.
fn namespace(left_out: bool) -> Fact {
    Fact::Namespace {
        name: "ns".into(),
        annotations: Annotations::new(),
        left_out,
        since: None,
    }
}

/// All lists are complete, and `web`, which uses `c` and names others by a pattern, is
/// in a namespace that nothing was told of.
fn unknown() -> Index {
    let of = [NAMESPACES, WORKLOADS, CONFIG_MAPS];
    let mut index = Index::new(Defaults::default(), of.map(stream));
    for of in of {
        complete(&mut index, of, 10);
    }
    let web = opted_in("web", 11, "auto, configmap/d-*", &from(&["c"]));
    index.apply_workload(web, How::Event);
    index
}

#[test]
fn a_namespace_that_is_not_known_is_not_ours_until_it_is() {
    let mut index = unknown();
    assert!(!index.ready(&web()) && !index.get(&web()).unwrap().policy.opted_in());
    assert_eq!((index.sources(), index.take_listings()), (0, Vec::new()));

    assert_eq!(index.apply(namespace(true)).look, [web()]);
    assert!(index.ready(&web()) && index.left_out(&"ns".into()));
    assert_eq!((index.sources(), index.take_listings()), (0, Vec::new()));

    assert_eq!(index.apply(namespace(false)).look, [web()]);
    assert!(index.ready(&web()) && index.sources() == 1);
    assert_eq!(index.take_listings().len(), 1);
    // What is told again concerns nobody.
    assert!(index.apply(namespace(false)).look.is_empty());
}

#[test]
fn a_namespace_that_sets_nothing_is_known_all_the_same() {
    let mut index = unknown();
    assert_eq!(index.apply(namespace(false)).look, [web()]);
    assert!(index.ready(&web()));
}

#[test]
fn a_namespace_that_is_gone_is_not_known_any_more() {
    let mut index = unknown();
    index.apply(namespace(false));
    let gone = Fact::NamespaceGone("ns".into());
    assert_eq!(index.apply(gone).look, [web()]);
    assert!(!index.ready(&web()));
    // So is one that a list does not show, but not before it is complete.
    index.apply(namespace(false));
    index.begin_list(&stream(NAMESPACES));
    assert!(index.ready(&web()));
    assert_eq!(index.end_list(&stream(NAMESPACES), 12).look, [web()]);
    assert!(!index.ready(&web()));
    // One that it shows stays.
    index.begin_list(&stream(NAMESPACES));
    index.apply(namespace(false));
    assert!(index.end_list(&stream(NAMESPACES), 13).look.is_empty());
    assert!(index.ready(&web()));
}

/// That streams are complete is asked of workloads that are gone with their namespace.
#[test]
fn a_workload_that_is_gone_is_gone_whatever_is_known_of_its_namespace() {
    let mut index = unknown();
    index.apply(Fact::WorkloadGone(web(), 99));
    assert!(index.is_complete_for(&web()) && index.get(&web()).is_none());
}

#[test]
fn who_names_a_namespace_has_chosen_it() {
    let within = |of| Stream {
        of,
        namespace: Some("ns".into()),
    };
    let of = [NAMESPACES, WORKLOADS, CONFIG_MAPS];
    let mut index = Index::new(Defaults::default(), of.map(within));
    index.apply_workload(opted_in("web", 11, "auto", &from(&["c"])), How::Event);
    for of in of {
        assert!(!index.ready(&web()));
        index.end_list(&within(of), 0);
    }
    assert!(index.ready(&web()) && index.sources() == 1);
}

fn rollout() -> (&'static Kind, WorkloadRef) {
    let kind = Kind::parse("rollout").unwrap();
    (kind, WorkloadRef::new(kind, "ns", "web"))
}

/// A Rollout that uses the pod template of the Deployment `web`.
fn borrowing() -> Workload {
    let (kind, _) = rollout();
    let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let json = json!({
        "metadata": {"namespace": "ns", "name": "web", "uid": "r", "resourceVersion": "11",
            "annotations": {"tidings.dev/reload": "auto"}},
        "spec": {"workloadRef": reference},
    });
    let json = json.to_string();
    read_workload(kind, json.as_bytes(), &Vocabulary::default()).unwrap()
}

#[test]
fn a_pod_template_that_is_borrowed_is_waited_for() {
    let (kind, key) = rollout();
    let of = [StreamOf::Workloads(kind), CONFIG_MAPS, WORKLOADS];
    let mut index = Index::new(Defaults::default(), of.map(stream));
    for of in &of[..2] {
        complete(&mut index, *of, 10);
    }
    index.apply_workload(borrowing(), How::Event);
    assert!(!index.ready(&key));
    let concerned = complete(&mut index, WORKLOADS, 12);
    assert_eq!(concerned.look, std::slice::from_ref(&key));
    assert!(index.ready(&key));
}

#[test]
fn what_a_namespace_sets_for_a_lender_reaches_who_borrows() {
    let (kind, key) = rollout();
    let of = [
        NAMESPACES,
        WORKLOADS,
        StreamOf::Workloads(kind),
        CONFIG_MAPS,
    ];
    let mut index = Index::new(Defaults::default(), of.map(stream));
    index.apply_workload(opted_in("web", 11, "auto", &from(&["c"])), How::Event);
    index.apply_workload(borrowing(), How::Event);
    let lent = |index: &Index| index.get(&key).unwrap().workload.lent.clone().unwrap();
    assert!(!lent(&index).opted_in);
    assert!(index.apply(namespace(false)).look.contains(&key));
    index.work_out(&key);
    assert!(lent(&index).opted_in);
}

#[test]
fn a_cronjob_waits_for_those_who_tell_what_runs() {
    let [cronjob, job] = ["cronjob", "job"].map(|kind| Kind::parse(kind).unwrap());
    let of = [cronjob, job].map(StreamOf::Workloads);
    let mut index = Index::new(Defaults::default(), of.map(stream));
    let json = json!({
        "metadata": {"namespace": "ns", "name": "web", "uid": "c", "resourceVersion": "11"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": from(&[])}}}},
    });
    let json = json.to_string();
    let workload = read_workload(cronjob, json.as_bytes(), &Vocabulary::default()).unwrap();
    let key = workload.key.clone();
    complete(&mut index, of[0], 10);
    index.apply_workload(workload, How::Event);
    assert!(!index.ready(&key));
    let concerned = complete(&mut index, of[1], 12);
    assert_eq!(concerned.look, std::slice::from_ref(&key));
    assert!(index.ready(&key));
}

/// Of a template that its namespace has no room for nobody knows what it uses, whoever
/// borrows it; and they are told when there is room.
#[test]
fn who_borrows_from_one_that_is_crowded_knows_nothing() {
    let (kind, key) = rollout();
    let of = [WORKLOADS, StreamOf::Workloads(kind), CONFIG_MAPS];
    let mut index = Index::new(Defaults::default(), of.map(stream));
    let large: Vec<_> = (0..500).map(|i| format!("c{i}")).collect();
    let large: Vec<_> = large.iter().map(String::as_str).collect();
    let mut many = 0;
    while !index.workloads().any(|(_, known)| known.crowded.is_some()) {
        many += 1;
        let other = opted_in(&format!("a{many}"), 1, "off", &from(&large));
        index.apply_workload(other, How::Event);
    }
    index.apply_workload(opted_in("web", 11, "off", &from(&large)), How::Event);
    index.apply_workload(borrowing(), How::Event);
    index.work_out(&key);
    let lent = |index: &Index| index.get(&key).unwrap().workload.lent.clone().unwrap();
    assert!(lent(&index).crowded);

    let gone = (1..=many).map(|i| WorkloadRef::new(&KINDS[0], "ns", format!("a{i}")));
    gone.for_each(|other| drop(index.delete_workload(&other)));
    assert_eq!(index.take_returning(), [web()]);
    let back = opted_in("web", 11, "off", &from(&large));
    assert_eq!(index.apply_workload(back, How::Event).lent, [web()]);
    index.work_out(&key);
    assert!(!lent(&index).crowded);
    assert_eq!(index.get(&key).unwrap().workload.uses.len(), 500);
}

/// What is there then is what the pods of its workloads are taken to have.
#[test]
fn a_namespace_that_is_seen_to_opt_in_is_a_beginning() {
    let says = |reload: &str, since| Fact::Namespace {
        name: "ns".into(),
        annotations: [("tidings.dev/reload".to_owned(), reload.to_owned())].into(),
        left_out: false,
        since,
    };
    let began = |since| {
        let of = [NAMESPACES, WORKLOADS, CONFIG_MAPS];
        let mut index = Index::new(Defaults::default(), of.map(stream));
        for of in of {
            complete(&mut index, of, 10);
        }
        index.apply(says("off", None));
        index.apply_workload(opted_in("web", 11, "", &from(&["c"])), How::Event);
        index.apply(says("auto", since));
        index.get(&web()).unwrap().beginning
    };
    assert_eq!(began(Some(12)), Beginning::OptedIn(12));
    assert_eq!(began(None), Beginning::Found);
}
