//! 410, in whatever form it comes, makes a new list.

use serde_json::json;
use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{Answer, CONFIG_MAPS, Fake, meta, page, short, sources};

fn list(version: u64) -> Answer {
    Answer::ok().event("ADDED", &meta("c", 3)).list_end(version)
}

async fn told(fake: &Fake, count: usize) -> Vec<String> {
    short(&fake.follow([sources(ConfigMap)]).take(count).await)
}

#[tokio::test(start_paused = true)]
async fn as_an_answer() {
    let answers = [list(5), Answer::status(410, "too old"), list(9).stays()];
    let fake = Fake::new().at(CONFIG_MAPS, answers);
    let expected = ["began", "c@3", "ended@5", "began", "c@3", "ended@9"];
    assert_eq!(told(&fake, 6).await, expected);
    assert_eq!(fake.asked()[2].query("resourceVersion"), None);
}

#[tokio::test(start_paused = true)]
async fn as_an_event() {
    let status = json!({"kind": "Status", "code": 410, "reason": "Expired"});
    let first = list(5).event("ERROR", &status);
    let fake = Fake::new().at(CONFIG_MAPS, [first, list(9).stays()]);
    let expected = ["began", "c@3", "ended@5", "began", "c@3", "ended@9"];
    assert_eq!(told(&fake, 6).await, expected);
    assert_eq!(fake.asked()[1].query("sendInitialEvents"), Some("true"));
}

#[tokio::test(start_paused = true)]
async fn within_a_list_of_pages() {
    let answers = [
        Answer::status(422, "sendInitialEvents is forbidden"),
        page(5, "p2", &[meta("a", 3)]),
        Answer::status(410, "the continue token is too old"),
        page(9, "", &[meta("a", 3), meta("b", 4)]),
    ];
    let fake = Fake::new().at(CONFIG_MAPS, answers);
    let expected = ["began", "a@3", "began", "a@3", "b@4", "ended@9"];
    assert_eq!(told(&fake, 6).await, expected);
    assert_eq!(fake.asked()[2].query("continue"), Some("p2"));
    assert_eq!(fake.asked()[3].query("continue"), None);
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_a_streaming_list_that_breaks_off() {
    let broken = Answer::ok().event("ADDED", &meta("a", 3)).breaks();
    let fake = Fake::new().at(CONFIG_MAPS, [broken, list(9).stays()]);
    let expected = ["began", "a@3", "began", "c@3", "ended@9"];
    assert_eq!(told(&fake, 5).await, expected);
}
