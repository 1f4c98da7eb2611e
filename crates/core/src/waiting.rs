//! Patience until workloads have what their sources hold: when it is over.
//!
//! Goes in: how each of them stands, looked at again and again ([`Sight`]). Comes out:
//! whether they are in step, or one of them will not be ([`Ending`]). Pure.
//!
//! A look reads a workload, its record and its sources one after the other, and the
//! controller may write in between: a template from before a roll beside the record from
//! after it is a pair that never was. So an end is believed when the next look finds the
//! same.

use crate::standing::Word;
use crate::state::Number;

/// How one workload stood in a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// How it stands.
    pub word: Word,
    /// Whether a roll is due that is not on the template yet.
    pub due: bool,
    /// The number of its last roll; none where there is no record.
    pub number: Option<Number>,
}

/// How waiting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All are in step.
    InStep,
    /// A rollout has failed, and nothing newer is due.
    Failed,
    /// The pods of one may have older content, and nothing is due that would replace them.
    Stale,
}

/// Looks at the same workloads, one after the other.
#[derive(Debug, Default)]
pub struct Patience {
    last: Vec<Sight>,
}

impl Patience {
    /// Takes in a look. The end, where this one and the one before agree on it.
    pub fn look(&mut self, sights: Vec<Sight>) -> Option<Ending> {
        let end = end(&sights).filter(|end| Some(*end) == self::end(&self.last));
        let is_same = numbers(&sights).eq(numbers(&self.last));
        self.last = sights;
        end.filter(|_| is_same)
    }

    /// Whether the last look found an end, so that it is worth looking again at once.
    pub fn is_nearly_over(&self) -> bool {
        end(&self.last).is_some()
    }
}

fn numbers(sights: &[Sight]) -> impl Iterator<Item = Option<Number>> {
    sights.iter().map(|sight| sight.number)
}

/// The end that one look shows. Nothing has been seen at first.
fn end(sights: &[Sight]) -> Option<Ending> {
    let all_in_step = sights.iter().all(|s| s.word == Word::InStep);
    match () {
        () if sights.is_empty() => None,
        () if sights.iter().any(Sight::has_failed) => Some(Ending::Failed),
        () if sights.iter().any(Sight::stays_stale) => Some(Ending::Stale),
        () => all_in_step.then_some(Ending::InStep),
    }
}

impl Sight {
    /// A failure of older content is none: what is due may be what mends it.
    fn has_failed(&self) -> bool {
        self.word == Word::Failed && !self.due
    }

    /// Nothing rolls it before its sources change.
    fn stays_stale(&self) -> bool {
        self.word == Word::Stale && !self.due
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::state::Epoch;

    /// `in step 4`, `failed 4`, `failed due 4`, `rolling 4`.
    fn sight(text: &str) -> Sight {
        let (words, n) = text.rsplit_once(' ').unwrap();
        let word = match words.trim_end_matches(" due") {
            "in step" => Word::InStep,
            "failed" => Word::Failed,
            "rolling" => Word::Rolling,
            _ => Word::Stale,
        };
        let n = n.parse().unwrap();
        Sight {
            word,
            due: words.ends_with(" due"),
            number: Some(Number {
                n,
                epoch: Epoch::draw(1, "u"),
            }),
        }
    }

    /// Looks are apart by `;`, the workloads of one by `,`.
    #[rstest]
    #[case("in step 4", None)]
    #[case("in step 4; in step 4", Some(Ending::InStep))]
    #[case("in step 4; in step 5", None)]
    #[case("in step 4; rolling 4; in step 4", None)]
    #[case(
        "in step 4; stale due 4; rolling 5; in step 5; in step 5",
        Some(Ending::InStep)
    )]
    #[case("in step 4, rolling 1; in step 4, in step 1", None)]
    #[case("in step 4, in step 1; in step 4, in step 1", Some(Ending::InStep))]
    #[case("failed 4; failed 4", Some(Ending::Failed))]
    #[case("failed 4, rolling 1; failed 4, rolling 1", Some(Ending::Failed))]
    #[case("failed due 4; failed due 4", None)]
    #[case("failed 4; in step 4", None)]
    #[case("stale 4; stale 4", Some(Ending::Stale))]
    #[case("stale due 4; stale due 4", None)]
    #[case("stale 4; rolling 5", None)]
    fn two_looks_that_agree_end_it(#[case] looks: &str, #[case] expect: Option<Ending>) {
        let mut waiting = Patience::default();
        let looks = looks.split("; ");
        let ends = looks.map(|look| waiting.look(look.split(", ").map(sight).collect()));
        assert_eq!(ends.last().unwrap(), expect);
    }

    #[test]
    fn after_one_it_is_worth_another_at_once() {
        let mut waiting = Patience::default();
        assert!(!waiting.is_nearly_over());
        waiting.look(vec![sight("rolling 4")]);
        assert!(!waiting.is_nearly_over());
        waiting.look(vec![sight("in step 4")]);
        assert!(waiting.is_nearly_over());
    }
}
