//! The age of a workload's pods is that of its current revision, or not known.

use serde_json::{Value, json};
use tidings::fetch::pods_since;
use tidings_core::evidence::PodsSince;
use tidings_core::kinds::Kind;
use tidings_core::refs::WorkloadRef;

use crate::fake::{Answer, Fake};

const AT: i64 = 1_795_434_240;
const WHEN: &str = "2026-11-23T11:44:00Z";
const BEFORE: &str = "2026-11-22T11:44:00Z";

fn owner(observed: i64) -> Value {
    json!({
        "metadata": {"uid": "u", "generation": 2,
            "annotations": {"deployment.kubernetes.io/revision": "3"}},
        "spec": {"selector": {"matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}},
        "status": {"observedGeneration": observed},
    })
}

fn revision(uid: &str, number: i64, created: &str) -> Value {
    json!({
        "metadata": {"creationTimestamp": created, "resourceVersion": "253", "ownerReferences": [{"uid": uid}],
            "annotations": {"deployment.kubernetes.io/revision": number.to_string()}},
        "revision": number,
    })
}

async fn ask(word: &str, observed: i64, history: &[Value]) -> (PodsSince, Fake) {
    let kind = Kind::parse(word).unwrap();
    let collection = match word {
        "deployment" => "replicasets",
        _ => "controllerrevisions",
    };
    let base = "/apis/apps/v1/namespaces/ns";
    let fake = Fake::new()
        .at(
            &format!("{base}/{}/web", kind.plural),
            [Answer::json(&owner(observed))],
        )
        .at(
            &format!("{base}/{collection}"),
            [Answer::json(
                &json!({"metadata": {"resourceVersion": "1"}, "items": history}),
            )],
        );
    let key = WorkloadRef::new(kind, "ns", "web");
    (pods_since(&fake.api(), &key).await.unwrap(), fake)
}

#[tokio::test]
async fn a_deployments_is_the_replica_set_of_its_number() {
    let history = [
        revision("other", 3, BEFORE),
        revision("u", 2, BEFORE),
        revision("u", 3, WHEN),
    ];
    let (since, fake) = ask("deployment", 2, &history).await;
    assert_eq!(since, PodsSince::At(AT, None));
    let selector = fake.asked()[1].query("labelSelector").unwrap().to_owned();
    assert_eq!(selector, "app%3Dweb%2Ctier%20in%20%28a%2Cb%29");
}

#[tokio::test]
async fn others_have_it_as_the_highest_of_their_own() {
    let history = [
        revision("u", 3, WHEN),
        revision("other", 9, BEFORE),
        revision("u", 1, BEFORE),
    ];
    for word in ["statefulset", "daemonset"] {
        let (since, _) = ask(word, 2, &history).await;
        assert_eq!(since, PodsSince::At(AT, Some(253)), "{word}");
    }
}

#[tokio::test]
async fn it_is_not_known_while_the_controller_lags_behind() {
    let (since, fake) = ask("deployment", 1, &[revision("u", 3, WHEN)]).await;
    assert_eq!(since, PodsSince::Lagging);
    assert_eq!(fake.asked().len(), 1);
}

/// An edit that is taken back gives its old ReplicaSet a new number, before the Deployment
/// has it: what that still names is the edit's, made later than the pods that are back.
#[tokio::test]
async fn it_is_not_known_while_a_replica_set_is_ahead_of_its_deployment() {
    let history = [revision("u", 4, BEFORE), revision("u", 3, WHEN)];
    let (since, _) = ask("deployment", 2, &history).await;
    assert_eq!(since, PodsSince::Lagging);
}

#[tokio::test]
async fn without_history_there_never_were_any() {
    for word in ["deployment", "statefulset", "daemonset"] {
        let (since, _) = ask(word, 2, &[revision("other", 3, WHEN)]).await;
        assert_eq!(since, PodsSince::Never, "{word}");
    }
}

#[tokio::test]
async fn it_is_not_known_of_what_is_gone() {
    let path = "/apis/apps/v1/namespaces/ns/deployments/web";
    let fake = Fake::new().at(path, [Answer::missing("web")]);
    let key = WorkloadRef::new(Kind::parse("deployment").unwrap(), "ns", "web");
    let since = pods_since(&fake.api(), &key).await;
    assert_eq!(since, Ok(PodsSince::Lagging));
}
