//! The pods of a workload are those that it made, directly or by a ReplicaSet, whatever
//! labels others have.

use std::sync::Arc;

use serde_json::{Value, json};
use tidings::api::{ApiError, Term};
use tidings::control::Poking;
use tidings::fetch::Roster;
use tidings_core::kinds::Kind;
use tidings_core::ladder::Acted;
use tidings_core::method::Method;
use tidings_core::refs::WorkloadRef;
use tidings_core::state::Number;

use crate::fake::{Answer, Fake, page};

const WEB: &str = "/apis/apps/v1/namespaces/ns/deployments/web";
const PODS: &str = "/api/v1/namespaces/ns/pods";
const SETS: &str = "/apis/apps/v1/namespaces/ns/replicasets";

fn pod(name: &str, kind: &str, maker: &str, ready: bool) -> Value {
    json!({
        "metadata": {"name": name, "uid": name,
            "ownerReferences": [{"kind": kind, "uid": maker, "controller": true}]},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running", "podIP": "10.0.0.7",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            "containerStatuses": [{"name": "nginx", "state": {"running": {}}}]},
    })
}

fn set(uid: &str, owner: &str) -> Value {
    json!({"metadata": {"name": uid, "uid": uid, "ownerReferences": [{"uid": owner}]}})
}

fn node(ready: &str) -> Answer {
    Answer::json(&json!({"metadata": {},
        "status": {"conditions": [{"type": "Ready", "status": ready}]}}))
}

fn owner() -> Answer {
    let selector = json!({"matchLabels": {"app": "web"}});
    Answer::json(&json!({"metadata": {"uid": "u"}, "spec": {"selector": selector}}))
}

fn roster() -> Roster {
    let key = WorkloadRef::new(Kind::parse("deployment").unwrap(), "ns", "web");
    Roster::new("u".into(), key, Arc::new(["nginx".into()]))
}

fn names(pods: &[tidings_core::ladder::LivePod]) -> Vec<(&str, bool)> {
    let shown = pods
        .iter()
        .map(|live| (&*live.pod.name, live.pod.node_ready));
    shown.collect()
}

#[tokio::test]
async fn labels_alone_make_no_pod_the_workloads() {
    let pods = [
        pod("ours", "ReplicaSet", "rs", true),
        pod("direct", "StatefulSet", "u", true),
        pod("forged", "ReplicaSet", "other", true),
        pod("another", "DaemonSet", "rs", true),
    ];
    let again = [pods[0].clone(), pods[2].clone()];
    let fake = Fake::new()
        .at(WEB, [owner()])
        .at(PODS, [page(1, "", &pods), page(2, "", &again)])
        .at(SETS, [page(1, "", &[set("rs", "u"), set("other", "x")])]);
    let (api, mut roster) = (fake.api(), roster());
    let listed = roster.list(&api).await.unwrap();
    assert_eq!(names(&listed), [("ours", true), ("direct", true)]);
    assert_eq!(fake.asked().len(), 3);
    assert_eq!(fake.asked()[1].query("labelSelector"), Some("app%3Dweb"));
    // What does not change is not asked again.
    assert_eq!(names(&roster.list(&api).await.unwrap()), [("ours", true)]);
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test]
async fn nodes_are_asked_for_where_pods_are_not_ready() {
    let pods = [
        pod("up", "ReplicaSet", "rs", true),
        pod("down", "ReplicaSet", "rs", false),
    ];
    let fake = Fake::new()
        .at(WEB, [owner()])
        .at(PODS, (0..4).map(|version| page(version, "", &pods)))
        .at(SETS, [page(1, "", &[set("rs", "u")])])
        .at(
            "/api/v1/nodes/n1",
            [
                node("True"),
                node("Unknown"),
                Answer::missing("n1"),
                Answer::status(403, "nodes is forbidden: User cannot get"),
            ],
        );
    let (api, mut roster) = (fake.api(), roster());
    for is_there in [true, false, false] {
        let listed = roster.list(&api).await.unwrap();
        assert_eq!(names(&listed), [("up", true), ("down", is_there)]);
    }
    let refused = roster.list(&api).await.unwrap_err();
    assert!(matches!(&refused, ApiError::Forbidden(_)), "{refused}");
}

#[tokio::test]
async fn the_next_ladder_knows_where_the_pods_are() {
    let pods = [
        pod("ours", "ReplicaSet", "rs", true),
        pod("forged", "ReplicaSet", "other", true),
    ];
    let sets = [set("rs", "u"), set("other", "x")];
    let adopted = [set("rs", "u"), set("other", "u")];
    let fake = Fake::new()
        .at(WEB, [owner()])
        .at(
            PODS,
            [&pods[..], &pods[..1], &pods[..]].map(|pods| page(1, "", pods)),
        )
        .at(SETS, [page(1, "", &sets), page(2, "", &adopted)]);
    let (api, mut first) = (fake.api(), roster());
    first.list(&api).await.unwrap();
    let mut next = roster().knowing(first.found().clone().lasting());
    assert_eq!(names(&next.list(&api).await.unwrap()), [("ours", true)]);
    assert_eq!(fake.asked().len(), 4);
    // A ReplicaSet that was somebody else's may be the workload's now.
    let both = [("ours", true), ("forged", true)];
    assert_eq!(names(&next.list(&api).await.unwrap()), both);
}

/// It would be every pod of the namespace.
#[tokio::test]
async fn what_selects_nothing_has_no_pods() {
    let nothing = json!({"metadata": {"uid": "u"}, "spec": {}});
    let fake = Fake::new().at(WEB, [Answer::json(&nothing)]);
    assert_eq!(roster().list(&fake.api()).await, Err(ApiError::Unreadable));
}

#[tokio::test]
async fn a_poke_is_of_one_pod_and_never_the_same() {
    let place = format!("{PODS}/web-x");
    let live = Answer::json(&pod("web-x", "ReplicaSet", "rs", true));
    let fake = Fake::new().at(
        &place,
        [
            live.clone(),
            live,
            Answer::status(409, "the UID in the precondition"),
            Answer::missing("web-x"),
            Answer::status(403, "pods is forbidden: User cannot patch"),
        ],
    );
    let (api, term) = (fake.api(), Term::endless());
    let poking = Poking {
        namespace: "ns".into(),
        pod: "web-x".into(),
        uid: "u".into(),
        number: Number::parse("4-k7f2").unwrap(),
        method: Method::Hot,
        users: Arc::new([]),
    };
    let mut tokens = Vec::new();
    for _ in 0..2 {
        match tidings::act::poke(api.within(&term), &poking).await {
            Ok(Acted::Done { token, deaths: 0 }) => tokens.push(token),
            other => panic!("{other:?}"),
        }
    }
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(tokens[0].as_ref().map(|token| token.len()), Some(32));
    for _ in 0..2 {
        let gone = tidings::act::poke(api.within(&term), &poking).await;
        assert_eq!(gone, Ok(Acted::Gone));
    }
    let refused = tidings::act::poke(api.within(&term), &poking).await;
    assert!(matches!(refused, Err(ApiError::Forbidden(_))));
}
