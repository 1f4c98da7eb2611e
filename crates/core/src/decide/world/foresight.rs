//! What `tidings impact` would say of a change, by the same steps as the command takes: a
//! fresh index of what is there, decide, what is supposed, decide again.

use crate::decide::{Act, Moment, Verdict, decide};
use crate::evidence::Evidence;
use crate::impact::{self, APPLIED, Hypothesis, Outcome};
use crate::index::Fetched;
use crate::state::Entry;

use super::{ConfigMap, World, pairs, source, web};

impl World {
    /// What would become of the workload if a ConfigMap held this (`k=1 l=2`), or were
    /// deleted; none where that touches nothing that it uses. Nothing is changed.
    pub(in crate::decide) fn foresee(&mut self, name: &str, data: Option<&str>) -> Option<Outcome> {
        let (index, unseen) = (std::mem::take(&mut self.index), self.unseen);
        self.restart();
        let foreseen = self.impact(name, data);
        (self.index, self.unseen) = (index, unseen);
        foreseen
    }

    fn impact(&mut self, name: &str, data: Option<&str>) -> Option<Outcome> {
        let mut hypothesis = Hypothesis::default();
        let (before, after) = (self.fetched(name), self.supposed(name, data));
        hypothesis.source(source(name), before, after);
        hypothesis.begin(&mut self.index);
        let record = self.entry.clone();
        let now = self.verdict_on(record.as_ref(), &Hypothesis::default());
        let base = impact::base(record.as_ref(), &now);
        hypothesis.happen(&mut self.index);
        let verdict = self.verdict_on(base.as_ref(), &hypothesis);
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
