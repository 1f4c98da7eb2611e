//! Row 12: the page's graph, from the index to where everything is.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use tidings_core::graph::{Beside, Focus, Graph, READABLE, Sheet, graph};
use tidings_core::index::{Fact, How, Index, Stream, StreamOf};
use tidings_core::kinds::{KINDS, Kind};
use tidings_core::object::read_workload;
use tidings_core::policy::Defaults;
use tidings_core::refs::{SourceKind, WorkloadRef};
use tidings_core::standing::{WORDS, Word};
use tidings_core::vocabulary::Vocabulary;

use super::millis;
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::say;

const NAMESPACE: &str = "stage";
const RUNS: usize = 40;

/// What is drawn.
struct Scene {
    index: Index,
    standings: BTreeMap<WorkloadRef, Word>,
}

#[expect(
    clippy::unused_async,
    reason = "the other rows wait for a cluster, and all are asked alike"
)]
pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say("row 12: the page's graph");
    let readable = figure("a graph of 200 nodes: laid out", READABLE / 2, 50.0)?;
    let large = "a graph of 10,000 workloads: put together, laid out";
    let large = figure(large, 10_000, 200.0)?;
    Ok(vec![readable, large])
}

/// Of as many sources as workloads.
fn figure(what: &str, workloads: usize, bar: f64) -> Result<Figure> {
    let scene = Scene::new(workloads)?;
    let mut samples = Vec::new();
    let mut last = scene.draw();
    for _ in 0..RUNS {
        let began = Instant::now();
        last = scene.draw();
        samples.push(millis(began.elapsed()));
    }
    let (graph, layout) = last;
    let (nodes, edges, crossings) = (graph.nodes.len(), graph.edges.len(), layout.crossings);
    Ok(Figure {
        row: 12,
        what: what.to_owned(),
        peer: "–",
        unit: Unit::Milliseconds,
        floor: None,
        tidings: Spread::of(&samples),
        bar: Some(Bar::AtMost(bar)),
        note: format!("{nodes} nodes, {edges} edges of which {crossings} pairs cross"),
    })
}

impl Scene {
    /// Each workload uses three of the sources, so that much crosses.
    fn new(workloads: usize) -> Result<Self> {
        let kinds = KINDS.iter().map(StreamOf::Workloads);
        let of = kinds.chain([StreamOf::Sources(SourceKind::ConfigMap)]);
        let streams = of.map(|of| Stream {
            of,
            namespace: None,
        });
        let index = Index::new(Defaults::default(), streams.collect::<Vec<_>>());
        let mut scene = Self {
            index,
            standings: BTreeMap::new(),
        };
        for n in 0..workloads {
            scene.add(
                n,
                [n, n * 7 + 3, n * 13 + 1].map(|source| source % workloads),
            )?;
        }
        Ok(scene)
    }

    fn add(&mut self, n: usize, uses: [usize; 3]) -> Result<()> {
        let kind = Kind::parse("deployment").context("no Deployments")?;
        let from = uses.map(|n| json!({"configMapRef": {"name": format!("config-{n:05}")}}));
        let name = format!("web-{n:05}");
        let object = json!({
            "metadata": {"namespace": NAMESPACE, "name": name, "uid": name, "resourceVersion": "1",
                "creationTimestamp": "2026-11-29T20:00:00Z",
                "annotations": {"tidings.dev/reload": "auto"}},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "envFrom": from}]}}},
        });
        let text = object.to_string();
        let workload = read_workload(kind, text.as_bytes(), &Vocabulary::default())?;
        let word = WORDS[n % WORDS.len()].word;
        self.standings.insert(workload.key.clone(), word);
        let fact = Fact::Workload(Box::new(workload), How::Listed);
        self.index.apply(fact);
        Ok(())
    }

    fn draw(&self) -> (Graph, Sheet) {
        let seen = Beside {
            standings: &self.standings,
            stale: &[],
        };
        let graph = graph(&self.index, seen, &Focus::Namespace(NAMESPACE.into()));
        let layout = graph.lay_out();
        (graph, layout)
    }
}
