//! A source is read once, and what remains of it are the digests of its keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tidings::api::ApiError;
use tidings::fetch::{self, Asked, ContentList};
use tidings::settings::selector;
use tidings::watch::scope::Filter;
use tidings_core::digest::Digest;
use tidings_core::index::Fetched;
use tidings_core::refs::SourceKind::{self, ConfigMap, Secret};
use tidings_core::refs::SourceRef;

use crate::fake::{Answer, Fake, meta, page};

fn path(kind: SourceKind) -> String {
    format!("/api/v1/namespaces/ns/{}/c", kind.row().plural)
}

async fn read(kind: SourceKind, answer: Answer, selector: &str) -> Result<Fetched, ApiError> {
    let fake = Fake::new().at(&path(kind), [answer]);
    let filter = Filter {
        labels: match selector {
            "" => selector::Selector::default(),
            selector => selector::parse(selector).unwrap(),
        },
        ..Filter::default()
    };
    let key = SourceRef::new(kind, "ns", "c");
    fetch::source(&fake.api(), &key, &filter, false).await
}

#[tokio::test]
async fn by_key_in_order() {
    let mut object = meta("c", 7);
    object["data"] = json!({"nginx.conf": "user \"www\";\n", "a": ""});
    object["binaryData"] = json!({"b.bin": STANDARD.encode([0, 159, 255])});
    let answer = Answer::json(&object);
    let Ok(Fetched::Present(meta, content)) = read(ConfigMap, answer, "").await else {
        panic!("not there");
    };
    let key = SourceRef::new(ConfigMap, "ns", "c");
    assert_eq!((&meta.key, meta.version, content.version), (&key, 7, 7));
    let names: Vec<_> = content.keys.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["a", "b.bin", "nginx.conf"]);
    let conf = Digest::of_key(&key, "nginx.conf", b"user \"www\";\n");
    assert_eq!(content.get("nginx.conf"), Some(conf));
    let binary = Digest::of_key(&key, "b.bin", &[0, 159, 255]);
    assert_eq!(content.get("b.bin"), Some(binary));
}

#[tokio::test]
async fn of_the_decoded_secret() {
    let mut object = meta("c", 7);
    object["data"] = json!({"password": STANDARD.encode("hunter2")});
    object["type"] = json!("Opaque");
    let answer = Answer::json(&object);
    let Ok(Fetched::Present(_, content)) = read(Secret, answer, "").await else {
        panic!("not there");
    };
    let key = SourceRef::new(Secret, "ns", "c");
    let password = Digest::of_key(&key, "password", b"hunter2");
    assert_eq!(content.get("password"), Some(password));
}

#[tokio::test]
async fn unless_it_is_absent() {
    let answer = Answer::missing("c");
    assert_eq!(read(Secret, answer, "").await, Ok(Fetched::Absent));
}

#[tokio::test]
async fn unless_it_is_not_watched() {
    for kind in ["helm.sh/release.v1", "bootstrap.kubernetes.io/token"] {
        let mut object = meta("c", 7);
        object["type"] = json!(kind);
        let answer = Answer::json(&object);
        assert_eq!(read(Secret, answer, "").await, Ok(Fetched::NotWatched));
    }
    let mut object = meta("c", 7);
    object["metadata"]["labels"] = json!({"tier": "db"});
    let answer = || Answer::json(&object);
    let outside = read(ConfigMap, answer(), "tier in (web)").await;
    assert_eq!(outside, Ok(Fetched::NotWatched));
    let inside = read(ConfigMap, answer(), "tier in (web,db)").await;
    assert!(matches!(inside, Ok(Fetched::Present(..))));
}

#[tokio::test]
async fn unless_it_is_junk() {
    for text in ["", "{", "[]", "<html>hunter2</html>"] {
        let answer = Answer::ok().text(text);
        let error = read(Secret, answer, "").await.unwrap_err();
        assert_eq!(error, ApiError::Unreadable, "{text}");
    }
}

#[tokio::test]
async fn unless_it_is_of_something_else() {
    let metadata = json!({"name": "c", "namespace": "ns", "uid": "c", "resourceVersion": "7"});
    for (version, kind) in [
        ("meta.k8s.io/v1", "PartialObjectMetadata"),
        ("v2", "Secret"),
    ] {
        let other = json!({"kind": kind, "apiVersion": version, "metadata": metadata});
        let error = read(Secret, Answer::json(&other), "").await.unwrap_err();
        assert_eq!(error, ApiError::NotAsked, "{kind}");
    }
}

#[tokio::test]
async fn or_only_its_metadata_is_listed() {
    let pages = [
        page(5, "p2", &[meta("a", 3), json!(1)]),
        page(5, "", &[meta("b", 4)]),
    ];
    let fake = Fake::new().at("/api/v1/namespaces/ns/secrets", pages);
    let filter = Filter {
        labels: selector::parse("app=web").unwrap(),
        ..Filter::default()
    };
    let metas = fetch::metas(&fake.api(), Secret, &"ns".into(), &filter).await;
    let metas = metas.unwrap();
    let names: Vec<_> = metas.iter().map(|meta| &*meta.key.name).collect();
    assert_eq!(names, ["a", "b"]);
    let asked = fake.asked();
    assert_eq!(asked[1].query("labelSelector"), Some("app%3Dweb"));
    assert!(asked[1].query("fieldSelector").unwrap().contains("helm.sh"));
    assert_eq!(asked[1].query("continue"), Some("p2"));
}

/// What a list shows of these, page by page, and what it leaves.
async fn listed(names: &[&str], pages: [Answer; 2]) -> (Vec<Vec<String>>, Vec<String>) {
    let fake = Fake::new().at("/api/v1/namespaces/ns/secrets", pages);
    let asked = names.iter().map(|name| ((*name).into(), (7, false)));
    let (mut left, namespace): (Asked, _) = (asked.collect(), "ns".into());
    let filter = Filter::default();
    let mut list = ContentList::of(Secret, &namespace, &mut left, &filter);
    let (api, mut shown) = (fake.api(), Vec::new());
    while let Some(read) = list.next(&api).await.unwrap() {
        let one = |(source, told, fetched)| {
            let Fetched::Present(_, content) = fetched else {
                panic!("not there");
            };
            let expected = Digest::of_key(&source, "k", b"hunter2");
            assert_eq!((told, content.get("k")), (7, Some(expected)));
            source.name.to_string()
        };
        shown.push(read.into_iter().map(one).collect());
    }
    (shown, left.keys().map(ToString::to_string).collect())
}

fn holding(name: &str) -> Value {
    let mut object = meta(name, 7);
    object["data"] = json!({"k": STANDARD.encode("hunter2")});
    object
}

#[tokio::test]
async fn or_many_are_listed() {
    let pages = || {
        let first = ["a", "other"].map(holding);
        [
            page(5, "p2", &first),
            page(5, "", &[holding("b"), json!(1)]),
        ]
    };
    let (shown, left) = listed(&["a", "b", "gone"], pages()).await;
    assert_eq!(shown, [["a"], ["b"]]);
    assert_eq!(left, ["gone"]);
    let (shown, left) = listed(&["a"], pages()).await;
    assert_eq!(shown, [["a"]], "the rest is nobody's");
    assert!(left.is_empty());
}

#[tokio::test]
async fn unless_a_list_shows_too_much_else() {
    let first = ["a", "b", "c", "d", "e"].map(holding);
    let pages = [page(5, "p2", &first), page(5, "", &[holding("z")])];
    let (shown, left) = listed(&["a", "z"], pages).await;
    assert_eq!(shown, [["a"]]);
    assert_eq!(left, ["z"]);
}
