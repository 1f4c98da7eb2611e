//! Many sources of a namespace are read by one list instead of a request for each: when
//! Tidings comes to a namespace, each of thousands is to be read once.
//!
//! A list shows all of a kind, needed or not, so it is asked for only where a good part
//! of what is held is waited for, and ends where it shows too much else
//! ([`crate::fetch::ContentList`]). What it does not show is read by itself, and so is all
//! the rest of a list that fails.

use std::collections::HashMap;

use tidings_core::refs::{Name, SourceKind, SourceRef};
use tidings_core::settle::Millis;

use super::ground::Ground;
use super::{Effect, Together};
use crate::fetch::{Asked, ONE_OF};

/// So many have to wait for their turn to be read, for a list to be thought of.
const MANY: usize = 256;
/// After a list that failed, or did not show all, none is asked for so long.
const PAUSE: Millis = 60_000;

/// The lists by which sources are read: of each kind and namespace one at a time.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<(SourceKind, Name), State>);

#[derive(Debug, PartialEq, Eq)]
enum State {
    UnderWay,
    /// Not before this time.
    Again(Millis),
}

impl Lists {
    /// A list of these does not help now.
    pub(super) fn put_off(&mut self, of: (SourceKind, Name), now: Millis) {
        let state = self.0.entry(of).or_insert(State::Again(now));
        if *state != State::UnderWay {
            *state = State::Again(now + PAUSE);
        }
    }

    /// Whether one may be asked for.
    fn may_begin(&mut self, of: &(SourceKind, Name), now: Millis) -> bool {
        self.0
            .retain(|_, state| !matches!(state, State::Again(at) if *at <= now));
        !self.0.contains_key(of)
    }
}

impl Ground {
    /// One more of these waits to be read, so many in its namespace now: perhaps all are
    /// read by a list.
    pub(super) fn wait_for_list(&mut self, of: (SourceKind, Name), waiting: usize) {
        if !waiting.is_multiple_of(MANY) || of.0.by_status() {
            return;
        }
        let (kind, namespace) = &of;
        let needed = self.reading.waiting(*kind, namespace);
        let unread: Vec<_> = self.index.unread(*kind, namespace).cloned().collect();
        let is_worth_it = needed >= MANY / 2 && needed * ONE_OF >= unread.len();
        if is_worth_it && self.reading.lists.may_begin(&of, self.now) {
            self.read_together(of, unread);
        }
    }

    /// All that is unread and not being read by itself, whoever asks for it next.
    fn read_together(&mut self, of: (SourceKind, Name), unread: Vec<SourceRef>) {
        let (kind, namespace) = of.clone();
        let waiting = self.reading.take_waiting(kind, &namespace);
        let others = unread.into_iter();
        let others = others.filter(|source| !self.reading.is_under_way(source));
        let mut asked = Asked::new();
        for source in others.collect::<Vec<_>>().into_iter().chain(waiting) {
            let told = self.index.source(&source).map(|held| held.told);
            if self.reading.begin_by_list(&source, self.now) {
                let sha1 = self.index.wants_sha1(&source);
                asked.insert(source.name, (told.unwrap_or_default(), sha1));
            }
        }
        self.reading.lists.0.insert(of, State::UnderWay);
        self.effects.push(Effect::FetchTogether(Together {
            kind,
            namespace,
            asked,
        }));
    }

    /// A list has ended: these it has not shown.
    pub(super) fn fetched_together(&mut self, left: Together) {
        let Together {
            kind,
            namespace,
            asked,
        } = left;
        let of = (kind, namespace.clone());
        self.reading.lists.0.remove(&of);
        if !asked.is_empty() {
            self.reading.lists.put_off(of, self.now);
        }
        for name in asked.into_keys() {
            let source = SourceRef::new(kind, namespace.clone(), name);
            if self.reading.is_left_by_list(&source) {
                self.fetch(source);
            }
        }
        self.reading.list_ended(&namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::super::strangers::{Neighbourhood, fetches, meta};
    use super::super::*;
    use super::MANY;
    use crate::fetch::ONE_OF;
    use tidings_core::index::Content;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("s{n:04}")).collect()
    }

    /// Each of so many workloads uses a Secret of its own, and all Secrets are told.
    fn town(count: usize) -> Neighbourhood {
        let mut town = Neighbourhood::new();
        for name in names(count) {
            town.told(Fact::Source(meta("loud", &name, 5)));
            town.uses("loud", &name, std::slice::from_ref(&name));
        }
        town
    }

    fn is_there(name: &str) -> Fetched {
        Fetched::Present(meta("loud", name, 5), Content::new(5, []))
    }

    /// Turns until nothing more comes. Each source that is read by itself is there;
    /// returns how many were, and what was to be listed.
    fn settle(town: &mut Neighbourhood) -> (usize, Vec<Together>) {
        let (mut alone, mut lists) = (0, Vec::new());
        loop {
            let effects = town.control.turn(0);
            for (source, told) in fetches(&effects) {
                alone += 1;
                let answer = Input::Fetched(source.clone(), told, Ok(is_there(&source.name)));
                town.control.take(0, answer);
            }
            if effects.is_empty() && town.control.next().is_none_or(|at| at > 0) {
                return (alone, lists);
            }
            lists.extend(effects.into_iter().filter_map(|effect| match effect {
                Effect::FetchTogether(together) => Some(together),
                _ => None,
            }));
        }
    }

    fn recorded(town: &Neighbourhood) -> usize {
        let leading = town.control.leading.as_ref().unwrap();
        leading.store.workloads().count()
    }

    #[test]
    fn many_are_read_by_one_list_and_the_rest_by_itself() {
        let all = 4 * MANY;
        let mut town = town(all);
        let (alone, mut lists) = settle(&mut town);
        let mut list = lists.pop().unwrap();
        assert!(lists.is_empty() && alone + list.asked.len() == all);
        assert!(list.asked.len() > all / ONE_OF, "{}", list.asked.len());
        let (left, (told, _)) = list.asked.pop_last().unwrap();
        let shown = std::mem::take(&mut list.asked);
        for (name, (told, _)) in shown {
            let source = SourceRef::new(list.kind, "loud", name);
            let answer = Input::Fetched(source.clone(), told, Ok(is_there(&source.name)));
            town.control.take(0, answer);
        }
        list.asked.insert(left, (told, false));
        assert_eq!(recorded(&town), alone);
        town.control.take(0, Input::FetchedTogether(list));
        let (alone, lists) = settle(&mut town);
        assert_eq!((alone, lists), (1, Vec::new()));
        assert_eq!(recorded(&town), all);
    }

    #[test]
    fn few_are_read_each_by_itself() {
        let mut town = town(MANY / 2);
        assert_eq!(settle(&mut town), (MANY / 2, Vec::new()));
    }

    /// What a list shows that was asked for in an earlier term may be older than what the
    /// records tell of.
    #[test]
    fn a_list_of_an_earlier_term_is_not_believed() {
        let mut town = town(4 * MANY);
        let (_, mut lists) = settle(&mut town);
        let list = lists.pop().unwrap();
        town.control.take(
            0,
            Input::Leading(NewTerm {
                number: 2,
                state: Vec::new(),
                remaking: Vec::new(),
                unled_since: None,
            }),
        );
        let (name, (told, _)) = list.asked.first_key_value().unwrap();
        let source = SourceRef::new(list.kind, "loud", name.clone());
        let answer = Input::Fetched(source.clone(), *told, Ok(is_there(name)));
        town.control.take(0, answer);
        assert_eq!(town.control.index().view(&source).current(), None);
    }
}
