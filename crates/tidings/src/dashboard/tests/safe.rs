//! Who is let in, and what a browser may do with an answer.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, ETAG, HOST as HOST_HEADER, IF_NONE_MATCH,
    LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use rstest::rstest;

use super::*;

async fn get(path: &str) -> Answer {
    answer(from_browser(path).body(Body::empty()).unwrap()).await
}

/// Everything that is refused says so in one sentence, and nothing else.
fn refused(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(answer.text.lines().count(), 1, "{}", answer.text);
    assert!(answer.text.ends_with(".\n"), "{}", answer.text);
    assert!(!answer.text.contains(TOKEN));
    assert_eq!(answer.headers.get(SET_COOKIE), None);
}

#[tokio::test]
async fn the_token_is_exchanged_for_a_cookie() {
    let path = format!("/stale?ns=a%26b&token={TOKEN}");
    let request = Request::get(path).header(HOST_HEADER, HOST);
    let answer = answer(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.headers[LOCATION], "/stale?ns=a%26b");
    let cookie = format!("tidings-7878={TOKEN}; Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(answer.headers[SET_COOKIE], cookie);
    assert_eq!(get("/").await.status, 200);
}

/// Other servers of this machine set cookies, too: with any byte in them.
#[tokio::test]
async fn cookies_of_others_keep_nobody_out() {
    let cookie = format!("name=J\u{fc}rgen; tidings-7878={TOKEN}");
    let request = Request::get("/").header(HOST_HEADER, HOST);
    let request = request.header(COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
    assert_eq!(
        answer(request.body(Body::empty()).unwrap()).await.status,
        200
    );
}

#[tokio::test]
async fn what_no_object_is_called_is_not_asked_for() {
    for path in [
        "/workload/stage/deployment/..%2f..%2fnodes",
        "/workload/../deployment/web",
        "/source/stage/configmap/%e2%80%ae",
        "/source/%2e%2e/secret/db",
        "/graph?ns=../x",
        "/graph?workload=deployment/../web",
        "/graph?source=secret/stage/..",
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        let said = ["no object is called", "There is no such page"];
        assert!(
            said.iter().any(|said| answer.text.contains(said)),
            "{path}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn the_way_on_stays_here() {
    for slashes in ["//", "/\\", "/\\/"] {
        let path = format!("{slashes}example.org/?token={TOKEN}");
        let request = Request::get(path).header(HOST_HEADER, HOST);
        let answer = answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.headers[LOCATION], "/example.org/");
    }
}

#[rstest]
#[case("/", "")]
#[case("/?token=", "")]
#[case("/?token=0123456789abcdef0123456789abcdee", "")]
#[case("/?token=0123", "")]
#[case("/", "tidings-7878=0123456789abcdef0123456789abcdee")]
#[case("/", "tidings-7879=0123456789abcdef0123456789abcdef")]
#[case("/", "tidings-7878=0123456789abcdef0123456789abcdef0")]
#[case("/style.css", "")]
#[case("/live", "")]
#[case("/nothing", "")]
#[tokio::test]
async fn without_the_token_nothing_is_answered(#[case] path: &str, #[case] cookie: &str) {
    let request = Request::get(path).header(HOST_HEADER, HOST);
    let request = request.header(COOKIE, cookie);
    refused(&answer(request.body(Body::empty()).unwrap()).await);
}

/// DNS rebinding: the name is bent to this machine, and the browser believes it.
#[rstest]
#[case(Some("example.org:7878"))]
#[case(Some("127.0.0.1"))]
#[case(Some("127.0.0.1:80"))]
#[case(Some("127.0.0.1:7878.example.org"))]
#[case(Some(""))]
#[case(None)]
#[tokio::test]
async fn only_this_machine_s_own_names_are_answered(#[case] host: Option<&str>) {
    let mut request = Request::get(format!("/?token={TOKEN}"));
    if let Some(host) = host {
        request = request.header(HOST_HEADER, host);
    }
    refused(&answer(request.body(Body::empty()).unwrap()).await);
}

/// Another port of this machine is the same site to a browser, which brings the cookie.
#[rstest]
#[case("same-origin", "cors", true)]
#[case("none", "navigate", true)]
#[case("same-site", "navigate", true)]
#[case("same-site", "no-cors", false)]
#[case("cross-site", "no-cors", false)]
#[tokio::test]
async fn pages_of_other_ports_load_nothing(
    #[case] site: &str,
    #[case] mode: &str,
    #[case] is_answered: bool,
) {
    let request = from_browser("/").header("sec-fetch-site", site);
    let request = request.header("sec-fetch-mode", mode);
    let answer = answer(request.body(Body::empty()).unwrap()).await;
    if is_answered {
        assert_eq!(answer.status, 200);
    } else {
        refused(&answer);
    }
}

#[rstest]
#[case(Method::GET, Some("http://127.0.0.1:7878"), true)]
#[case(Method::GET, Some("http://localhost:7878"), true)]
#[case(Method::GET, None, true)]
#[case(Method::GET, Some("https://127.0.0.1:7878"), false)]
#[case(Method::GET, Some("http://example.org"), false)]
#[case(Method::GET, Some("http://127.0.0.1:7879"), false)]
#[case(Method::GET, Some("null"), false)]
#[case(Method::POST, None, false)]
#[case(Method::POST, Some("null"), false)]
#[case(Method::POST, Some("http://127.0.0.1:7878.example.org"), false)]
#[case(Method::DELETE, None, false)]
#[tokio::test]
async fn other_sites_are_not_answered(
    #[case] method: Method,
    #[case] origin: Option<&str>,
    #[case] is_answered: bool,
) {
    let mut request = from_browser("/").method(method);
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    let answer = answer(request.body(Body::empty()).unwrap()).await;
    if is_answered {
        assert_eq!(answer.status, 200);
    } else {
        refused(&answer);
    }
}

#[rstest]
#[case("/")]
#[case("/nothing")]
#[case("/?token=wrong")]
#[case("/script.js")]
#[tokio::test]
async fn every_answer_is_bound_to_this_page(#[case] path: &str) {
    let answer = get(path).await;
    let header = |name| answer.headers[name].to_str().unwrap();
    let policy = header(&CONTENT_SECURITY_POLICY);
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    assert_eq!(header(&REFERRER_POLICY), "same-origin");
    assert_eq!(header(&X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(header(&X_FRAME_OPTIONS), "DENY");
    let kept = if path == "/script.js" {
        "private, no-cache"
    } else {
        "no-store"
    };
    assert_eq!(header(&CACHE_CONTROL), kept);
}

/// Under that policy a style or a script in the page itself would not work, either.
#[tokio::test]
async fn nothing_is_inline_and_nothing_from_elsewhere() {
    let page = get("/").await.text;
    for wrong in ["<style", " style=", " onclick", "javascript:", "//"] {
        assert!(!page.contains(wrong), "{wrong}: {page}");
    }
    let scripts: Vec<_> = page.match_indices("<script").collect();
    assert_eq!(scripts.len(), 1);
    assert!(page.contains(r#"<script src="/script.js" defer></script>"#));
    let style = get("/style.css").await.text;
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[tokio::test]
async fn what_a_browser_has_kept_is_not_sent_again() {
    let mark = get("/style.css").await.headers[ETAG].clone();
    let request = from_browser("/style.css").header(IF_NONE_MATCH, mark);
    let again = answer(request.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, &*again.text), (304, ""));
}

#[tokio::test]
async fn what_is_pasted_is_bounded() {
    let much = vec![b'a'; crate::dashboard::routes::LONGEST + 1];
    let request = from_browser("/impact").method(Method::POST);
    let request = request.header(ORIGIN, format!("http://{HOST}"));
    let answer = answer(request.body(Body::from(much)).unwrap()).await;
    assert_eq!(answer.status, 413);
    assert!(answer.text.contains("At most 4 MiB"), "{}", answer.text);
}
