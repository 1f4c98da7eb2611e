//! Events that wait to be sent, each namespace's for themselves.
//!
//! Goes in: Events as they are told, and what became of those that were taken. Comes
//! out: the next, in fair turns; of a namespace at most one at once, rolls first. Pure;
//! it knows no time but what it is told. What does not fit is counted by the caller.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tidings_core::fair::Turns;
use tidings_core::pauses::Pauses;
use tidings_core::refs::Name;
use tokio::time::Instant;

use super::events::EventFact;
use crate::api::outbox::{ATTEMPTS, LONGEST_PAUSE};

/// A namespace may have as many waiting as there is room left, so that there is always
/// some for those who come later.
const ROOM: usize = 8_192;
/// The pauses after failures.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(250), LONGEST_PAUSE);
/// Patches go first, but for no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct WaitingEvents {
    /// Namespaces of which one may be sent now.
    turns: Turns,
    namespaces: BTreeMap<Name, Queue>,
    len: usize,
}

/// Those of one namespace.
#[derive(Debug)]
struct Queue {
    rolls: VecDeque<Told>,
    others: VecDeque<Told>,
    stage: QueueStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueueStage {
    Ready,
    UnderWay,
    /// After a failure, or since the server asks for it.
    Rests(Instant),
}

/// An Event that was told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) fact: EventFact,
    at: Instant,
    failures: u32,
}

impl Told {
    /// Whether it was told before this time.
    pub(super) fn is_before(&self, time: Instant) -> bool {
        self.at < time
    }
}

/// What is to be done now.
#[derive(Debug)]
pub(super) enum Next {
    /// This is to be sent, and its end to be told.
    Send(Box<Told>),
    /// Nothing before this time.
    At(Instant),
    /// Nothing before something else happens.
    Wait,
}

impl WaitingEvents {
    /// One more. Returns whether none was dropped for it: of a namespace that has its
    /// share, a roll takes the place of something else.
    pub(super) fn push(&mut self, fact: EventFact, now: Instant) -> bool {
        let (name, is_roll) = (fact.workload.namespace.clone(), fact.is_roll);
        let queue = self.namespaces.entry(name.clone()).or_default();
        let has_room = queue.len() < ROOM.saturating_sub(self.len);
        let gives_way = !has_room && is_roll && queue.others.pop_back().is_some();
        if has_room || gives_way {
            queue.part(is_roll).push_back(Told {
                fact,
                at: now,
                failures: 0,
            });
            self.len += usize::from(has_room);
        }
        self.settle(&name);
        has_room
    }

    /// Takes out the next. While patches are under way, what was told just now waits.
    pub(super) fn take(&mut self, now: Instant, patching: bool) -> Next {
        self.wake(now);
        let Some(name) = self.turns.next().cloned() else {
            return self.first_rested();
        };
        let Some(queue) = self.namespaces.get_mut(&name) else {
            return Next::Wait;
        };
        let Some(told) = queue.pop() else {
            return Next::Wait;
        };
        let ripe = told.at + PATIENCE;
        if patching && ripe > now {
            queue.put_back(told);
            return Next::At(ripe);
        }
        queue.stage = QueueStage::UnderWay;
        self.turns.leave(&name);
        self.len -= 1;
        Next::Send(Box::new(told))
    }

    /// One of this namespace is sent, or given up; it took so long.
    pub(super) fn done(&mut self, namespace: &Name, took: Duration) {
        self.ended(namespace, took, QueueStage::Ready);
    }

    /// It failed for now. Returns whether it is tried again, after what the server asks
    /// for.
    pub(super) fn failed(
        &mut self,
        mut told: Told,
        (now, took): (Instant, Duration),
        asked: Option<Duration>,
    ) -> bool {
        let name = told.fact.workload.namespace.clone();
        let pause = asked.unwrap_or_else(|| PAUSES.after(told.failures));
        told.failures += 1;
        if told.failures == ATTEMPTS {
            self.done(&name, took);
            return false;
        }
        if let Some(queue) = self.namespaces.get_mut(&name) {
            queue.put_back(told);
            self.len += 1;
        }
        self.ended(
            &name,
            took,
            QueueStage::Rests(now + pause.min(LONGEST_PAUSE)),
        );
        true
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn ended(&mut self, name: &Name, took: Duration, stage: QueueStage) {
        let cost = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        self.turns.charge(name, cost);
        if let Some(queue) = self.namespaces.get_mut(name) {
            queue.stage = stage;
        }
        self.settle(name);
    }

    /// Whoever has something that may be sent waits for a turn.
    fn settle(&mut self, name: &Name) {
        let Some(queue) = self.namespaces.get(name) else {
            return;
        };
        match (queue.stage, queue.len()) {
            (QueueStage::Ready, 0) => drop(self.namespaces.remove(name)),
            (QueueStage::Ready, _) => self.turns.wait(name),
            (QueueStage::UnderWay | QueueStage::Rests(_), _) => {}
        }
    }

    fn wake(&mut self, now: Instant) {
        let rested =
            |queue: &Queue| matches!(queue.stage, QueueStage::Rests(until) if until <= now);
        for (name, queue) in self.namespaces.iter_mut().filter(|(_, q)| rested(q)) {
            queue.stage = QueueStage::Ready;
            self.turns.wait(name);
        }
    }

    fn first_rested(&self) -> Next {
        let until = |queue: &Queue| match queue.stage {
            QueueStage::Rests(until) => Some(until),
            QueueStage::Ready | QueueStage::UnderWay => None,
        };
        let first = self.namespaces.values().filter_map(until).min();
        first.map_or(Next::Wait, Next::At)
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            rolls: VecDeque::new(),
            others: VecDeque::new(),
            stage: QueueStage::Ready,
        }
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.rolls.len() + self.others.len()
    }

    fn part(&mut self, is_roll: bool) -> &mut VecDeque<Told> {
        if is_roll {
            &mut self.rolls
        } else {
            &mut self.others
        }
    }

    fn pop(&mut self) -> Option<Told> {
        self.rolls.pop_front().or_else(|| self.others.pop_front())
    }

    fn put_back(&mut self, told: Told) {
        self.part(told.fact.is_roll).push_front(told);
    }
}

#[cfg(test)]
mod tests {
    use tidings_core::kinds::KINDS;
    use tidings_core::refs::WorkloadRef;

    use super::*;
    use crate::report::events::tests::fact_of;

    fn fact(namespace: &str, message: &str, is_roll: bool) -> EventFact {
        EventFact {
            is_roll,
            ..fact_of(WorkloadRef::new(&KINDS[0], namespace, "web"), message)
        }
    }

    fn sent(waiting: &mut WaitingEvents, now: Instant) -> Option<Told> {
        match waiting.take(now, false) {
            Next::Send(told) => Some(*told),
            Next::At(_) | Next::Wait => None,
        }
    }

    /// Takes all, one after the other: the messages.
    fn all(waiting: &mut WaitingEvents, now: Instant) -> Vec<String> {
        let next = || {
            let told = sent(waiting, now)?;
            waiting.done(&told.fact.workload.namespace, Duration::ZERO);
            Some(told.fact.message)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn who_tells_much_waits_for_himself() {
        let (mut waiting, now) = (WaitingEvents::default(), Instant::now());
        let told = (0..ROOM).filter(|_| waiting.push(fact("loud", "l", false), now));
        assert_eq!(told.count(), ROOM / 2);
        assert!((0..100).all(|_| waiting.push(fact("quiet", "q", false), now)));
        let sent = all(&mut waiting, now);
        assert_eq!(sent.len(), ROOM / 2 + 100);
        assert_eq!(sent[..200].iter().filter(|m| *m == "q").count(), 100);
        assert!(waiting.is_empty() && waiting.namespaces.is_empty());
    }

    #[test]
    fn rolls_go_first_and_take_the_place_of_others() {
        let (mut waiting, now) = (WaitingEvents::default(), Instant::now());
        while waiting.push(fact("a", "problem", false), now) {}
        assert!(!waiting.push(fact("a", "roll", true), now));
        let sent = all(&mut waiting, now);
        assert_eq!(
            (sent.len(), &*sent[0], &*sent[1]),
            (ROOM / 2, "roll", "problem")
        );
    }

    #[test]
    fn of_a_namespace_one_is_under_way() {
        let (mut waiting, now) = (WaitingEvents::default(), Instant::now());
        for _ in 0..3 {
            waiting.push(fact("hangs", "h", false), now);
        }
        let first = sent(&mut waiting, now).unwrap();
        assert!(sent(&mut waiting, now).is_none());
        waiting.push(fact("other", "o", false), now);
        assert_eq!(all(&mut waiting, now), ["o"]);
        waiting.done(&first.fact.workload.namespace, Duration::ZERO);
        assert_eq!(all(&mut waiting, now), ["h", "h"]);
    }

    #[test]
    fn what_failed_for_now_rests_and_is_tried_again() {
        let (mut waiting, mut now) = (WaitingEvents::default(), Instant::now());
        waiting.push(fact("a", "first", false), now);
        waiting.push(fact("a", "second", false), now);
        for attempt in 1..=ATTEMPTS {
            let told = sent(&mut waiting, now).unwrap();
            assert_eq!(told.fact.message, "first");
            let asked = Some(Duration::from_mins(10));
            let again = waiting.failed(told, (now, Duration::ZERO), asked);
            assert_eq!(again, attempt < ATTEMPTS);
            if again {
                assert!(
                    matches!(waiting.take(now, false), Next::At(at) if at == now + LONGEST_PAUSE)
                );
            }
            now += LONGEST_PAUSE;
        }
        assert_eq!(all(&mut waiting, now), ["second"]);
    }

    #[test]
    fn patches_go_first_but_not_for_ever() {
        let (mut waiting, now) = (WaitingEvents::default(), Instant::now());
        waiting.push(fact("a", "m", true), now);
        let ripe = now + PATIENCE;
        assert!(matches!(waiting.take(now, true), Next::At(at) if at == ripe));
        assert!(matches!(waiting.take(ripe, true), Next::Send(_)));
    }
}
