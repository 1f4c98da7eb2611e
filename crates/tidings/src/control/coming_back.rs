//! A leader that comes back knows what it knew in its last term, and that others have led
//! since.

use tidings_core::digest::Digest;
use tidings_core::index::{Content, Presence};
use tidings_core::kinds::KINDS;
use tidings_core::object::Version;
use tidings_core::refs::WorkloadRef;
use tidings_core::state::{Entry, FORM, entry_key};

use super::strangers::{Neighbourhood, fetches, meta};
use super::*;
use crate::records::memory::{Shard, Stored};

/// The Secret as it is at a version, of which its content tells.
fn read(version: Version) -> Fetched {
    let digest = Digest::of_parts(&[&version.to_le_bytes()]);
    let content = Content::new(version, [("k".into(), digest)]);
    Fetched::Present(meta("quiet", "s", version), content)
}

/// Turns until nothing more is due, with the Secret as it is at a version. Returns how
/// often it was read.
fn settle(town: &mut Neighbourhood, version: Version) -> usize {
    let mut read_times = 0;
    for _ in 0..20 {
        for (source, told) in fetches(&town.control.turn(0)) {
            read_times += 1;
            let answer = Input::Fetched(source, told, Ok(read(version)));
            town.control.take(0, answer);
        }
    }
    read_times
}

fn entry(town: &Neighbourhood) -> Entry {
    let leading = town.control.leading.as_ref().unwrap();
    let key = WorkloadRef::new(&KINDS[0], "quiet", "web");
    leading.store.get(&key).cloned().unwrap()
}

/// The watch was silent while another led, and the other's record knows a later version of
/// the source: it is read before anything is compared, so nothing is rolled back and forth.
#[test]
fn what_the_watch_has_not_told_is_read_before_it_is_compared() {
    let mut town = Neighbourhood::new();
    town.told(Fact::Source(meta("quiet", "s", 5)));
    town.uses("quiet", "web", &["s".to_owned()]);
    assert_eq!(settle(&mut town, 5), 1);
    let first = entry(&town);
    town.control.take(0, Input::Following);

    // As the other has left it.
    let mut later = first.clone();
    let seen = first.seen.keys().next().cloned().unwrap();
    let mut other = Neighbourhood::new();
    other.version = 95;
    other.uses("quiet", "web", &["s".to_owned()]);
    settle(&mut other, 90);
    later
        .seen
        .insert(seen.clone(), entry(&other).seen[&seen].clone());
    let key = WorkloadRef::new(&KINDS[0], "quiet", "web");
    let json = later.write_for(&key, FORM).into_bytes();
    let shard = Shard {
        namespace: "quiet".into(),
        number: 0,
    };
    let stored = Stored {
        version: "100".to_owned(),
        data: [(entry_key(&key), json)].into(),
    };
    let new = NewTerm {
        number: 2,
        state: vec![(shard, stored)],
        remaking: Vec::new(),
        unled_since: None,
    };
    town.control.take(0, Input::Leading(new));
    assert_eq!(settle(&mut town, 90), 1, "it is read");
    assert_eq!((entry(&town).n, &entry(&town).seen), (0, &later.seen));
}

/// A reading came from another cluster, whose versions are far ahead: what the watch tells
/// afterwards counts all the same.
#[test]
fn a_version_that_the_watch_never_reaches_is_doubted() {
    let mut town = Neighbourhood::new();
    town.told(Fact::Source(meta("quiet", "s", 5)));
    town.uses("quiet", "web", &["s".to_owned()]);
    assert_eq!(settle(&mut town, 5_000_000), 1);
    town.told(Fact::Source(meta("quiet", "s", 7)));
    assert_eq!(settle(&mut town, 7), 0, "the watch may be late");

    let now = 10_000;
    assert_eq!(town.control.next(), Some(now));
    let source = meta("quiet", "s", 7).key;
    let presence = |town: &Neighbourhood| {
        let known = town.control.index().source(&source);
        known.unwrap().presence.clone()
    };
    assert_ne!(presence(&town), Presence::Unknown);
    town.control.turn(now);
    assert_eq!(presence(&town), Presence::Unknown, "it is to be read again");
}

/// That it is ahead for a moment is usual, and asks for nothing.
#[test]
fn a_version_that_the_watch_reaches_is_not() {
    let mut town = Neighbourhood::new();
    town.told(Fact::Source(meta("quiet", "s", 5)));
    town.uses("quiet", "web", &["s".to_owned()]);
    assert_eq!(settle(&mut town, 9), 1);
    for version in [7, 9] {
        town.told(Fact::Source(meta("quiet", "s", version)));
    }
    town.control.turn(0);
    assert_eq!(town.control.next(), None);
}
