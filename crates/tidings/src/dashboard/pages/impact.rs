//! What applying a manifest would do. It is asked and forgotten: nothing is kept.

use std::sync::Arc;

use anyhow::Error;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use tidings_core::impact::Outcome;

use super::layout::{View, problem};
use super::parts;
use crate::cli::exit::describe;
use crate::cli::impact::ask;
use crate::cli::impact::report::{Change, ImpactReport, ImpactRow, SourceRow, word};
use crate::cli::impact::table::{gaps, nothing, pods, summary, why};
use crate::cli::impact::turns;
use crate::cli::input::files::{Reached, Text};
use crate::dashboard::address;
use crate::dashboard::routes::LONGEST;
use crate::dashboard::site::Site;

const HERE: &str = "/impact";
/// What a manifest that was pasted is called where something is wrong with it.
const PASTED: &str = "<pasted>";

/// What was pasted.
#[derive(Default)]
struct Pasted {
    manifest: String,
    namespace: String,
}

impl Pasted {
    fn read(body: &[u8]) -> Self {
        let mut pasted = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            match &*key {
                "manifest" => pasted.manifest = value.into_owned(),
                "ns" => value.trim().clone_into(&mut pasted.namespace),
                _ => {}
            }
        }
        pasted
    }
}

/// Answers with the form.
pub(in crate::dashboard) async fn page(State(site): State<Site>) -> Response {
    shown(&site, &Pasted::default(), None)
}

/// Answers with what it would do.
pub(in crate::dashboard) async fn ask(
    State(site): State<Site>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else {
        let text = format!("At most {} MiB can be pasted at once.", LONGEST >> 20);
        let page = problem("That is too much", &text);
        return (StatusCode::PAYLOAD_TOO_LARGE, page).into_response();
    };
    let pasted = Pasted::read(&body);
    let _turn = site.turn().await;
    let snapshot = site.snapshot();
    let named = Some(pasted.namespace.as_str()).filter(|name| !name.is_empty());
    if let Err(error) = address::names(named) {
        return shown(&site, &pasted, Some(Err(&error)));
    }
    let namespace = named.map(Into::into).or_else(|| site.namespace());
    let namespace = snapshot.namespace_or_own(namespace.as_ref());
    let text = Text {
        file: Arc::from(PASTED),
        reached: Reached::ByName,
        text: Ok(pasted.manifest.clone()),
    };
    match ask::of_texts(snapshot, &[text], &namespace).await {
        Ok(report) => shown(&site, &pasted, Some(Ok(&report))),
        Err(error) => shown(&site, &pasted, Some(Err(&error))),
    }
}

/// What was pasted stays, whatever came of it.
fn shown(site: &Site, pasted: &Pasted, found: Option<Result<&ImpactReport, &Error>>) -> Response {
    let page = View {
        title: "Impact",
        place: HERE,
        board: &site.board(),
        live: None,
        main: html! {
            h1 { "Impact" }
            p { "What applying this would do: which workloads would be rolled, and why. "
                "It is read and forgotten." }
            @match found {
                Some(Ok(report)) => (self::found(report)),
                Some(Err(error)) => pre.trouble role="alert" { (parts::text(describe(error).trim_end())) },
                None => {}
            }
            (form(site, pasted))
        },
    };
    page.into_response()
}

fn form(site: &Site, pasted: &Pasted) -> Markup {
    let own = site
        .namespace()
        .unwrap_or_else(|| site.api.default_namespace().into());
    html! {
        form.paste method="post" action=(HERE) {
            label { "Manifests, pasted or dropped here"
                textarea name="manifest" rows="16" spellcheck="false" required data-drop=(LONGEST / 3) {
                    // A browser leaves out the first line where it is empty.
                    "\n" (pasted.manifest)
                }
            }
            div.filters {
                label { "Namespace of what names none"
                    input name="ns" value=(pasted.namespace) placeholder=(own) autocomplete="off" spellcheck="false";
                }
                button { "Tell" }
            }
        }
    }
}

/// What would become of it.
pub(in crate::dashboard) fn found(report: &ImpactReport) -> Markup {
    html! {
        section #found aria-labelledby="found-title" {
            h2 #found-title { "What it would do" }
            @if report.workloads.is_empty() { p.empty { (nothing(report)) } }
            @else {
                p { strong { (summary(report)) } }
                @for line in turns::rules(report) { p { (line) } }
                (table(report))
            }
            @for source in &report.sources { (source_line(source)) }
            @for unread in &report.unread {
                p.notice { (parts::text(&unread.file)) ":" (unread.line) ": " (parts::text(&unread.text)) }
            }
            (parts::gaps(&gaps(report)))
        }
    }
}

fn source_line(row: &SourceRow) -> Markup {
    let change = match row.change {
        Change::Changed => "would hold something else",
        Change::Made => "would be made",
        Change::Unchanged => "holds that already",
        Change::Refused => "would be refused",
        Change::NotWatched => "is not watched",
        Change::Unknown => "may not be read",
    };
    html! {
        p.quiet {
            (parts::source(&row.namespace, &row.source)) " in " (row.namespace) " " (change)
            @if !row.text.is_empty() { ": " (parts::text(&row.text)) }
        }
    }
}

fn table(report: &ImpactReport) -> Markup {
    const HEADER: [&str; 6] = [
        "Namespace",
        "Workload",
        "Pods",
        "Result",
        "Because of",
        "Why",
    ];
    html! {
        div.scroll tabindex="0" role="region" aria-label="Workloads that it concerns" {
            table.list aria-label="What it would do" {
                thead { tr { @for name in HEADER { th scope="col" { (name) } } } }
                tbody { @for row in &report.workloads { (line(row)) } }
            }
        }
    }
}

fn line(row: &ImpactRow) -> Markup {
    html! {
        tr data-row {
            td data-name="Namespace" { (row.namespace) }
            th scope="row" { (parts::workload(&row.namespace, row.kind, &row.name)) }
            td.number data-name="Pods" { @if row.pods.is_some() { (pods(row)) } @else { (parts::none()) } }
            td data-name="Result" { (outcome(row.outcome)) }
            td data-name="Because of" {
                @for used in &row.uses {
                    div {
                        (used.source) " "
                        @if used.keys.is_empty() { span.quiet { "all of it" } } @else { (parts::keys(&used.keys)) }
                        " " span.quiet { (used.via.join(", ")) }
                    }
                }
            }
            td data-name="Why" { @for used in &row.uses { div { (parts::text(&why(row, used))) } } }
        }
    }
}

fn outcome(outcome: Outcome) -> Markup {
    let class = match outcome {
        Outcome::Rolls | Outcome::Restarts => "rolling",
        Outcome::Waits => "waiting",
        Outcome::Stays => "unknown",
        Outcome::Unknown => "failed",
    };
    html! { span class={ "standing " (class) } { (word(outcome)) } }
}
