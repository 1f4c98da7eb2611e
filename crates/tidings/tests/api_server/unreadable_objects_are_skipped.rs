//! One object that cannot be read keeps nobody from hearing of the others.

use serde_json::json;
use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{
    Answer, CONFIG_MAPS, DEPLOYMENTS, Fake, deployments, meta, page, short, sources,
};

#[tokio::test(start_paused = true)]
async fn in_a_watch() {
    let mut odd = meta("odd", 6);
    odd["spec"] = json!({"template": {"spec": {"containers": "none"}}});
    let mut web = meta("web", 7);
    web["spec"] = json!({"template": {}});
    let mut no_object = meta("none", 6);
    no_object["metadata"]["resourceVersion"] = json!("none");
    let answer = Answer::ok().list_end(5).event("MODIFIED", &odd);
    let answer = answer.event("MODIFIED", &no_object);
    let fake = Fake::new().at(DEPLOYMENTS, [answer.event("MODIFIED", &web).stays()]);
    let facts = fake.follow([deployments()]).take(5).await;
    // What has metadata stays known, and is told of its spec on it.
    let expected = [
        "began",
        "ended@5",
        "odd@6 Event",
        "unreadable",
        "web@7 Event",
    ];
    assert_eq!(short(&facts), expected);
}

#[tokio::test(start_paused = true)]
async fn and_is_not_asked_for_again() {
    let mut odd = meta("odd", 6);
    odd["spec"] = json!([]);
    let fake = Fake::new().at(
        DEPLOYMENTS,
        [Answer::ok().list_end(5).event("MODIFIED", &odd)],
    );
    fake.follow([deployments()]).within(10).await;
    assert_eq!(fake.asked()[1].query("resourceVersion"), Some("6"));
}

#[tokio::test(start_paused = true)]
async fn in_a_list() {
    let refused = Answer::status(400, "no");
    let items = [meta("a", 3), json!("odd"), json!({}), meta("b", 4)];
    let fake = Fake::new().at(CONFIG_MAPS, [refused, page(5, "", &items)]);
    let facts = fake.follow([sources(ConfigMap)]).take(6).await;
    let expected = ["began", "a@3", "unreadable", "unreadable", "b@4", "ended@5"];
    assert_eq!(short(&facts), expected);
}
