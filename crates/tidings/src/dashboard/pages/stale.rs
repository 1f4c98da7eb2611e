//! Which pods run with older data than what is there now, opted in or not.

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::layout::View;
use super::overview::ROWS;
use super::parts;
use crate::cli::stale::report::StaleRow;
use crate::cli::stale::table::{LEGEND, WRITER};
use crate::dashboard::address::Filtered;
use crate::dashboard::model::board::{Board, StaleBoard};
use crate::dashboard::site::Site;

const HERE: &str = "/stale";

/// Answers with it.
pub(in crate::dashboard) async fn page(
    State(site): State<Site>,
    RawQuery(query): RawQuery,
) -> impl IntoResponse {
    View::filtered("Stale pods", HERE, &site.board(), query.as_deref(), drawn)
}

/// What is certain first.
fn chosen<'a>(stale: &'a StaleBoard, asked: &Filtered) -> Vec<&'a StaleRow> {
    let is_asked = |row: &&StaleRow| {
        let name = format!("{}/{}", row.kind, row.name);
        asked.admits(&row.namespace, &[&name, &row.source])
    };
    let mut rows: Vec<_> = stale.rows.iter().filter(is_asked).collect();
    rows.sort_by_key(|row| (row.follows, !row.certain));
    rows
}

fn drawn(board: &Board, asked: &Filtered) -> Markup {
    let stale = &board.stale;
    let rows = chosen(stale, asked);
    html! {
        h1 { "Stale pods" }
        p { "Their containers were started before data that they use was written. "
            "No workload need be opted in for that." }
        form.filters method="get" action=(HERE) role="search" {
            (parts::filter_fields(&namespaces(stale), asked))
            button { "Filter" }
            @if asked.is_narrow() { a.quiet href=(HERE) { "Show all" } }
        }
        @if rows.is_empty() { (nothing(board, asked)) }
        @else {
            (table(&rows, asked))
            (parts::folds(rows.len(), asked, HERE))
            (legend(&rows))
        }
        (parts::gaps(&stale.lacking))
    }
}

fn namespaces(stale: &StaleBoard) -> std::collections::BTreeSet<tidings_core::refs::Name> {
    stale.rows.iter().map(|row| row.namespace.clone()).collect()
}

fn nothing(board: &Board, asked: &Filtered) -> Markup {
    let stale = &board.stale;
    let pods: usize = stale.pods.values().map(Vec::len).sum();
    html! {
        div.empty #rows {
            @if !stale.is_read && !stale.lacking.is_empty() { p { "Pods cannot be read." } }
            @else if !stale.is_read { p { "Pods are being read." } }
            @else if asked.is_narrow() { p { "Nothing is like that." } (parts::elsewhere(board, asked)) }
            @else if !stale.lacking.is_empty() { p { "Of " (pods) " pods that may be read none is stale." } }
            @else if pods == 0 { p { "There are no pods." } }
            @else { p { "None of " (pods) " pods is stale." } }
        }
    }
}

fn table(rows: &[&StaleRow], asked: &Filtered) -> Markup {
    const HEADER: [&str; 8] = [
        "Namespace",
        "Workload",
        "Pods",
        "Source",
        "Keys",
        "How",
        "Written",
        "State",
    ];
    let shown = rows.iter().skip(asked.page * ROWS).take(ROWS);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Stale pods" {
            table.list aria-label="Stale pods" {
                thead { tr { @for name in HEADER { th scope="col" { (name) } } } }
                tbody #rows { @for row in shown { (line(row)) } }
            }
        }
    }
}

fn line(row: &StaleRow) -> Markup {
    let how = format!("{}-{}", row.certain, row.follows);
    let of: [&str; 5] = [&row.namespace, &row.kind, &row.name, &row.source, &how];
    html! {
        tr id=(parts::row_id("s", &of)) data-row {
            td data-name="Namespace" { (row.namespace) }
            th scope="row" { (parts::workload(&row.namespace, &row.kind, &row.name)) }
            td.number data-name="Pods" { (row.pods.len()) "/" (row.of) }
            td data-name="Source" { (parts::source(&row.namespace, &row.source)) }
            td data-name="Keys" {
                @if row.keys.is_empty() { span.quiet { "not known" } } @else { (parts::keys(&row.keys)) }
            }
            td data-name="How" { (row.via.join(", ")) }
            td data-name="Written" {
                @if let Some(at) = row.written { (parts::ago(at)) }
                @if let Some(client) = &row.client { " " span.quiet { "by " (parts::text(client)) } }
            }
            td data-name="State" { (state(row)) }
        }
    }
}

fn state(row: &StaleRow) -> Markup {
    let class = if row.certain && !row.follows {
        "stale"
    } else {
        "unknown"
    };
    html! { span class={ "standing " (class) } { (row.state()) } }
}

/// What the words mean, as far as they are there.
fn legend(rows: &[&StaleRow]) -> Markup {
    let is_there = |word: &str| rows.iter().any(|row| row.state().contains(word));
    html! {
        div.note #legend {
            @for (word, meaning) in LEGEND { @if is_there(word) { p { (meaning) } } }
            @if !rows.is_empty() { p { "by: " (WRITER) } }
        }
    }
}
