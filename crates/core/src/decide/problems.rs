//! What people should mend.

use crate::compare::{Change, What};
use crate::index::{Content, Presence};
use crate::needs::{Need, impossible, not_watched, nothing_matches};
use crate::reason::{Problem, Reason, few};
use crate::state::Back;

use super::{Act, Case};

impl Case<'_> {
    pub(super) fn problems(&mut self, act: &Act) -> Vec<Problem> {
        if self.index.left_out(&self.known.workload.key.namespace) {
            return Vec::new();
        }
        let mut problems = self.known.problems.clone();
        problems.append(&mut self.needs.problems);
        for need in &self.needs.needs {
            problems.extend(self.on_source(need));
            problems.extend(self.with_name(need));
        }
        problems.extend(self.taken_back());
        problems.extend(self.misspoken());
        if let Act::Roll(_, changes) = act {
            problems.extend(changes.iter().filter_map(|c| self.made_anew(c)));
        }
        few(problems)
    }

    /// What is immutable has other content only if it is another object, or if that
    /// was written together with the word.
    pub(super) fn made_anew(&self, change: &Change) -> Option<Problem> {
        let source = self.index.view(&change.source);
        let immutable = source.current().is_some_and(Content::is_immutable);
        let rewritten = source.present().is_none_or(|present| present.rewritten);
        let anew = change.what == What::Changed && immutable && !rewritten;
        anew.then(|| Problem {
            reason: Reason::MadeAnew,
            text: format!("{} is immutable and was made anew", change.source),
        })
    }

    fn on_source(&self, need: &Need) -> Option<Problem> {
        let Problem { reason, text } = self.source(need).problem.as_deref()?;
        Some(Problem {
            reason: *reason,
            text: format!("{}: {text}", need.source),
        })
    }

    fn with_name(&self, need: &Need) -> Option<Problem> {
        let name = || need.source.to_string();
        match self.source(need).presence {
            _ if need.lapsed || !need.only_named() => None,
            Presence::Absent if !need.source.is_possible() => Some(impossible(&need.source)),
            Presence::Absent => Some(nothing_matches(need.source.kind, &name())),
            Presence::NotWatched => Some(not_watched(&name())),
            Presence::Unknown | Presence::Present(_) => None,
        }
    }

    /// A roll that had replaced all pods before is nothing to mend: those that
    /// replace them in turn are newer still.
    fn taken_back(&self) -> Option<Problem> {
        let n = self.entry?.n;
        (self.back()? == Back::Partly).then(|| Problem {
            reason: Reason::Reverted,
            text: format!(
                "roll {}/{n} was taken back before it had reached all pods: those that it \
                 had not are stale; the next change rolls again",
                self.rules.instance
            ),
        })
    }
}
