//! Whoever gets an error knows what to do about it.

use std::time::Duration;

use tidings::api::{ApiError, Call, Place, Term, Verb};

use crate::fake::{Answer, Fake};

const PATH: &str = "/apis/apps/v1/namespaces/ns/deployments/web";

fn place() -> Place {
    Place::new("apps", "v1", "deployments")
        .within("ns")
        .named("web")
}

async fn patched(answer: Answer) -> ApiError {
    let fake = Fake::new().at(PATH, [answer]);
    let api = fake.api();
    let term = Term::endless();
    let patch = Call::new(Verb::Patch, place());
    api.within(&term).write(&patch, || "{}").await.unwrap_err()
}

#[tokio::test]
async fn of_each_status() {
    assert_eq!(patched(Answer::missing("web")).await, ApiError::Gone);
    assert_eq!(patched(Answer::status(409, "x")).await, ApiError::Conflict);
    assert_eq!(patched(Answer::status(410, "x")).await, ApiError::Expired);
    let invalid = patched(Answer::status(422, "spec is\n  wrong")).await;
    assert_eq!(invalid, ApiError::Invalid(422, "spec is wrong".to_owned()));
    assert!(!invalid.is_transient());
    let forbidden = patched(Answer::status(403, "no RBAC")).await;
    assert_eq!(
        forbidden.to_string(),
        "not allowed to patch deployments.apps in namespace ns: no RBAC; \
         grant it as `tidings manifests` does"
    );
}

/// A 404 of a proxy, or of a kind that is not served for a moment, says nothing of an object.
#[tokio::test]
async fn of_a_404_that_is_not_of_the_object() {
    let unnamed = Answer::status(404, "the server could not find the requested resource");
    for answer in [unnamed, Answer::missing("another")] {
        let error = patched(answer).await;
        assert!(matches!(error, ApiError::NotServed(_)), "{error}");
        assert!(error.is_transient() && error.to_string().contains("API is installed"));
    }
}

#[tokio::test]
async fn of_what_may_work_later() {
    let busy = patched(Answer::status(429, "busy").header("retry-after", "3")).await;
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(3)));
    assert!(busy.is_transient());
    let broken = patched(Answer::status(500, "etcd")).await;
    assert!(broken.is_transient());
    let cut = patched(Answer::ok().text("{").breaks()).await;
    assert!(matches!(cut, ApiError::Unreachable(_)), "{cut:?}");
    assert!(cut.is_transient());
}

#[tokio::test]
async fn of_answers_that_are_no_status() {
    let mut html = Answer::status(502, "");
    html = html.text("<html>bad gateway</html>");
    let ApiError::Slow { code, message, .. } = patched(html).await else {
        panic!("another error");
    };
    assert_eq!((code, message.as_str()), (502, "Bad Gateway"));
    let long = patched(Answer::status(400, &"ä".repeat(9_000))).await;
    let ApiError::Invalid(_, message) = long else {
        panic!("another error");
    };
    assert_eq!(message.chars().count(), 501);
}

#[tokio::test(start_paused = true)]
async fn of_answers_that_do_not_come() {
    let fake = Fake::new();
    let error = fake.api().get(place()).await.unwrap_err();
    assert!(error.to_string().contains("no answer in 30 s"), "{error}");
    let fake = Fake::new().at(PATH, [Answer::ok().text("{").stays()]);
    let error = fake.api().get(place()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn and_writes_name_their_manager() {
    let fake = Fake::new().at(PATH, [Answer::ok()]);
    let call = Call::new(Verb::Patch, place()).with("dryRun", "All");
    let (api, term) = (fake.api(), Term::endless());
    api.within(&term).write(&call, || "{}").await.unwrap();
    let asked = &fake.asked()[0];
    assert_eq!(asked.query("fieldManager"), Some("tidings"));
    assert_eq!(asked.query("dryRun"), Some("All"));
    assert_eq!(
        asked.headers["content-type"],
        "application/merge-patch+json"
    );
}
