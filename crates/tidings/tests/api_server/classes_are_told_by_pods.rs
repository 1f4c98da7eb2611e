//! A SecretProviderClass is known by what the driver says that pods have of it.

use serde_json::{Value, json};
use tidings::api::ApiError;
use tidings::fetch;
use tidings::watch::News;
use tidings::watch::scope::Filter;
use tidings_core::digest::Digest;
use tidings_core::index::Fact;
use tidings_core::index::{Content, Fetched};
use tidings_core::object::{SourceFlags, SourceMeta};
use tidings_core::refs::SourceKind::SecretProviderClass;
use tidings_core::refs::SourceRef;
use tidings_core::reloader::traces::Sha1;

use crate::fake::{Answer, Fake, meta, page, short, sources};

const ALL: &str = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasspodstatuses";
const STATUSES: &str =
    "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/ns/secretproviderclasspodstatuses";
const CLASS: &str = "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/ns/secretproviderclasses/vault";

fn class() -> SourceRef {
    SourceRef::new(SecretProviderClass, "ns", "vault")
}

/// What a pod has of a class: `password` in a version.
fn status(pod: &str, class: &str, version: u64, password: &str) -> Value {
    let mut status = meta(&format!("{pod}-ns-{class}"), version);
    status["metadata"]["generation"] = json!(1);
    let objects = json!([{"id": "password", "version": password}]);
    status["status"] = json!({"secretProviderClassName": class, "objects": objects});
    status
}

fn rotated(mut status: Value) -> Value {
    status["metadata"]["generation"] = json!(2);
    status
}

async fn read(fake: &Fake, sha1: bool) -> Result<Fetched, ApiError> {
    fetch::source(&fake.api(), &class(), &Filter::default(), sha1).await
}

async fn present(fake: &Fake, sha1: bool) -> (SourceMeta, Content) {
    match read(fake, sha1).await {
        Ok(Fetched::Present(meta, content)) => (meta, content),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_watch_tells_which_class_and_no_more() {
    let list = Answer::ok()
        .event("ADDED", &status("web-1", "vault", 3, "1"))
        .list_end(5);
    let events = list
        .event("MODIFIED", &rotated(status("web-1", "vault", 6, "2")))
        .event("ADDED", &meta("not-mounted-yet", 7))
        .event("DELETED", &status("web-1", "vault", 8, "2"))
        .event("ADDED", &status("web-2", "other", 9, "2"))
        .stays();
    let fake = Fake::new().at(ALL, [events]);
    let facts = fake.follow([sources(SecretProviderClass)]).take(5).await;
    let told = ["began", "vault@3", "ended@5", "vault@6", "other@9"];
    assert_eq!(short(&facts), told);
    let News::Fact(Fact::Source(rotation)) = &facts[3] else {
        panic!("{facts:?}");
    };
    assert!(rotation.rewritten && rotation.marks.is_none());
    assert_eq!(fake.asked()[0].headers["accept"], "application/json");
}

#[tokio::test]
async fn the_last_rotation_counts_before_what_new_pods_have() {
    let first = [
        status("web-1", "vault", 3, "1"),
        rotated(status("web-2", "vault", 4, "2")),
        rotated(status("web-3", "vault", 6, "3")),
    ];
    let second = [
        status("web-4", "vault", 9, "4"),
        status("db-1", "other", 8, "5"),
    ];
    let fake = Fake::new()
        .at(STATUSES, [page(9, "more", &first), page(9, "", &second)])
        .at(CLASS, [Answer::missing("vault")]);
    let (meta, content) = present(&fake, false).await;
    assert_eq!((meta.version, content.version), (6, 6));
    let expected = Digest::of_key(&class(), "password", b"3");
    assert_eq!(*content.keys, [("password".into(), expected)]);
    assert_eq!(content.sha1(), None);
    assert_eq!(meta.marks, Some(SourceFlags::default()));
}

#[tokio::test]
async fn without_a_rotation_the_newest_pod_counts() {
    let statuses = [
        status("web-1", "vault", 7, "2"),
        status("web-2", "vault", 4, "1"),
    ];
    let fake = Fake::new()
        .at(STATUSES, [page(9, "", &statuses)])
        .at(CLASS, [Answer::missing("vault")]);
    let (meta, content) = present(&fake, true).await;
    assert_eq!((meta.version, meta.rewritten), (7, false));
    // Of `SecretProviderClassName=vault;password=2`, by `sha1sum`.
    let sha1 = Sha1::parse("9447654d586b119890181c59a9a574a88794fcf2");
    assert_eq!(content.sha1(), sha1.as_ref());
}

#[tokio::test]
async fn its_owners_write_on_the_class() {
    let mut written = meta("vault", 2);
    written["metadata"]["annotations"] =
        json!({"reloader.stakater.com/match": "true", "tidings.dev/ignor": "true"});
    let fake = Fake::new()
        .at(STATUSES, [page(9, "", &[status("web-1", "vault", 3, "1")])])
        .at(CLASS, [Answer::json(&written)]);
    let (meta, _) = present(&fake, false).await;
    assert!(
        meta.marks
            .is_some_and(|marks| marks.matched && !marks.ignore)
    );
    assert!(meta.problem.unwrap().text.contains("tidings.dev/ignore"));
}

#[tokio::test]
async fn it_is_absent_where_no_pod_has_it() {
    for answer in [
        page(9, "", &[status("db-1", "other", 3, "1")]),
        Answer::status(404, "the server could not find the requested resource"),
    ] {
        let fake = Fake::new().at(STATUSES, [answer]);
        assert_eq!(read(&fake, false).await, Ok(Fetched::Absent));
    }
}

#[tokio::test]
async fn patterns_find_each_class_once() {
    let statuses = [
        status("web-1", "vault", 3, "1"),
        rotated(status("web-2", "vault", 2, "1")),
        status("db-1", "other", 4, "1"),
        json!(1),
    ];
    let fake = Fake::new().at(STATUSES, [page(9, "", &statuses)]);
    let filter = Filter::default();
    let metas = fetch::metas(&fake.api(), SecretProviderClass, &"ns".into(), &filter).await;
    let found: Vec<_> = metas
        .unwrap()
        .iter()
        .map(|m| (m.key.name.to_string(), m.version))
        .collect();
    assert_eq!(found, [("other".to_owned(), 4), ("vault".to_owned(), 2)]);
}
