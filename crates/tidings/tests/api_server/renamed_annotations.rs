//! Annotations that an option has renamed are read under their other keys, and
//! their own keys mean nothing.

use std::sync::Arc;

use serde_json::json;
use tidings::act::{self, Author};
use tidings::control::{Action, Patch, Roll};
use tidings::fetch;
use tidings::watch::News;
use tidings::watch::scope::Filter;
use tidings_core::annotations::{IGNORE, MATCH, PAUSE_PERIOD, PAUSED_AT};
use tidings_core::index::Fact;
use tidings_core::index::Fetched;
use tidings_core::kinds::KINDS;
use tidings_core::object::SourceFlags;
use tidings_core::reason::Reason;
use tidings_core::refs::SourceKind::ConfigMap;
use tidings_core::refs::{SourceRef, WorkloadRef};
use tidings_core::reloader::rewrite::Words;
use tidings_core::vocabulary::Vocabulary;

use crate::fake::{Answer, CONFIG_MAPS, DEPLOYMENTS, Fake, deployments, meta, sources};

const AUTO: &str = "reloader.stakater.com/auto";

fn filter() -> Filter {
    let renamed = [
        (AUTO, "example.org/auto".to_owned()),
        (PAUSE_PERIOD, "example.org/pause".to_owned()),
        (MATCH, "example.org/match".to_owned()),
    ];
    Filter {
        vocabulary: Arc::new(Vocabulary::new(renamed).unwrap()),
        ..Filter::default()
    }
}

#[tokio::test(start_paused = true)]
async fn on_workloads_and_their_templates() {
    let mut web = meta("web", 3);
    web["metadata"]["annotations"] =
        json!({"example.org/pause": "5m", AUTO: "true", "example.org/other": "x"});
    let annotations = json!({"example.org/auto": "true", PAUSE_PERIOD: "1h"});
    web["spec"] = json!({"template": {"metadata": {"annotations": annotations}}});
    let list = Answer::ok().event("ADDED", &web).list_end(5).stays();
    let fake = Fake::new().at(DEPLOYMENTS, [list]);
    let facts = fake.follow_with(filter(), [deployments()]).take(2).await;
    let News::Fact(Fact::Workload(workload, _)) = &facts[1] else {
        panic!("{facts:?}");
    };
    let pairs = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    assert_eq!(*workload.annotations, pairs(PAUSE_PERIOD, "5m"));
    assert_eq!(*workload.template_annotations, pairs(AUTO, "true"));
}

#[tokio::test(start_paused = true)]
async fn on_sources_however_they_are_read() {
    let mut source = meta("c", 3);
    source["metadata"]["annotations"] = json!({"example.org/match": "true", IGNORE[1]: "false"});
    let marks = SourceFlags {
        ignore: false,
        urgent: false,
        matched: true,
    };
    let list = Answer::ok().event("ADDED", &source).list_end(5).stays();
    let fake = Fake::new().at(CONFIG_MAPS, [list]).at(
        "/api/v1/namespaces/ns/configmaps/c",
        [Answer::json(&source)],
    );
    let facts = fake
        .follow_with(filter(), [sources(ConfigMap)])
        .take(2)
        .await;
    let News::Fact(Fact::Source(watched)) = &facts[1] else {
        panic!("{facts:?}");
    };
    assert_eq!(watched.marks, Some(marks));
    let key = SourceRef::new(ConfigMap, "ns", "c");
    let read = fetch::source(&fake.api(), &key, &filter(), false).await;
    assert!(matches!(read, Ok(Fetched::Present(meta, _)) if meta.marks == Some(marks)));
}

#[test]
fn and_are_written_under_them() {
    let renamed = [(PAUSED_AT, "example.org/paused-at".to_owned())];
    let author = Author {
        words: Words::None,
        instance: "tidings",
        vocabulary: &Vocabulary::new(renamed).unwrap(),
    };
    let web = WorkloadRef::new(&KINDS[0], "ns", "web");
    let roll = Roll {
        key: web.clone(),
        n: 1,
        reason: Reason::Changed,
        because: String::new(),
        changes: Vec::new(),
        sources: Vec::new(),
    };
    let patch = Patch {
        roll: Arc::new(roll),
        on: web,
        uid: "u".into(),
        version: 3,
        generation: 1,
        action: Action::Template {
            restart: None,
            paused_at: Some(1_795_434_240),
        },
        traces: false,
    };
    let annotations = &act::body(author, &patch)["metadata"]["annotations"];
    let expected = json!({"example.org/paused-at": "2026-11-23T11:44:00Z"});
    assert_eq!(*annotations, expected);
}
