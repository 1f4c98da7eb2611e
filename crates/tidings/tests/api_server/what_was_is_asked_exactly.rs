//! How an object was at a version: asked of that very moment, and where it is not
//! told that is an answer of its own.

use serde_json::{Value, json};
use tidings::fetch::find;
use tidings::watch::scope::Filter;
use tidings_core::evidence::{Finding, Question};
use tidings_core::index::Fetched;
use tidings_core::kinds::KINDS;
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};

use crate::fake::{Answer, Fake};

const MAPS: &str = "/api/v1/namespaces/ns/configmaps";
const WEBS: &str = "/apis/apps/v1/namespaces/ns/deployments";

fn list(items: &Value) -> Answer {
    Answer::json(&json!({"metadata": {"resourceVersion": "90"}, "items": items}))
}

async fn ask(path: &str, answer: Answer, question: Question) -> (Finding, Fake) {
    let fake = Fake::new().at(path, [answer]);
    let web = WorkloadRef::new(&KINDS[0], "ns", "web");
    let found = find(&fake.api(), &web, &question, &Filter::default()).await;
    (found.unwrap(), fake)
}

fn of_map() -> Question {
    Question::Source(SourceRef::new(SourceKind::ConfigMap, "ns", "app"), 90)
}

#[tokio::test]
async fn a_source_is_digested_as_it_was() {
    let map = json!([{"metadata": {"namespace": "ns", "name": "app", "resourceVersion": "80"},
        "data": {"k": "1"}}]);
    let (found, fake) = ask(MAPS, list(&map), of_map()).await;
    let Finding::Source(Fetched::Present(meta, content)) = found else {
        panic!("{found:?}");
    };
    assert_eq!((meta.version, content.keys.len()), (80, 1));
    let asked = &fake.asked()[0];
    assert_eq!(asked.query("fieldSelector"), Some("metadata.name%3Dapp"));
    assert_eq!(asked.query("resourceVersion"), Some("90"));
    assert_eq!(asked.query("resourceVersionMatch"), Some("Exact"));
}

#[tokio::test]
async fn what_was_not_there_is_told_apart_from_what_is_not_known() {
    let (found, _) = ask(MAPS, list(&Value::Null), of_map()).await;
    assert_eq!(found, Finding::Source(Fetched::Absent));
    let (found, _) = ask(WEBS, list(&json!([])), Question::Workload(90)).await;
    assert_eq!(found, Finding::Workload(None));
    for (code, expected) in [
        (410, Finding::Forgotten),
        (400, Finding::NotTold),
        (403, Finding::NotTold),
        (504, Finding::NotTold),
    ] {
        let (found, _) = ask(MAPS, Answer::status(code, "no"), of_map()).await;
        assert_eq!(found, expected, "{code}");
    }
}

#[tokio::test]
async fn a_workload_tells_whether_it_had_other_pods() {
    let web = json!([{"metadata": {"namespace": "ns", "name": "web", "uid": "u",
            "resourceVersion": "80", "generation": 2},
        "spec": {"template": {"spec": {"containers": []}}},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1}}]);
    let (found, _) = ask(WEBS, list(&web), Question::Workload(90)).await;
    let Finding::Workload(Some(then)) = found else {
        panic!("{found:?}");
    };
    assert_eq!((&*then.uid, then.alone), ("u", false));
}
