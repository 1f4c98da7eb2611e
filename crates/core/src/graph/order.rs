//! The order of two layers in which few edges cross.
//!
//! What hangs together stays together. Within that, each layer in turn is sorted by the
//! mean place of its neighbours (barycentres: Sugiyama, Tagawa, Toda 1981), then
//! neighbours change places where that takes crossings away; the best order of all that
//! were tried counts. Where two places are as good, what was first stays first.

use std::cmp::Ordering;

/// So many rounds are tried at most.
const ROUNDS: usize = 24;

/// The order of each layer: numbers of nodes, as they follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ordered {
    pub(super) left: Vec<usize>,
    pub(super) right: Vec<usize>,
}

/// How nodes of a layer are joined to those of the other.
type Neighbours = Vec<Vec<usize>>;

/// Orders so many nodes on the left and on the right, joined by these edges.
pub(super) fn order(left: usize, right: usize, edges: &[(usize, usize)]) -> Ordered {
    let (mut to_right, mut to_left) = (vec![Vec::new(); left], vec![Vec::new(); right]);
    for (from, to) in edges {
        to_right[*from].push(*to);
        to_left[*to].push(*from);
    }
    let mut ordered = Ordered::default();
    for part in parts(&to_right, &to_left) {
        let part = Sorting::new(part, &to_right, &to_left).best();
        ordered.left.extend(part.left);
        ordered.right.extend(part.right);
    }
    ordered
}

/// What hangs together, in the order of what is first on the right, then on the left.
fn parts(to_right: &Neighbours, to_left: &Neighbours) -> Vec<Ordered> {
    let mut seen = (vec![false; to_right.len()], vec![false; to_left.len()]);
    let starts = (0..to_left.len()).map(|one| (one, false));
    let starts = starts.chain((0..to_right.len()).map(|one| (one, true)));
    let mut parts = Vec::new();
    for start in starts {
        let mut part = Ordered::default();
        let mut open = vec![start];
        while let Some((one, is_left)) = open.pop() {
            let (seen, members, joined) = if is_left {
                (&mut seen.0, &mut part.left, &to_right[one])
            } else {
                (&mut seen.1, &mut part.right, &to_left[one])
            };
            if !std::mem::replace(&mut seen[one], true) {
                members.push(one);
                open.extend(joined.iter().map(|other| (*other, !is_left)));
            }
        }
        part.left.sort_unstable();
        part.right.sort_unstable();
        parts.push(part);
    }
    parts.retain(|part| !part.left.is_empty() || !part.right.is_empty());
    parts
}

struct Sorting<'a> {
    now: Ordered,
    to_right: &'a Neighbours,
    to_left: &'a Neighbours,
}

impl<'a> Sorting<'a> {
    fn new(now: Ordered, to_right: &'a Neighbours, to_left: &'a Neighbours) -> Self {
        Self {
            now,
            to_right,
            to_left,
        }
    }

    fn best(mut self) -> Ordered {
        let mut best = (self.crossings(), self.now.clone());
        for round in 0..ROUNDS {
            if best.0 == 0 {
                break;
            }
            let before = self.now.clone();
            self.round(round);
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.now.clone());
            }
            if self.now == before {
                break;
            }
        }
        best.1
    }

    fn round(&mut self, round: usize) {
        if round.is_multiple_of(2) {
            arrange(&mut self.now.right, self.to_left, &self.now.left);
        } else {
            arrange(&mut self.now.left, self.to_right, &self.now.right);
        }
    }

    fn crossings(&self) -> usize {
        let places = places(&self.now.right, self.to_left.len());
        let ends = self.now.left.iter().map(|one| {
            let joined = self.to_right[*one].iter();
            joined.map(|other| places[*other]).collect()
        });
        crossings(&ends.collect::<Vec<_>>(), self.now.right.len())
    }
}

/// Sorts a layer by the other one, which stays.
fn arrange(layer: &mut [usize], joined: &Neighbours, other: &[usize]) {
    let count = other.iter().max().map_or(0, |most| most + 1);
    let places = places(other, count);
    let ends = |one: usize| {
        let mut ends: Vec<_> = joined[one].iter().map(|other| places[*other]).collect();
        ends.sort_unstable();
        ends
    };
    let mut ends: Vec<_> = layer.iter().map(|one| (*one, ends(*one))).collect();
    ends.sort_by(|(_, a), (_, b)| compare_means(a, b));
    while switch(&mut ends) {}
    for (place, (one, _)) in layer.iter_mut().zip(ends) {
        *place = one;
    }
}

/// Without a fraction: a / b and c / d as a × d and c × b.
fn compare_means(a: &[usize], b: &[usize]) -> Ordering {
    let sum = |ends: &[usize]| ends.iter().sum::<usize>();
    (sum(a) * b.len()).cmp(&(sum(b) * a.len()))
}

/// Lets neighbours change places where fewer edges cross then; whether any did. It ends,
/// since each change takes crossings away.
fn switch(ends: &mut [(usize, Vec<usize>)]) -> bool {
    let mut any = false;
    for first in 1..ends.len() {
        let (upper, lower) = (&ends[first - 1].1, &ends[first].1);
        if between(lower, upper) < between(upper, lower) {
            ends.swap(first - 1, first);
            any = true;
        }
    }
    any
}

/// The crossings of the edges of two nodes, one above the other; ends in order.
fn between(upper: &[usize], lower: &[usize]) -> usize {
    let above = |end: &usize| lower.partition_point(|other| other < end);
    upper.iter().map(above).sum()
}

fn places(layer: &[usize], count: usize) -> Vec<usize> {
    let mut places = vec![0; count];
    for (place, one) in layer.iter().enumerate() {
        places[*one] = place;
    }
    places
}

/// How many pairs of edges cross: for each node of a layer, in its order, the places of
/// its neighbours in the other, which has so many.
pub(super) fn crossings(ends: &[Vec<usize>], places: usize) -> usize {
    // How many edges of nodes above end at each place, as a tree of sums (Fenwick).
    let mut sums = vec![0; places + 1];
    let (mut before, mut crossings) = (0, 0);
    for ends in ends {
        for end in ends {
            crossings += before - up_to(&sums, end + 1);
        }
        for end in ends {
            add(&mut sums, end + 1);
            before += 1;
        }
    }
    crossings
}

fn up_to(sums: &[usize], mut at: usize) -> usize {
    let mut sum = 0;
    while at > 0 {
        sum += sums[at];
        at &= at - 1;
    }
    sum
}

fn add(sums: &mut [usize], mut at: usize) {
    while at < sums.len() {
        sums[at] += 1;
        at += at & at.wrapping_neg();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_without_a_crossing_is() {
        // Two stars, named so that their parts alternate.
        let edges = [(0, 0), (1, 1), (0, 2), (1, 3), (2, 1)];
        let ordered = order(3, 4, &edges);
        assert_eq!(ordered.left, [0, 1, 2]);
        assert_eq!(ordered.right, [0, 2, 3, 1]);
    }

    #[test]
    fn crossings_are_pairs_of_edges() {
        // Each of two to each of two: one crossing.
        assert_eq!(crossings(&[vec![0, 1], vec![0, 1]], 2), 1);
        assert_eq!(crossings(&[vec![2], vec![1], vec![0]], 3), 3);
        assert_eq!(crossings(&[vec![0, 1], vec![1, 2]], 3), 0);
        assert_eq!(crossings(&[], 0), 0);
    }

    #[test]
    fn what_is_as_good_stays_as_it_was() {
        let all = |count: usize| (0..count).flat_map(move |a| (0..count).map(move |b| (a, b)));
        let edges: Vec<_> = all(5).collect();
        let ordered = order(5, 5, &edges);
        assert_eq!(ordered.left, [0, 1, 2, 3, 4]);
        assert_eq!(ordered.right, [0, 1, 2, 3, 4]);
    }
}
