//! A list is asked for as a stream of events; where the server does not know
//! that, in pages, and from then on always.

use rstest::rstest;
use tidings::watch::News;
use tidings_core::index::Fact;
use tidings_core::index::{Stream, StreamOf};
use tidings_core::refs::SourceKind::{ConfigMap, Secret};

use crate::fake::{
    Answer, CONFIG_MAPS, DEPLOYMENTS, Fake, SECRETS, deployments, meta, page, short, sources,
};

#[tokio::test(start_paused = true)]
async fn as_a_stream() {
    let answer = Answer::ok().event("ADDED", &meta("c", 3)).list_end(5);
    let answer = answer.event("MODIFIED", &meta("c", 6)).stays();
    let fake = Fake::new().at(CONFIG_MAPS, [answer]);
    let facts = fake.follow([sources(ConfigMap)]).take(4).await;
    assert_eq!(short(&facts), ["began", "c@3", "ended@5", "c@6"]);
    let asked = &fake.asked()[0];
    assert_eq!(asked.query("sendInitialEvents"), Some("true"));
    assert_eq!(asked.query("resourceVersionMatch"), Some("NotOlderThan"));
    assert_eq!(asked.query("allowWatchBookmarks"), Some("true"));
    assert_eq!(
        asked.headers["accept"],
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    );
}

#[tokio::test(start_paused = true)]
async fn workloads_are_listed_until_the_end_and_events_after_it() {
    let web = |version| {
        let mut web = meta("web", version);
        web["spec"] = serde_json::json!({"template": {}});
        web
    };
    let answer = Answer::ok().event("ADDED", &web(3)).list_end(5);
    let fake = Fake::new().at(DEPLOYMENTS, [answer.event("MODIFIED", &web(6)).stays()]);
    let facts = fake.follow([deployments()]).take(4).await;
    assert_eq!(
        short(&facts),
        ["began", "web@3 Listed", "ended@5", "web@6 Event"]
    );
    assert_eq!(fake.asked()[0].headers["accept"], "application/json");
}

#[rstest]
#[case(Answer::status(400, "unknown parameter"))]
#[case(Answer::status(422, "sendInitialEvents is forbidden"))]
#[case(Answer::ok().event("ADDED", &meta("a", 3)).stays())]
#[case(Answer::ok().event("ADDED", &meta("a", 3)).bookmark(4).stays())]
#[tokio::test(start_paused = true)]
async fn in_pages_where_streams_are_refused_or_not_known(#[case] refusal: Answer) {
    let pages = [
        page(5, "p 2", &[meta("a", 3)]),
        page(5, "", &[meta("b", 4)]),
    ];
    let watch = Answer::ok().event("MODIFIED", &meta("a", 6)).stays();
    let fake = Fake::new().at(CONFIG_MAPS, [refusal]);
    let fake = fake.at(CONFIG_MAPS, pages).at(CONFIG_MAPS, [watch]);
    let facts = fake.follow([sources(ConfigMap)]).within(60).await;
    let facts = short(&facts);
    assert!(facts.ends_with(&["began", "a@3", "b@4", "ended@5", "a@6"].map(str::to_owned)));
    let asked = fake.asked();
    assert_eq!(asked[1].query("limit"), Some("500"));
    assert_eq!(asked[2].query("continue"), Some("p%202"));
    assert_eq!(
        asked[2].headers["accept"],
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    );
    assert_eq!(asked[3].query("resourceVersion"), Some("5"));
}

#[tokio::test(start_paused = true)]
async fn never_as_a_stream_again() {
    let refused = Answer::status(422, "sendInitialEvents is forbidden");
    let expired = Answer::status(410, "too old");
    let maps = [refused, page(5, "", &[]), expired, page(6, "", &[])];
    let secrets = [expired_later(), page(7, "", &[])];
    let fake = Fake::new().at(CONFIG_MAPS, maps).at(SECRETS, secrets);
    fake.follow([sources(ConfigMap), sources(Secret)])
        .within(60)
        .await;
    let asked = fake.asked();
    let streams = asked
        .iter()
        .filter(|a| a.query("sendInitialEvents").is_some());
    assert_eq!(streams.count(), 2, "one for each stream at the start");
    let limits = asked.iter().filter(|a| a.uri.starts_with(SECRETS));
    let limits: Vec<_> = limits.filter_map(|a| a.query("limit")).collect();
    assert_eq!(limits, ["100"]);
}

/// A streaming list that ends well, and a version that is soon forgotten.
fn expired_later() -> Answer {
    let status = serde_json::json!({"code": 410});
    Answer::ok().list_end(5).wait(3).event("ERROR", &status)
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_may_be_null() {
    let refused = Answer::status(400, "no");
    let empty = serde_json::json!({"metadata": {"resourceVersion": "5"}, "items": null});
    let fake = Fake::new().at(CONFIG_MAPS, [refused, Answer::json(&empty)]);
    let facts = fake.follow([sources(ConfigMap)]).take(2).await;
    assert_eq!(short(&facts), ["began", "ended@5"]);
}

#[tokio::test(start_paused = true)]
async fn namespaces_come_with_our_annotations() {
    let mut stage = meta("stage", 3);
    stage["metadata"]["labels"] = serde_json::json!({"team": "a"});
    stage["metadata"]["annotations"] = serde_json::json!({
        "tidings.dev/reload": "auto", "other": "x"});
    let answer = Answer::ok().event("ADDED", &stage).list_end(5);
    let answer = answer.event("DELETED", &meta("stage", 6)).stays();
    let fake = Fake::new().at("/api/v1/namespaces", [answer]);
    let stream = Stream {
        of: StreamOf::Namespaces,
        namespace: None,
    };
    let facts = fake.follow([stream]).take(4).await;
    let News::Fact(Fact::Namespace {
        annotations,
        left_out,
        ..
    }) = &facts[1]
    else {
        panic!("{facts:?}");
    };
    assert!(!left_out);
    assert_eq!(
        annotations.keys().collect::<Vec<_>>(),
        ["tidings.dev/reload"]
    );
    assert_eq!(short(&facts)[3], "gone stage");
}
