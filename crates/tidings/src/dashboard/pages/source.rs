//! One source: who uses it, and what a change of it would do, of all of it or of a key.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use tidings_core::graph::Focus;
use tidings_core::refs::{Name, SourceKind, SourceRef};

use super::impact::found;
use super::layout::{View, failed, is_servers};
use super::parts;
use crate::cli::exit::describe;
use crate::cli::impact::ask;
use crate::cli::impact::report::ImpactReport;
use crate::dashboard::address;
use crate::dashboard::graph::asked;
use crate::dashboard::model::board::Board;
use crate::dashboard::site::Site;
use crate::settings::SupposedSource;

/// It lists a namespace each time, so not more often than this, in milliseconds.
const PACE: u32 = 5_000;

/// Answers with it.
pub(in crate::dashboard) async fn page(
    State(site): State<Site>,
    Path((namespace, kind, name)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let key = key(query.as_deref());
    let source = match named(&namespace, &kind, &name) {
        Err(error) => return failed(&site.board(), &error),
        Ok(source) => source,
    };
    let asked = Box::pin(ask(&site, &source, key.as_deref()));
    match site.unless_away(asked).await {
        Err(error) if is_servers(&error) => failed(&site.board(), &error),
        Err(error) => missing(&site.board(), &source, &error),
        Ok(report) => shown(&site.board(), &source, key.as_deref(), &report),
    }
}

fn named(namespace: &str, kind: &str, name: &str) -> Result<SourceRef> {
    let known = SourceKind::all().find(|it| it.row().word == kind);
    let kind = known.with_context(|| format!("{kind:?} is no kind of source"))?;
    address::names([namespace, name])?;
    Ok(SourceRef::new(kind, namespace, name))
}

/// Somebody may use it, and wait for it.
fn missing(board: &Board, source: &SourceRef, error: &anyhow::Error) -> Response {
    let focus = Focus::Source(source.clone());
    let page = View {
        title: &source.to_string(),
        place: "",
        board,
        live: Some(PACE),
        main: html! {
            (parts::crumbs(&source.namespace, &focus))
            (parts::of_kind(source.kind.row().word, &source.name))
            pre.trouble { (parts::text(describe(error).trim_end())) }
            p { a href=(asked::address(&focus)) { "Who uses it" } }
        },
    };
    (StatusCode::NOT_FOUND, page).into_response()
}

/// The key that is asked about; none: all of it.
fn key(query: Option<&str>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let key = pairs.find(|(name, _)| name == "key")?.1.trim().to_owned();
    (!key.is_empty()).then_some(key)
}

/// As `impact` asks about a source as if it were another.
async fn ask(site: &Site, source: &SourceRef, key: Option<&str>) -> Result<ImpactReport> {
    let _turn = site.turn().await;
    let supposed = SupposedSource {
        kind: source.kind,
        name: source.name.clone(),
        keys: key.map(Name::from).into_iter().collect(),
    };
    ask::of_sources(site.snapshot(), &[supposed], &source.namespace).await
}

fn shown(board: &Board, source: &SourceRef, key: Option<&str>, report: &ImpactReport) -> Response {
    let title = format!("{source} in {}", source.namespace);
    let page = View {
        title: &title,
        place: "",
        board,
        live: Some(PACE),
        main: html! {
            (parts::crumbs(&source.namespace, &Focus::Source(source.clone())))
            (parts::of_kind(source.kind.row().word, &source.name))
            p { "Who uses it, and what another content of it would do. Its content is not shown." }
            (form(source, key, report))
            (found(report))
        },
    };
    page.into_response()
}

/// By key: those that somebody uses are offered.
fn form(source: &SourceRef, key: Option<&str>, report: &ImpactReport) -> Markup {
    let here = address::source(&source.namespace, source.kind.row().word, &source.name);
    let uses = report.workloads.iter().flat_map(|row| &row.uses);
    let keys: BTreeSet<_> = uses.flat_map(|used| &used.keys).collect();
    html! {
        form.filters method="get" action=(here) {
            label { "If only this key changed"
                input name="key" value=[key] list="known-keys" placeholder="all keys" data-filter
                    autocomplete="off" spellcheck="false";
            }
            datalist #known-keys { @for key in keys { option value=(key) {} } }
            button { "Tell" }
            @if key.is_some() { a.quiet href=(here) { "All keys" } }
        }
    }
}
