//! What is recorded of a workload that is rolled in turn with others: its ride in the
//! train of each source that it is rolled for ([`crate::train`]).
//!
//! It is under way from the intent on until it is well, or has failed. How it ended is
//! kept as long as that content is there, so that whoever leads next knows who has
//! proven it and what stopped the train.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::few::Few;

use super::{Entry, Seen};

/// The rides of a workload's last roll.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ride {
    /// Whether it was not well before, so that it takes no place and what becomes of it
    /// says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
    /// In which wave it goes.
    #[serde(default, skip_serializing_if = "is_first")]
    pub wave: i32,
    /// In the train of each source.
    pub on: Few<Seen, Leg>,
}

/// A ride in the train of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The digest of all that the source holds: another content is another train.
    pub of: Digest,
    /// How it ended; none while it is under way, or before it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<LegEnd>,
    /// Which stop of the train its failure is, counted from 1, or, of one that waits, which
    /// one it was told of; 0: none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub stop: u32,
    /// Up to which stop somebody let the train go on, by a word on this workload.
    #[serde(default, skip_serializing_if = "is_none")]
    pub resumed: u32,
}

/// How a ride ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LegEnd {
    /// The workload is well with it.
    Arrived,
    /// It is not, or has refused it.
    Failed,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_none(stop: &u32) -> bool {
    *stop == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
pub(super) fn is_first(wave: &i32) -> bool {
    *wave == 0
}

impl Leg {
    /// One that is under way with this content, or waits for it.
    pub fn new(of: Digest) -> Self {
        Self {
            of,
            end: None,
            stop: 0,
            resumed: 0,
        }
    }

    /// Whether it is under way, where it has begun.
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }
}

impl Ride {
    /// Whether it is under way.
    pub fn is_open(&self) -> bool {
        self.on.values().any(Leg::is_open)
    }

    /// Whether its last roll has failed.
    pub fn has_failed(&self) -> bool {
        let mut legs = self.on.values();
        !self.is_open() && legs.any(|leg| leg.end == Some(LegEnd::Failed))
    }

    /// The same where what was under way has ended; what `stop` says of a source is the
    /// number of the stop that a failure is. Who is well at last is so with all that it has.
    #[must_use]
    pub fn ended(&self, end: LegEnd, stop: impl Fn(&Seen, &Leg) -> u32) -> Self {
        let mut ride = self.clone();
        let ends = |leg: &Leg| leg.is_open() || end == LegEnd::Arrived;
        for (seen, leg) in self.on.iter().filter(|(_, leg)| ends(leg)) {
            let stop = match end {
                LegEnd::Failed if !self.apart => stop(seen, leg),
                _ => leg.stop,
            };
            let ended = Leg {
                end: Some(end),
                stop,
                ..*leg
            };
            ride.on.insert(seen.clone(), ended);
        }
        ride
    }

    /// The same without what was under way: it came to nothing that could be judged.
    pub fn without_open(&self) -> Option<Box<Self>> {
        let ended = self.on.iter().filter(|(_, leg)| !leg.is_open());
        let on: Few<_, _> = ended.map(|(seen, leg)| (seen.clone(), *leg)).collect();
        (!on.is_empty()).then(|| Self { on, ..*self }.into())
    }
}

impl Entry {
    /// In which wave it went, or waits.
    pub fn wave(&self) -> i32 {
        let waits = self.waits.as_ref().map(|pending| pending.wave);
        let rides = self.ride.as_ref().map(|ride| ride.wave);
        waits.or(rides).unwrap_or(0)
    }

    /// Whether the last roll is under way in a train.
    pub fn is_on_its_way(&self) -> bool {
        let ride = self.ride.as_deref();
        ride.is_some_and(Ride::is_open)
    }
}
