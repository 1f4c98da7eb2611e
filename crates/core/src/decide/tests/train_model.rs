//! Lives of towns: content that changes, is bad for some, and is taken back, pods that come
//! or do not, people who approve, pause and let trains go on, clocks that jump, leaders that
//! die before and after the patch.
//!
//! What holds in all of them: of one source never more are under way than may be, the first
//! with a content is alone, and none begins while one of a lower wave is due; no stopped
//! train goes on by itself, what another namespace does stops nobody, and in the end
//! everybody has what is there.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::show;
use super::town::{BAD, House, Town, source, workload};
use crate::decide::simulation::same_lives;
use crate::decide::{Act, Verdict};
use crate::reason::Reason;
use crate::refs::{SourceRef, WorkloadRef};
use crate::train::{STALLED_FOR, WELL_FOR};

/// In the one namespace; there are as many in another one.
const HOUSES: usize = 7;

#[derive(Clone, Debug)]
enum Event {
    Write(usize, &'static str),
    /// What a source held so many contents ago is there again.
    Back(usize, usize),
    /// Its pods come, as far as they do.
    Step(usize),
    StepAll,
    Pass(i64),
    Late(usize),
    Say(usize, &'static str),
    Pause(usize, bool),
    /// Another leader, whose clock shows other minutes.
    Restart(i64),
    /// A source is another; the leader decides, writes down the next intent, and is gone.
    Crash(usize, &'static str),
    /// The same; and before another leads, what the source held before is there again.
    CrashAndBack(usize, usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = || 0..HOUSES;
    let content = || prop::sample::select(&["1", "2", BAD, BAD][..]);
    let word = prop::sample::select(&["resume", "resume", "approve", "reject"][..]);
    let event = prop_oneof![
        4 => (0..3_usize, content()).prop_map(|(of, what)| Event::Write(of, what)),
        3 => (0..3_usize, 1..3_usize).prop_map(|(of, ago)| Event::Back(of, ago)),
        8 => one().prop_map(Event::Step),
        6 => Just(Event::StepAll),
        8 => (1..20_i64).prop_map(Event::Pass),
        1 => Just(Event::Pass(STALLED_FOR)),
        3 => one().prop_map(Event::Late),
        4 => (one(), word).prop_map(|(of, word)| Event::Say(of, word)),
        2 => (one(), any::<bool>()).prop_map(|(of, on)| Event::Pause(of, on)),
        2 => (-900..900_i64).prop_map(Event::Restart),
        2 => (0..2_usize, content()).prop_map(|(of, what)| Event::Crash(of, what)),
        2 => (0..2_usize, 1..3_usize).prop_map(|(of, ago)| Event::CrashAndBack(of, ago)),
    ];
    prop::collection::vec(event, 0..60)
}

/// A roll that was begun, as whoever looks at the cluster sees it.
#[derive(Clone, Debug)]
struct Begun {
    of: BTreeMap<SourceRef, String>,
    /// What it has failed with before, and is there still: it takes no place with that.
    aside: BTreeMap<SourceRef, String>,
    /// It was not well before.
    apart: bool,
    patched: bool,
    /// What it was under way with before: where the patch never came, that goes on.
    before: Option<Box<Begun>>,
    well: Option<i64>,
    moved: ((u32, u32, bool), i64),
}

impl Begun {
    /// Whether it has been well for so long that it has arrived.
    fn is_well_by_now(&mut self, town: &Town, key: &WorkloadRef) -> bool {
        let house = &town.houses[key];
        let is_well = house.is_well() && self.patched;
        self.well = self.well.or(Some(town.now)).filter(|_| is_well);
        if self.moved.0 != house.stands() {
            self.moved = (house.stands(), town.now);
        }
        self.well.is_some_and(|at| town.now - at >= WELL_FOR)
    }

    /// What it takes no place with: all of it where it hangs.
    fn failed_with(&self, hangs: bool) -> impl Iterator<Item = (&SourceRef, &String)> {
        let of = self.of.iter().filter(move |_| hangs);
        of.chain(&self.aside)
    }

    fn has_failed(&self, town: &Town, key: &WorkloadRef) -> bool {
        let house = &town.houses[key];
        let has_deadline = key.kind.has_deadline() && !house.is_replaced();
        let stalls = !has_deadline && town.now - self.moved.1 >= STALLED_FOR;
        (self.patched && house.has_failed()) || stalls
    }
}

struct Life {
    town: Town,
    at_once: usize,
    begun: BTreeMap<WorkloadRef, Begun>,
    /// With which content somebody was well, of each source.
    proven: BTreeSet<(SourceRef, String)>,
    written: usize,
    /// Those whose last roll has failed: later waves go on without them when somebody lets
    /// the train go on.
    failed: BTreeSet<WorkloadRef>,
    /// Those that hang, which the leader notices later than who looks at the cluster all the
    /// time: one that is well at last may have been under way until then.
    hung: BTreeMap<WorkloadRef, Begun>,
}

fn sources(namespace: &str) -> [SourceRef; 2] {
    ["a", "b"].map(|name| source(namespace, name))
}

/// The third one is the other namespace's; what is bad is bad for nobody there.
fn source_of(of: usize) -> SourceRef {
    match of {
        2 => sources("other")[0].clone(),
        of => sources("n")[of].clone(),
    }
}

fn house(namespace: &str, n: usize) -> (WorkloadRef, House) {
    let [a, b] = sources(namespace);
    let uses = match n % 3 {
        0 => vec![a],
        1 => vec![a, b],
        _ => vec![b],
    };
    let wave = (n / 4).to_string();
    let house = House::new(&uses).with("wave", &wave);
    let house = if n == 3 {
        house.with("approval", "required")
    } else {
        house
    };
    let key = workload(n % 2, namespace, &format!("w{n}"));
    let is_fragile = namespace == "n" && n % 4 != 1;
    (key, if is_fragile { house.fragile() } else { house })
}

fn key(n: usize) -> WorkloadRef {
    house("n", n).0
}

impl Life {
    fn new(at_once: u32) -> Self {
        let all = ["n", "other"].map(|ns| (0..HOUSES).map(move |n| house(ns, n)));
        let town = Town::new(at_once, all.into_iter().flatten().collect());
        let proven = town.sources.iter();
        let proven = proven.map(|(source, (_, content))| (source.clone(), content.clone()));
        Self {
            at_once: at_once as usize,
            begun: BTreeMap::new(),
            proven: proven.collect(),
            written: 10,
            failed: BTreeSet::new(),
            hung: BTreeMap::new(),
            town,
        }
    }

    /// Never twice the same: what is there again is another event.
    fn anew(&mut self, content: &str) -> String {
        self.written += 1;
        format!("{content}{}", self.written)
    }

    fn live(&mut self, event: &Event) {
        match event {
            Event::Write(of, content) => self.write(*of, content),
            Event::Back(of, ago) => self.take_back(*of, *ago),
            Event::Step(n) => {
                let key = key(*n);
                self.town.step(&key);
            }
            Event::StepAll => self.step_all(),
            Event::Pass(seconds) => {
                // Nothing hangs in the other namespace.
                for _ in 0..2 {
                    let others = (0..HOUSES).map(|n| house("other", n).0);
                    others.for_each(|key| self.town.step(&key));
                    self.settle(false);
                }
                self.pass(*seconds);
            }
            Event::Late(n) => {
                let key = key(*n);
                self.town.is_late(&key);
            }
            Event::Say(n, word) => self.say(*n, word),
            Event::Pause(n, on) => {
                let key = key(*n);
                self.town.say(&key, "pause", &on.to_string());
            }
            Event::Restart(seconds) => {
                self.jump(*seconds);
                self.town.restart();
            }
            Event::Crash(of, content) => {
                self.write(*of, content);
                self.settle(true);
                self.town.restart();
            }
            Event::CrashAndBack(of, ago) => {
                self.write(*of, "1");
                self.settle(true);
                self.take_back(*of, *ago);
                self.town.restart();
            }
        }
        self.settle(false);
    }

    fn write(&mut self, of: usize, content: &str) {
        let content = self.anew(content);
        self.town.write(&source_of(of), &content);
    }

    fn take_back(&mut self, of: usize, ago: usize) {
        let source = source_of(of);
        let content = self.town.held(&source, ago);
        self.town.write(&source, &content);
    }

    /// Nobody who looks at the cluster sees the leader's clock.
    fn jump(&mut self, seconds: i64) {
        self.town.now += seconds;
        for begun in self.begun.values_mut().chain(self.hung.values_mut()) {
            begun.well = begun.well.map(|at| at + seconds);
            begun.moved.1 += seconds;
        }
    }

    fn step_all(&mut self) {
        for key in self.town.houses.keys().cloned().collect::<Vec<_>>() {
            self.town.step(&key);
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.town.pass(seconds);
        self.look();
    }

    fn say(&mut self, n: usize, word: &str) {
        let key = key(n);
        let Some(number) = self.town.number(&key) else {
            return;
        };
        self.town.say(&key, word, &number);
    }

    /// What becomes of those that are under way.
    fn look(&mut self) {
        let (town, proven) = (&self.town, &mut self.proven);
        let mut look = |key: &WorkloadRef, begun: &mut Begun| {
            let well = begun.is_well_by_now(town, key);
            if well {
                // Who is well at last is so with all that it has.
                let has = town.houses[key].has.iter();
                proven.extend(has.map(|(s, c)| (s.clone(), c.clone())));
            }
            well
        };
        self.hung.retain(|key, begun| !look(key, begun));
        self.begun.retain(|key, begun| !look(key, begun));
        let has_failed = |key: &WorkloadRef, begun: &mut Begun| begun.has_failed(town, key);
        for (key, begun) in self.begun.extract_if(.., has_failed) {
            self.failed.insert(key.clone());
            self.hung.insert(key, begun);
        }
    }

    fn settle(&mut self, crashes: bool) {
        self.look();
        let Self {
            town,
            at_once,
            begun,
            proven,
            failed,
            hung,
            ..
        } = self;
        town.settle_until(|town, key, verdict| {
            match &verdict.act {
                Act::Roll(..) => {
                    let roll = roll_of(town, key, begun, hung);
                    failed.remove(key);
                    hung.remove(key);
                    let sight = (*at_once, &*begun, &*proven, &*failed);
                    may_begin(town, key, &roll, verdict, sight);
                    begun.insert(key.clone(), roll);
                }
                Act::Resume(_) => {}
                _ if verdict.reason == Reason::Withdrawn => withdraw(town, key, begun),
                _ => return (true, false),
            }
            let is_gone = crashes && matches!(verdict.act, Act::Roll(..));
            if let Some(begun) = begun.get_mut(key) {
                begun.patched |= !is_gone;
            }
            (!is_gone, is_gone)
        });
    }

    /// In the end everybody has what is there; where something was bad, once it is mended.
    fn rest(&mut self) {
        for n in 0..HOUSES {
            let key = key(n);
            self.town.say(&key, "pause", "false");
        }
        self.ride_on();
        for n in 0..HOUSES {
            let key = house("other", n).0;
            let waits = n == 3 && self.town.is_stale(&key);
            // What follows a wave waits for whoever is to be approved in it.
            let held = n > 3 && self.town.is_stale(&house("other", 3).0);
            assert!(
                !self.town.is_stale(&key) || waits || held,
                "{key}: {:?}",
                self.town.said[&key]
            );
        }
        for source in sources("n") {
            let content = self.anew("good");
            self.town.write(&source, &content);
        }
        self.ride_on();
        for key in self.town.houses.keys().cloned().collect::<Vec<_>>() {
            assert!(
                !self.town.is_stale(&key),
                "{key}: {:?}",
                self.town.said[&key]
            );
        }
    }

    fn ride_on(&mut self) {
        for _ in 0..40 {
            for namespace in ["n", "other"] {
                let key = house(namespace, 3).0;
                if let Some(number) = self.town.number(&key) {
                    self.town.say(&key, "approve", &number);
                }
            }
            self.settle(false);
            self.step_all();
            self.settle(false);
            self.step_all();
            self.settle(false);
            self.pass(WELL_FOR);
            self.settle(false);
        }
    }
}

fn roll_of(
    town: &Town,
    key: &WorkloadRef,
    begun: &BTreeMap<WorkloadRef, Begun>,
    hung: &BTreeMap<WorkloadRef, Begun>,
) -> Begun {
    let house = &town.houses[key];
    let before = begun.get(key);
    // Pods on their way to something else may have by chance what is there again.
    let was = |source: &SourceRef| before.is_some_and(|before| before.of.contains_key(source));
    let present = house.uses.iter();
    let present = present.map(|source| (source.clone(), town.sources[source].1.clone()));
    let present: Vec<_> = present.collect();
    let due =
        |(source, content): &&(SourceRef, String)| house.brought[source] != *content || was(source);
    // What its pods have by chance is brought along, if there is anything else to be brought.
    let has = |(source, content): &&(SourceRef, String)| house.has[source] != *content;
    let of: Vec<_> = if present.iter().any(|pair| due(&pair)) {
        present.iter().filter(due).cloned().collect()
    } else {
        present.iter().filter(has).cloned().collect()
    };
    let of = of.into_iter();
    let former = [begun.get(key), hung.get(key)].into_iter().flatten();
    let aside = former.flat_map(|former| former.failed_with(hung.contains_key(key)));
    let aside: BTreeSet<_> = aside.collect();
    let (aside, of) =
        of.partition(|pair: &(SourceRef, String)| aside.contains(&(&pair.0, &pair.1)));
    Begun {
        of,
        aside,
        apart: before.map_or(!house.was_well(), |before| before.apart),
        patched: false,
        before: before.cloned().map(Box::new),
        well: None,
        moved: (house.stands(), town.now),
    }
}

/// It goes on with what it was under way with, if it is not well with that.
fn withdraw(town: &Town, key: &WorkloadRef, begun: &mut BTreeMap<WorkloadRef, Begun>) {
    let mut former = begun.remove(key).and_then(|begun| begun.before);
    while let Some(before) = former {
        if before.patched && !town.houses[key].is_well() {
            begun.insert(key.clone(), *before);
            return;
        }
        former = before.before;
    }
}

type Sight<'a> = (
    usize,
    &'a BTreeMap<WorkloadRef, Begun>,
    &'a BTreeSet<(SourceRef, String)>,
    &'a BTreeSet<WorkloadRef>,
);

/// What must hold when a workload begins.
fn may_begin(
    town: &Town,
    key: &WorkloadRef,
    roll: &Begun,
    verdict: &Verdict,
    (at_once, begun, proven, failed): Sight<'_>,
) {
    let say = || format!("{key}: {}; under way: {begun:?}", show(verdict));
    for (source, content) in &roll.of {
        let others = begun
            .iter()
            .filter(|(other, roll)| *other != key && !roll.apart && roll.of.contains_key(source));
        let others: Vec<_> = others.collect();
        assert!(others.len() < at_once, "too many with {source}: {}", say());
        let same = others.iter().any(|(_, roll)| roll.of[source] == *content);
        let is_proven = proven.contains(&(source.clone(), content.clone()));
        assert!(!same || is_proven, "not alone with {source}: {}", say());
        let earlier = town.houses.iter().find(|(other, house)| {
            let uses = house.uses.contains(source) && house.wave() < town.houses[key].wave();
            let due = uses && house.has[source] != *content;
            let apart = begun
                .get(*other)
                .is_some_and(|begun| begun.apart || begun.aside.get(source) == Some(content));
            due && !apart && !town.is_left(other) && !failed.contains(*other)
        });
        let has_begun = begun
            .get(key)
            .is_some_and(|roll| roll.of.get(source) == Some(content));
        if let Some((earlier, _)) = earlier.filter(|_| !has_begun) {
            let said = &town.said[earlier];
            panic!("{earlier} goes before, {said:?}: {}", say());
        }
    }
}

proptest! {
    #![proptest_config(same_lives(300))]

    #[test]
    fn trains_keep_their_promises(
        at_once in 1..4_u32,
        early in events(),
        late in events(),
    ) {
        let mut life = Life::new(at_once);
        for events in [early, late] {
            for event in &events {
                life.live(event);
            }
            life.rest();
        }
    }
}
