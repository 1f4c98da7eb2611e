//! Lives of a workload that people are in charge of: content changes, seen or not;
//! words that are right, late, of another epoch, given twice, taken away; clocks that
//! jump, records that are lost, leaders that die before and after the patch; and, where
//! hot comes before a rollout, ladders that end in every way.
//!
//! What holds in all of them: a number is told for one content only; nothing is rolled
//! but under a number that was approved, not rejected, with the content that it was told
//! for, and within the window unless it was approved at once; and what is due is never
//! forgotten.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::show;
use crate::decide::simulation::same_lives;
use crate::decide::world::World;
use crate::decide::{Act, Verdict};
use crate::number::Number;
use crate::reason::Reason;
use crate::standing::Word;
use crate::state::{Entry, Ruling};

#[derive(Clone, Debug)]
enum Event {
    Write(u8),
    Unseen,
    Relist,
    /// What somebody writes about a number.
    Say(Spoken, About),
    TakeAway,
    /// The clock is put forward or back, by so many minutes.
    Jump(i64),
    Lose,
    Restart,
    Decide,
    /// Decides, writes down what was decided, and is gone.
    Crash,
    /// Carries it out, and is gone.
    Half,
    /// How the ladder ends, where one is climbed.
    Ends(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Spoken {
    Approve,
    AtOnce,
    Reject,
}

/// Which number somebody has in mind.
#[derive(Clone, Copy, Debug)]
enum About {
    /// The one that waits.
    Waiting,
    /// One that was told some time.
    Earlier(usize),
    /// The next one, before it is given.
    Next,
    /// One of another counting.
    OtherEpoch,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let spoken = prop_oneof![
        3 => Just(Spoken::Approve),
        1 => Just(Spoken::AtOnce),
        1 => Just(Spoken::Reject),
    ];
    let about = prop_oneof![
        4 => Just(About::Waiting),
        2 => (0..8_usize).prop_map(About::Earlier),
        1 => Just(About::Next),
        1 => Just(About::OtherEpoch),
    ];
    let event = prop_oneof![
        6 => (0..3_u8).prop_map(Event::Write),
        1 => Just(Event::Unseen),
        2 => Just(Event::Relist),
        6 => (spoken, about).prop_map(|(spoken, about)| Event::Say(spoken, about)),
        2 => Just(Event::TakeAway),
        2 => (-900..900_i64).prop_map(Event::Jump),
        1 => Just(Event::Lose),
        1 => Just(Event::Restart),
        10 => Just(Event::Decide),
        2 => Just(Event::Crash),
        2 => Just(Event::Half),
        4 => prop::sample::select(&ENDS[..]).prop_map(Event::Ends),
    ];
    prop::collection::vec(event, 0..50)
}

/// How a ladder ends, or that its next rung is taken.
const ENDS: [&str; 4] = ["taken", "refused no", "died", "climbs late"];

/// From 08:00 to 20:00.
const WINDOW: std::ops::Range<i64> = 8 * 3_600..20 * 3_600;
const GATES: &str =
    "ann tidings.dev/reload=auto|tidings.dev/approval=required|tidings.dev/window=08:00-20:00";
const HOT: &str = "|tidings.dev/method=hot, rollout";

/// What pods have of which some may have something else.
const SOME: &str = "of one and another";

/// Why the content that is there is not brought at all.
const NOT_THIS: [Reason; 3] = [Reason::Declined, Reason::Rejected, Reason::Died];

struct Charged {
    world: World,
    /// What is written on the workload, whatever people say.
    gates: String,
    /// The content that the watch has told of.
    seen: String,
    /// What all pods have; of what came to some of them that is not known.
    pods: String,
    /// What each number was told for, in the order in which they were.
    told: Vec<(String, String)>,
    approved: BTreeMap<String, bool>,
    rejected: BTreeSet<String>,
    /// The numbers that have passed the gates.
    passed: BTreeSet<String>,
}

impl Charged {
    /// Rolled out, or by these methods, with what uses it in that way.
    fn new(methods: &str, uses: &str) -> Self {
        let mut world = World::new();
        let gates = format!("{GATES}{methods}");
        world.run(&format!("flag fuse; {gates}; cm c k=0; {uses}"));
        let mut life = Self {
            world,
            gates,
            seen: "0".to_owned(),
            pods: "0".to_owned(),
            told: Vec::new(),
            approved: BTreeMap::new(),
            rejected: BTreeSet::new(),
            passed: BTreeSet::new(),
        };
        life.decide(World::carry_out);
        life
    }

    fn run(&mut self, commands: &str) {
        self.world.run(commands);
        if !self.world.unseen {
            self.seen = self.content();
        }
    }

    fn content(&self) -> String {
        self.world.cms["c"].data["k"].clone()
    }

    fn entry(&self) -> Option<&Entry> {
        self.world.entry.as_ref()
    }

    /// The number that waits, as the record tells it.
    fn waiting(&self) -> Option<Number> {
        let entry = self.entry()?;
        let pending = entry.waits.as_ref()?;
        Some(entry.number_of(pending))
    }

    fn live(&mut self, event: &Event) {
        match event {
            Event::Write(k) => self.run(&format!("cm c k={k}")),
            Event::Unseen => self.run("unseen"),
            Event::Relist => self.run("relist"),
            Event::Say(spoken, about) => self.say(*spoken, *about),
            Event::TakeAway => self.run(&self.gates.clone()),
            Event::Jump(minutes) => self.world.at(self.world.now + minutes * 60),
            Event::Lose => {
                // What is written and not seen before there is another record leaves open
                // what the pods have.
                self.run("lose; restart");
                self.decide(World::carry_out);
            }
            Event::Restart => self.run("restart"),
            Event::Decide => self.decide(World::carry_out),
            Event::Crash => {
                self.decide(World::write_down);
                self.run("restart");
            }
            Event::Half => {
                self.decide(World::carry_out);
                self.run("restart");
            }
            Event::Ends(how) => self.ends(how),
        }
    }

    fn number(&self, about: About) -> Option<String> {
        let waiting = self.waiting();
        match about {
            About::Waiting => waiting.map(|number| number.to_string()),
            About::Earlier(i) => {
                let i = i.checked_rem(self.told.len())?;
                Some(self.told[i].0.clone())
            }
            // What is said before there is a number, and seen after, is beyond what can
            // be told apart.
            About::Next if self.world.unseen => None,
            About::Next => {
                let entry = self.entry()?;
                let n = entry.last_given() + 1;
                Some(format!("{n}-{}", entry.epoch))
            }
            About::OtherEpoch => Some(format!("{}-aaaa", self.entry()?.last_given())),
        }
    }

    fn say(&mut self, spoken: Spoken, about: About) {
        let Some(number) = self.number(about) else {
            return;
        };
        let was_told = self.told.iter().any(|(told, _)| *told == number);
        let word = match spoken {
            Spoken::Approve => format!("approve={number}"),
            Spoken::AtOnce => format!("approve={number}!"),
            Spoken::Reject => format!("reject={number}"),
        };
        if was_told {
            match spoken {
                Spoken::Reject => {}
                Spoken::Approve => drop(self.approved.entry(number).or_insert(false)),
                Spoken::AtOnce => drop(self.approved.insert(number, true)),
            }
        }
        self.run(&format!("{}|tidings.dev/{word}", self.gates));
    }

    fn decide(&mut self, carry_out: fn(&mut World, &Act)) {
        let verdict = self.world.decide();
        match &verdict.act {
            Act::Roll(entry, _) => self.passes(entry, verdict.reason),
            Act::Resume(entry) => self.has_passed(entry),
            _ => {}
        }
        let rolls = self.world.rolls.len();
        carry_out(&mut self.world, &verdict.act);
        if self.world.rolls.len() > rolls {
            self.rolled();
        }
        if matches!(&verdict.act, Act::Roll(entry, _) if entry.method().is_pod_wise()) {
            SOME.clone_into(&mut self.pods);
        }
        if matches!(
            verdict.reason,
            Reason::Adopted | Reason::MaybeStale | Reason::StateLost
        ) {
            // What is known counts as what the pods have.
            self.pods.clone_from(&self.seen);
        }
        self.is_told();
    }

    /// Whoever looks at the record sees which number waits, and for what.
    fn is_told(&mut self) {
        let Some(number) = self.waiting().map(|number| number.to_string()) else {
            return;
        };
        let pending = self.entry().and_then(|entry| entry.waits.as_deref());
        let pending = pending.unwrap();
        if pending.ruling == Some(Ruling::Rejected) {
            self.rejected.insert(number.clone());
        }
        let seen = self.content_of_record();
        match self.told.iter().find(|(told, _)| *told == number) {
            None => self.told.push((number, seen)),
            Some((_, before)) => assert_eq!(*before, seen, "{number} was told for another"),
        }
    }

    /// Which content waits: that whose digest the record has.
    fn content_of_record(&self) -> String {
        let pending = self.entry().and_then(|entry| entry.waits.as_ref());
        format!("{}", pending.unwrap().content)
    }

    fn passes(&mut self, entry: &Entry, reason: Reason) {
        let number = entry.number().to_string();
        let content = crate::state::content_of(&entry.seen).to_string();
        if reason == Reason::Resumed {
            let passed =
                |(told, seen): &(String, String)| *seen == content && self.passed.contains(told);
            assert!(
                self.told.iter().any(passed),
                "{number} brings something else"
            );
            self.told.push((number.clone(), content));
            self.approved.insert(number.clone(), true);
            self.passed.insert(number);
            return;
        }
        let told = self.told.iter().find(|(told, _)| *told == number);
        let (_, seen) = told.unwrap_or_else(|| panic!("{number} was never told"));
        assert_eq!(*seen, content, "{number} brings something else");
        assert!(!self.rejected.contains(&number), "{number} was rejected");
        let at_once = self.approved.get(&number);
        let at_once = at_once.unwrap_or_else(|| panic!("{number} was not approved"));
        let open = WINDOW.contains(&self.world.now.rem_euclid(86_400));
        assert!(*at_once || open, "{number} is rolled outside of the window");
        self.passed.insert(number);
    }

    fn has_passed(&self, entry: &Entry) {
        let number = entry.number().to_string();
        assert!(self.passed.contains(&number), "{number} has not passed");
    }

    /// The ladder ends, if one is climbed for what is there.
    fn ends(&mut self, how: &str) {
        let verdict = self.world.decide();
        let Act::Resume(entry) = &verdict.act else {
            return;
        };
        if !entry.method().is_pod_wise() || self.world.unseen {
            return;
        }
        self.has_passed(entry);
        if how == "taken" {
            self.pods = self.content();
        }
        self.run(how);
    }

    /// The patch was made: what the pods have is what is there, and what was approved.
    fn rolled(&mut self) {
        self.has_passed(self.entry().unwrap());
        self.pods = self.content();
    }

    /// In the end all is seen, and what is due waits and is told, or is there.
    fn rest(&mut self) {
        self.run(&format!("relist; {}", self.gates));
        self.settles();
        let verdict = self.world.decide();
        if self.pods == self.content() {
            return;
        }
        self.is_due(&verdict);
        if NOT_THIS.contains(&verdict.reason) {
            self.run("cm c k=9");
            self.decide(World::carry_out);
        }
        self.say(Spoken::AtOnce, About::Waiting);
        self.settles();
        assert_eq!(self.pods, self.content(), "what was approved is not there");
    }

    /// What is decided is done, and every ladder brings what it is for.
    fn settles(&mut self) {
        for _ in 0..4 {
            self.decide(World::carry_out);
            self.ends("taken");
        }
    }

    fn is_due(&self, verdict: &Verdict) {
        let standing = verdict.standing.as_ref().map(|s| (s.word, s.due));
        let word = match verdict.reason {
            Reason::Declined => Word::Stale,
            Reason::Rejected | Reason::Died => Word::Failed,
            _ => Word::Waiting,
        };
        assert_eq!(standing, Some((word, true)), "{}", show(verdict));
        let waits = self.waiting().is_some() || word == Word::Failed;
        assert!(waits, "forgotten: {}", show(verdict));
    }

    fn lives_through(&mut self, parts: [Vec<Event>; 2]) {
        for events in parts {
            for event in &events {
                self.live(event);
            }
            self.rest();
        }
    }
}

proptest! {
    #![proptest_config(same_lives(600))]

    #[test]
    fn nothing_is_rolled_but_what_people_let(early in events(), late in events()) {
        Charged::new("", "use env:c.k").lives_through([early, late]);
    }

    #[test]
    fn nor_begun_by_any_method(early in events(), late in events()) {
        Charged::new(HOT, "flag hot; use agent:9533 vol:c").lives_through([early, late]);
    }
}
