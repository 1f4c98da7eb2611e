//! The content of a Secret, which its metadata may hold too, is in no fact and
//! in no log, and the connection that carried it is closed soon.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tidings::fetch;
use tidings::watch::scope::Filter;
use tidings_core::refs::SourceKind::{ConfigMap, Secret};
use tidings_core::refs::SourceRef;
use tracing_subscriber::fmt::MakeWriter;

use crate::fake::{Answer, CONFIG_MAPS, Fake, SECRETS, meta, page, short, sources};

const CONTENT: &str = "hunter2";

/// A Secret that was written by `kubectl apply`.
fn applied(version: u64) -> Value {
    let mut applied = meta("s", version);
    applied["metadata"]["annotations"] = json!({
        "kubectl.kubernetes.io/last-applied-configuration": CONTENT});
    applied
}

fn list() -> Answer {
    Answer::ok().event("ADDED", &applied(3)).list_end(5)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Everything that this thread logs, at every level.
    fn keep(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn in_facts_and_logs() {
    let log = Log::default();
    let _kept = log.keep();
    let broken = json!({"metadata": {"name": "s", "resourceVersion": CONTENT}});
    let nonsense = format!("{{\"type\": \"{CONTENT}\"}}\n");
    let error = json!({"kind": "Status", "code": 410, "message": "too old", "data": CONTENT});
    let answers = [
        list().text(&nonsense),
        Answer::ok().text(CONTENT).breaks(),
        Answer::ok().event("ERROR", &json!(CONTENT)),
        Answer::ok().event("ERROR", &error),
        Answer::status(422, "no"),
        page(9, "", &[applied(3), json!({"metadata": CONTENT}), broken]),
        Answer::ok().event("MODIFIED", &applied(10)).stays(),
    ];
    let fake = Fake::new().at(SECRETS, answers);
    let facts = fake.follow([sources(Secret)]).within(100).await;
    assert!(short(&facts).contains(&"s@10".to_owned()));
    let facts = format!("{facts:?}");
    assert!(!facts.contains(CONTENT), "{facts}");
    let log = log.text();
    assert!(log.contains("skipped an object"));
    assert!(!log.contains(CONTENT), "{log}");
}

#[tokio::test]
async fn in_errors_of_reading_one() {
    let log = Log::default();
    let _kept = log.keep();
    let junk = json!({"metadata": {"name": "s"}, "data": {"a": CONTENT, "b": [CONTENT]}});
    let path = "/api/v1/namespaces/ns/secrets/s";
    let fake = Fake::new().at(path, [Answer::json(&junk)]);
    let key = SourceRef::new(Secret, "ns", "s");
    let error = fetch::source(&fake.api(), &key, &Filter::default(), true).await;
    let error = error.unwrap_err();
    let said = format!("{error} {error:?} {}", log.text());
    assert!(!said.contains(CONTENT), "{said}");
}

#[tokio::test(start_paused = true)]
async fn on_the_connection_of_a_watch() {
    let log = [list().stays(), Answer::ok().stays()];
    let fake = Fake::new().at(SECRETS, log);
    fake.follow([sources(Secret)]).within(60).await;
    let asked = fake.asked();
    assert_eq!(asked[0].headers["connection"], "close");
    assert_eq!(asked[1].query("resourceVersion"), Some("5"));
    assert_eq!(asked[1].after.as_secs(), 2);
    assert_eq!(asked.len(), 2, "a connection without such bytes stays");
}

#[tokio::test(start_paused = true)]
async fn on_a_connection_that_is_never_quiet() {
    let churn = |from: u64| {
        (from..from + 60).fold(Answer::ok().list_end(from), |answer, version| {
            answer.event("MODIFIED", &applied(version)).wait(1)
        })
    };
    let fake = Fake::new().at(SECRETS, [churn(5), churn(100)]);
    fake.follow([sources(Secret)]).within(30).await;
    let again = &fake.asked()[1];
    assert_eq!(again.after.as_secs(), 10);
    assert!(["14", "15"].contains(&again.query("resourceVersion").unwrap()));
}

#[tokio::test(start_paused = true)]
async fn and_config_maps_are_no_secrets() {
    let fake = Fake::new().at(CONFIG_MAPS, [list().stays()]);
    fake.follow([sources(ConfigMap)]).within(60).await;
    assert_eq!(fake.asked().len(), 1);
    assert!(!fake.asked()[0].headers.contains_key("connection"));
}
