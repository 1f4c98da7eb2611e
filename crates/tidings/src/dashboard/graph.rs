//! The graph: sources → workloads → pods, of a namespace, a workload or a source.
//!
//! Goes in: an address ([`asked`]). Comes out: a page with a drawing ([`draw`]), the same
//! in words, and what was put together. Workloads, pods and metadata of sources of the one
//! namespace are read when it is asked for ([`read`]), as `status` and `stale` read them;
//! how a workload stands is what the board knows. Where everything is `core::graph` says.
//!
//! Error policy: what may not be read is said above the rest. Where nothing can be drawn,
//! why is said.

pub(super) mod asked;
mod draw;
mod read;
#[cfg(test)]
mod tests;
mod words;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use tidings_core::graph::{Focus, Folded, Graph, Node, Subject};
use tidings_core::object::Group;
use tidings_core::refs::SourceRef;

use super::address::{self, Filtered};
use super::model::board::Board;
use super::pages::layout::{View, failed};
use super::pages::parts;
use super::site::Site;
use asked::Destination;
use read::Drawing;

/// Where it is.
const HERE: &str = "/graph";
/// It lists a namespace each time, so not more often than this, in milliseconds.
const PACE: u32 = 5_000;
/// So many names are listed of what was put together.
const NAMES: usize = 50;

/// Answers with it.
pub(super) async fn page(State(site): State<Site>, RawQuery(query): RawQuery) -> Response {
    let board = site.board();
    let wanted = Destination::read(query.as_deref(), &site.installation.kinds);
    let focus = match wanted {
        Destination::Of(focus) => Some(focus),
        Destination::Any => read::only_namespace(&site, &board).map(Focus::Namespace),
        Destination::Nothing(why) => return not_found(&board, &why),
    };
    let Some(focus) = focus else {
        return view(&board, "Graph", choice(&board)).into_response();
    };
    if let Err(why) = address::names(called(&focus)) {
        return not_found(&board, &why.to_string());
    }
    match site.unless_away(read::read(&site, &board, &focus)).await {
        Ok(seen) => shown(&site, &board, &focus, &seen),
        Err(error) => failed(&site.board(), &error),
    }
}

/// What it calls by name.
fn called(focus: &Focus) -> Vec<&str> {
    let name = match focus {
        Focus::Namespace(_) => None,
        Focus::Workload(group) => Some(&*group.name),
        Focus::Source(source) => Some(&*source.name),
    };
    [Some(&**focus.namespace()), name]
        .into_iter()
        .flatten()
        .collect()
}

fn view<'a>(board: &'a Board, title: &'a str, main: Markup) -> View<'a> {
    View {
        title,
        place: HERE,
        board,
        live: Some(PACE),
        main,
    }
}

fn not_found(board: &Board, why: &str) -> Response {
    let main = html! { h1 { "Graph" } p.trouble { (parts::text(why)) } };
    let answer = view(board, "Graph", main).into_response();
    (StatusCode::NOT_FOUND, answer).into_response()
}

/// A workload that is not there has no graph; a source that nobody uses is one node.
fn shown(site: &Site, board: &Board, focus: &Focus, seen: &Drawing) -> Response {
    if let (Focus::Workload(group), true) = (focus, seen.graph.nodes.is_empty()) {
        let (kind, name) = (&group.kind, &group.name);
        let why = format!("There is no {kind}/{name} in {}.", group.namespace);
        return not_found(board, &why);
    }
    let main = drawn(site, board, focus, seen);
    view(board, &title(focus), main).into_response()
}

fn title(focus: &Focus) -> String {
    match focus {
        Focus::Namespace(namespace) => format!("Graph of {namespace}"),
        Focus::Workload(group) => format!("Graph of {}/{}", group.kind, group.name),
        Focus::Source(source) => format!("Graph of {source}"),
    }
}

/// Where none is chosen: the namespaces that there are.
fn choice(board: &Board) -> Markup {
    html! {
        h1 { "Graph" }
        (form(board, ""))
        @if board.namespaces().is_empty() {
            div.empty { p { "No workload is opted in. Name a namespace by the address: "
                code { "/graph?ns=NAME" } } }
        } @else {
            p { "Of which namespace?" }
            ul.choice {
                @for namespace in board.namespaces() {
                    @let to = asked::address(&Focus::Namespace(namespace.clone()));
                    li { a href=(to) { (namespace) } }
                }
            }
        }
    }
}

fn form(board: &Board, namespace: &str) -> Markup {
    let asked = Filtered {
        namespace: namespace.to_owned(),
        ..Filtered::default()
    };
    html! {
        form.filters method="get" action=(HERE) {
            (parts::namespace_field(&board.namespaces(), &asked))
            button { "Show" }
        }
    }
}

fn head(site: &Site, board: &Board, focus: &Focus) -> Markup {
    let namespace = focus.namespace();
    let whole = asked::address(&Focus::Namespace(namespace.clone()));
    html! {
        @if let Some((to, name)) = page_of(site, focus) {
            p.crumbs { a href=(whole) { "Graph of " (namespace) } " / " a href=(to) { (name) } }
        }
        h1 { (title(focus)) }
        @if matches!(focus, Focus::Namespace(_)) { (form(board, namespace)) }
    }
}

/// The page of what is looked at, and its name.
fn page_of(site: &Site, focus: &Focus) -> Option<(String, String)> {
    match focus {
        Focus::Namespace(_) => None,
        Focus::Workload(group) => {
            let name = format!("{}/{}", group.kind, group.name);
            Some((to_workload(site, group), name))
        }
        Focus::Source(source) => Some((to_source(source), source.to_string())),
    }
}

fn drawn(site: &Site, board: &Board, focus: &Focus, seen: &Drawing) -> Markup {
    let graph = &seen.graph;
    let to = |number| way(site, (board, focus), graph, number);
    html! {
        (head(site, board, focus))
        (lacking(&seen.gaps))
        @if graph.nodes.is_empty() {
            div.empty { p {
                @if seen.gaps.is_empty() { "Nothing here uses a ConfigMap or a Secret." }
                @else { "Nothing that may be read here uses a ConfigMap or a Secret." }
            } }
        } @else {
            (draw::picture(graph, &graph.lay_out(), &to))
            (notes(graph))
            @if !graph.edges.is_empty() {
                h2 { "The same in words" }
                (draw::table(graph, &to))
            }
        }
    }
}

fn lacking(gaps: &[String]) -> Markup {
    html! {
        @if !gaps.is_empty() {
            div.notice {
                p { "Not all can be drawn:" }
                ul { @for gap in gaps { li { "needs " (parts::text(gap)) } } }
            }
        }
    }
}

/// What a reader has to know: what the lines mean, what is left out, what was put together.
fn notes(graph: &Graph) -> Markup {
    let uses = || graph.edges.iter().filter(|edge| !edge.ways.is_empty());
    html! {
        div.note {
            @if uses().any(|edge| !edge.counts) {
                p { "A dotted line: it is used, and nobody is rolled for it." }
            }
            @if uses().any(|edge| edge.stale) {
                p { "A bold dashed line: not all pods have the newest of it." }
            }
            @if graph.idle > 0 {
                p { "Left out, since they use neither ConfigMap nor Secret: " (graph.idle) "." }
            }
            @for folded in &graph.folded { (together(graph, *folded)) }
        }
    }
}

fn together(graph: &Graph, folded: Folded) -> Markup {
    let several = graph.nodes.iter().filter(|node| node.count() > 1);
    let several = several.filter(|node| words::is_of(node, folded.why));
    html! {
        details {
            summary { (words::folded(folded)) }
            dl.pairs { @for node in several { dt { (words::whole(node)) } dd { (names(node)) } } }
        }
    }
}

fn names(node: &Node) -> String {
    let mut names = words::members(node);
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let names = names.join(", ");
    if more == 0 {
        names
    } else {
        format!("{names}, and {more} more")
    }
}

/// The address of the page of a node.
fn way(
    site: &Site,
    (board, focus): (&Board, &Focus),
    graph: &Graph,
    number: usize,
) -> Option<String> {
    match &graph.nodes[number].what {
        Subject::Source(source) => Some(to_source(source)),
        Subject::Workload(group) => Some(to_workload(site, group)),
        Subject::Workloads(all) => {
            let namespace = focus.namespace();
            let word = words::word(&graph.nodes[number]);
            let rows = board.rows.iter().filter(|row| row.namespace == *namespace);
            // Others may stand so, too: a list of all is no list of these.
            let is_whole = rows.filter(|row| row.standing.0 == word).count() == all.len();
            let asked = Filtered {
                namespace: namespace.to_string(),
                ..Filtered::default()
            };
            is_whole.then(|| asked.standing(word).address("/"))
        }
        Subject::Pod(_) | Subject::Pods(..) => {
            let edge = graph.edges.iter().find(|edge| edge.to == number)?;
            way(site, (board, focus), graph, edge.from)
        }
        Subject::Sources(_) => None,
    }
}

fn to_source(source: &SourceRef) -> String {
    address::source(&source.namespace, source.kind.row().word, &source.name)
}

/// What is no workload has no page but this one.
fn to_workload(site: &Site, group: &Group) -> String {
    match site.installation.kinds.parse(&group.kind) {
        Some(kind) => address::workload(&group.namespace, kind.word, &group.name),
        None => asked::address(&Focus::Workload(group.clone())),
    }
}
