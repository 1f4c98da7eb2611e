//! The last rolls of a workload: Events are gone after an hour, and people ask
//! later.
//!
//! They are held as the text that is stored, a line each, newest first: of
//! ten thousand workloads that is a third of what structures would take, and it is
//! read only when somebody asks.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::method::Method;
use crate::object::Seconds;

/// How many are kept.
pub const ROLLS_KEPT: usize = 10;
/// Characters of a roll's cause that are kept.
const CAUSE_KEPT: usize = 120;
/// Between a cause and how long the roll took. A version that does not know of that takes
/// it for a part of the cause.
const TOOK: char = '\t';

/// How a roll ended, as far as that was known when the next one began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is the last one: the workload's own status tells.
    Open,
    /// All pods were replaced.
    Done,
    /// Its rollout had missed its deadline.
    Failed,
    /// Somebody took it back before all pods were replaced, as far as was known.
    Reverted,
    /// The next one began before all pods were replaced.
    Overtaken,
}

/// The words in which ends are stored.
const ENDS: [(End, &str); 5] = [
    (End::Open, "open"),
    (End::Done, "done"),
    (End::Failed, "failed"),
    (End::Reverted, "reverted"),
    (End::Overtaken, "overtaken"),
];

fn word<T: Copy + PartialEq>(table: &[(T, &'static str)], of: T) -> &'static str {
    let row = table.iter().find(|(value, _)| *value == of);
    row.map_or("", |(_, word)| *word)
}

fn read<T: Copy>(table: &[(T, &str)], text: &str) -> Option<T> {
    let row = table.iter().find(|(_, word)| *word == text);
    row.map(|(value, _)| *value)
}

impl End {
    /// The word for it.
    pub fn word(self) -> &'static str {
        word(&ENDS, self)
    }
}

/// One roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roll<'a> {
    /// Its number.
    pub n: u64,
    /// How it was done.
    pub method: Method,
    /// When it was decided.
    pub at: Seconds,
    /// How it ended.
    pub end: End,
    /// How many seconds that took, where the pods themselves told it: of a rollout
    /// the workload's status does.
    pub took: Option<Seconds>,
    /// Which sources and keys it was for.
    pub cause: &'a str,
}

impl<'a> Roll<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.splitn(5, ' ');
        let mut next = || words.next();
        let (n, method, at, end) = (next()?, next()?, next()?, next()?);
        let last = next()?;
        let (cause, took) = last.split_once(TOOK).unwrap_or((last, ""));
        Some(Self {
            n: n.parse().ok()?,
            method: Method::parse(method)?,
            at: at.parse().ok()?,
            end: read(&ENDS, end)?,
            took: took.parse().ok(),
            cause,
        })
    }

    fn write(&self, to: &mut String) {
        let Self { n, at, .. } = self;
        let (method, end) = (self.method.word(), self.end.word());
        // Into a string: there is nothing that could fail.
        let _ = write!(to, "{n} {method} {at} {end} ");
        let mut cause = self.cause.chars().filter(|c| !['\n', TOOK].contains(c));
        to.extend(cause.by_ref().take(CAUSE_KEPT));
        if cause.next().is_some() {
            to.push('…');
        }
        if let Some(took) = self.took {
            let _ = write!(to, "{TOOK}{took}");
        }
    }
}

/// The last rolls of a workload, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rolls(Box<str>);

impl Rolls {
    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them. What cannot be read is passed over.
    pub fn iter(&self) -> impl Iterator<Item = Roll<'_>> {
        self.0.lines().filter_map(Roll::read)
    }

    /// Without one that did not come about.
    #[must_use]
    pub fn without(&self, n: u64) -> Self {
        let mut text = String::with_capacity(self.0.len());
        for (i, roll) in self.iter().filter(|roll| roll.n != n).enumerate() {
            if i > 0 {
                text.push('\n');
            }
            roll.write(&mut text);
        }
        Self(text.into())
    }

    /// Now that it is known how the last one ended, which has this number.
    #[must_use]
    pub fn ended(&self, n: u64, end: End) -> Self {
        let mut rolls = self.iter();
        match rolls.next() {
            Some(last) if last.n == n && last.end == End::Open => {
                let rest: Box<str> = self.0.split_once('\n').map_or("", |(_, rest)| rest).into();
                Self(rest).with(Roll { end, ..last }, End::Open)
            }
            _ => self.clone(),
        }
    }

    /// The same, where one of them is done by another method than was meant first.
    #[must_use]
    pub fn by(&self, n: u64, method: Method) -> Self {
        self.changed(n, |roll| Roll { method, ..roll })
    }

    /// The same, where the pods tell at this time how one of them ended.
    #[must_use]
    pub fn told(&self, n: u64, now: Seconds) -> Self {
        let took = |at| Some(now.saturating_sub(at).max(0));
        self.changed(n, |roll| Roll {
            took: took(roll.at),
            ..roll
        })
    }

    fn changed<'a>(&'a self, n: u64, change: impl Fn(Roll<'a>) -> Roll<'a>) -> Self {
        let mut text = String::with_capacity(self.0.len());
        for (i, roll) in self.iter().enumerate() {
            if i > 0 {
                text.push('\n');
            }
            let roll = if roll.n == n { change(roll) } else { roll };
            roll.write(&mut text);
        }
        Self(text.into())
    }

    /// With one more, now that it is known how the last one ended. One that is
    /// begun anew under its number takes its own place.
    #[must_use]
    pub fn with(&self, roll: Roll<'_>, last: End) -> Self {
        let mut text = String::with_capacity(self.0.len() + 64);
        roll.write(&mut text);
        let ended = self.iter().filter(|before| before.n != roll.n);
        for (i, before) in ended.take(ROLLS_KEPT - 1).enumerate() {
            let end = match before.end {
                End::Open if i == 0 => last,
                end => end,
            };
            text.push('\n');
            Roll { end, ..before }.write(&mut text);
        }
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll(n: u64, cause: &str) -> Roll<'_> {
        Roll {
            n,
            method: Method::Rollout,
            at: 1_795_905_480,
            end: End::Open,
            took: None,
            cause,
        }
    }

    #[test]
    fn the_last_ten_are_kept_and_how_they_ended() {
        let mut rolls = Rolls::default();
        for n in 1..=12 {
            let last = if n % 2 == 0 {
                End::Done
            } else {
                End::Overtaken
            };
            rolls = rolls.with(roll(n, "configmap/web (a, b)"), last);
        }
        let kept: Vec<_> = rolls.iter().map(|roll| (roll.n, roll.end)).collect();
        assert_eq!(kept.len(), ROLLS_KEPT);
        let first = [(12, End::Open), (11, End::Done), (10, End::Overtaken)];
        assert_eq!(kept[..3], first);
        assert_eq!(rolls.iter().next(), Some(roll(12, "configmap/web (a, b)")));
    }

    #[test]
    fn how_the_last_one_ended_is_noted_once() {
        let rolls = Rolls::default().with(roll(1, "a"), End::Open);
        let rolls = rolls.with(roll(2, "b"), End::Failed);
        let ends = |rolls: &Rolls| {
            rolls
                .iter()
                .map(|roll| (roll.n, roll.end))
                .collect::<Vec<_>>()
        };
        let noted = rolls.ended(2, End::Reverted);
        assert_eq!(ends(&noted), [(2, End::Reverted), (1, End::Failed)]);
        assert_eq!(noted.ended(2, End::Done), noted);
        assert_eq!(rolls.ended(1, End::Done), rolls);
    }

    #[test]
    fn how_long_one_took_is_kept() {
        let rolls = Rolls::default()
            .with(roll(1, "a\tb"), End::Open)
            .told(1, 1_795_905_483);
        let rolls = rolls.with(roll(2, "b"), End::Done).told(2, 0);
        let took: Vec<_> = rolls.iter().map(|roll| (roll.cause, roll.took)).collect();
        // The clock was put back.
        assert_eq!(took, [("b", Some(0)), ("ab", Some(3))]);
    }

    #[test]
    fn a_cause_is_one_line_of_bounded_length() {
        let long = "k\n".repeat(500);
        let rolls = Rolls::default().with(roll(1, &long), End::Done);
        assert_eq!(rolls.iter().next().unwrap().cause.chars().count(), 121);
    }

    #[test]
    fn every_word_is_read_as_it_was_written() {
        for (end, _) in ENDS {
            let rolls = Rolls::default().with(Roll { end, ..roll(1, "") }, End::Done);
            assert_eq!(rolls.iter().next().unwrap().end, end);
        }
        let later = Rolls("2 teleport 1 done x\n1 rollout 1 done y".into());
        assert_eq!(later.iter().map(|roll| roll.n).collect::<Vec<_>>(), [1]);
    }
}
