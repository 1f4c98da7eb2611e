//! What is shown, where it is, and what is put together.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::index::{Fact, Fetched, How, Stream, StreamOf};
use crate::kinds::{KINDS, Kind};
use crate::object::{read_pod, read_workload};
use crate::policy::Defaults;
use crate::refs::SourceKind;
use crate::stale::{Reads, StalePod};
use crate::vocabulary::Vocabulary;

/// An index, and what is known beside it.
struct Scene {
    index: Index,
    standings: BTreeMap<WorkloadRef, Word>,
    stale: Vec<StaleUse>,
}

fn source(name: &str) -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", name)
}

fn web(name: &str) -> WorkloadRef {
    let kind: &'static Kind = Kind::parse("deployment").unwrap();
    WorkloadRef::new(kind, "ns", name)
}

fn env(source: &str, key: &str) -> Value {
    json!({"env": [{"name": "V", "valueFrom": {"configMapKeyRef": {"name": source, "key": key}}}]})
}

fn env_from(sources: &[String]) -> Value {
    let from = sources.iter();
    let from = from.map(|name| json!({"configMapRef": {"name": name}}));
    json!({"envFrom": from.collect::<Vec<_>>()})
}

impl Scene {
    fn new() -> Self {
        let kinds = KINDS.iter().map(StreamOf::Workloads);
        let sources = [SourceKind::ConfigMap, SourceKind::Secret].map(StreamOf::Sources);
        let streams = kinds.chain(sources).map(|of| Stream {
            of,
            namespace: None,
        });
        Self {
            index: Index::new(Defaults::default(), streams.collect::<Vec<_>>()),
            standings: BTreeMap::new(),
            stale: Vec::new(),
        }
    }

    /// A Deployment of one container that uses this; opted in where it stands somehow.
    fn web(mut self, name: &str, container: &Value, word: Option<Word>) -> Self {
        let mut container = container.clone();
        container["name"] = json!("c");
        let reload = if word.is_some() { "auto" } else { "off" };
        let object = json!({
            "metadata": {"namespace": "ns", "name": name, "uid": name, "resourceVersion": "5",
                "generation": 1, "creationTimestamp": "2026-11-01T00:00:00Z",
                "annotations": {"tidings.dev/reload": reload}},
            "spec": {"template": {"spec": {"containers": [container]}}},
        });
        let (key, text) = (web(name), object.to_string());
        let read = read_workload(key.kind, text.as_bytes(), &Vocabulary::default());
        let fact = Fact::Workload(Box::new(read.unwrap()), How::Listed);
        self.index.apply(fact);
        self.standings.extend(word.map(|word| (key, word)));
        self
    }

    /// So many pods of it, of which so many are stale for a source.
    fn pods(mut self, of: &str, count: usize, stale: usize, source_name: &str) -> Self {
        let names: Vec<_> = (0..count).map(|n| format!("{of}-5d-{n:03}")).collect();
        for name in &names {
            self.index.apply(pod(name, of));
        }
        let pods = names.iter().take(stale).map(|name| StalePod {
            name: name.as_str().into(),
            containers: vec!["c".into()],
            started: 0,
        });
        if stale > 0 {
            self.stale.push(StaleUse {
                group: Group::of(&web(of)),
                source: source(source_name),
                reads: Reads::Once,
                certainty: Certainty::Surely,
                via: BTreeSet::from([Via::Env]),
                keys: BTreeSet::new(),
                written: 0,
                by: None,
                pods: pods.collect(),
                of: count,
            });
        }
        self
    }

    fn graph(&self, focus: &Focus) -> Graph {
        let seen = Beside {
            standings: &self.standings,
            stale: &self.stale,
        };
        graph(&self.index, seen, focus)
    }

    fn all(&self) -> Graph {
        self.graph(&Focus::Namespace("ns".into()))
    }
}

fn pod(name: &str, of: &str) -> Fact {
    let json = json!({
        "metadata": {"namespace": "ns", "name": name, "resourceVersion": "1",
            "creationTimestamp": "2026-11-29T20:00:00Z", "labels": {"pod-template-hash": "5d"},
            "ownerReferences": [{"controller": true, "kind": "ReplicaSet",
                "name": format!("{of}-5d"), "uid": "u"}]},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running"},
    });
    let pod = read_pod(json.to_string().as_bytes()).unwrap();
    Fact::Pod(Box::new(pod.unwrap()))
}

/// A line for each node and each edge.
fn text(graph: &Graph) -> Vec<String> {
    let name = |node: &Node| match &node.what {
        Subject::Source(source) => source.to_string(),
        Subject::Workload(group) => format!("{}/{}", group.kind, group.name),
        Subject::Pod(name) => format!("pod/{name}"),
        Subject::Sources(all) => format!("{} sources", all.len()),
        Subject::Workloads(all) => format!("{} workloads", all.len()),
        Subject::Pods(all, stale) => format!("{} pods, {stale} stale", all.len()),
    };
    let mark = |node: &Node| match node.mark {
        Glance::None => String::new(),
        Glance::Standing(word) => format!(": {word}"),
        Glance::Stale(_) => ": stale".to_owned(),
        Glance::Absent => ": absent".to_owned(),
    };
    let nodes = graph.nodes.iter();
    let nodes = nodes.map(|node| format!("{}{}", name(node), mark(node)));
    let edges = graph.edges.iter().map(|edge| {
        let ways = edge.ways.iter().map(|way| match &way.keys {
            Used::All => way.via.word().to_owned(),
            Used::Keys(keys) => {
                let keys: Vec<_> = keys.iter().map(|key| &**key).collect();
                format!("{} {}", way.via.word(), keys.join(","))
            }
        });
        let ways: Vec<_> = ways.collect();
        let (from, to) = (&graph.nodes[edge.from], &graph.nodes[edge.to]);
        let counts = if edge.counts { "=" } else { "-" };
        let stale = if edge.stale { " (stale)" } else { "" };
        let ways = ways.join("; ");
        format!("{} {counts}{ways}{counts}> {}{stale}", name(from), name(to))
    });
    nodes.chain(edges).collect()
}

/// Two Deployments that use one ConfigMap, and a Job's pod that nobody knows.
fn street() -> Scene {
    let both = json!({"env": env("app", "LEVEL")["env"], "envFrom": env_from(&["db".to_owned()])["envFrom"]});
    let scene = Scene::new()
        .web("a", &env("app", "LEVEL"), Some(Word::InStep))
        .web("b", &both, Some(Word::Stale))
        .web("c", &env("other", "X"), None)
        .web("idle", &json!({}), Some(Word::InStep));
    scene.pods("a", 1, 0, "app").pods("b", 2, 1, "app")
}

#[test]
fn a_namespace_with_what_needs_attention_first() {
    let graph = street().all();
    let expect = [
        "configmap/app",
        "configmap/db",
        "configmap/other",
        "deployment/b: stale",
        "deployment/a: in step",
        "deployment/c",
        "pod/b-5d-000: stale",
        "pod/b-5d-001",
        "pod/a-5d-000",
        "configmap/app =env LEVEL=> deployment/b (stale)",
        "configmap/app =env LEVEL=> deployment/a",
        "configmap/db =envFrom=> deployment/b",
        "configmap/other -env X-> deployment/c",
        "deployment/b --> pod/b-5d-000 (stale)",
        "deployment/b --> pod/b-5d-001",
        "deployment/a --> pod/a-5d-000",
    ];
    assert_eq!(text(&graph), expect);
    assert_eq!((graph.idle, graph.folded.len()), (1, 0));
    assert_eq!(graph.lay_out().crossings, 0);
}

#[test]
fn one_source_shows_whom_a_change_concerns() {
    let graph = street().graph(&Focus::Source(source("app")));
    let text = text(&graph);
    assert_eq!(
        text[..3],
        [
            "configmap/app",
            "deployment/b: stale",
            "deployment/a: in step"
        ]
    );
    assert!(!text.iter().any(|line| line.contains("db")), "{text:?}");
    let nobody = street().graph(&Focus::Source(source("none")));
    assert_eq!(nobody.nodes.len(), 1);
    assert_eq!((nobody.edges.len(), nobody.idle), (0, 0));
}

#[test]
fn one_workload_shows_what_it_uses_and_its_pods() {
    let of = |name| street().graph(&Focus::Workload(Group::of(&web(name))));
    assert_eq!(text(&of("c"))[..2], ["configmap/other", "deployment/c"]);
    assert_eq!(text(&of("idle")), ["deployment/idle: in step"]);
    assert_eq!(text(&of("gone")), [""; 0]);
}

#[test]
fn a_source_that_is_named_alone_counts_and_says_so() {
    let scene = street();
    let object = json!({
        "metadata": {"namespace": "ns", "name": "n", "uid": "n", "resourceVersion": "5",
            "creationTimestamp": "2026-11-01T00:00:00Z",
            "annotations": {"tidings.dev/reload": "configmap/app"}},
        "spec": {"template": {"spec": {"containers": []}}},
    });
    let (key, text_of) = (web("n"), object.to_string());
    let read = read_workload(key.kind, text_of.as_bytes(), &Vocabulary::default());
    let mut scene = scene;
    let fact = Fact::Workload(Box::new(read.unwrap()), How::Listed);
    scene.index.apply(fact);
    let graph = scene.graph(&Focus::Workload(Group::of(&key)));
    assert_eq!(text(&graph)[2], "configmap/app =named=> deployment/n");
}

#[test]
fn what_is_not_there_is_marked() {
    let mut scene = street();
    let told = scene.index.view(&source("db")).told;
    scene
        .index
        .apply(Fact::Read(source("db"), told, Fetched::Absent));
    assert_eq!(text(&scene.all())[1], "configmap/db: absent");
}

#[test]
fn a_workload_with_many_pods_shows_them_as_one_node() {
    let graph = street().pods("c", 300, 12, "other").all();
    let text = text(&graph);
    assert!(
        text.contains(&"300 pods, 12 stale: stale".to_owned()),
        "{text:?}"
    );
    let pods = Folded {
        why: Fold::Pods,
        things: 300,
        nodes: 1,
    };
    assert_eq!(graph.folded, [pods]);
}

#[test]
fn workloads_of_one_shape_are_one_node_and_who_differs_is_not() {
    let shared = env("app", "LEVEL");
    let many = (0..300).fold(Scene::new(), |scene, n| {
        let name = format!("w{n:03}");
        scene
            .web(&name, &shared, Some(Word::InStep))
            .pods(&name, 1, 0, "app")
    });
    let graph = many.web("late", &shared, Some(Word::Failed)).all();
    let expect = [
        "configmap/app",
        "deployment/late: failed",
        "300 workloads: in step",
        "300 pods, 0 stale",
    ];
    assert_eq!(text(&graph)[..4], expect);
    assert_eq!(graph.folded.len(), 1);
    assert_eq!(graph.folded[0].why, Fold::Alike);
}

#[test]
fn where_all_differ_those_stay_that_need_attention() {
    let many = (0..500).fold(Scene::new(), |scene, n| {
        let word = if n % 100 == 7 {
            Word::Stale
        } else {
            Word::InStep
        };
        let name = format!("w{n:03}");
        scene.web(&name, &env(&name, "K"), Some(word))
    });
    let graph = many.all();
    assert!(graph.nodes.len() <= READABLE && graph.nodes.len() > READABLE - 4);
    let stale = graph
        .nodes
        .iter()
        .filter(|node| node.mark == Glance::Standing(Word::Stale));
    assert!(stale.clone().all(|node| node.count() == 1));
    assert_eq!(stale.count(), 5);
    assert_eq!(graph.folded[0].why, Fold::Rest);
}

#[test]
fn sources_that_nobody_wants_are_one_node() {
    let unwanted: Vec<_> = (0..250).map(|n| format!("s{n:03}")).collect();
    let scene = street().web("many", &env_from(&unwanted), None);
    let graph = scene.all();
    assert_eq!(text(&graph)[2], "251 sources");
    let wanted: Vec<_> = (0..250).map(|n| format!("t{n:03}")).collect();
    let graph = scene
        .web("more", &env_from(&wanted), Some(Word::InStep))
        .all();
    let folds: Vec<_> = graph.folded.iter().map(|folded| folded.why).collect();
    assert_eq!(folds, [Fold::Pods, Fold::Unwanted, Fold::Together]);
}

/// Which sources each of some workloads uses, how it stands, how many pods it has.
type Plan = Vec<(Vec<usize>, Option<usize>, usize)>;

fn plan() -> impl Strategy<Value = Plan> {
    let workload = (
        vec(0..40_usize, 0..5),
        proptest::option::of(0..6_usize),
        0..8_usize,
    );
    vec(workload, 0..90)
}

fn planned(plan: &Plan) -> Scene {
    let told = plan.iter().enumerate();
    told.fold(Scene::new(), told_of)
}

fn told_of(scene: Scene, (n, planned): (usize, &(Vec<usize>, Option<usize>, usize))) -> Scene {
    let (sources, word, pods) = planned;
    let sources: Vec<_> = sources.iter().map(|n| format!("s{n:02}")).collect();
    let word = word.map(|word| crate::standing::WORDS[word].word);
    let name = format!("w{n:02}");
    let scene = scene.web(&name, &env_from(&sources), word);
    scene.pods(&name, *pods, pods / 2, "s00")
}

fn count(graph: &Graph, layer: Layer) -> usize {
    let nodes = graph.nodes.iter().filter(|node| node.layer() == layer);
    nodes.map(Node::count).sum()
}

/// Whether any of two edges lies above the other at one end and below it at the other.
fn crossings(graph: &Graph, layout: &Sheet) -> usize {
    let y = |node: usize| layout.places[node].y;
    let edges = &graph.edges;
    let cross = |a: &Edge, b: &Edge| {
        let (from, to) = (y(a.from).cmp(&y(b.from)), y(a.to).cmp(&y(b.to)));
        graph.nodes[a.from].layer() == graph.nodes[b.from].layer()
            && from == to.reverse()
            && from.is_ne()
    };
    let pairs = |n: usize| {
        edges[..n]
            .iter()
            .filter(move |b| cross(&edges[n], b))
            .count()
    };
    (0..edges.len()).map(pairs).sum()
}

fn overlap(a: Area, b: Area) -> bool {
    let apart = a.x + a.width <= b.x || b.x + b.width <= a.x;
    !apart && a.y < b.y + b.height && b.y < a.y + a.height
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_two_nodes_overlap_and_all_lie_within(plan in plan()) {
        let graph = planned(&plan).all();
        let layout = graph.lay_out();
        for (n, a) in layout.places.iter().enumerate() {
            prop_assert!(a.x >= 0 && a.y >= 0);
            prop_assert!(a.x + a.width <= layout.width && a.y + a.height <= layout.height);
            let other = layout.places[..n].iter().find(|b| overlap(*a, **b));
            prop_assert!(other.is_none(), "{a:?} and {other:?}");
        }
    }

    #[test]
    fn edges_join_nodes_of_neighbouring_layers_and_end_on_lines_of_their_own(plan in plan()) {
        let graph = planned(&plan).all();
        let layout = graph.lay_out();
        let mut lines = BTreeSet::new();
        for (edge, route) in graph.edges.iter().zip(&layout.routes) {
            let (from, to) = (&graph.nodes[edge.from], &graph.nodes[edge.to]);
            prop_assert_eq!(from.layer() as usize + 1, to.layer() as usize);
            let at = layout.places[edge.to];
            prop_assert!(route.to.0 == at.x && (at.y..=at.y + at.height).contains(&route.to.1));
            prop_assert!(lines.insert(route.to));
        }
    }

    #[test]
    fn crossings_are_counted_as_they_are_drawn(plan in plan()) {
        let graph = planned(&plan).all();
        let layout = graph.lay_out();
        prop_assert_eq!(layout.crossings, crossings(&graph, &layout));
    }

    #[test]
    fn the_same_is_drawn_for_the_same_in_whatever_order_it_was_told(plan in plan()) {
        let graph = planned(&plan).all();
        let again = plan.iter().enumerate().rev().fold(Scene::new(), told_of).all();
        prop_assert_eq!(&graph, &again);
        prop_assert_eq!(graph.lay_out(), again.lay_out());
    }

    #[test]
    fn who_is_put_together_is_counted(plan in plan(), limit in 24..200_usize) {
        let scene = planned(&plan);
        let seen = Beside { standings: &scene.standings, stale: &scene.stale };
        let facts = read::facts(&scene.index, seen, &Focus::Namespace("ns".into()));
        let (all, some) = (fold::fold(&facts, usize::MAX), fold::fold(&facts, limit));
        prop_assert!(some.nodes.len() <= limit, "{} of {limit}", some.nodes.len());
        for layer in [Layer::Sources, Layer::Workloads, Layer::Pods] {
            prop_assert_eq!(count(&all, layer), count(&some, layer));
        }
        prop_assert!(all.folded.is_empty());
        prop_assert_eq!(some.folded.is_empty(), all.nodes.len() <= limit);
    }
}
