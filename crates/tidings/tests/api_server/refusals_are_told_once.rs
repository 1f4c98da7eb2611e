//! What Tidings may not do is told, tried again, and disturbs nothing else.

use tidings_core::refs::SourceKind::{ConfigMap, Secret};

use crate::fake::{Answer, CONFIG_MAPS, Fake, SECRETS, meta, page, short, sources};

fn forbidden() -> Answer {
    Answer::status(403, "secrets is forbidden: no RBAC")
}

#[tokio::test(start_paused = true)]
async fn until_it_is_allowed() {
    let list = Answer::ok().list_end(5).stays();
    let refused = (0..6).map(|_| forbidden());
    let fake = Fake::new().at(SECRETS, refused).at(SECRETS, [list]);
    let facts = fake.follow([sources(Secret)]).take(4).await;
    let told = "refused: not allowed to list secrets in all namespaces: \
                secrets is forbidden: no RBAC";
    assert_eq!(short(&facts), [told, "recovered", "began", "ended@5"]);
    let third = fake.asked()[6].after.as_secs();
    assert!((22..=46).contains(&third), "{third}");
}

#[tokio::test(start_paused = true)]
async fn by_the_verb_that_is_missing() {
    let answers = [forbidden(), page(5, "", &[]), forbidden()];
    let watch = Answer::ok().event("ADDED", &meta("s", 6)).stays();
    let fake = Fake::new().at(SECRETS, answers).at(SECRETS, [watch]);
    let facts = short(&fake.follow([sources(Secret)]).take(5).await);
    assert_eq!(facts[..2], ["began", "ended@5"]);
    assert!(facts[2].starts_with("refused: not allowed to watch secrets"));
    assert_eq!(facts[3..], ["recovered", "s@6"]);
}

#[tokio::test(start_paused = true)]
async fn for_credentials_that_are_not_known() {
    let unknown = (0..9).map(|_| Answer::status(401, "Unauthorized"));
    let fake = Fake::new().at(SECRETS, unknown);
    let facts = short(&fake.follow([sources(Secret)]).take(1).await);
    let told = "failing: the API server does not accept our credentials (401: Unauthorized)";
    assert!(facts[0].starts_with(told), "{facts:?}");
}

#[tokio::test(start_paused = true)]
async fn while_other_streams_go_on() {
    let list = Answer::ok().list_end(5).wait(100);
    let list = list.event("ADDED", &meta("c", 6)).stays();
    let fake = Fake::new().at(SECRETS, (0..100).map(|_| forbidden()));
    let fake = fake.at(CONFIG_MAPS, [list]);
    let mut followed = fake.follow([sources(Secret), sources(ConfigMap)]);
    let facts = short(&followed.within(120).await);
    assert_eq!(facts.len(), 4, "{facts:?}");
    assert_eq!(facts[3], "c@6");
}
