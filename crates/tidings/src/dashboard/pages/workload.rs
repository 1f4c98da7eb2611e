//! One workload: why it stands as it does, its pods, what has become of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use tidings_core::compare::KeyState;
use tidings_core::graph::Focus;
use tidings_core::object::Group;
use tidings_core::refs::WorkloadRef;

use super::layout::{View, failed};
use super::parts;
use crate::cli::history::report::{HistoryReport, HistoryRow};
use crate::cli::why::ask::explain;
use crate::cli::why::report::{UseReport, WorkloadReport};
use crate::cli::why::table::{BY_RESTART, reach};
use crate::cli::{columns, history};
use crate::dashboard::address;
use crate::dashboard::model::board::{Board, PodRow};
use crate::dashboard::site::Site;

/// It asks the API server each time, so not more often than this, in milliseconds.
const PACE: u32 = 500;

/// Answers with it.
pub(in crate::dashboard) async fn page(
    State(site): State<Site>,
    Path((namespace, kind, name)): Path<(String, String, String)>,
) -> Response {
    let asked = async {
        let kind = site.installation.kinds.parse(&kind);
        let kind = kind.with_context(|| format!("there is no kind of workload called {kind:?}"))?;
        address::names([namespace.as_str(), name.as_str()])?;
        let key = WorkloadRef::new(kind, namespace.as_str(), name.as_str());
        site.unless_away(ask(&site, &key)).await
    };
    match asked.await {
        Err(error) => failed(&site.board(), &error),
        Ok((why, past)) => shown(&site.board(), &why, past.as_ref()),
    }
}

/// As `why` and `history` ask.
async fn ask(site: &Site, key: &WorkloadRef) -> Result<(WorkloadReport, Result<HistoryReport>)> {
    let _turn = site.turn().await;
    let mut snapshot = site.snapshot();
    let why = explain(&mut snapshot, key).await?;
    let why = why.with_context(|| format!("{key} is gone"))?;
    let past = history::ask::report(&mut snapshot, key).await;
    Ok((why, past))
}

fn shown(
    board: &Board,
    why: &WorkloadReport,
    past: Result<&HistoryReport, &anyhow::Error>,
) -> Response {
    let title = format!("{}/{} in {}", why.kind, why.name, why.namespace);
    let page = View {
        title: &title,
        place: "",
        board,
        live: Some(PACE),
        main: drawn(board, why, past),
    };
    page.into_response()
}

/// The page's content.
pub(in crate::dashboard) fn drawn(
    board: &Board,
    why: &WorkloadReport,
    past: Result<&HistoryReport, &anyhow::Error>,
) -> Markup {
    html! {
        (parts::crumbs(&why.namespace, &focus(why)))
        (parts::of_kind(why.kind, &why.name))
        (standing(why))
        (decision(why))
        h2 { "What it uses" }
        (uses(why))
        h2 { "Pods" }
        (pods(board, why))
        h2 { "History" }
        (timeline(past))
    }
}

/// Of the graph: this workload.
fn focus(why: &WorkloadReport) -> Focus {
    Focus::Workload(Group {
        namespace: why.namespace.clone(),
        kind: why.kind.into(),
        name: why.name.clone(),
    })
}

fn standing(why: &WorkloadReport) -> Markup {
    html! {
        p #standing {
            @if why.standing.0.is_some() { (parts::standing(why.standing.0)) }
            @else { span.standing.none { (why.standing_text()) } }
            @if let Some(pods) = why.pods { ", " (pods.updated) " of " (pods.desired) " pods" }
            @if let Some(until) = why.until { ", until " (parts::at(until)) " (" (parts::until(until)) ")" }
        }
    }
}

fn decision(why: &WorkloadReport) -> Markup {
    html! {
        div #decision {
            @if let (Some(reason), Some(meaning)) = (why.reason, why.meaning) {
                p {
                    strong { (reason) }
                    @if !why.text.is_empty() { ": " (parts::text(&why.text)) }
                }
                p.quiet { (meaning) }
            }
            (waits(why))
            (last(why))
            @for problem in &why.problems {
                p.notice { strong { (problem.reason) } ": " (parts::text(&problem.text)) }
            }
            (parts::gaps(&why.unknown))
        }
    }
}

/// What waits, and what can be said about it: by a line to be copied, since nothing here
/// writes.
fn waits(why: &WorkloadReport) -> Markup {
    let Some(waits) = &why.waits else {
        return html! {};
    };
    html! {
        div #waits.notice {
            p {
                "Waits as " code { (waits.number) }
                @if let Some(since) = waits.since { ", since " (parts::at(since)) }
                ", for " (parts::text(&waits.because))
                @if let Some(ruling) = waits.ruling { ": " strong { (ruling.word()) } }
                @if let Some(by) = &waits.by { " by " (parts::text(by)) }
            }
            dl.pairs {
                @for (does, line) in waits.answers(why) {
                    dt { (does) } dd { code { (line) } }
                }
            }
        }
    }
}

fn last(why: &WorkloadReport) -> Markup {
    let was = why.roll.is_some_and(|roll| roll > 0);
    let number = why.number.as_deref().filter(|_| was);
    html! {
        @if let Some(number) = number {
            p {
                "Last roll: " code { (number) }
                @if let Some(last) = &why.last {
                    @if let Some(at) = last.at { ", " (parts::ago(at)) }
                    @if !last.because.is_empty() { ", for " (parts::text(&last.because)) }
                    @if let Some(by) = last.by() { ", " (by) }
                }
                @if why.by_restart { (BY_RESTART) }
                (reach(why))
            }
        }
    }
}

fn uses(why: &WorkloadReport) -> Markup {
    html! {
        @if why.uses.is_empty() {
            p.empty #uses { "It uses no ConfigMap and no Secret." }
        } @else {
            div.scroll {
                table.list #uses aria-label="What it uses" {
                    thead { tr { @for name in ["Source", "How", "Keys"] { th scope="col" { (name) } } } }
                    tbody { @for used in &why.uses { (used_source(why, used)) } }
                }
            }
        }
    }
}

fn used_source(why: &WorkloadReport, used: &UseReport) -> Markup {
    let immutable = used.immutable.then_some("immutable");
    let optional = used.optional.then_some("optional");
    let how: Vec<_> = used
        .via
        .iter()
        .copied()
        .chain(optional)
        .chain(immutable)
        .collect();
    html! {
        tr id={ "u-" (used.source) "-" (used.counts) } {
            th scope="row" { (parts::source(&why.namespace, &used.source)) }
            td data-name="How" { (how.join(", ")) }
            td data-name="Keys" {
                @if let Some(note) = used.note { span.quiet { (note) } }
                @for (state, keys) in by_state(used) {
                    div { (key_state(state)) " " (keys_of(&keys)) }
                }
            }
        }
    }
}

fn by_state(used: &UseReport) -> BTreeMap<KeyState, Vec<&str>> {
    let mut states: BTreeMap<KeyState, Vec<&str>> = BTreeMap::new();
    for row in &used.keys {
        let keys = states.entry(row.state).or_default();
        keys.extend(row.key.as_deref());
    }
    states
}

/// One digest may stand for all of them.
fn keys_of(keys: &[&str]) -> Markup {
    html! { @if keys.is_empty() { span.quiet { "all keys" } } @else { (parts::keys(keys)) } }
}

fn key_state(state: KeyState) -> Markup {
    let class = match state {
        KeyState::InStep => "in-step",
        KeyState::Changed | KeyState::Appeared | KeyState::Gone => "stale",
        _ => "unknown",
    };
    html! { span class={ "standing " (class) } { (state.word()) } }
}

/// What of its pods is older than what is there now.
fn older<'a>(board: &'a Board, why: &WorkloadReport, pod: &str) -> Vec<(&'a str, &'static str)> {
    let workload = (&*why.namespace, why.kind, &*why.name);
    let rows = board.stale.of_workload(workload);
    let rows = rows.filter(|row| row.pods.iter().any(|it| &*it.name == pod));
    rows.map(|row| (row.source.as_str(), row.state())).collect()
}

fn pods(board: &Board, why: &WorkloadReport) -> Markup {
    let group = Group {
        namespace: why.namespace.clone(),
        kind: why.kind.into(),
        name: why.name.clone(),
    };
    let pods = board.stale.pods.get(&group).map_or(&[][..], Vec::as_slice);
    html! {
        div #pods {
            @if !board.shows(&why.namespace) {
                p.empty { "Its pods are not looked at: this page was started for another namespace (-n)." }
            } @else if !board.stale.is_read && board.stale.lacking.is_empty() {
                p.empty { "Its pods are being read." }
            } @else if pods.is_empty() && !board.stale.lacking.is_empty() {
                p.empty { "Its pods are not known." }
            } @else if pods.is_empty() {
                p.empty { "It has no pods with containers that run." }
            } @else {
                div.scroll {
                    table.list aria-label="Pods" {
                        thead {
                            tr { @for name in ["Pod", "Made", "Started", "Content"] { th scope="col" { (name) } } }
                        }
                        tbody { @for pod in pods { (pod_row(pod, &older(board, why, &pod.name))) } }
                    }
                }
            }
            (parts::gaps(&board.stale.lacking))
        }
    }
}

fn pod_row(pod: &PodRow, older: &[(&str, &'static str)]) -> Markup {
    let sources: BTreeSet<_> = older.iter().map(|(source, _)| *source).collect();
    let states: BTreeSet<_> = older.iter().map(|(_, state)| *state).collect();
    html! {
        tr id={ "p-" (pod.name) } {
            th scope="row" { (pod.name) }
            td data-name="Made" { @if let Some(at) = pod.created { (parts::ago(at)) } }
            td data-name="Started" { @if let Some(at) = pod.started { (parts::ago(at)) } }
            td data-name="Content" {
                @if pod.started.is_none() {
                    span.standing.none { "none of its containers runs" }
                } @else if older.is_empty() {
                    span.standing.in-step { "has what is there" }
                } @else {
                    span.standing.stale { (states.into_iter().collect::<Vec<_>>().join("; ")) }
                    " " (sources.into_iter().collect::<Vec<_>>().join(", "))
                }
            }
        }
    }
}

fn timeline(past: Result<&HistoryReport, &anyhow::Error>) -> Markup {
    let past = match past {
        Ok(past) => past,
        Err(error) => return html! { p.notice #history { (parts::text(&format!("{error:#}"))) } },
    };
    html! {
        div #history {
            @if past.history.is_empty() {
                p.empty { "Nothing is known of its past." }
            } @else {
                ol.timeline reversed { @for row in past.history.iter().rev() { (step(row)) } }
            }
            (parts::gaps(&past.unknown))
        }
    }
}

fn step(row: &HistoryRow) -> Markup {
    let cause = row.cause();
    html! {
        li.roll[row.roll.is_some()] {
            p {
                strong { (row.how) }
                @if let Some(number) = &row.number { " " code { (number) } }
                @if let Some(at) = row.at { ", " (parts::ago(at)) " " span.quiet { (parts::at(at)) } }
            }
            @if cause != "-" { p { (parts::text(&cause)) } }
            p.quiet { (ended(row)) }
        }
    }
}

/// `done in 12s; revision 4; by kubectl-edit`
fn ended(row: &HistoryRow) -> String {
    let took = row.took.map(|took| format!(" in {}", columns::age(took)));
    let end = row
        .end
        .map(|_| format!("{}{}", row.ending(), took.unwrap_or_default()));
    let revision = row.revision.map(|revision| format!("revision {revision}"));
    let client = row.client.as_ref().map(|client| format!("by {client}"));
    let parts: Vec<_> = [end, revision, client].into_iter().flatten().collect();
    parts.join("; ")
}
