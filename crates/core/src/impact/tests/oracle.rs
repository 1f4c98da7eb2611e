//! After random lives: what `tidings impact` says of a change, by the same steps as the
//! command takes (a fresh index of what is there, decide, what is supposed, decide again), is
//! what is then done.

use std::sync::Arc;

use proptest::prelude::*;

use crate::annotations::RELOAD;
use crate::decide::simulation::{Life, SOURCES, Step, same_lives, steps};
use crate::decide::world::{ConfigMap, World, pairs, source, web};
use crate::decide::{Act, Moment, Verdict, decide};
use crate::evidence::Evidence;
use crate::impact::{self, APPLIED, ApplyOrder, Hypothesis, Outcome};
use crate::index::Fetched;
use crate::method::Methods;
use crate::object::Workload;
use crate::standing::Word;
use crate::state::Entry;
use crate::train::Trains;

impl World {
    /// What would become of the workload if a ConfigMap held this (`k=1 l=2`), or were
    /// deleted, and it were opted in with that; none where that touches nothing that it
    /// uses. Nothing is changed.
    fn foresee(
        &mut self,
        name: &str,
        data: Option<&str>,
        opt_in: Option<ApplyOrder>,
    ) -> Option<Outcome> {
        let (index, unseen) = (std::mem::take(&mut self.index), self.unseen);
        self.restart();
        let foreseen = self.impact(name, data, opt_in);
        (self.index, self.unseen) = (index, unseen);
        foreseen
    }

    fn impact(
        &mut self,
        name: &str,
        data: Option<&str>,
        opt_in: Option<ApplyOrder>,
    ) -> Option<Outcome> {
        let mut hypothesis = Hypothesis::default();
        let (before, after) = (self.fetched(name), self.supposed(name, data));
        hypothesis.source(source(name), before, after);
        if let Some(turn) = opt_in {
            let now = &self.index.get(&web()).unwrap().workload;
            hypothesis.workload(now, opted_in(now), turn);
        }
        hypothesis.begin(&mut self.index);
        let record = self.entry.clone();
        let now = self.verdict_on(record.as_ref(), &Hypothesis::default());
        let base = impact::base(record.as_ref(), &now);
        hypothesis.happen(&mut self.index);
        let mut verdict = self.verdict_on(base.as_ref(), &hypothesis);
        let first = impact::first_record(&verdict, self.now);
        if let Some(first) = &first {
            verdict = self.verdict_on(Some(first), &hypothesis);
        }
        let base = first.or(base);
        let known = self.index.get(&web()).unwrap();
        let touched = impact::touches(known, &self.index, base.as_ref(), &hypothesis);
        let judged = impact::judge(known, &touched, Some(&verdict), &hypothesis);
        (!touched.is_empty()).then_some(judged.outcome)
    }

    fn fetched(&self, name: &str) -> Fetched {
        let there = self.cms.get(name);
        there.map_or(Fetched::Absent, |cm| cm.fetch(&source(name)))
    }

    fn supposed(&self, name: &str, data: Option<&str>) -> Fetched {
        let Some(data) = data else {
            return Fetched::Absent;
        };
        let after = ConfigMap {
            data: pairs(data.split(' ')),
            version: APPLIED,
            written: self.now,
            ..self.cms.get(name).cloned().unwrap_or_default()
        };
        after.fetch(&source(name))
    }

    fn verdict_on(&mut self, entry: Option<&Entry>, hypothesis: &Hypothesis) -> Verdict {
        let mut evidence = Evidence::default();
        for _ in 0..20 {
            self.index.work_out(&web());
            let moment = Moment {
                trains: &Trains::default(),
                now: self.now,
                evidence: &evidence,
                unled_since: None,
                seed: self.version,
                restless: &self.restless,
            };
            let verdict = decide(&web(), &self.index, entry, moment, &self.rules).unwrap();
            match &verdict.act {
                Act::Read(sources) => {
                    let sources = sources.iter().filter(|source| !hypothesis.is_about(source));
                    let sources: Vec<_> = sources.cloned().collect();
                    self.read(&sources);
                }
                Act::Ask(questions) => {
                    for question in questions {
                        let known = self.index.get(&web()).unwrap();
                        let found = hypothesis.answer(known, question);
                        let found = found.unwrap_or_else(|| self.find(question));
                        evidence.add(question.clone(), found);
                    }
                }
                _ => return verdict,
            }
        }
        unreachable!("it never has enough");
    }
}

/// The command for it.
const OPT_IN: &str = "ann tidings.dev/reload=auto";

fn opted_in(workload: &Workload) -> Workload {
    let annotations = [(RELOAD.to_owned(), "auto".to_owned())];
    Workload {
        annotations: Arc::new(annotations.into()),
        ..workload.clone()
    }
}

/// What becomes of a ConfigMap, and whether the workload is paused or opted out then. One
/// that is opted out may be opted in with it, before it or after.
#[derive(Clone, Debug)]
struct Apply {
    which: usize,
    data: Option<(u8, u8)>,
    paused: bool,
    out: bool,
    opt_in: Option<bool>,
    methods: &'static str,
}

/// What it uses are variables, which cannot go hot.
const LISTS: [&str; 3] = ["rollout", "hot, rollout", "hot, notify"];

fn apply() -> impl Strategy<Value = Apply> {
    let data = prop::option::weighted(0.8, (0..4_u8, 0..3_u8));
    let rare = || prop::bool::weighted(0.2);
    let opt_in = prop::option::weighted(0.2, prop::bool::ANY);
    let methods = prop::sample::select(&LISTS[..]);
    let all = (0..SOURCES.len(), data, rare(), rare(), opt_in, methods);
    all.prop_map(|(which, data, paused, out, opt_in, methods)| Apply {
        which,
        data,
        paused,
        out: out || opt_in.is_some(),
        opt_in,
        methods,
    })
}

impl Life {
    /// `tidings impact` says of a change what is then done.
    fn foretold(&mut self, apply: &Apply) {
        self.world.rules.enabled = Methods::all();
        self.run(&format!(
            "ann tidings.dev/reload=auto|tidings.dev/method={}",
            apply.methods
        ));
        if apply.paused {
            self.step(&Step::Pause);
        }
        if apply.out {
            self.step(&Step::OptOut);
        }
        self.decide(World::carry_out);
        let name = SOURCES[apply.which];
        // Who has watched knows whether a pod was made while it was away.
        let may_be_back = !self.is_there(apply.which);
        let data = apply.data.map(|(k, l)| format!("k={k} l={l}"));
        let turns = [ApplyOrder::AfterSources, ApplyOrder::BeforeSources];
        let turn = apply.opt_in.map(|before| turns[usize::from(before)]);
        let foreseen = self.world.foresee(name, data.as_deref(), turn);
        let rolls = self.world.rolls.len();
        let change = match &data {
            Some(data) => format!("cm {name} {data}"),
            None => format!("del {name}"),
        };
        match apply.opt_in {
            Some(true) => self.run(&format!("{OPT_IN}; {change}")),
            Some(false) => self.run(&format!("{change}; {OPT_IN}")),
            None => self.run(&change),
        }
        let mut standing = None;
        for _ in 0..4 {
            let verdict = self.world.decide();
            self.world.carry_out(&verdict.act);
            standing = verdict.standing.map(|standing| standing.word);
        }
        let done = match self.world.rolls.len() - rolls {
            0 if standing == Some(Word::Waiting) => Outcome::Waits,
            0 => Outcome::Stays,
            _ => Outcome::Rolls,
        };
        let foreseen = foreseen.unwrap_or(Outcome::Stays);
        let is_more = may_be_back && done == Outcome::Stays;
        assert!(
            foreseen == done || is_more,
            "{foreseen:?} for {apply:?}: {done:?}"
        );
    }
}

proptest! {
    #![proptest_config(same_lives(300))]

    #[test]
    fn what_impact_says_is_what_is_done(steps in steps(), apply in apply()) {
        let mut life = Life::new();
        for step in &steps {
            life.step(step);
        }
        life.rest();
        life.foretold(&apply);
    }
}
