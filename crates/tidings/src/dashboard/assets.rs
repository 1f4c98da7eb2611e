//! The stylesheet and the script, as they lie in the program.
//!
//! A browser keeps them, and asks each time whether they are still those: their mark is
//! this version of the program and what they hold.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");

/// How it looks.
pub(super) async fn style(headers: HeaderMap) -> Response {
    asset(&headers, "text/css; charset=utf-8", STYLE)
}

/// What keeps it live.
pub(super) async fn script(headers: HeaderMap) -> Response {
    asset(&headers, "text/javascript; charset=utf-8", SCRIPT)
}

/// Its picture in a tab.
pub(super) async fn icon(headers: HeaderMap) -> Response {
    asset(&headers, "image/svg+xml", ICON)
}

fn asset(asked: &HeaderMap, media: &'static str, text: &'static str) -> Response {
    let mark = mark(text);
    let kept = asked.get(IF_NONE_MATCH).and_then(|kept| kept.to_str().ok());
    let (status, text) = if kept == Some(&*mark) {
        (StatusCode::NOT_MODIFIED, "")
    } else {
        (StatusCode::OK, text)
    };
    let headers = [
        (CONTENT_TYPE, media),
        (CACHE_CONTROL, "private, no-cache"),
        (ETAG, &*mark),
    ];
    (status, headers, text).into_response()
}

fn mark(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let version = env!("CARGO_PKG_VERSION");
    format!("\"{version}-{:x}\"", hasher.finish())
}
