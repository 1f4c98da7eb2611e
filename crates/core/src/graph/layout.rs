//! Where everything is, in whole units that a browser shows as one pixel each.
//!
//! A workload and its pods stand side by side, one such row below the other; each source
//! stands as near as can be to the middle of those who use it. Each edge has a line of its
//! own at the workload that it ends at, so what is written on edges never lies on other
//! writing.

use super::order::{crossings, order};
use super::{Graph, Layer, Node};

/// The width of a node, by layer.
const WIDTHS: [i64; 3] = [230, 230, 230];
/// Where a layer begins.
const LEFT: [i64; 3] = [
    MARGIN,
    MARGIN + 230 + 90 + LABELS,
    MARGIN + 550 + 90 + LABELS,
];
/// The width of what is written on edges, before the workloads.
const LABELS: i64 = 190;
/// The height of a node with few edges.
const HEIGHT: i64 = 44;
/// The height of an edge's line.
const LINE: i64 = 20;
/// Between two nodes.
const GAP: i64 = 14;
/// Around everything.
const MARGIN: i64 = 8;

/// Where everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// How wide it is in all.
    pub width: i64,
    /// How high it is in all.
    pub height: i64,
    /// Where each node is.
    pub places: Vec<Area>,
    /// Where each edge is.
    pub routes: Vec<Route>,
    /// How many pairs of edges cross.
    pub crossings: usize,
}

/// The place of a node: its upper left corner, and its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// From the left.
    pub x: i64,
    /// From above.
    pub y: i64,
    /// To the right.
    pub width: i64,
    /// Downwards.
    pub height: i64,
}

/// Where an edge begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it begins, from the left and from above.
    pub from: (i64, i64),
    /// Where its own line begins: what is written on it has room from here on.
    pub line: (i64, i64),
    /// Where it ends.
    pub to: (i64, i64),
}

impl Area {
    fn middle(self) -> i64 {
        self.y + self.height / 2
    }
}

/// What is placed, by layer: the numbers of nodes, from above.
struct Placing<'a> {
    graph: &'a Graph,
    sources: Vec<usize>,
    workloads: Vec<usize>,
    places: Vec<Area>,
    /// The edges that end at each node, from above.
    ending: Vec<Vec<usize>>,
    /// The edges that begin at each node.
    beginning: Vec<Vec<usize>>,
}

pub(super) fn lay_out(graph: &Graph) -> Sheet {
    let mut placing = Placing::new(graph);
    placing.rows();
    placing.beside();
    placing.end()
}

impl<'a> Placing<'a> {
    fn new(graph: &'a Graph) -> Self {
        let (sources, workloads) = ordered(graph);
        let none = || vec![Vec::new(); graph.nodes.len()];
        let mut placing = Self {
            graph,
            sources,
            workloads,
            places: graph.nodes.iter().map(place).collect(),
            ending: none(),
            beginning: none(),
        };
        placing.join();
        placing
    }

    /// Edges end at a node in the order in which they begin.
    fn join(&mut self) {
        let mut rank = vec![0; self.graph.nodes.len()];
        for (place, node) in self.sources.iter().enumerate() {
            rank[*node] = place;
        }
        for (number, edge) in self.graph.edges.iter().enumerate() {
            self.beginning[edge.from].push(number);
            self.ending[edge.to].push(number);
        }
        for ending in &mut self.ending {
            ending.sort_by_key(|number| rank[self.graph.edges[*number].from]);
        }
        for node in &self.workloads {
            let lines = to_i64(self.ending[*node].len()) * LINE;
            let height = &mut self.places[*node].height;
            *height = (*height).max(lines);
        }
    }

    /// Each workload with its pods, and with room for what only it uses.
    fn rows(&mut self) {
        let mut y = 0;
        for workload in self.workloads.clone() {
            let pods: Vec<_> = self.beginning[workload]
                .iter()
                .map(|e| self.end_of(*e))
                .collect();
            let own = self
                .sources_of(workload)
                .filter(|one| self.beginning[*one].len() == 1);
            let own = stack(own.count());
            let height = self.places[workload].height.max(stack(pods.len())).max(own);
            self.places[workload].y = y + (height - self.places[workload].height) / 2;
            let mut below = y + (height - stack(pods.len())) / 2;
            for pod in pods {
                self.places[pod].y = below;
                below += HEIGHT + GAP;
            }
            y += height + GAP;
        }
    }

    fn end_of(&self, edge: usize) -> usize {
        self.graph.edges[edge].to
    }

    fn sources_of(&self, workload: usize) -> impl Iterator<Item = usize> {
        let ending = self.ending[workload].iter();
        ending.map(|edge| self.graph.edges[*edge].from)
    }

    /// Each source beside those who use it.
    fn beside(&mut self) {
        let wanted = self.sources.iter().map(|source| {
            let users = self.beginning[*source].iter();
            let users = users.map(|edge| self.places[self.end_of(*edge)].middle());
            mean(users) - HEIGHT / 2
        });
        let tops = spread(&wanted.collect::<Vec<_>>());
        for (source, top) in self.sources.iter().zip(tops) {
            self.places[*source].y = top;
        }
    }

    fn end(mut self) -> Sheet {
        let top = self
            .places
            .iter()
            .map(|place| place.y)
            .min()
            .unwrap_or_default();
        for place in &mut self.places {
            place.y += MARGIN - top;
        }
        let bottom = self.places.iter().map(|place| place.y + place.height);
        Sheet {
            width: LEFT[2] + WIDTHS[2] + MARGIN,
            height: bottom.max().unwrap_or_default() + MARGIN,
            routes: (0..self.graph.edges.len())
                .map(|edge| self.route(edge))
                .collect(),
            crossings: self.crossings(),
            places: self.places,
        }
    }

    fn route(&self, number: usize) -> Route {
        let edge = &self.graph.edges[number];
        let (from, to) = (self.places[edge.from], self.places[edge.to]);
        let start = (from.x + from.width, from.middle());
        if self.graph.nodes[edge.to].layer() == Layer::Pods {
            let end = (to.x, to.middle());
            return Route {
                from: start,
                line: end,
                to: end,
            };
        }
        let lines = &self.ending[edge.to];
        let line = lines.iter().position(|other| *other == number);
        let all = to_i64(lines.len()) * LINE;
        let y = to.middle() - all / 2 + to_i64(line.unwrap_or_default()) * LINE + LINE / 2;
        Route {
            from: start,
            line: (to.x - LABELS, y),
            to: (to.x, y),
        }
    }

    /// From workloads to their pods none cross.
    fn crossings(&self) -> usize {
        let mut rank = vec![0; self.graph.nodes.len()];
        for (place, node) in self.workloads.iter().enumerate() {
            rank[*node] = place;
        }
        let ends = self.sources.iter().map(|source| {
            let edges = self.beginning[*source].iter();
            edges.map(|edge| rank[self.end_of(*edge)]).collect()
        });
        crossings(&ends.collect::<Vec<_>>(), self.workloads.len())
    }
}

/// A place that lies in its layer yet, and nowhere.
fn place(node: &Node) -> Area {
    let layer = node.layer() as usize;
    Area {
        x: LEFT[layer],
        y: 0,
        width: WIDTHS[layer],
        height: HEIGHT,
    }
}

/// Sources and workloads from above, by the numbers of their nodes.
fn ordered(graph: &Graph) -> (Vec<usize>, Vec<usize>) {
    let of = |layer| {
        let nodes = graph.nodes.iter().enumerate();
        let nodes = nodes.filter(move |(_, node)| node.layer() == layer);
        nodes.map(|(number, _)| number).collect::<Vec<_>>()
    };
    let (sources, workloads) = (of(Layer::Sources), of(Layer::Workloads));
    // Nodes are in the order of their layers.
    let ends = sources.len() + workloads.len();
    let edges = graph.edges.iter().filter(|edge| edge.to < ends);
    let edges: Vec<_> = edges
        .map(|edge| (edge.from, edge.to - sources.len()))
        .collect();
    let ordered = order(sources.len(), workloads.len(), &edges);
    let named = |all: &[usize], layer: Vec<usize>| layer.into_iter().map(|one| all[one]).collect();
    (
        named(&sources, ordered.left),
        named(&workloads, ordered.right),
    )
}

/// The height of so many nodes, one below the other.
fn stack(count: usize) -> i64 {
    (to_i64(count) * (HEIGHT + GAP) - GAP).max(0)
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn mean(all: impl Iterator<Item = i64>) -> i64 {
    let (sum, count) = all.fold((0, 0), |(sum, count), one| (sum + one, count + 1));
    sum / count.max(1)
}

/// Tops that lie as near to those that are wanted as the order and the height of nodes
/// allow (pool adjacent violators: the least squares of all that keep the order).
fn spread(wanted: &[i64]) -> Vec<i64> {
    const STEP: i64 = HEIGHT + GAP;
    let mut pools: Vec<(i64, i64)> = Vec::new();
    for (number, top) in wanted.iter().enumerate() {
        let mut pool = (top - to_i64(number) * STEP, 1);
        while let Some((sum, count)) = pools.pop() {
            if sum * pool.1 < pool.0 * count {
                pools.push((sum, count));
                break;
            }
            pool = (sum + pool.0, count + pool.1);
        }
        pools.push(pool);
    }
    let tops = pools
        .into_iter()
        .flat_map(|(sum, count)| (0..count).map(move |_| sum.div_euclid(count)));
    tops.zip(0..)
        .map(|(top, number)| top + number * STEP)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_room_is_where_it_is_wanted() {
        assert_eq!(spread(&[0, 100, 300]), [0, 100, 300]);
        assert_eq!(spread(&[]), [0_i64; 0]);
    }

    #[test]
    fn what_has_not_lies_around_the_middle() {
        assert_eq!(spread(&[100, 100, 100]), [42, 100, 158]);
        assert_eq!(spread(&[100, 0]), [21, 79]);
    }
}
