//! An API that the server does not serve is an empty list, and is looked for
//! again.

use std::time::Duration;

use tidings_core::index::{Stream, StreamOf};
use tidings_core::kinds::Kind;
use tidings_core::refs::SourceKind::{self, SecretProviderClass};

use crate::fake::{Answer, CONFIG_MAPS, Fake, meta, short, sources, waits};

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/rollouts";
const STATUSES: &str = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasspodstatuses";

fn rollouts() -> Stream {
    Stream {
        of: StreamOf::Workloads(Kind::parse("rollout").unwrap()),
        namespace: None,
    }
}

fn lacking() -> Answer {
    Answer::status(404, "the server could not find the requested resource")
}

#[tokio::test(start_paused = true)]
async fn it_is_empty_at_once_and_found_later() {
    let list = Answer::ok()
        .event("ADDED", &meta("web", 3))
        .list_end(5)
        .stays();
    let fake = Fake::new().at(ROLLOUTS, [lacking(), lacking(), lacking(), list]);
    let facts = short(&fake.follow([rollouts()]).take(5).await);
    let served = ["began", "web@3 Listed", "ended@5"];
    assert_eq!(facts, [&["began", "ended@0"][..], &served].concat());
    let waits: Vec<_> = waits(&fake.asked()).iter().map(Duration::as_secs).collect();
    assert_eq!(waits, [30, 30, 30]);
}

/// A server that is starting may not know everything yet.
#[tokio::test(start_paused = true)]
async fn what_was_there_is_not_gone_before_it_is_lacking_twice() {
    let list = |version| {
        Answer::ok()
            .event("ADDED", &meta("web", 3))
            .list_end(version)
    };
    let answers = [list(5), lacking(), list(6), lacking(), lacking()];
    let fake = Fake::new().at(ROLLOUTS, answers);
    let facts = short(&fake.follow([rollouts()]).take(8).await);
    let served = ["began", "web@3 Listed"];
    let expected = [
        &served[..],
        &["ended@5"],
        &served,
        &["ended@6", "began", "ended@0"],
    ];
    assert_eq!(facts, expected.concat());
}

#[tokio::test(start_paused = true)]
async fn others_go_on() {
    let list = Answer::ok().list_end(5).stays();
    let fake = Fake::new()
        .at(STATUSES, (0..10).map(|_| lacking()))
        .at(CONFIG_MAPS, [list]);
    let streams = [sources(SecretProviderClass), sources(SourceKind::ConfigMap)];
    let mut facts = short(&fake.follow(streams).within(100).await);
    facts.sort();
    assert_eq!(facts, ["began", "began", "ended@0", "ended@5"]);
}

/// What every server has is not believed to be gone.
#[tokio::test(start_paused = true)]
async fn only_what_may_be_lacking() {
    let fake = Fake::new().at(CONFIG_MAPS, (0..100).map(|_| lacking()));
    let facts = short(
        &fake
            .follow([sources(SourceKind::ConfigMap)])
            .within(20)
            .await,
    );
    assert!(!facts.contains(&"began".to_owned()), "{facts:?}");
}
