//! Which address is which page.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;

use super::site::Site;
use super::{assets, graph, guard, live, pages};

/// A manifest that is pasted may have so many bytes, as a form sends it.
pub(super) const LONGEST: usize = 4 << 20;

/// All pages, behind the guard.
pub(super) fn routes(site: Site) -> Router {
    Router::new()
        .route("/", get(pages::overview::page))
        .route(
            "/workload/{namespace}/{kind}/{name}",
            get(pages::workload::page),
        )
        .route(
            "/source/{namespace}/{kind}/{name}",
            get(pages::source::page),
        )
        .route("/stale", get(pages::stale::page))
        .route("/impact", get(pages::impact::page).post(pages::impact::ask))
        .route("/graph", get(graph::page))
        .route("/live", get(live::listen))
        .route("/style.css", get(assets::style))
        .route("/script.js", get(assets::script))
        .route("/icon.svg", get(assets::icon))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(from_fn_with_state(site.clone(), guard::keep))
        .with_state(site)
}

async fn nothing(request: Request) -> impl IntoResponse {
    let path = request.uri().path().to_owned();
    (
        StatusCode::NOT_FOUND,
        pages::layout::problem("There is no such page", &path),
    )
}
