//! When to decide: changes close together become one decision.
//!
//! Goes in: which workload may have to be looked at again, what many may have to be told
//! of, and the time in milliseconds since some start. Comes out: the workloads whose quiet
//! time is over, and before those of a namespace whatever they may still have to be told,
//! all of it by turns of the namespaces. A change restarts the quiet time, but never
//! beyond [`PATIENCE`] times the quiet time after the first one.

use std::collections::{BTreeMap, BTreeSet};

use crate::fair::Turns;
use crate::refs::{Name, SourceRef, WorkloadRef};

/// Constant change is acted on after this many quiet times.
pub const PATIENCE: u64 = 5;

/// Milliseconds since some start.
pub type Millis = u64;

/// What many workloads may have to be told of: thousands can use one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A source, to those who use it.
    Source(SourceRef),
    /// The pod template of a workload, to those who borrow it.
    Template(WorkloadRef),
}

/// What became of it since they were told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// When it changed, first and last.
    pub changed: Option<(Millis, Millis)>,
    /// Whether it was read.
    pub read: bool,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Whoever it concerns is to be told.
    News(Topic, News),
    /// A workload is to be decided, and has been for so long.
    Decision(WorkloadRef, Millis),
}

/// Workloads that wait to be decided.
#[derive(Debug, Default)]
pub struct Queue {
    news: BTreeMap<Name, BTreeMap<Topic, News>>,
    due: BTreeMap<Name, BTreeSet<(Millis, WorkloadRef)>>,
    /// The namespaces, by when their first is due, but for those that have a turn.
    heads: BTreeSet<(Millis, Name)>,
    /// The namespaces of which something is due.
    turns: Turns,
    waiting: BTreeMap<WorkloadRef, Waiting>,
    begun: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: Millis,
    first: Millis,
    /// For how long it is to be quiet. What waits for nothing is not put off.
    quiet: Option<Millis>,
}

impl Topic {
    /// Where those are whom it concerns.
    pub fn namespace(&self) -> &Name {
        match self {
            Self::Source(source) => &source.namespace,
            Self::Template(lender) => &lender.namespace,
        }
    }
}

impl News {
    /// It changed at this time.
    pub fn changed(now: Millis) -> Self {
        Self {
            changed: Some((now, now)),
            read: false,
        }
    }

    /// It was read.
    pub fn read() -> Self {
        Self {
            changed: None,
            read: true,
        }
    }

    fn add(&mut self, later: Self) {
        let first = self.changed.or(later.changed);
        let last = later.changed.or(self.changed);
        self.changed = first.zip(last).map(|(first, last)| (first.0, last.1));
        self.read |= later.read;
    }
}

/// When it has been quiet for so long after changes of which these were the first and the
/// last, or there have been changes for long enough.
pub fn quiet_until(first: Millis, last: Millis, quiet: Millis) -> Millis {
    let patience = quiet.saturating_mul(PATIENCE);
    last.saturating_add(quiet)
        .min(first.saturating_add(patience))
}

impl Queue {
    /// There is something to tell to many, at the next turn of their namespace.
    pub fn tell(&mut self, topic: Topic, news: News) {
        let namespace = topic.namespace().clone();
        self.turns.wait(&namespace);
        let of = self.news.entry(namespace).or_default();
        of.entry(topic).or_default().add(news);
    }

    /// A change: decide once it has been quiet for `quiet` milliseconds.
    pub fn changed(&mut self, workload: &WorkloadRef, now: Millis, quiet: Millis) {
        let first = match self.waiting.get(workload) {
            Some(waiting) if waiting.quiet.is_some() => waiting.first,
            _ => now,
        };
        let due = quiet_until(first, now, quiet).max(now);
        self.put(
            workload,
            Waiting {
                due,
                first,
                quiet: Some(quiet),
            },
        );
    }

    /// The quiet time is another now: one that is shorter ends sooner.
    pub fn shorten(&mut self, workload: &WorkloadRef, now: Millis, quiet: Millis) {
        let waiting = self.waiting.get(workload).copied();
        let Some((waiting, was)) = waiting.and_then(|w| Some((w, w.quiet?))) else {
            return;
        };
        if let Some(less) = was.checked_sub(quiet).filter(|less| *less > 0) {
            let due = waiting.due.saturating_sub(less).max(now);
            let quiet = Some(quiet);
            self.put(
                workload,
                Waiting {
                    due,
                    quiet,
                    ..waiting
                },
            );
        }
    }

    /// Something else to look at: decide at this time, or earlier if it already
    /// waits for an earlier one. It never cuts a quiet time short.
    pub fn look(&mut self, workload: &WorkloadRef, at: Millis) {
        let waits = self.waiting.get(workload);
        if waits.is_none_or(|w| w.quiet.is_none() && w.due > at) {
            self.put(
                workload,
                Waiting {
                    due: at,
                    first: at,
                    quiet: None,
                },
            );
        }
    }

    /// What a decision asked for is there: it goes on, whatever has begun to wait
    /// meanwhile. Else one that changes again and again would never be decided.
    pub fn resume(&mut self, workload: &WorkloadRef, now: Millis) {
        let waiting = Waiting {
            due: now,
            first: now,
            quiet: None,
        };
        self.put(workload, waiting);
    }

    /// Nothing to decide any more.
    pub fn forget(&mut self, workload: &WorkloadRef) {
        if let Some(waiting) = self.waiting.remove(workload) {
            self.reschedule(&workload.namespace, |due| {
                due.remove(&(waiting.due, workload.clone()));
            });
        }
    }

    /// When the next one is due; long ago where more than one was and is left.
    pub fn next(&self) -> Option<Millis> {
        let head = || self.heads.first().map(|(due, _)| *due);
        self.turns.next().map(|_| 0).or_else(head)
    }

    /// Takes out what is due of the namespace whose turn it is. What it takes is to be
    /// [charged](Self::charge).
    pub fn pop(&mut self, now: Millis) -> Option<Due> {
        while self.heads.first().is_some_and(|(due, _)| *due <= now) {
            let (_, who) = self.heads.pop_first()?;
            self.turns.wait(&who);
        }
        loop {
            let who = self.turns.next()?.clone();
            if let Some((topic, news)) = self.pop_news(&who) {
                return Some(Due::News(topic, news));
            }
            let first = self.due.get(&who).and_then(BTreeSet::first).cloned();
            let late = first.as_ref().and_then(|(due, _)| now.checked_sub(*due));
            match (first, late) {
                (Some((_, workload)), Some(late)) => {
                    self.waiting.remove(&workload);
                    self.reschedule(&who, |due| drop(due.pop_first()));
                    return Some(Due::Decision(workload, late));
                }
                // What was due has been put off, or there was only something to tell.
                (first, _) => {
                    self.turns.leave(&who);
                    self.heads.extend(first.map(|(due, _)| (due, who)));
                }
            }
        }
    }

    fn pop_news(&mut self, who: &Name) -> Option<(Topic, News)> {
        let of = self.news.get_mut(who)?;
        let first = of.pop_first();
        if of.is_empty() {
            self.news.remove(who);
        }
        first
    }

    /// Whether something of this namespace is due and was left, for it was the turn of
    /// others.
    pub fn has_turn(&self, namespace: &Name) -> bool {
        self.turns.waits(namespace)
    }

    /// A decision in this namespace took so many steps.
    pub fn charge(&mut self, namespace: &Name, steps: u32) {
        self.turns.charge(namespace, steps.into());
    }

    /// How often one has begun to wait.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn put(&mut self, workload: &WorkloadRef, waiting: Waiting) {
        self.begun += u64::from(!self.waiting.contains_key(workload));
        let before = self.waiting.insert(workload.clone(), waiting);
        self.reschedule(&workload.namespace, |due| {
            if let Some(before) = before {
                due.remove(&(before.due, workload.clone()));
            }
            due.insert((waiting.due, workload.clone()));
        });
    }

    /// Changes what is due in a namespace.
    fn reschedule(
        &mut self,
        who: &Name,
        change: impl FnOnce(&mut BTreeSet<(Millis, WorkloadRef)>),
    ) {
        let due = self.due.entry(who.clone()).or_default();
        let before = due.first().map(|(at, _)| *at);
        change(due);
        let now = due.first().map(|(at, _)| *at);
        let had_no_turn = before.is_none_or(|at| self.heads.remove(&(at, who.clone())));
        match now {
            Some(at) if had_no_turn => drop(self.heads.insert((at, who.clone()))),
            Some(_) => {}
            None => {
                self.due.remove(who);
                if !self.news.contains_key(who) {
                    self.turns.leave(who);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KINDS;
    use crate::refs::SourceKind;

    fn web() -> WorkloadRef {
        WorkloadRef::new(&KINDS[0], "ns", "web")
    }

    fn decided(workload: WorkloadRef, late: Millis) -> Due {
        Due::Decision(workload, late)
    }

    #[test]
    fn many_are_told_in_the_turn_of_their_namespace_before_one_is_decided() {
        let source = SourceRef::new(SourceKind::Secret, "loud", "s");
        let (topic, lender) = (Topic::Source(source), Topic::Template(web()));
        let mut queue = Queue::default();
        let (loud, quiet) = (WorkloadRef::new(&KINDS[0], "loud", "web"), web());
        queue.changed(&loud, 0, 0);
        queue.changed(&loud, 0, 90);
        queue.changed(&quiet, 0, 0);
        queue.tell(topic.clone(), News::changed(1));
        queue.tell(topic.clone(), News::read());
        queue.tell(topic.clone(), News::changed(5));
        assert!(queue.has_turn(&"loud".into()));
        let news = News {
            changed: Some((1, 5)),
            read: true,
        };
        assert_eq!(queue.pop(5), Some(Due::News(topic.clone(), news)));
        queue.charge(&"loud".into(), 1_000);
        queue.tell(topic.clone(), News::read());
        assert_eq!(queue.pop(5), Some(decided(quiet.clone(), 5)));
        assert_eq!(queue.pop(5), Some(Due::News(topic, News::read())));
        assert_eq!((queue.pop(5), queue.next()), (None, Some(90)));
        queue.tell(lender.clone(), News::default());
        assert_eq!(queue.next(), Some(0));
        assert_eq!(queue.pop(5), Some(Due::News(lender, News::default())));
        assert_eq!(
            (queue.pop(90), queue.pop(90)),
            (Some(decided(loud, 0)), None)
        );
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn namespaces_take_turns_by_what_they_take() {
        let named = |ns: &str, i: usize| WorkloadRef::new(&KINDS[0], ns, i.to_string());
        let mut queue = Queue::default();
        (0..100).for_each(|i| queue.look(&named("loud", i), 0));
        (0..3).for_each(|i| queue.look(&named("quiet", i), 10));
        let mut served = Vec::new();
        while let Some(Due::Decision(workload, _)) = queue.pop(10) {
            let loud = &*workload.namespace == "loud";
            queue.charge(&workload.namespace, if loud { 1_000 } else { 400 });
            served.push(if loud { 'l' } else { 'q' });
        }
        let first: String = served.iter().take(5).collect();
        assert_eq!((&*first, served.len()), ("lqqql", 103));
        assert_eq!((queue.next(), queue.is_empty()), (None, true));
    }

    #[test]
    fn what_is_put_off_while_it_is_its_turn_waits() {
        let (mut queue, other) = (Queue::default(), WorkloadRef::new(&KINDS[0], "ns", "other"));
        queue.changed(&web(), 0, 100);
        queue.changed(&other, 0, 100);
        assert_eq!(queue.pop(100), Some(decided(other, 0)));
        queue.changed(&web(), 100, 100);
        assert_eq!((queue.pop(100), queue.next()), (None, Some(200)));
        assert_eq!(queue.pop(250), Some(decided(web(), 50)));
    }

    #[test]
    fn quiet_comes_before_a_decision() {
        let mut queue = Queue::default();
        queue.changed(&web(), 0, 2_000);
        queue.changed(&web(), 1_500, 2_000);
        assert_eq!(queue.pop(3_499), None);
        assert_eq!(queue.pop(3_510), Some(decided(web(), 10)));
        assert!(queue.is_empty());
    }

    #[test]
    fn constant_change_does_not_put_it_off_for_ever() {
        let mut queue = Queue::default();
        for now in (0..20_000).step_by(100) {
            queue.changed(&web(), now, 2_000);
            if queue.pop(now).is_some() {
                assert_eq!(now, 10_000);
                return;
            }
        }
        unreachable!("never decided");
    }

    #[test]
    fn a_look_does_not_cut_quiet_short() {
        let mut queue = Queue::default();
        queue.changed(&web(), 0, 2_000);
        queue.look(&web(), 10);
        assert_eq!(queue.next(), Some(2_000));
        queue.forget(&web());
        queue.look(&web(), 50);
        queue.look(&web(), 10);
        queue.look(&web(), 90);
        assert_eq!(queue.pop(10), Some(decided(web(), 0)));
        assert_eq!(queue.begun(), 2);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_shorter_quiet_time_counts_from_the_last_change() {
        let mut queue = Queue::default();
        queue.changed(&web(), 0, 25_000);
        queue.changed(&web(), 3_000, 25_000);
        queue.shorten(&web(), 3_500, 30_000);
        assert_eq!(queue.next(), Some(28_000));
        queue.shorten(&web(), 3_500, 1_000);
        assert_eq!(queue.next(), Some(4_000));
        queue.shorten(&web(), 9_000, 0);
        assert_eq!(queue.next(), Some(9_000));
        queue.pop(9_000);
        queue.shorten(&web(), 9_000, 0);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn a_quiet_time_without_end_is_waited_for() {
        let mut queue = Queue::default();
        queue.changed(&web(), 1, u64::MAX);
        assert_eq!(queue.pop(1 << 60), None);
        queue.changed(&web(), 2, 0);
        assert_eq!(queue.pop(2), Some(decided(web(), 0)));
    }

    #[test]
    fn no_quiet_time_means_at_once() {
        let mut queue = Queue::default();
        queue.changed(&web(), 7, 0);
        assert_eq!(queue.pop(7), Some(decided(web(), 0)));
    }
}
