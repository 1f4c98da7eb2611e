//! Random lives of a workload whose owners allow one method and then another: sources,
//! template and list change, ladders end in every way, and Tidings dies in between.
//!
//! Nothing is done that is not listed then, and nothing that cannot serve what the pods
//! lack; what a pod has refused is not brought again; nobody is rolled for nothing; and
//! where everything is allowed, in the end all pods have what is there.

use proptest::prelude::*;

use crate::decide::simulation::same_lives;
use crate::decide::world::World;
use crate::decide::{Act, Verdict};
use crate::method::{Method, Methods};
use crate::reason::Reason;
use crate::standing::Word;
use crate::state::Entry;

#[derive(Clone, Debug)]
enum Step {
    /// The mounted file, which can go hot.
    File(u8),
    /// The variable, which cannot.
    Variable(u8),
    Edit,
    Scale,
    Allow(&'static str),
    Enable(bool),
    Restart,
    Decide,
    /// Decides and writes the intent, and is gone.
    Crash,
    /// How the ladder ends, where one is climbed: in this way, after it has brought the
    /// content to some pods.
    Ends(&'static str),
}

const LISTS: [&str; 7] = [
    "hot, rollout",
    "hot",
    "poke, rollout",
    "rollout",
    "notify",
    "hot, rollout, notify",
    "poke, notify",
];

/// How a ladder ends, or that its next rung is taken.
const ENDS: [&str; 5] = [
    "taken",
    "refused no",
    "died",
    "not-taken late",
    "climbs late",
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_u8).prop_map(Step::File),
        3 => (0..3_u8).prop_map(Step::Variable),
        1 => Just(Step::Edit),
        1 => Just(Step::Scale),
        3 => prop::sample::select(&LISTS[..]).prop_map(Step::Allow),
        1 => any::<bool>().prop_map(Step::Enable),
        2 => Just(Step::Restart),
        8 => Just(Step::Decide),
        2 => Just(Step::Crash),
        6 => prop::sample::select(&ENDS[..]).prop_map(Step::Ends),
    ];
    prop::collection::vec(step, 0..40)
}

/// What is there: the file and the variable.
type Content = (u8, u8);

struct Life {
    world: World,
    listed: Methods,
    now: Content,
    /// What all pods have for certain; none of a file that some pods may have otherwise.
    pods: (Option<u8>, u8),
    /// The file that a pod has refused, until it is another or the template is new.
    refused: Option<u8>,
    edits: u32,
    /// Whether it is not known since when all pods are ready: then content that was there
    /// for a while may cost a roll too many.
    unsure: bool,
}

impl Life {
    fn new() -> Self {
        let mut world = World::new();
        world.run("flag hot; cm c k=0; cm d k=0; use agent:9533 vol:c env:d.k");
        let mut life = Self {
            world,
            listed: Methods::default(),
            now: (0, 0),
            pods: (Some(0), 0),
            refused: None,
            edits: 0,
            unsure: false,
        };
        life.allow(LISTS[0]);
        life.decide();
        life
    }

    fn allow(&mut self, list: &str) {
        self.listed = Methods::read(list).0;
        self.world.run(&format!(
            "ann tidings.dev/reload=auto|tidings.dev/method={list}"
        ));
    }

    fn allowed(&self) -> Methods {
        self.listed & self.world.rules.enabled
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::File(k) => self.write((*k, self.now.1)),
            Step::Variable(k) => self.write((self.now.0, *k)),
            Step::Edit => {
                self.edits += 1;
                // What is not recorded when it is edited is due by itself.
                self.unsure = true;
                self.world.run(&format!("edit {}", self.edits));
                self.made_anew();
                self.refused = None;
            }
            // Its pods had what is there then.
            Step::Scale if self.pods != (Some(self.now.0), self.now.1) => {}
            Step::Scale => {
                self.unsure = true;
                self.world.run("replicas 4; replicas 3");
            }
            Step::Allow(list) => self.allow(list),
            Step::Enable(all) => {
                let few = Methods::from(Method::Rollout) | Method::Notify.into();
                self.world.rules.enabled = if *all { Methods::all() } else { few };
            }
            Step::Restart => {
                self.unsure = true;
                self.world.run("restart");
            }
            Step::Decide => self.decide(),
            Step::Crash => {
                let verdict = self.judged();
                self.world.write_down(&verdict.act);
                self.begun(&verdict);
            }
            Step::Ends(how) => self.ends(how),
        }
    }

    fn write(&mut self, now: Content) {
        self.now = now;
        self.world
            .run(&format!("cm c k={}; cm d k={}", now.0, now.1));
    }

    fn made_anew(&mut self) {
        self.pods = (Some(self.now.0), self.now.1);
    }

    /// A verdict that holds to what is promised.
    fn judged(&mut self) -> Verdict {
        let verdict = self.world.decide();
        match &verdict.act {
            Act::Roll(entry, _) => {
                let lacks = self.pods != (Some(self.now.0), self.now.1);
                assert!(
                    lacks || self.unsure,
                    "rolled for nothing: {} {}",
                    verdict.reason,
                    verdict.text
                );
                self.may(entry, &verdict);
            }
            Act::Resume(entry) => self.may(entry, &verdict),
            _ => {}
        }
        verdict
    }

    fn may(&self, entry: &Entry, verdict: &Verdict) {
        let method = entry.method();
        assert!(self.allowed().contains(method), "not listed: {verdict:?}");
        assert_ne!(self.refused, Some(self.now.0), "refused: {verdict:?}");
        let cannot = method.is_pod_wise() && self.pods.1 != self.now.1;
        assert!(!cannot, "it cannot serve that: {verdict:?}");
    }

    fn decide(&mut self) {
        let verdict = self.judged();
        let rolls = self.world.rolls.len();
        self.world.carry_out(&verdict.act);
        self.begun(&verdict);
        if self.world.rolls.len() > rolls {
            self.made_anew();
        }
    }

    /// An intent is written, and some pods may have what it is for at once.
    fn begun(&mut self, verdict: &Verdict) {
        if verdict.reason == Reason::Absorbed {
            self.refused = None;
        }
        let (Act::Roll(entry, _) | Act::Record(entry)) = &verdict.act else {
            return;
        };
        if entry.done {
            return;
        }
        self.refused = None;
        if entry.method().is_pod_wise() {
            self.pods.0 = None;
        }
    }

    /// The content of the intent comes to pods, if one is open that is not outdated.
    fn ends(&mut self, how: &str) {
        let verdict = self.judged();
        let Act::Resume(entry) = &verdict.act else {
            return;
        };
        if !entry.method().is_pod_wise() {
            return;
        }
        self.pods.0 = (how == "taken" && self.pods.1 == self.now.1).then_some(self.now.0);
        if how.starts_with("refused") || how == "died" {
            self.refused = Some(self.now.0);
        }
        self.world.run(how);
    }

    /// Everything is allowed, and every ladder brings what it is for.
    fn rest(&mut self) {
        self.world.rules.enabled = Methods::all();
        self.allow("hot, rollout");
        for _ in 0..6 {
            self.decide();
            self.ends("taken");
        }
        let verdict = self.judged();
        let word = verdict.standing.as_ref().map(|standing| standing.word);
        self.unsure = false;
        if matches!(verdict.reason, Reason::Rejected | Reason::Died) {
            assert_eq!(self.refused, Some(self.now.0));
            assert_eq!(word, Some(Word::Failed));
            return;
        }
        let has = (Some(self.now.0), self.now.1);
        assert_eq!(self.pods, has, "{verdict:?}");
        assert_eq!(word, Some(Word::InStep), "{verdict:?}");
        assert!(
            matches!(verdict.act, Act::Nothing | Act::Note(_)),
            "{verdict:?}"
        );
    }
}

proptest! {
    #![proptest_config(same_lives(160))]

    #[test]
    fn only_what_is_listed_is_done_and_it_comes_to_an_end(early in steps(), late in steps()) {
        let mut life = Life::new();
        for steps in [early, late] {
            for step in &steps {
                life.step(step);
            }
            life.rest();
        }
    }
}
