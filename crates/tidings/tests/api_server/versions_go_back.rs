//! Versions that go back are those of an etcd that was put back to an older copy: what was
//! told is of another time, and a watch from a later version would be silent until that
//! comes again.

use tidings_core::refs::SourceKind::ConfigMap;

use crate::fake::{Answer, CONFIG_MAPS, Fake, meta, page, short, sources};

/// Listed at 50, then away for a while.
fn away() -> Fake {
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(50)]);
    fake.at(CONFIG_MAPS, (0..4).map(|_| Answer::status(503, "")))
}

#[tokio::test(start_paused = true)]
async fn it_is_told_after_an_outage_before_the_watch_goes_on() {
    let fake = away().always(CONFIG_MAPS, Answer::ok().stays(), page(9, "", &[]));
    let news = short(&fake.follow([sources(ConfigMap)]).within(20).await);
    let told = news.iter().position(|news| news == "put back: 50 to 9");
    assert!(told.is_some(), "{news:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_told_where_a_watch_is_silent() {
    let fake = Fake::new().at(CONFIG_MAPS, [Answer::ok().list_end(50)]);
    let fake = fake.always(
        CONFIG_MAPS,
        Answer::ok().stays(),
        page(9, "", &[meta("c", 7)]),
    );
    let news = short(&fake.follow([sources(ConfigMap)]).within(150).await);
    assert!(news.contains(&"put back: 50 to 9".to_owned()), "{news:?}");
    assert!(!news.contains(&"ended@9".to_owned()), "{news:?}");
}

/// A server that lags, beside others.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_older_once_is_none() {
    let fake = away().at(CONFIG_MAPS, [page(9, "", &[]), page(60, "", &[])]);
    let well = Answer::ok().event("MODIFIED", &meta("c", 61)).stays();
    let fake = fake.always(CONFIG_MAPS, well, page(60, "", &[]));
    let news = short(&fake.follow([sources(ConfigMap)]).within(60).await);
    assert!(
        news.iter().all(|news| !news.starts_with("put back")),
        "{news:?}"
    );
    assert!(news.contains(&"c@61".to_owned()), "{news:?}");
}
