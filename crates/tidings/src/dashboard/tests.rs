//! From requests to answers, as a browser would have them, by the router that is served.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use kube::client::Body as KubeBody;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::attention::Attention;
use super::guard::Guard;
use super::model::board::Board;
use super::routes::routes;
use super::site::{ASKING, Site};
use crate::api::ApiClient;
use crate::settings::Target;

mod escaped;
mod safe;
mod shown;

/// The token of these tests.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const HOST: &str = "127.0.0.1:7878";

/// An API server that has nothing.
fn nowhere() -> ApiClient {
    let service = tower::service_fn(|_: http::Request<KubeBody>| async {
        let answer = http::Response::builder().status(404);
        Ok::<_, Infallible>(answer.body(KubeBody::empty()).unwrap())
    });
    kube::Client::new(service, "stage").into()
}

/// A page that knows this.
fn site(board: Board) -> Site {
    let hosts = [HOST, "localhost:7878", "[::1]:7878"].map(str::to_owned);
    let installation = crate::settings::tests::settings(&[]).unwrap().installation;
    Site {
        guard: Arc::new(Guard::new(TOKEN.to_owned(), 7878, hosts.into())),
        attention: Arc::new(Attention::default()),
        api: nowhere(),
        installation: Arc::new(installation),
        target: Target::All,
        board: watch::channel(Arc::new(board)).1,
        asking: Arc::new(Semaphore::new(ASKING)),
    }
}

/// What was answered.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

async fn answer(request: Request<Body>) -> Answer {
    of_site(site(Board::default()), request).await
}

async fn of_site(site: Site, request: Request<Body>) -> Answer {
    let response = routes(site).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// A request of a browser that has the cookie.
fn from_browser(path: &str) -> axum::http::request::Builder {
    Request::get(path)
        .header(header::HOST, HOST)
        .header(header::COOKIE, format!("other=1; tidings-7878={TOKEN}"))
}
