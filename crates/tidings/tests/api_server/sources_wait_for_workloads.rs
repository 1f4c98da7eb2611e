//! Sources are listed after the workloads that use them, or else their list
//! would be lost; what cannot be listed holds nobody up.

use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{Answer, CONFIG_MAPS, DEPLOYMENTS, Fake, deployments, meta, short, sources};

fn config_maps() -> Answer {
    Answer::ok().list_end(7).stays()
}

#[tokio::test(start_paused = true)]
async fn until_those_are_complete() {
    let slow = Answer::ok().wait(3).list_end(5).stays();
    let fake = Fake::new().at(DEPLOYMENTS, [slow]);
    let fake = fake.at(CONFIG_MAPS, [config_maps()]);
    let streams = [sources(ConfigMap), deployments()];
    let facts = short(&fake.follow(streams).take(4).await);
    assert_eq!(facts, ["began", "ended@5", "began", "ended@7"]);
}

#[tokio::test(start_paused = true)]
async fn or_are_refused() {
    let refused = (0..100).map(|_| Answer::status(403, "no RBAC"));
    let fake = Fake::new().at(DEPLOYMENTS, refused);
    let fake = fake.at(CONFIG_MAPS, [config_maps()]);
    let streams = [sources(ConfigMap), deployments()];
    let facts = short(&fake.follow(streams).take(3).await);
    assert_eq!(facts[1..], ["began", "ended@7"], "{facts:?}");
}

#[tokio::test(start_paused = true)]
async fn or_hang() {
    let fake = Fake::new().at(DEPLOYMENTS, [Answer::ok().stays()]);
    let fake = fake.at(CONFIG_MAPS, [config_maps()]);
    let streams = [sources(ConfigMap), deployments()];
    let begin = tokio::time::Instant::now();
    let facts = short(&fake.follow(streams).take(3).await);
    assert_eq!(facts, ["began", "began", "ended@7"]);
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_gets_further_is_waited_for() {
    let slow = (0..5).fold(Answer::ok(), |answer, n| {
        answer.wait(3).event("ADDED", &meta(&format!("web-{n}"), n))
    });
    let fake = Fake::new().at(DEPLOYMENTS, [slow.wait(3).list_end(5).stays()]);
    let fake = fake.at(CONFIG_MAPS, [config_maps()]);
    let streams = [sources(ConfigMap), deployments()];
    let facts = short(&fake.follow(streams).take(9).await);
    assert_eq!(facts[6..], ["ended@5", "began", "ended@7"], "{facts:?}");
}
