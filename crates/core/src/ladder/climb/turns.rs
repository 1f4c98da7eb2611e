//! Whose turn it is: which pods are acted on next, and how many at once.

use std::cmp::Reverse;

use crate::refs::Name;
use crate::settle::Millis;

use super::super::again;
use super::super::evict::ordinal;
use super::super::visit::{Next, Rung, Stage, Visit};
use super::Ladder;

impl Ladder {
    /// Whose turn it is.
    pub(super) fn begin_some(&mut self, rung: &'static Rung, now: Millis) {
        let waits = self.conditions.held || !self.is_still() || !self.budget.is_open(now);
        if waits || self.newer || self.why_not(rung).is_some() {
            return;
        }
        for uid in self.in_order(rung) {
            if self.has_its_turn(rung, &uid)
                && let Some(visit) = self.visits.get_mut(&uid)
            {
                let next = visit.begin(rung, self.plan.number, now);
                if let Next::At(at, errand) = next {
                    visit.stage = Stage::Waits(at, errand);
                }
            }
        }
    }

    /// Whoever is due: what was refused has an order of its own; then what is down, since the
    /// change may mend it; then what was begun already, which only has to be asked; and of
    /// those with ordinals the highest, as a StatefulSet's own rollout has it.
    fn in_order(&self, rung: &Rung) -> Vec<Name> {
        let due = self.visits.iter().filter(|(_, v)| v.stage == Stage::Due);
        let due = due.filter(|(_, v)| (rung.reaches)(&v.pod));
        let mut due: Vec<_> = due.collect();
        let number = self.plan.number;
        let place = |name: &Name| (Reverse(ordinal(name)), name.clone());
        due.sort_by_key(|(_, v)| {
            let later = !again::is_asked_first(&self.plan, rung, v);
            let is_begun = v.carries(rung, number);
            (later, v.pod.ready, !is_begun, place(&v.pod.name))
        });
        due.into_iter().map(|(uid, _)| uid.clone()).collect()
    }

    fn has_its_turn(&self, rung: &Rung, uid: &Name) -> bool {
        let at_once = rung.method.row().at_once.unwrap_or(1);
        let Some(visit) = self.visits.get(uid) else {
            return false;
        };
        let beside = self.visits.values().filter(|v| v.is_under_way());
        let counts = |v: &&Visit| {
            let comes = rung.replaces() && !self.is_left_out(v);
            comes || (rung.reaches)(&v.pod)
        };
        let mut beside = beside.filter(counts);
        if !self.opened {
            return beside.next().is_none() && self.spares(rung, visit);
        }
        let alike = beside.filter(|v| v.pod.ready == visit.pod.ready);
        alike.count() < at_once && self.spares(rung, visit)
    }

    /// Whether a pod may be acted on with regard to the others. One that is down, or is
    /// only to be asked, always may. Where it is not known yet whether taking the content
    /// restarts programs, what an earlier term acted on may be down by that, and is heard
    /// first. Where it does, not so many are down or missing, or may come to be, as may be,
    /// and never all.
    fn spares(&self, rung: &Rung, visit: &Visit) -> bool {
        let number = self.plan.number;
        let is_begun = visit.carries(rung, number) && !visit.is_only_noted();
        if !visit.pod.ready || is_begun {
            return true;
        }
        let others = || self.staying().filter(|v| v.pod.uid != visit.pod.uid);
        let begun = |v: &Visit| {
            let is_open = v.carries(rung, number) && v.stage != Stage::Through;
            v.is_under_way() || is_open || v.is_restarting()
        };
        if !self.restarts {
            let mut others = others();
            let inherited = |v: &Visit| {
                let is_open = v.carries(rung, number) && v.stage != Stage::Through;
                v.acts == 0 && is_open && v.pod.node_ready
            };
            return self.opened || !others.any(inherited);
        }
        let down = others().filter(|v| !v.pod.ready || begun(v)).count();
        let all = self.staying().count().max(self.conditions.desired);
        let may = self.conditions.unavailable.min(all.saturating_sub(1));
        down + self.missing() < may.max(1) && self.listing.is_fresh()
    }

    /// Those that are not being deleted.
    fn staying(&self) -> impl Iterator<Item = &Visit> {
        self.visits.values().filter(|v| v.stays())
    }

    /// How many pods there are too few; where it is not told how many there should be, those
    /// that are being deleted.
    pub(super) fn missing(&self) -> usize {
        let staying = self.staying().count();
        match self.conditions.desired {
            0 => self.visits.len() - staying,
            desired => desired.saturating_sub(staying),
        }
    }
}
