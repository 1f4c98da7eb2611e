//! A process that ends amid an attempt, and of what.

#![allow(clippy::expect_used, reason = "a failed step ends the test")]

mod common;

use common::policy;
use std::time::Duration;
use tidings_supervise::action::{Outcome, Signal};
use tidings_supervise::{Effect, Event, Grounds, Known, Note, State, Took, Version};

/// What is said when the process ends amid an attempt, after these signals.
fn said(signals: &[Signal]) -> (Outcome, String, bool) {
    let at = Duration::from_secs;
    let (mut state, _) = State::new(policy(), Version(1), Known::Current(Grounds::Shown));
    state.step(at(1), Event::Changed(Version(2)));
    state.step(at(9), Event::Tick);
    for signal in signals {
        state.step(at(10), Event::Signal(*signal));
    }
    let died = Took::Died("it ended of HUP".into());
    let effects = state.step(at(11), Event::Acted(Version(2), died));
    let note = effects.into_iter().find_map(|effect| match effect {
        Effect::Say(Note::Ended {
            outcome,
            why,
            again,
            ..
        }) => Some((outcome, why, again.is_some())),
        _ => None,
    });
    note.expect("the end of the attempt is said")
}

#[test]
fn who_ends_after_another_signal_did_not_end_of_ours() {
    let (outcome, why, _) = said(&[]);
    assert_eq!(
        (outcome, why.as_str()),
        (Outcome::Rejected, "it ended of HUP")
    );
    for signal in [Signal::TERM, Signal::INT] {
        let (outcome, why, again) = said(&[signal]);
        assert_eq!(
            (outcome, again),
            (Outcome::Unverified, signal != Signal::TERM)
        );
        assert!(
            why.contains(&format!("after it was passed {signal}")),
            "{why}"
        );
    }
}
