//! What is written on nodes and edges, and what a screen reader says of them.

use tidings_core::graph::{
    Edge, Fold, Folded, Glance, Graph, Layer, Node, Subject, Used, WayOfUse,
};
use tidings_core::object::Group;
use tidings_core::stale::Certainty;
use tidings_core::standing::Word;
use tidings_core::uses::Via;
use tidings_shared::plain::plain;

/// A name is cut in its middle beyond so many letters: its end tells it from others.
const NAME: usize = 24;
/// And what is written on an edge.
const WAY: usize = 24;

/// A node by its name: the whole of it.
pub(super) fn name(node: &Node) -> String {
    match &node.what {
        // What a tenant wrote, and perhaps nothing that there is.
        Subject::Source(source) => plain(&source.name).into_owned(),
        Subject::Workload(group) => group.name.to_string(),
        Subject::Pod(name) => name.to_string(),
        Subject::Sources(all) => {
            counted(all.len(), kind_of_all(all, |s| s.kind.row().word, "source"))
        }
        Subject::Workloads(all) => counted(all.len(), kind_of_all(all, |g| &g.kind, "workload")),
        Subject::Pods(all, _) => counted(all.len(), "pod"),
    }
}

/// What kind of thing it is.
pub(super) fn kind(node: &Node) -> &str {
    match &node.what {
        Subject::Source(source) => source.kind.row().word,
        Subject::Workload(group) => &group.kind,
        Subject::Pod(_) => "pod",
        Subject::Sources(_) | Subject::Workloads(_) | Subject::Pods(..) => "",
    }
}

/// The words below its name: what it is, and how it stands.
pub(super) fn below(node: &Node) -> String {
    let stands = stands(node);
    match (kind(node), stands.is_empty()) {
        ("", _) => stands,
        (kind, true) => kind.to_owned(),
        (kind, false) => format!("{kind} · {stands}"),
    }
}

/// How it stands, in words.
pub(super) fn stands(node: &Node) -> String {
    match (&node.what, node.mark) {
        (Subject::Pods(_, 0), _) => "none stale".to_owned(),
        (Subject::Pods(_, stale), Glance::Stale(Certainty::Surely)) => format!("{stale} stale"),
        (Subject::Pods(_, stale), _) => format!("{stale} may be stale"),
        (_, Glance::Standing(word)) => word.to_string(),
        (_, Glance::Stale(Certainty::Surely)) => "stale".to_owned(),
        (_, Glance::Stale(Certainty::Perhaps)) => "may be stale".to_owned(),
        (_, Glance::Absent) => "is not there".to_owned(),
        (Subject::Workload(_) | Subject::Workloads(_), Glance::None) => "not opted in".to_owned(),
        (_, Glance::None) => String::new(),
    }
}

/// All of it in one line, for a title and for who does not see it.
pub(super) fn whole(node: &Node) -> String {
    let full = match kind(node) {
        "" => name(node),
        kind => format!("{kind}/{}", name(node)),
    };
    match stands(node) {
        stands if stands.is_empty() => full,
        stands => format!("{full}, {stands}"),
    }
}

/// What an edge says: `env LOG_LEVEL; file app.yaml`.
pub(super) fn ways(edge: &Edge) -> String {
    let ways: Vec<_> = edge.ways.iter().map(way).collect();
    ways.join("; ")
}

fn way(way: &WayOfUse) -> String {
    let keys = match &way.keys {
        Used::All => return word_of(way.via, 0).to_owned(),
        Used::Keys(keys) if keys.is_empty() => {
            return format!("{}, only to be there", word_of(way.via, 0));
        }
        Used::Keys(keys) => keys,
    };
    let names: Vec<&str> = keys.iter().map(|key| &**key).collect();
    format!("{} {}", word_of(way.via, names.len()), names.join(", "))
}

/// How people say it: a volume shows files.
fn word_of(via: Via, keys: usize) -> &'static str {
    match (via, keys) {
        (Via::Volume | Via::Projected, 1) => "file",
        (Via::Volume | Via::Projected, _) => "files",
        (via, _) => via.word(),
    }
}

/// An edge in one line.
pub(super) fn told(graph: &Graph, edge: &Edge) -> String {
    let of = |node: usize| whole(&graph.nodes[node]);
    let ways = ways(edge);
    let by = if ways.is_empty() {
        String::new()
    } else {
        format!(" by {ways}")
    };
    let (from, to) = (of(edge.from), of(edge.to));
    if edge.ways.is_empty() {
        return format!("{from} runs {to}");
    }
    match (edge.counts, edge.stale) {
        (_, true) => format!("{to} uses {from}{by}; not all pods have the newest"),
        (true, false) => format!("{to} uses {from}{by}"),
        (false, false) => format!("{to} uses {from}{by}; it is not rolled for it"),
    }
}

/// What was put together, as a sentence each.
pub(super) fn folded(folded: Folded) -> String {
    let Folded { why, things, nodes } = folded;
    let what = match why {
        Fold::Pods => "pods, by their workload",
        Fold::Unwanted => "sources that nobody is rolled for",
        Fold::Alike => "workloads that use the same and stand the same, with their pods",
        Fold::Together => "sources that the same workloads use",
        Fold::Rest => "workloads, by how they stand, with what only they use",
    };
    format!(
        "{things} {what}: {} in their place.",
        counted(nodes, "node")
    )
}

/// How it stands, where it does.
pub(super) fn word(node: &Node) -> Option<Word> {
    match node.mark {
        Glance::Standing(word) => Some(word),
        _ => None,
    }
}

/// Whether a node is one of those that were put together for this.
pub(super) fn is_of(node: &Node, why: Fold) -> bool {
    let layer = match why {
        Fold::Pods => Layer::Pods,
        Fold::Unwanted | Fold::Together => Layer::Sources,
        Fold::Alike | Fold::Rest => Layer::Workloads,
    };
    node.layer() == layer
}

/// What fits on a node.
pub(super) fn cut_name(name: &str) -> String {
    middle(name, NAME)
}

/// What fits on an edge.
pub(super) fn cut_way(text: &str) -> String {
    middle(text, WAY)
}

/// The same without its middle, where it is longer: more of the end is kept than not.
fn middle(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most {
        return text.to_owned();
    }
    let end = most / 2;
    let begin = most - 1 - end;
    let (head, tail) = (&letters[..begin], &letters[letters.len() - end..]);
    head.iter().chain(['…'].iter()).chain(tail).collect()
}

/// `1 pod`, `2 pods`
fn counted(count: usize, what: &str) -> String {
    let plural = match what {
        _ if count == 1 => "",
        what if what.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {what}{plural}")
}

/// The word for all of them, if they have one; else this.
fn kind_of_all<'a, T>(all: &'a [T], kind: impl Fn(&'a T) -> &'a str, else_: &'a str) -> &'a str {
    let mut kinds = all.iter().map(kind);
    let first = kinds.next().unwrap_or(else_);
    if kinds.all(|kind| kind == first) {
        first
    } else {
        else_
    }
}

/// How many pods of a node are stale, or may be.
pub(super) fn stale(node: &Node) -> usize {
    match (&node.what, node.mark) {
        (Subject::Pods(_, stale), _) => *stale,
        (Subject::Pod(_), Glance::Stale(_)) => 1,
        _ => 0,
    }
}

/// The names of what was put together.
pub(super) fn members(node: &Node) -> Vec<String> {
    match &node.what {
        Subject::Sources(all) => all
            .iter()
            .map(|it| plain(&it.to_string()).into_owned())
            .collect(),
        Subject::Workloads(all) => all.iter().map(reference).collect(),
        Subject::Pods(all, _) => all.iter().map(ToString::to_string).collect(),
        Subject::Source(_) | Subject::Workload(_) | Subject::Pod(_) => Vec::new(),
    }
}

/// `deployment/web`, in the namespace that all of it is of.
fn reference(group: &Group) -> String {
    format!("{}/{}", group.kind, group.name)
}
