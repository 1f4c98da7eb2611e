//! What is drawn of a graph, and what of it is text of others.

use std::collections::BTreeSet;

use tidings_core::graph::{Edge, Fold, Folded, Glance, Graph, Node, Subject, Used, WayOfUse};
use tidings_core::object::Group;
use tidings_core::refs::{Name, SourceKind, SourceRef};
use tidings_core::stale::Certainty;
use tidings_core::standing::Word;
use tidings_core::uses::Via;

use super::{draw, notes, words};

/// What a tenant may write as a key.
const HOSTILE: &str = "\"><img src=x onerror=alert(1)><script>";

fn node(what: Subject, mark: Glance) -> Node {
    Node { what, mark }
}

fn source(name: &str) -> Subject {
    Subject::Source(SourceRef::new(SourceKind::ConfigMap, "stage", name))
}

fn workload(name: &str) -> Subject {
    Subject::Workload(group(name))
}

fn group(name: &str) -> Group {
    Group {
        namespace: "stage".into(),
        kind: "deployment".into(),
        name: name.into(),
    }
}

fn edge(from: usize, to: usize, keys: Option<&[&str]>) -> Edge {
    let keys = keys.map(|keys| match keys {
        [] => Used::All,
        keys => Used::Keys(
            keys.iter()
                .map(|key| Name::from(*key))
                .collect::<BTreeSet<_>>(),
        ),
    });
    let ways = keys.map(|keys| WayOfUse {
        via: Via::Volume,
        keys,
    });
    Edge {
        from,
        to,
        ways: ways.into_iter().collect(),
        counts: true,
        stale: false,
    }
}

/// A source, a workload, its pod; the source by this key.
fn street(word: Word, key: &str) -> Graph {
    Graph {
        nodes: vec![
            node(source("app"), Glance::None),
            node(workload("web"), Glance::Standing(word)),
            node(
                Subject::Pod("web-1".into()),
                Glance::Stale(Certainty::Perhaps),
            ),
        ],
        edges: vec![edge(0, 1, Some(&[key])), edge(1, 2, None)],
        ..Graph::default()
    }
}

fn drawn(graph: &Graph) -> String {
    let to = |number| (number != 0).then(|| format!("/to/{number}"));
    let picture = draw::picture(graph, &graph.lay_out(), &to).into_string();
    picture + &draw::table(graph, &to).into_string()
}

#[test]
fn each_node_is_a_link_with_a_name_and_nothing_is_inline() {
    let html = drawn(&street(Word::Stale, "app.yaml"));
    for part in [
        r#"<a class="node workload stale" href="/to/1" aria-label="deployment/web, stale">"#,
        r#"<a class="node pod stale" href="/to/2" aria-label="pod/web-1, may be stale">"#,
        r#"<g class="node source plain" role="img" aria-label="configmap/app">"#,
        ">file app.yaml</text>",
        "<title>deployment/web, stale uses configmap/app by file app.yaml</title>",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(
        !html.contains("style=") && !html.contains("<script"),
        "{html}"
    );
}

#[test]
fn how_it_stands_is_in_the_outline_too() {
    let outline = |word| {
        let html = drawn(&street(word, "a"));
        let at = html.split_once("node workload").map(|halves| halves.1);
        let path = at.and_then(|at| at.split("<path d=\"").nth(1));
        let path = path.and_then(|path| path.split('"').next());
        path.unwrap_or_default().to_owned()
    };
    let words = [
        Word::Failed,
        Word::Stale,
        Word::Waiting,
        Word::Rolling,
        Word::InStep,
    ];
    let outlines: BTreeSet<_> = words.into_iter().map(outline).collect();
    assert_eq!(outlines.len(), words.len(), "{outlines:?}");
    assert!(!outlines.contains(""));
}

#[test]
fn whatever_a_tenant_writes_is_text() {
    let html = drawn(&street(Word::InStep, HOSTILE));
    assert!(
        !html.contains("<img") && !html.contains("<script"),
        "{html}"
    );
    assert!(html.contains("&lt;img src=x"), "{html}");
}

#[test]
fn long_names_lose_their_middle_and_are_whole_in_the_title() {
    let long = format!("{}-end", "very-long-name-".repeat(15));
    let mut graph = street(Word::InStep, "a");
    graph.nodes[1].what = workload(&long);
    let html = drawn(&graph);
    assert!(html.contains(">very-long-n…ng-name--end</text>"), "{html}");
    assert!(html.contains(&format!("<title>deployment/{long}, in step</title>")));
}

#[test]
fn edges_and_nodes_in_words() {
    let ways = |keys: &[&str]| words::ways(&edge(0, 1, Some(keys)));
    assert_eq!(ways(&["a"]), "file a");
    assert_eq!(ways(&["a", "b"]), "files a, b");
    assert_eq!(ways(&[]), "files");
    let pods = |stale, mark| {
        let names = ["a", "b"].map(Name::from).to_vec();
        words::whole(&node(Subject::Pods(names, stale), mark))
    };
    assert_eq!(pods(0, Glance::None), "2 pods, none stale");
    let surely = Glance::Stale(Certainty::Surely);
    assert_eq!(pods(1, surely), "2 pods, 1 stale");
    let workloads = Subject::Workloads(vec![group("a"), group("b")]);
    let node = node(workloads, Glance::None);
    assert_eq!(words::whole(&node), "2 deployments, not opted in");
}

#[test]
fn what_was_put_together_is_told_by_name() {
    let mut graph = street(Word::InStep, "a");
    let groups: Vec<_> = (0..60).map(|n| group(&format!("w{n}"))).collect();
    graph.nodes[1].what = Subject::Workloads(groups);
    graph.folded = vec![Folded {
        why: Fold::Alike,
        things: 60,
        nodes: 1,
    }];
    let html = notes(&graph).into_string();
    assert!(html.contains("60 workloads that use the same"), "{html}");
    assert!(html.contains("deployment/w49, and 10 more"), "{html}");
}
