//! In which order those would be rolled who go so many at a time ([`crate::train`]).
//!
//! Goes in: of each workload what would become of it. Comes out: its wave, how many may be
//! under way with it, and who goes first, alone. Where somebody is under way already, his
//! verdict says so.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::index::Known;
use crate::kinds::Renewal;
use crate::object::Strategy;
use crate::reason::{LEFT_DUE, Reason};
use crate::refs::{SourceRef, WorkloadRef};

use super::{Impact, Outcome, Touch};

/// How a workload would be rolled in turn with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainTurn {
    /// Its wave.
    pub wave: i32,
    /// So many of its namespace may be under way with the same source.
    pub at_once: NonZeroU32,
    /// The sources that it would be brought.
    pub sources: Vec<SourceRef>,
    /// Whether it begins as soon as it is its turn.
    pub begins: bool,
    /// Whether what becomes of it proves the content to the others.
    pub proves: bool,
    /// Whether later waves wait for it.
    pub holds: bool,
}

/// Its turn; none where it is not rolled in turn with others, or not at all.
pub fn turn(known: &Known, touches: &[Touch], impact: &Impact) -> Option<TrainTurn> {
    let (workload, policy) = (&known.workload, &known.policy);
    let begins = impact.outcome == Outcome::Rolls;
    let waits = impact.outcome == Outcome::Waits;
    let left = impact
        .reason
        .is_some_and(|reason| LEFT_DUE.contains(&reason));
    let is_run = workload.key.kind.renewal == Renewal::Run;
    let nobody = workload.progress.desired == 0 && !is_run;
    let by_hand = nobody || workload.strategy == Strategy::OnDelete;
    let counted = touches.iter().filter(|touch| touch.counts);
    (begins || waits).then_some(TrainTurn {
        wave: policy.wave(),
        at_once: policy.at_once?,
        sources: counted.map(|touch| touch.source.clone()).collect(),
        begins,
        proves: begins && !nobody && workload.is_well(),
        holds: !by_hand && !left && impact.reason != Some(Reason::Paused),
    })
}

/// With which sources others follow, and who goes first with each, alone. Not there: that
/// is not known, since whoever holds the first wave waits for something else.
pub fn firsts(turns: &BTreeMap<WorkloadRef, TrainTurn>) -> BTreeMap<&SourceRef, &WorkloadRef> {
    let mut lines: BTreeMap<&SourceRef, Vec<(&WorkloadRef, &TrainTurn)>> = BTreeMap::new();
    for (key, turn) in turns {
        for source in &turn.sources {
            lines.entry(source).or_default().push((key, turn));
        }
    }
    let several = lines.into_iter().filter(|(_, line)| line.len() > 1);
    several
        .filter_map(|(source, line)| Some((source, first(&line)?)))
        .collect()
}

/// Of the lowest wave that is waited for, in the order in which they are decided.
fn first<'a>(line: &[(&'a WorkloadRef, &'a TrainTurn)]) -> Option<&'a WorkloadRef> {
    let holding = line.iter().filter(|(_, turn)| turn.holds || turn.proves);
    let wave = holding.map(|(_, turn)| turn.wave).min()?;
    let mut of_it = line.iter().filter(|(_, turn)| turn.wave == wave);
    of_it.find(|(_, turn)| turn.proves).map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::kinds::KINDS;
    use crate::refs::SourceKind;

    fn app() -> SourceRef {
        SourceRef::new(SourceKind::ConfigMap, "ns", "app")
    }

    /// `name wave how`, where how is `rolls`, `waits`, `held` (nobody waits for it) or
    /// `empty` (it has no pods).
    fn turns(lines: &[&str]) -> BTreeMap<WorkloadRef, TrainTurn> {
        let one = |line: &&str| {
            let [name, wave, how] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let turn = TrainTurn {
                wave: wave.parse().unwrap(),
                at_once: NonZeroU32::MIN,
                sources: vec![app()],
                begins: matches!(how, "rolls" | "empty"),
                proves: how == "rolls",
                holds: matches!(how, "rolls" | "waits"),
            };
            (WorkloadRef::new(&KINDS[0], "ns", name), turn)
        };
        lines.iter().map(one).collect()
    }

    #[rstest]
    #[case::by_name(&["a 0 rolls", "b 0 rolls"], Some("a"))]
    #[case::the_lowest_wave(&["a 1 rolls", "b -1 rolls", "c 0 rolls"], Some("b"))]
    #[case::who_waits_is_passed_by_in_its_wave(&["a 0 waits", "b 0 rolls"], Some("b"))]
    #[case::who_waits_holds_later_waves(&["a 0 waits", "b 1 rolls"], None)]
    #[case::who_is_paused_holds_nobody(&["a 0 held", "b 1 rolls"], Some("b"))]
    #[case::who_has_no_pods_proves_nothing(&["a 0 empty", "b 0 rolls"], Some("b"))]
    #[case::nobody_follows(&["a 0 rolls"], None)]
    fn who_goes_first(#[case] lines: &[&str], #[case] expect: Option<&str>) {
        let turns = turns(lines);
        let firsts = firsts(&turns);
        assert_eq!(firsts.get(&app()).map(|key| &*key.name), expect);
    }
}
