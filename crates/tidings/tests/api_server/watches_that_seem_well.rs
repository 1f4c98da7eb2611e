//! A watch that opens is not one that tells: only what goes forward counts. What was not
//! told is listed, in bounded time, with few requests, and said.

use rstest::rstest;
use serde_json::json;
use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{Answer, Asked, CONFIG_MAPS, Fake, meta, page, short, sources};

const HTML: &str = "<!doctype html><title>Sign in</title>";

/// The stream was listed at 5; its watches answer this, and lists show what has
/// changed since.
fn blind(watch: Answer) -> Fake {
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(5)]);
    fake.always(CONFIG_MAPS, watch, page(9, "", &[meta("c", 7)]))
}

fn lists(asked: &[Asked]) -> Vec<u64> {
    let lists = asked.iter().filter(|asked| asked.is_list());
    lists.map(|asked| asked.after.as_secs()).collect()
}

fn cut() -> Answer {
    let line = json!({"type": "MODIFIED", "object": meta("c", 7)}).to_string();
    Answer::ok().text(&line[..40]).breaks()
}

#[rstest]
#[case::ends(Answer::ok())]
#[case::html(Answer::ok().text(HTML))]
#[case::html_in_lines(Answer::ok().text(HTML).text("\n"))]
#[case::cut_in_mid_line(cut())]
#[case::the_same_bookmark_and_the_end(Answer::ok().bookmark(5))]
#[case::an_older_bookmark(Answer::ok().bookmark(2))]
#[case::an_older_event(Answer::ok().event("MODIFIED", &meta("c", 4)))]
#[case::no_event(Answer::ok().text("{}\n"))]
#[case::an_unknown_event(Answer::ok().event("SYNC", &meta("c", 8)))]
#[case::a_bookmark_without_version(Answer::ok().event("BOOKMARK", &json!({"metadata": {}})))]
#[tokio::test(start_paused = true)]
async fn what_tells_nothing_is_listed_and_said(#[case] watch: Answer) {
    let fake = blind(watch);
    let news = short(&fake.follow([sources(ConfigMap)]).within(120).await);
    let told = |what: &str| news.iter().filter(|news| news.starts_with(what)).count();
    assert_eq!((told("failing"), told("recovered")), (1, 0), "{news:?}");
    assert!(told("c@7") >= 1 && told("ended@9") >= 1, "{news:?}");
    let asked = fake.asked();
    let listed = lists(&asked);
    assert!(listed[0] <= 45, "{listed:?}");
    assert!(listed.len() <= 4, "{listed:?}");
    assert!(asked.len() <= 30, "{}", asked.len());
    let backwards = asked
        .iter()
        .filter_map(|asked| asked.query("resourceVersion"));
    assert!(backwards.into_iter().all(|v| v == "5" || v == "9"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_one_is_listed_after_two_bookmarks_time_and_then_seldom() {
    let fake = blind(Answer::ok().stays());
    let mut followed = fake.follow([sources(ConfigMap)]);
    let news = short(&followed.within(150).await);
    assert_eq!(news, ["began", "ended@5", "began", "c@7", "ended@9"]);
    followed.within(3_450).await;
    let listed = lists(&fake.asked());
    assert_eq!(listed[0], 140);
    assert!(listed.len() <= 13, "{listed:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_tells_something_each_time_and_ends_is_no_storm() {
    let watches = (0..1_000).map(|n| Answer::ok().bookmark(6 + n));
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(5)]);
    let fake = fake.at(CONFIG_MAPS, watches);
    let news = short(&fake.follow([sources(ConfigMap)]).within(120).await);
    assert_eq!(news, ["began", "ended@5"], "it goes on");
    let asked = fake.asked().len();
    assert!((60..130).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn bookmarks_that_go_forward_are_enough() {
    let bookmarks = (1..=4).fold(Answer::ok(), |watch, n| watch.wait(60).bookmark(5 + n));
    let fake = blind(bookmarks.wait(45));
    fake.follow([sources(ConfigMap)]).within(284).await;
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_is_over_when_something_is_told_again() {
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(5)]);
    let fake = fake.at(CONFIG_MAPS, (0..6).map(|_| cut()));
    let well = Answer::ok().event("MODIFIED", &meta("c", 7)).stays();
    let fake = fake.always(CONFIG_MAPS, well, page(6, "", &[]));
    let news = short(&fake.follow([sources(ConfigMap)]).within(60).await);
    let end = &news[news.len() - 2..];
    assert_eq!(end, ["c@7", "recovered"], "{news:?}");
}

#[tokio::test(start_paused = true)]
async fn or_when_a_watch_stands_for_a_while() {
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(5)]);
    let fake = fake.at(CONFIG_MAPS, (0..4).map(|_| Answer::status(503, "")));
    let fake = fake.always(CONFIG_MAPS, Answer::ok().stays(), page(5, "", &[]));
    let news = short(&fake.follow([sources(ConfigMap)]).within(60).await);
    assert_eq!(
        news.last().map(String::as_str),
        Some("recovered"),
        "{news:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_streaming_list_that_breaks_each_time_is_made_in_pages() {
    let begun = Answer::ok().event("ADDED", &meta("b", 4)).breaks();
    let fake = Fake::new().at(CONFIG_MAPS, (0..3).map(|_| begun.clone()));
    let fake = fake.always(
        CONFIG_MAPS,
        Answer::ok().stays(),
        page(9, "", &[meta("c", 7)]),
    );
    let news = short(&fake.follow([sources(ConfigMap)]).within(60).await);
    assert!(news.contains(&"ended@9".to_owned()), "{news:?}");
}
