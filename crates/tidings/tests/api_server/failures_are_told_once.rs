//! A stream that fails again and again is told to, and told to have recovered; one
//! failure is a connection that was renewed, and nobody needs to know.

use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{Answer, CONFIG_MAPS, Fake, meta, short, sources};

fn broken() -> Answer {
    Answer::status(503, "etcd has no leader")
}

#[tokio::test(start_paused = true)]
async fn after_the_third_and_until_it_is_open() {
    let list = Answer::ok().list_end(5);
    let watch = Answer::ok().event("ADDED", &meta("c", 6)).stays();
    let failures = (0..9).map(|_| broken());
    let fake = Fake::new()
        .at(CONFIG_MAPS, [list])
        .at(CONFIG_MAPS, failures);
    let fake = fake.at(CONFIG_MAPS, [watch]);
    let facts = fake.follow([sources(ConfigMap)]).take(5).await;
    let told = "failing: the API server cannot answer now (503): etcd has no leader";
    assert_eq!(
        short(&facts),
        ["began", "ended@5", told, "c@6", "recovered"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_single_one_is_not() {
    let list = Answer::ok().list_end(5);
    let watch = |version| Answer::ok().event("ADDED", &meta("c", version));
    let answers = [
        list,
        broken(),
        watch(6),
        broken(),
        watch(7),
        broken(),
        watch(8).stays(),
    ];
    let fake = Fake::new().at(CONFIG_MAPS, answers);
    let facts = fake.follow([sources(ConfigMap)]).take(5).await;
    assert_eq!(short(&facts), ["began", "ended@5", "c@6", "c@7", "c@8"]);
}
