//! A graph as SVG, and the same in words as a table.
//!
//! Goes in: a graph, where everything is, the address of each node's page. Comes out:
//! HTML with classes only; how it looks is the stylesheet's. How something stands is told
//! by colour, by outline and by word.

use maud::{Markup, html};
use tidings_core::graph::{Area, Edge, Glance, Graph, Layer, Node, Route, Sheet};
use tidings_core::standing::Word;

use super::words;

/// The way from a node to its page.
pub(super) type Addresses<'a> = &'a dyn Fn(usize) -> Option<String>;

/// Edges begin and end so far inside of nodes, whatever their outline is.
const INSIDE: i64 = 14;
/// What is higher is not taken in at a glance.
const HIGH: i64 = 200;
/// What a corner takes.
const CORNER: i64 = 10;

/// The whole drawing.
pub(super) fn picture(graph: &Graph, layout: &Sheet, to: Addresses<'_>) -> Markup {
    html! {
        div.scroll.graph tabindex="0" role="region" aria-label="Graph" {
            svg viewBox={ "0 0 " (layout.width) " " (layout.height) }
                width=(layout.width) height=(layout.height)
                role="group" aria-label=(summary(graph)) {
                g aria-hidden="true" {
                    @for (edge, route) in graph.edges.iter().zip(&layout.routes) {
                        (line(graph, edge, route))
                    }
                }
                @for (number, node) in graph.nodes.iter().enumerate() {
                    (shape(node, layout.places[number], to(number)))
                }
            }
        }
    }
}

fn summary(graph: &Graph) -> String {
    let count = |layer: Layer| -> usize {
        let nodes = graph.nodes.iter().filter(|node| node.layer() == layer);
        nodes.map(Node::count).sum()
    };
    let [sources, workloads, pods] = [Layer::Sources, Layer::Workloads, Layer::Pods].map(count);
    format!("{sources} sources, {workloads} workloads, {pods} pods; the same in words follows")
}

fn line(graph: &Graph, edge: &Edge, route: &Route) -> Markup {
    let class = match (edge.stale, edge.counts || edge.ways.is_empty()) {
        (true, _) => "edge stale",
        (false, true) => "edge",
        (false, false) => "edge unwanted",
    };
    let ways = words::ways(edge);
    html! {
        g class=(class) {
            title { (words::told(graph, edge)) }
            path d=(curve(route)) {}
            @if !ways.is_empty() {
                text x=(route.line.0 + 6) y=(route.line.1 - 4) { (words::cut_way(&ways)) }
            }
        }
    }
}

fn curve(route: &Route) -> String {
    let ((x, y), (over, level), (end, _)) = (route.from, route.line, route.to);
    let middle = i64::midpoint(x, over);
    let (x, end) = (x - INSIDE, end + INSIDE);
    format!(
        "M{x} {y}H{}C{middle} {y} {middle} {level} {over} {level}H{end}",
        x + INSIDE
    )
}

fn shape(node: &Node, place: Area, to: Option<String>) -> Markup {
    // Of what is higher than a window the name is at the top.
    let middle = place.y + place.height.min(HIGH) / 2;
    let inside = html! {
        title { (words::whole(node)) }
        path d=(outline(node, place)) {}
        text.name x=(place.x + INSIDE) y=(middle - 3) {
            (words::cut_name(&words::name(node)))
        }
        text.below x=(place.x + INSIDE) y=(middle + 13) {
            (words::below(node))
        }
    };
    let class = format!("node {} {}", layer(node), class(node.mark));
    html! {
        @if let Some(to) = to {
            a class=(class) href=(to) aria-label=(words::whole(node)) { (inside) }
        } @else {
            g class=(class) role="img" aria-label=(words::whole(node)) { (inside) }
        }
    }
}

fn layer(node: &Node) -> &'static str {
    match node.layer() {
        Layer::Sources => "source",
        Layer::Workloads => "workload",
        Layer::Pods => "pod",
    }
}

/// What the stylesheet calls a mark.
fn class(mark: Glance) -> &'static str {
    match mark {
        Glance::None => "plain",
        Glance::Standing(Word::Unknown) => "unknown",
        Glance::Standing(Word::Failed) => "failed",
        Glance::Standing(Word::Rolling) => "rolling",
        Glance::Standing(Word::Waiting) => "waiting",
        Glance::Standing(Word::Stale) | Glance::Stale(_) => "stale",
        Glance::Standing(Word::InStep) => "in-step",
        Glance::Absent => "absent",
    }
}

/// What fails has its corners cut, what waits has ends, what rolls points onwards, what is
/// stale has a corner folded; all else is round.
fn outline(node: &Node, place: Area) -> String {
    let Area {
        x,
        y,
        width,
        height,
    } = place;
    let (right, bottom, c) = (x + width, y + height, CORNER);
    let middle = y + height / 2;
    match node.mark {
        Glance::Standing(Word::Failed) => format!(
            "M{} {y}H{}L{right} {}V{}L{} {bottom}H{}L{x} {}V{}Z",
            x + c,
            right - c,
            y + c,
            bottom - c,
            right - c,
            x + c,
            bottom - c,
            y + c
        ),
        Glance::Standing(Word::Waiting) => format!(
            "M{} {y}H{}L{right} {middle}L{} {bottom}H{}L{x} {middle}Z",
            x + c,
            right - c,
            right - c,
            x + c
        ),
        Glance::Standing(Word::Rolling) => format!(
            "M{x} {y}H{}L{right} {middle}L{} {bottom}H{x}Z",
            right - c,
            right - c
        ),
        Glance::Standing(Word::Stale) | Glance::Stale(_) => format!(
            "M{x} {y}H{}L{right} {}V{bottom}H{x}ZM{} {y}V{}H{right}",
            right - c,
            y + c,
            right - c,
            y + c
        ),
        _ => round(
            place,
            if node.layer() == Layer::Workloads {
                c
            } else {
                4
            },
        ),
    }
}

fn round(place: Area, r: i64) -> String {
    let Area {
        x,
        y,
        width,
        height,
    } = place;
    let (across, down) = (width - 2 * r, height - 2 * r);
    format!(
        "M{} {y}h{across}a{r} {r} 0 0 1 {r} {r}v{down}a{r} {r} 0 0 1 -{r} {r}h-{across}\
         a{r} {r} 0 0 1 -{r} -{r}v-{down}a{r} {r} 0 0 1 {r} -{r}z",
        x + r
    )
}

/// The edges as a table: who uses what, and the pods of each.
pub(super) fn table(graph: &Graph, to: Addresses<'_>) -> Markup {
    let uses = graph.edges.iter().filter(|edge| !edge.ways.is_empty());
    html! {
        div.scroll tabindex="0" role="region" aria-label="The graph in words" {
            table.list aria-label="Who uses what" {
                thead {
                    tr {
                        @for name in ["Workload", "Stands", "Uses", "As", "Rolled for it", "Pods"] {
                            th scope="col" { (name) }
                        }
                    }
                }
                tbody { @for edge in uses { (row(graph, edge, to)) } }
            }
        }
    }
}

fn row(graph: &Graph, edge: &Edge, to: Addresses<'_>) -> Markup {
    let workload = &graph.nodes[edge.to];
    let rolled = match (edge.counts, edge.stale) {
        (true, true) => "yes, and not all pods have the newest",
        (false, true) => "no, and not all pods have the newest",
        (true, false) => "yes",
        (false, false) => "no",
    };
    html! {
        tr {
            th scope="row" { (named(graph, edge.to, to)) }
            td data-name="Stands" { (words::stands(workload)) }
            td data-name="Uses" { (named(graph, edge.from, to)) }
            td data-name="As" { (words::ways(edge)) }
            td data-name="Rolled for it" { (rolled) }
            td.number data-name="Pods" { (pods(graph, edge.to)) }
        }
    }
}

fn named(graph: &Graph, number: usize, to: Addresses<'_>) -> Markup {
    let node = &graph.nodes[number];
    let (kind, name) = (words::kind(node), words::name(node));
    let text = html! { @if !kind.is_empty() { span.kind { (kind) "/" } } (name) };
    html! {
        @if let Some(to) = to(number) { a.to href=(to) { (text) } } @else { (text) }
    }
}

/// `3, 1 stale`
fn pods(graph: &Graph, workload: usize) -> String {
    let pods = graph.edges.iter().filter(|edge| edge.from == workload);
    let (mut all, mut stale) = (0, 0);
    for node in pods.map(|edge| &graph.nodes[edge.to]) {
        all += node.count();
        stale += words::stale(node);
    }
    if stale == 0 {
        all.to_string()
    } else {
        format!("{all}, {stale} stale")
    }
}
