//! Reading annotations by their keys, each from where it holds.

use super::{Defaults, Policy};
use crate::annotations::{
    self, ANNOTATIONS, Annotation, Annotations, Charge, Gates, OwnSettings, Place, RELOAD, Reading,
    Setting,
};
use crate::approval::Said;
use crate::object::Workload;
use crate::reason::{Problem, Reason};
use crate::refs::{Name, SourceKind, WorkloadRef};

/// The mistakes that are told of one annotation before the rest is only counted:
/// each is an Event.
pub(super) const MISTAKES: usize = 5;

fn few_of(mut wrong: Vec<String>) -> Vec<String> {
    if wrong.len() > MISTAKES {
        let more = wrong.split_off(MISTAKES).len();
        wrong.push(format!("{more} more mistakes"));
    }
    wrong
}

/// What is written on a workload, and what was wrong with it so far.
pub(super) struct Reader<'a> {
    pub(super) key: &'a WorkloadRef,
    pub(super) metadata: &'a Annotations,
    pub(super) template: &'a Annotations,
    namespace: &'a Annotations,
    problems: Vec<Problem>,
    /// One that was too long to be kept.
    pub(super) too_long: Option<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(workload: &'a Workload, namespace: &'a Annotations) -> Self {
        Self {
            key: &workload.key,
            metadata: &workload.annotations,
            template: &workload.template_annotations,
            namespace,
            problems: Vec::new(),
            too_long: None,
        }
    }

    /// Each once, in order.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems;
        problems.sort();
        problems.dedup();
        problems
    }

    pub(super) fn unknown_keys(&mut self) {
        let keys = self.metadata.keys().chain(self.template.keys());
        let problem = |key: &String| {
            let misplaced = annotations::problem_on_workload(key);
            misplaced.or_else(|| annotations::problem_of_key(key))
        };
        let problems = keys.filter_map(problem);
        self.problems.extend(problems);
    }

    /// Whose word it is, and what it says.
    pub(super) fn opt_in(&mut self, policy: &mut Policy, defaults: Defaults) {
        for kind in SourceKind::all() {
            self.excluded(kind, policy.of_mut(kind));
        }
        let others = self.others_keys();
        let on_workload = [self.metadata, self.template]
            .iter()
            .any(|a| a.contains_key(RELOAD));
        if on_workload && !others.is_empty() {
            self.problems.push(Problem {
                reason: Reason::ConflictingAnnotations,
                text: format!("{RELOAD} is set, so {} is ignored", others.join(", ")),
            });
        }
        if on_workload || (others.is_empty() && self.namespace.contains_key(RELOAD)) {
            let from = annotations::find(RELOAD).and_then(|row| self.nearest(row));
            if let Some(Setting::Reload(items)) = from.and_then(|from| self.read(from, RELOAD)) {
                policy.take(&items);
            }
            return;
        }
        for kind in SourceKind::all() {
            self.reloader(kind, defaults, policy.of_mut(kind));
        }
        self.wave(policy);
        self.fabric8(policy);
    }

    /// The keys on the workload that opt it in, in others' words.
    fn others_keys(&self) -> Vec<&'static str> {
        let here = |row: &&Annotation| {
            let on_template =
                || row.place == Place::Workload && self.template.contains_key(row.key);
            row.yields && (self.metadata.contains_key(row.key) || on_template())
        };
        ANNOTATIONS.iter().filter(here).map(|row| row.key).collect()
    }

    /// The own keys beside the opt-in.
    pub(super) fn own(&mut self, own: &mut OwnSettings) {
        for row in ANNOTATIONS {
            if matches!(row.read, Reading::Alone(_))
                && let Some(text) = self.nearest(row).and_then(|from| from.get(row.key))
                && let Err(problem) = row.read_alone(text, own)
            {
                self.say(row.key, &problem);
            }
        }
    }

    /// What people in charge have written, if anything.
    pub(super) fn charge(&mut self) -> Option<Box<Charge>> {
        let mut charge = Charge::default();
        for row in ANNOTATIONS {
            if matches!(row.read, Reading::Gate(_)) {
                let near = [self.metadata, self.template];
                let near = near.into_iter().find(|place| place.contains_key(row.key));
                self.gate(row, near, &mut charge.workload);
                self.gate(row, Some(self.namespace), &mut charge.namespace);
                continue;
            }
            if matches!(row.read, Reading::Word(_)) && self.template.contains_key(row.key) {
                self.say(row.key, "it is heeded on the workload itself only");
            }
            if let Some(text) = self.metadata.get(row.key)
                && let Err(problem) = row.read_word(text, &mut charge.said)
            {
                self.say(row.key, &problem);
            }
            if row.place == Place::WorkloadOnlyAndNamespace
                && let Some(text) = self.namespace.get(row.key)
            {
                let mut said = Said::default();
                if let Err(problem) = row.read_word(text, &mut said) {
                    self.say(row.key, &format!("of the namespace: {problem}"));
                }
                charge.namespace_pause = said.pause;
            }
        }
        if charge.loosens() {
            self.problems.push(Problem {
                reason: Reason::ConflictingAnnotations,
                text: "the namespace requires approval, which the workload cannot waive".to_owned(),
            });
        }
        (charge != Charge::default()).then(|| charge.into())
    }

    fn gate(&mut self, row: &'static Annotation, from: Option<&Annotations>, gates: &mut Gates) {
        let Some(text) = from.and_then(|from| from.get(row.key)) else {
            return;
        };
        let mut wrong = Vec::new();
        row.read_gate(text, gates, &mut wrong);
        for problem in few_of(wrong) {
            self.say(row.key, &problem);
        }
    }

    /// Where each own key holds, by itself: workload, else template, else namespace.
    fn nearest(&self, row: &Annotation) -> Option<&'a Annotations> {
        if row.place == Place::Namespace {
            return Some(self.namespace).filter(|place| place.contains_key(row.key));
        }
        let places = [self.metadata, self.template, self.namespace];
        let read = match row.place {
            Place::WorkloadOrNamespace => 3,
            Place::Workload | Place::WorkloadAndNamespace => 2,
            Place::WorkloadOnly | Place::WorkloadOnlyAndNamespace => 1,
            Place::Namespace | Place::Source | Place::Written | Place::WrittenOnWorkload => 0,
        };
        let mut read = places.into_iter().take(read);
        read.find(|place| place.contains_key(row.key))
    }

    pub(super) fn read(&mut self, from: &Annotations, key: &'static str) -> Option<Setting> {
        let text = from.get(key)?;
        if annotations::is_too_long(text) {
            self.too_long = Some(key);
            return None;
        }
        let mut wrong = Vec::new();
        let setting = annotations::find(key)?.read(text, &mut wrong);
        for problem in few_of(wrong) {
            self.say(key, &problem);
        }
        setting
    }

    pub(super) fn say(&mut self, key: &str, problem: &str) {
        self.problems.push(Problem {
            reason: Reason::BadAnnotation,
            text: format!("{key}: {problem}"),
        });
    }

    /// The name, if it is of the workload's own namespace.
    pub(super) fn at_home(
        &mut self,
        key: &str,
        (namespace, name): (Option<Name>, Name),
    ) -> Option<Name> {
        match namespace {
            Some(other) if other != self.key.namespace => {
                let text = format!("{other}/{name} is of another namespace, which is not followed");
                self.say(key, &text);
                None
            }
            _ => Some(name),
        }
    }
}
