//! All workloads, what needs attention first; counts that filter.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use maud::{Markup, html};
use tidings_core::standing::{WORDS, Word};

use tidings_shared::plain::plain;

use super::layout::View;
use super::parts;
use crate::cli::status::report::StatusRow;
use crate::cli::why::report::Summary;
use crate::dashboard::address::Filtered;
use crate::dashboard::model::board::{Board, StaleBoard, count, urgency};
use crate::dashboard::site::Site;

/// So many rows make a page.
pub(super) const ROWS: usize = 200;

/// Where it is.
const HERE: &str = "/";

/// Answers with it.
pub(in crate::dashboard) async fn page(
    State(site): State<Site>,
    RawQuery(query): RawQuery,
) -> impl IntoResponse {
    View::filtered("Overview", HERE, &site.board(), query.as_deref(), drawn)
}

/// The rows that are asked for, however they stand.
fn admitted<'a>(board: &'a Board, asked: &'a Filtered) -> impl Iterator<Item = &'a Arc<StatusRow>> {
    board.rows.iter().filter(|row| {
        let name = format!("{}/{}", row.kind, row.name);
        asked.admits(&row.namespace, &[&name])
    })
}

/// Those that stand as asked for, what needs attention first.
fn chosen<'a>(board: &'a Board, asked: &'a Filtered) -> Vec<&'a Arc<StatusRow>> {
    let stands = |row: &&Arc<StatusRow>| asked.standing.is_none_or(|it| row.standing.0 == Some(it));
    let mut rows: Vec<_> = admitted(board, asked).filter(stands).collect();
    rows.sort_by_key(|row| urgency(row.standing.0));
    rows
}

fn drawn(board: &Board, asked: &Filtered) -> Markup {
    let rows = chosen(board, asked);
    html! {
        h1 { "Overview" }
        (counts(board, asked))
        (about(board, asked))
        (filters(board, asked))
        @if rows.is_empty() {
            (nothing(board, asked))
        } @else {
            (table(board, &rows, asked))
            (super::parts::folds(rows.len(), asked, HERE))
        }
    }
}

/// Of what is asked for, however it stands.
fn summary(board: &Board, asked: &Filtered) -> Summary {
    let mut summary = Summary::default();
    for row in admitted(board, asked) {
        summary.count(row.standing);
    }
    summary
}

fn counts(board: &Board, asked: &Filtered) -> Markup {
    let summary = summary(board, asked);
    let all = summary.opted_in();
    html! {
        ul.counts #counts aria-label="How many stand how" {
            li {
                a href=(asked.standing(None).address(HERE))
                    aria-current=[asked.standing.is_none().then_some("true")] {
                    b { (all) } span { "all" }
                }
            }
            @for row in WORDS {
                li {
                    a href=(asked.standing(Some(row.word)).address(HERE)) title=(row.doc)
                        aria-current=[(asked.standing == Some(row.word)).then_some("true")] {
                        b { (count(&summary, row.word)) } (parts::standing(Some(row.word)))
                    }
                }
            }
        }
    }
}

/// Who is not counted, and who leads.
fn about(board: &Board, asked: &Filtered) -> Markup {
    let leader = board.leader.line();
    html! {
        @if board.at.is_some() {
            p.quiet #about {
                (board.summary.not_opted_in) " not opted in"
                @if !asked.namespace.is_empty() { " in all that is looked at" }
                @if board.leader.problem.is_none() && !leader.is_empty() { " · " (parts::text(&leader)) }
            }
        }
    }
}

fn filters(board: &Board, asked: &Filtered) -> Markup {
    html! {
        form.filters method="get" action=(HERE) role="search" {
            (parts::filter_fields(&board.namespaces(), asked))
            label { "Standing"
                select name="standing" {
                    option value="" { "any" }
                    @for row in WORDS {
                        option value=(row.json) selected[asked.standing == Some(row.word)] { (row.text) }
                    }
                }
            }
            button { "Filter" }
            @if asked.is_narrow() { a.quiet href=(HERE) { "Show all" } }
        }
    }
}

fn nothing(board: &Board, asked: &Filtered) -> Markup {
    html! {
        div.empty #rows {
            @if board.at.is_none() {
                p { "The cluster is being read." }
            } @else if asked.is_narrow() {
                p { "Nothing is like that." }
                (parts::elsewhere(board, asked))
                p { a href=(HERE) { "Show all" } }
            } @else if !board.gaps.is_empty() {
                p { "Of what may be read no workload is opted in. What may not be is named above; "
                    "start the page with the namespaces that you may read (-n)." }
            } @else {
                p { "No workload is opted in." }
                p { "That is what " code { "tidings.dev/reload: auto" }
                    " on a workload or its namespace does." }
            }
        }
    }
}

fn table(board: &Board, rows: &[&Arc<StatusRow>], asked: &Filtered) -> Markup {
    let shown = rows.iter().skip(asked.page * ROWS).take(ROWS);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Workloads" {
            table.list aria-label="Workloads" {
                thead {
                    tr {
                        @for name in ["Namespace", "Workload", "Standing", "Pods", "Waits for", "Last roll", "Stale pods"] {
                            th scope="col" { (name) }
                        }
                    }
                }
                tbody #rows { @for row in shown { (line(row, &board.stale)) } }
            }
        }
    }
}

fn line(row: &StatusRow, stale: &StaleBoard) -> Markup {
    html! {
        tr id=(parts::row_id("w", &[&row.namespace, row.kind, &row.name])) data-row
            class=(parts::class(row.standing.0)) {
            td data-name="Namespace" { (row.namespace) }
            th scope="row" { (parts::workload(&row.namespace, row.kind, &row.name)) }
            td data-name="Standing" { (parts::standing(row.standing.0)) (problems(row)) }
            td.number data-name="Pods" { (pods(row)) }
            td data-name="Waits for" { (waits(row)) }
            td data-name="Last roll" { (last(row)) }
            td.number data-name="Stale pods" { (stale_pods(row, stale)) }
        }
    }
}

fn pods(row: &StatusRow) -> Markup {
    html! {
        @if let Some(pods) = row.pods {
            (pods.updated) "/" (pods.desired)
            @if row.standing.0 == Some(Word::Rolling) && pods.desired > 0 {
                " " progress max=(pods.desired) value=(pods.updated) aria-label="pods that have it" {}
            }
        } @else { (parts::none()) }
    }
}

fn waits(row: &StatusRow) -> Markup {
    let why = row.waits_for();
    let not_known = row.unknown.first();
    html! {
        @if let Some(why) = &why { (parts::text(why)) " " }
        @else if let Some(needs) = not_known {
            @if parts::lacks_record(&row.unknown) { "its record may not be read" }
            @else { "needs " (parts::text(needs)) }
        }
        @if let Some(until) = row.until { (parts::until(until)) }
        @if why.is_none() && not_known.is_none() && row.until.is_none() { (parts::none()) }
    }
}

/// What is wrong with what is written on it, however it stands.
fn problems(row: &StatusRow) -> Markup {
    html! {
        @for problem in &row.problems {
            " " span.problem title=(plain(&problem.text)) { (problem.reason) }
        }
    }
}

fn last(row: &StatusRow) -> Markup {
    html! {
        @if let Some(last) = &row.last {
            @if let Some(at) = last.at { (parts::ago(at)) " " }
            span.because { (parts::text(&last.because)) }
        } @else { (parts::none()) }
    }
}

/// As `stale` finds them, which looks at containers, whatever Tidings has to do with them.
fn stale_pods(row: &StatusRow, stale: &StaleBoard) -> Markup {
    let rows: Vec<_> = stale
        .of_workload((&row.namespace, row.kind, &row.name))
        .collect();
    let pods = |is_certain: bool| {
        let rows = rows
            .iter()
            .filter(|row| (row.certain && !row.follows) == is_certain);
        let names: BTreeSet<_> = rows
            .flat_map(|row| row.pods.iter().map(|pod| &pod.name))
            .collect();
        names.len()
    };
    let (certain, perhaps) = (pods(true), pods(false));
    html! {
        @if certain > 0 { (certain) }
        @else if perhaps > 0 { span.quiet { "perhaps " (perhaps) } }
        @else if stale.is_read { (parts::none()) }
    }
}
