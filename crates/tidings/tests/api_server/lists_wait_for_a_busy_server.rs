//! A server that cannot answer is asked again, later and later, and not before
//! it wants to be.

use std::time::Duration;

use rstest::rstest;
use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{Answer, CONFIG_MAPS, Fake, short, sources, waits};

#[rstest]
#[case(Answer::status(500, "etcdserver: leader changed"), 0.25, 0.5)]
#[case(Answer::status(503, "starting"), 0.25, 0.5)]
#[case(Answer::status(429, "slow down").header("retry-after", "7"), 7.0, 7.1)]
#[tokio::test(start_paused = true)]
async fn once(#[case] answer: Answer, #[case] least: f64, #[case] most: f64) {
    let fake = Fake::new().at(CONFIG_MAPS, [answer, Answer::ok().list_end(5).stays()]);
    let facts = fake.follow([sources(ConfigMap)]).take(2).await;
    assert_eq!(short(&facts), ["began", "ended@5"]);
    let again = fake.asked()[1].after.as_secs_f64();
    assert!(again >= least && again <= most + 0.05, "{again}");
}

#[tokio::test(start_paused = true)]
async fn once_and_for_long_which_is_told() {
    let answer = Answer::status(503, "starting").header("retry-after", "40");
    let fake = Fake::new().at(CONFIG_MAPS, [answer, Answer::ok().list_end(5).stays()]);
    let facts = fake.follow([sources(ConfigMap)]).take(4).await;
    let failing = "failing: the API server cannot answer now (503): starting";
    assert_eq!(short(&facts), [failing, "began", "ended@5", "recovered"]);
    let again = fake.asked()[1].after.as_secs_f64();
    assert!((40.0..=40.2).contains(&again), "{again}");
}

#[tokio::test(start_paused = true)]
async fn and_again() {
    let answers = (0..200).map(|_| Answer::status(500, "no"));
    let fake = Fake::new().at(CONFIG_MAPS, answers);
    fake.follow([sources(ConfigMap)]).within(600).await;
    let waits = waits(&fake.asked());
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(11)));
    assert!(*waits.last().unwrap() >= Duration::from_secs(5));
    assert!(waits.len() < 150, "{}", waits.len());
}

#[tokio::test(start_paused = true)]
async fn that_does_not_answer_at_all() {
    let fake = Fake::new();
    fake.follow([sources(ConfigMap)]).within(70).await;
    let second = fake.asked()[1].after.as_secs();
    assert_eq!(second, 30);
}
