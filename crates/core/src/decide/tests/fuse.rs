//! The fuse, in virtual time: a workload that uses `c` and `d`, and those who change
//! them. Decisions are made when the queue says so, as the controller makes them.

use std::iter::once;

use super::show;
use crate::decide::Act;
use crate::decide::world::{START, World, source, web};
use crate::object::Seconds;
use crate::restless::Restless;
use crate::settle::{Millis, Queue};

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

struct Life {
    world: World,
    queue: Queue,
    settle: Millis,
    now: Millis,
    writes: u32,
    /// When it was rolled.
    rolls: Vec<Millis>,
    /// What was said, each thing once.
    said: Vec<String>,
}

impl Life {
    fn new(settle: Millis) -> Self {
        let mut world = World::new();
        world.run("tick 0; flag fuse; cm c k=0; cm d k=0; use env:c.k env:d.k");
        world.at(START);
        let mut life = Self {
            world,
            queue: Queue::default(),
            settle,
            now: 0,
            writes: 0,
            rolls: Vec::new(),
            said: Vec::new(),
        };
        life.queue.look(&web(), 0);
        life.until(0);
        life.said.clear();
        life
    }

    /// Everything that is due until then, in order.
    fn until(&mut self, then: Millis) {
        while let Some(due) = self.queue.next().filter(|due| *due <= then) {
            self.set(due);
            let popped = self.queue.pop(due);
            assert!(popped.is_some());
            self.decide();
        }
        self.set(then);
    }

    fn set(&mut self, now: Millis) {
        self.now = now;
        self.world.at(START + seconds(now));
        self.world.restless.pass(now);
    }

    fn decide(&mut self) {
        let verdict = self.world.decide();
        let shown = format!("{:?}: {}", verdict.reason, verdict.text);
        if self.said.last() != Some(&shown) {
            self.said.push(shown);
        }
        if let Some(again) = verdict.again {
            let again = u64::try_from(again - START).unwrap() * SECOND;
            self.queue.look(&web(), again.max(self.now));
        }
        self.world.carry_out(&verdict.act);
        if matches!(verdict.act, Act::Roll(..) | Act::Resume(_)) {
            self.rolls.push(self.now);
            self.queue.look(&web(), self.now);
        }
    }

    /// Changes a source at these times.
    fn change(&mut self, name: &str, times: impl IntoIterator<Item = Millis>) {
        for at in times {
            self.until(at);
            self.writes += 1;
            self.tell(&format!("cm {name} k={}", self.writes), name);
        }
    }

    fn tell(&mut self, command: &str, name: &str) {
        self.world.run(command);
        self.world.restless.changed(&source(name));
        self.queue.changed(&web(), self.now, self.settle);
    }

    /// Tidings is stopped and started, and the clock may have been set meanwhile.
    fn restart(&mut self) {
        self.world.run("restart");
        self.world.restless = Restless::new(START);
        self.world.restless.pass(self.now);
        let restless = self.world.entry.clone().unwrap().restless;
        for seen in restless.keys() {
            self.world.restless.resume(&source(&seen.name));
        }
        self.queue = Queue::default();
        self.queue.look(&web(), self.now);
        self.until(self.now);
    }

    fn is_in_step(&mut self) {
        let verdict = self.world.decide();
        assert!(show(&verdict).ends_with("UpToDate"), "{}", show(&verdict));
    }
}

fn seconds(millis: Millis) -> Seconds {
    Seconds::try_from(millis / SECOND).unwrap()
}

/// So many times, so far apart.
fn every(apart: Millis, from: Millis, to: Millis) -> impl Iterator<Item = Millis> {
    (from..to).step_by(usize::try_from(apart).unwrap())
}

fn within(rolls: &[Millis], span: Millis) -> usize {
    let from = |start: &Millis| {
        rolls
            .iter()
            .filter(|at| (*start..*start + span).contains(*at))
            .count()
    };
    rolls.iter().map(from).max().unwrap_or(0)
}

#[test]
fn five_edits_eight_seconds_apart_are_five_rolls() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(8 * SECOND, 0, 40 * SECOND));
    life.until(MINUTE);
    assert_eq!(life.rolls, [2, 10, 18, 26, 34].map(|s| s * SECOND));
    life.is_in_step();
}

#[test]
fn the_sixth_waits_until_the_first_is_ten_minutes_old() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(8 * SECOND, 0, 80 * SECOND));
    life.until(20 * MINUTE);
    assert_eq!(life.rolls[5..], [10 * MINUTE + 3 * SECOND]);
    let held: Vec<_> = life.said.iter().filter(|s| s.contains("Fused")).collect();
    assert_eq!(held.len(), 1, "said once, with its end: {held:?}");
    assert!(
        held[0].ends_with("not before 1970-01-12T13:56:43Z"),
        "{held:?}"
    );
    life.is_in_step();
}

#[test]
fn ten_changes_a_second_for_five_minutes_are_two_rolls() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(100, 0, 5 * MINUTE));
    let end = life.now;
    life.until(2 * 60 * MINUTE);
    assert_eq!(life.rolls.len(), 2, "{:?}", life.rolls);
    assert_eq!(life.rolls[0], 10 * SECOND);
    assert!(life.rolls[1] <= end + 65 * SECOND, "{:?}", life.rolls);
    life.is_in_step();
    let fused = life.said.iter().filter(|s| s.contains("Fused")).count();
    assert_eq!(fused, 1, "{:?}", life.said);
    assert!(life.world.entry.as_ref().unwrap().restless.is_empty());
}

#[test]
fn a_storm_without_end_is_a_roll_every_ten_minutes() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(500, 0, 60 * MINUTE));
    let apart: Vec<_> = life.rolls.windows(2).map(|w| w[1] - w[0]).collect();
    assert_eq!(life.rolls.len(), 6, "{:?}", life.rolls);
    let about_ten = |apart: &Millis| (10 * MINUTE..10 * MINUTE + 12 * SECOND).contains(apart);
    assert!(apart.iter().all(about_ten), "{apart:?}");
}

#[test]
fn one_edit_every_three_minutes_never_waits() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(3 * MINUTE, 0, 60 * MINUTE));
    life.until(61 * MINUTE);
    let expected: Vec<_> = every(3 * MINUTE, 2 * SECOND, 60 * MINUTE).collect();
    assert_eq!(life.rolls, expected);
}

/// The times are what people may rely on, whatever `settle` says.
#[test]
fn no_settle_moves_the_limits() {
    for settle in [0, SECOND, 2 * SECOND, 10 * SECOND, MINUTE] {
        let mut life = Life::new(settle);
        life.change("c", every(100, 0, 5 * MINUTE));
        life.change("c", every(20 * SECOND, 6 * MINUTE, 30 * MINUTE));
        life.change("c", every(2 * MINUTE, 30 * MINUTE, 120 * MINUTE));
        life.until(200 * MINUTE);
        assert!(
            within(&life.rolls, 10 * MINUTE) <= 5,
            "{settle}: {:?}",
            life.rolls
        );
        assert!(
            within(&life.rolls, 60 * MINUTE) <= 24,
            "{settle}: {:?}",
            life.rolls
        );
        life.is_in_step();
    }
}

#[test]
fn a_long_settle_makes_a_storm_one_roll_or_two() {
    let mut life = Life::new(MINUTE);
    life.change("c", every(100, 0, 6 * MINUTE));
    life.until(30 * MINUTE);
    assert_eq!(life.rolls, [5 * MINUTE, 7 * MINUTE - 100]);
    life.is_in_step();
}

#[test]
fn a_roll_for_another_source_brings_the_newest_and_ends_no_hold() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(100, 0, 2 * MINUTE));
    assert_eq!(life.rolls, [10 * SECOND]);
    life.change("c", every(100, 2 * MINUTE, 4 * MINUTE));
    life.change("d", once(4 * MINUTE));
    life.change("c", every(100, 4 * MINUTE + 100, 9 * MINUTE));
    assert_eq!(life.rolls.len(), 2, "one for d: {:?}", life.rolls);
    assert!(life.rolls[1] < 4 * MINUTE + 15 * SECOND);
    life.change("c", every(100, 9 * MINUTE, 12 * MINUTE));
    assert_eq!(life.rolls.len(), 3, "{:?}", life.rolls);
    let third = 10 * MINUTE + 10 * SECOND;
    assert!((third..third + 12 * SECOND).contains(&life.rolls[2]));
    life.until(14 * MINUTE);
    assert_eq!(life.rolls.len(), 4, "at rest: {:?}", life.rolls);
    life.is_in_step();
}

#[test]
fn two_restless_sources_are_rolled_for_together() {
    let mut life = Life::new(2 * SECOND);
    for at in every(500, 0, 5 * MINUTE) {
        life.change("c", once(at));
        life.change("d", once(at));
    }
    let end = life.now;
    life.until(30 * MINUTE);
    assert_eq!(life.rolls.len(), 2, "{:?}", life.rolls);
    assert!(life.rolls[1] <= end + 65 * SECOND);
}

#[test]
fn after_a_restart_in_a_storm_the_hold_goes_on_and_the_quiet_begins_anew() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(100, 0, 3 * MINUTE));
    life.restart();
    life.change("c", every(100, 3 * MINUTE, 4 * MINUTE));
    assert_eq!(life.rolls, [10 * SECOND]);
    life.until(4 * MINUTE + 10 * SECOND);
    life.restart();
    life.until(20 * MINUTE);
    let rest = 5 * MINUTE + 10 * SECOND;
    assert_eq!(life.rolls, [10 * SECOND, rest]);
    life.is_in_step();
}

#[test]
fn a_restart_forgets_no_limit() {
    let mut life = Life::new(2 * SECOND);
    for at in every(8 * SECOND, 0, 80 * SECOND) {
        life.change("c", once(at));
        life.until(at + 5 * SECOND);
        life.restart();
    }
    life.until(9 * MINUTE);
    assert_eq!(life.rolls.len(), 5, "{:?}", life.rolls);
    life.until(11 * MINUTE);
    assert_eq!(life.rolls.len(), 6, "{:?}", life.rolls);
}

#[test]
fn edits_by_hand_in_between_end_no_hold_and_are_none() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(100, 0, 2 * MINUTE));
    life.world.run("edit new-image");
    life.queue.look(&web(), life.now);
    life.until(2 * MINUTE);
    life.change("c", every(100, 2 * MINUTE, 5 * MINUTE));
    assert_eq!(life.rolls, [10 * SECOND], "the edit ended no hold");
    let end = life.now;
    life.until(20 * MINUTE);
    assert_eq!(life.rolls.len(), 2);
    assert!(life.rolls[1] <= end + 65 * SECOND);
}

#[test]
fn a_clock_that_is_put_back_closes_nothing() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(100, 60 * MINUTE, 62 * MINUTE));
    assert_eq!(life.rolls.len(), 1);
    life.set(0);
    life.restart();
    life.change("c", every(8 * SECOND, 0, 40 * SECOND));
    life.until(2 * MINUTE);
    assert!(!life.rolls[1..].is_empty());
    assert!(
        life.rolls[1..].iter().all(|at| *at <= 110 * SECOND),
        "{:?}",
        life.rolls
    );
    life.is_in_step();
}

/// Somebody's lock, renewed each second in an annotation of a source that is
/// otherwise changed rarely.
#[test]
fn annotations_that_are_written_all_the_time_hold_nothing() {
    let mut life = Life::new(2 * SECOND);
    for at in every(SECOND, 0, 60 * MINUTE) {
        life.until(at);
        match at % (4 * MINUTE) {
            0 => life.change("c", once(at)),
            _ => life.tell("touch c", "c"),
        }
    }
    life.until(70 * MINUTE);
    assert_eq!(life.rolls.len(), 15, "{:?}", life.rolls);
    for (i, at) in (0..).zip(&life.rolls) {
        assert!(*at <= i * 4 * MINUTE + 22 * SECOND, "{at}");
    }
}

#[test]
fn what_went_back_while_it_waited_is_nothing() {
    let mut life = Life::new(2 * SECOND);
    life.change("c", every(100, 0, 2 * MINUTE));
    let brought = life.rolls.len();
    life.tell("cm c k=100", "c");
    life.until(30 * MINUTE);
    assert!(life.rolls.len() - brought <= 1);
    life.is_in_step();
}

#[test]
fn with_the_fuse_off_nothing_is_held() {
    let mut life = Life::new(2 * SECOND);
    life.world.rules.fuse = false;
    life.change("c", every(8 * SECOND, 0, 20 * MINUTE));
    life.until(21 * MINUTE);
    assert_eq!(life.rolls.len(), 150);
}
