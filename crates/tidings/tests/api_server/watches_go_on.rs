//! A watch that ends is taken up where it ended.

use std::time::Duration;

use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{
    Answer, CONFIG_MAPS, DEPLOYMENTS, Fake, deployments, meta, short, sources, waits,
};

#[tokio::test(start_paused = true)]
async fn at_once_from_the_last_event() {
    let first = Answer::ok().list_end(5).event("ADDED", &meta("c", 6));
    let second = Answer::ok().event("MODIFIED", &meta("c", 7)).stays();
    let fake = Fake::new().at(CONFIG_MAPS, [first, second]);
    let facts = fake.follow([sources(ConfigMap)]).take(4).await;
    assert_eq!(short(&facts), ["began", "ended@5", "c@6", "c@7"]);
    let again = &fake.asked()[1];
    assert_eq!(again.query("resourceVersion"), Some("6"));
    assert_eq!(again.query("sendInitialEvents"), None);
    assert!(again.after < Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn from_the_last_whole_line_where_it_broke_within_one() {
    let line = format!("{{\"type\":\"MODIFIED\",\"object\":{}}}\n", meta("c", 7));
    let (begin, end) = line.split_at(40);
    let first = Answer::ok().list_end(5).event("ADDED", &meta("c", 6));
    let second = Answer::ok().text(begin).text(end).stays();
    let fake = Fake::new().at(CONFIG_MAPS, [first.text(begin).breaks(), second]);
    let facts = fake.follow([sources(ConfigMap)]).take(4).await;
    assert_eq!(short(&facts), ["began", "ended@5", "c@6", "c@7"]);
    assert_eq!(fake.asked()[1].query("resourceVersion"), Some("6"));
}

#[tokio::test(start_paused = true)]
async fn from_the_last_bookmark() {
    let first = Answer::ok().list_end(5).wait(60).bookmark(90);
    let fake = Fake::new().at(CONFIG_MAPS, [first]);
    fake.follow([sources(ConfigMap)]).within(70).await;
    assert_eq!(fake.asked()[1].query("resourceVersion"), Some("90"));
}

#[tokio::test(start_paused = true)]
async fn after_deletions_too() {
    let gone = Answer::ok().list_end(5).event("DELETED", &meta("c", 8));
    let fake = Fake::new().at(CONFIG_MAPS, [gone.stays()]);
    let facts = fake.follow([sources(ConfigMap)]).take(3).await;
    assert_eq!(short(&facts)[2], "gone c@8");
    let gone = Answer::ok().list_end(5).event("DELETED", &meta("web", 8));
    let fake = Fake::new().at(DEPLOYMENTS, [gone.stays()]);
    let facts = fake.follow([deployments()]).take(3).await;
    assert_eq!(short(&facts)[2], "gone web");
}

#[tokio::test(start_paused = true)]
async fn when_nothing_was_heard_for_longer_than_the_server_may_be_silent() {
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(5).stays()]);
    fake.follow([sources(ConfigMap)]).within(400).await;
    let again = &fake.asked()[1];
    // Two bookmarks, and room.
    assert_eq!(again.after.as_secs(), 140);
    assert!(again.is_list());
}

#[tokio::test(start_paused = true)]
async fn less_and_less_often_where_it_ends_each_time() {
    let list = Answer::ok().list_end(5);
    let answers = std::iter::once(list).chain((0..80).map(|_| Answer::ok()));
    let fake = Fake::new().at(CONFIG_MAPS, answers);
    fake.follow([sources(ConfigMap)]).within(300).await;
    let waits = waits(&fake.asked());
    assert!(waits[0] < Duration::from_millis(50));
    let last = waits.last().unwrap().as_secs();
    assert!((5..=11).contains(&last), "{last}");
    assert!(waits.len() < 70, "{}", waits.len());
}

#[tokio::test(start_paused = true)]
async fn until_nobody_listens() {
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(5).stays()]);
    let mut followed = fake.follow([sources(ConfigMap)]);
    followed.take(2).await;
    followed.stop_listening().await;
}
