//! What all pages share: head, navigation, what is not known, foot.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use tidings_shared::plain::plain;

use super::parts;
use crate::api::ApiError;
use crate::cli::exit::describe;
use crate::dashboard::address::Filtered;
use crate::dashboard::model::board::Board;

/// The places of the navigation: address, name, and the letter that goes there after `g`.
const PLACES: [(&str, &str, char); 4] = [
    ("/", "Overview", 'o'),
    ("/graph", "Graph", 'g'),
    ("/stale", "Stale", 's'),
    ("/impact", "Impact", 'i'),
];

/// A page.
pub(in crate::dashboard) struct View<'a> {
    /// What it is about.
    pub(in crate::dashboard) title: &'a str,
    /// The place of the navigation that it belongs to; none where it is empty.
    pub(in crate::dashboard) place: &'a str,
    /// What is known now.
    pub(in crate::dashboard) board: &'a Board,
    /// Milliseconds between two drawings at least, where it changes with what is known.
    pub(in crate::dashboard) live: Option<u32>,
    /// It.
    pub(in crate::dashboard) main: Markup,
}

impl IntoResponse for View<'_> {
    fn into_response(self) -> Response {
        Html(self.drawn().into_string()).into_response()
    }
}

impl View<'_> {
    /// The answer with a page of what is known, as far as it is asked for.
    pub(super) fn filtered(
        title: &str,
        place: &str,
        board: &Board,
        query: Option<&str>,
        drawn: impl FnOnce(&Board, &Filtered) -> Markup,
    ) -> Response {
        let main = drawn(board, &Filtered::read(query));
        let page = View {
            title,
            place,
            board,
            live: Some(0),
            main,
        };
        page.into_response()
    }

    fn drawn(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(self.title, self.board))
                body data-live=[self.live] {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        a.brand href="/" { (parts::brand()) "Tidings" }
                        (navigation(self.place))
                        @if let Some(of) = &self.board.of {
                            span.of title="the context of the kubeconfig" { (plain(of)) }
                        }
                    }
                    div #beside { (parts::beside(self.board)) }
                    main #main tabindex="-1" { (self.main) }
                    (foot())
                }
            }
        }
    }
}

fn head(title: &str, board: &Board) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) @if let Some(of) = &board.of { " · " (plain(of)) } " · Tidings" }
            link rel="icon" href="/icon.svg" type="image/svg+xml";
            link rel="stylesheet" href="/style.css";
            script src="/script.js" defer {}
        }
    }
}

fn navigation(place: &str) -> Markup {
    html! {
        nav aria-label="Views" {
            ul {
                @for (address, name, letter) in PLACES {
                    li {
                        a href=(address) data-go=(letter)
                            aria-current=[(address == place).then_some("page")] { (name) }
                    }
                }
            }
        }
    }
}

fn foot() -> Markup {
    html! {
        p #said.unseen role="status" aria-live="polite" {}
        footer {
            p { "Read with your own rights; nothing here writes to the cluster." }
            p.keys hidden { "Keys: press " kbd { "?" } }
        }
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl.pairs {
                dt { kbd { "/" } } dd { "Filter" }
                dt { kbd { "j" } " " kbd { "k" } } dd { "Next row, row before" }
                dt { kbd { "Enter" } } dd { "Open the row" }
                @for (_, name, letter) in PLACES {
                    dt { kbd { "g" } " " kbd { (letter) } } dd { (name) }
                }
                dt { kbd { "?" } } dd { "This list" }
            }
            form method="dialog" { button { "Close" } }
        }
    }
}

/// A page that says what is wrong.
pub(in crate::dashboard) fn problem(title: &str, text: &str) -> Response {
    trouble(&Board::default(), None, title, text)
}

fn trouble(board: &Board, live: Option<u32>, title: &str, text: &str) -> Response {
    View {
        title,
        place: "",
        board,
        live,
        main: html! { h1 { (title) } pre.trouble { (plain(text)) } p { a href="/" { "To the overview" } } },
    }
    .into_response()
}

/// What could not be asked: an API server that is away, or did not answer so, or a thing
/// that is not there. A page that is open stays as it was while the server is away: the
/// script goes by the status, and asks again.
pub(in crate::dashboard) fn failed(board: &Board, error: &anyhow::Error) -> Response {
    let status = status(board, error);
    let live = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(0);
    let text = describe(error);
    let page = trouble(board, live, "That cannot be shown", text.trim_end());
    (status, page).into_response()
}

/// Whether it is the API server that says so, or cannot.
pub(super) fn is_servers(error: &anyhow::Error) -> bool {
    of_server(error).is_some()
}

fn of_server(error: &anyhow::Error) -> Option<&ApiError> {
    error.chain().find_map(|it| it.downcast_ref())
}

fn status(board: &Board, error: &anyhow::Error) -> StatusCode {
    match of_server(error) {
        Some(ApiError::Unreachable(_) | ApiError::Slow { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) if board.is_away() => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::BAD_GATEWAY,
        None => StatusCode::NOT_FOUND,
    }
}
