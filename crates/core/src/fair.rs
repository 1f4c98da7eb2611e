//! Turns that are shared fairly: whoever asks for a lot waits for himself.
//!
//! Goes in: things that wait, each on somebody's behalf (as a rule a namespace), and
//! what they cost. Comes out: whose turn is next: that of whoever has had least since
//! he began to wait. It is start-time fair queueing (Goyal, Vin, Cheng 1996): who was
//! idle has saved nothing up, and who has had a lot waits only until the others have
//! had as much. Nothing here fails; how much may wait is bounded by the caller.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::refs::Name;

/// Idle ones of whom is remembered what they had, before those are looked through that
/// need not be.
const REMEMBERED: usize = 64;

/// Whose turn it is among those who wait.
#[derive(Debug, Default)]
pub struct Turns {
    /// What those have had at least who wait. It never falls.
    level: u64,
    /// Who waits, by what he has had.
    waiting: BTreeSet<(u64, Name)>,
    /// What those have had who wait, or have had more than the level.
    had: BTreeMap<Name, u64>,
}

impl Turns {
    /// He waits from now on, if he did not.
    pub fn wait(&mut self, who: &Name) {
        let had = self.had(who);
        self.had.insert(who.clone(), had);
        self.waiting.insert((had, who.clone()));
    }

    /// He does not wait any more, or cannot be served for now: he must not hold the
    /// level down meanwhile.
    pub fn leave(&mut self, who: &Name) {
        self.waiting.remove(&(self.had(who), who.clone()));
        self.forget_idle();
    }

    /// Whether he waits.
    pub fn waits(&self, who: &Name) -> bool {
        self.waiting.contains(&(self.had(who), who.clone()))
    }

    /// Whose turn is next.
    pub fn next(&self) -> Option<&Name> {
        self.waiting.first().map(|(_, who)| who)
    }

    /// He has had a turn that cost so much.
    pub fn charge(&mut self, who: &Name, cost: u64) {
        let before = self.had(who);
        let had = before.saturating_add(cost);
        self.had.insert(who.clone(), had);
        if self.waiting.remove(&(before, who.clone())) {
            self.waiting.insert((had, who.clone()));
        }
        let least = self.waiting.first().map_or(before, |(least, _)| *least);
        self.level = self.level.max(least.min(before));
        self.forget_idle();
    }

    fn had(&self, who: &Name) -> u64 {
        let had = self.had.get(who).copied().unwrap_or_default();
        had.max(self.level)
    }

    /// Where nobody waits, nobody has had too much.
    fn forget_idle(&mut self) {
        if self.waiting.is_empty() {
            self.level = 0;
            self.had.clear();
        } else if self.had.len() > 2 * self.waiting.len() + REMEMBERED {
            let (level, waiting) = (self.level, &self.waiting);
            self.had
                .retain(|who, had| *had > level || waiting.contains(&(*had, who.clone())));
        }
    }
}

/// Things that wait for the turn of whom they are for; each costs one.
#[derive(Debug)]
pub struct Fair<T> {
    turns: Turns,
    things: BTreeMap<Name, VecDeque<T>>,
    len: usize,
}

impl<T> Default for Fair<T> {
    fn default() -> Self {
        Self {
            turns: Turns::default(),
            things: BTreeMap::new(),
            len: 0,
        }
    }
}

impl<T> Fair<T> {
    /// One more waits, behind those of the same.
    pub fn push(&mut self, who: &Name, thing: T) {
        self.turns.wait(who);
        self.things.entry(who.clone()).or_default().push_back(thing);
        self.len += 1;
    }

    /// Takes out the next.
    pub fn pop(&mut self) -> Option<(Name, T)> {
        let who = self.turns.next()?.clone();
        let things = self.things.get_mut(&who)?;
        let thing = things.pop_front()?;
        self.turns.charge(&who, 1);
        if things.is_empty() {
            self.things.remove(&who);
            self.turns.leave(&who);
        }
        self.len -= 1;
        Some((who, thing))
    }

    /// How many wait of his.
    pub fn len_of(&self, who: &Name) -> usize {
        self.things.get(who).map_or(0, VecDeque::len)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        text.into()
    }

    #[test]
    fn who_asks_for_a_lot_waits_for_himself() {
        let mut queue = Fair::default();
        (0..1_000).for_each(|i| queue.push(&name("loud"), i));
        (0..10).for_each(|_| drop(queue.pop()));
        queue.push(&name("quiet"), 0);
        let (first, second) = (queue.pop().unwrap(), queue.pop().unwrap());
        assert!([first.0, second.0].contains(&name("quiet")));
        assert_eq!((queue.len(), queue.len_of(&name("loud"))), (989, 989));
    }

    #[test]
    fn a_turn_that_costs_more_is_followed_by_more_of_the_others() {
        let mut turns = Turns::default();
        let (dear, cheap) = (name("dear"), name("cheap"));
        turns.wait(&dear);
        turns.wait(&cheap);
        let mut served = [0, 0];
        for _ in 0..110 {
            let is_dear = *turns.next().unwrap() == dear;
            served[usize::from(is_dear)] += 1;
            turns.charge(
                if is_dear { &dear } else { &cheap },
                if is_dear { 10 } else { 1 },
            );
        }
        assert_eq!(served, [100, 10]);
    }

    #[test]
    fn who_was_idle_has_saved_nothing_up() {
        let mut turns = Turns::default();
        let (busy, idle) = (name("busy"), name("idle"));
        turns.wait(&busy);
        (0..1_000).for_each(|_| turns.charge(&busy, 1));
        turns.wait(&idle);
        turns.charge(&idle, 2);
        assert_eq!(turns.next(), Some(&busy));
    }

    #[test]
    fn what_nobody_waits_for_is_forgotten() {
        let mut turns = Turns::default();
        let busy = name("busy");
        turns.wait(&busy);
        for i in 0..10_000 {
            let who = name(&i.to_string());
            turns.wait(&who);
            turns.charge(&who, 1);
            turns.leave(&who);
            turns.charge(&busy, 1);
        }
        assert!(turns.had.len() <= REMEMBERED + 3, "{}", turns.had.len());
    }

    proptest! {
        /// Between two who wait all the time nobody is ahead by more than one turn of
        /// the dearest, whatever else comes and goes.
        #[test]
        fn nobody_is_far_ahead(
            costs in prop::collection::vec((1_u64..50, 1_u64..50), 1..200),
            others in prop::collection::vec((0_usize..5, 1_u64..50), 0..200),
        ) {
            let mut turns = Turns::default();
            let (a, b) = (name("a"), name("b"));
            turns.wait(&a);
            turns.wait(&b);
            let (mut had, mut others) = ([0, 0], others.into_iter());
            for (cost_a, cost_b) in costs {
                if let Some((who, cost)) = others.next() {
                    let who = name(&format!("other{who}"));
                    turns.wait(&who);
                    turns.charge(&who, cost);
                    turns.leave(&who);
                }
                let of = usize::from(*turns.next().unwrap() == b);
                let cost = [cost_a, cost_b][of];
                turns.charge([&a, &b][of], cost);
                had[of] += cost;
                prop_assert!(had[0].abs_diff(had[1]) <= 50);
            }
        }
    }
}
