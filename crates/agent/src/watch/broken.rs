//! Places before a kernel that fails: each call that a look makes fails once, in
//! each way. What could not be read is unknown, and never empty, gone or changed.

use super::glob::Filter;
use super::place::Place;
use super::route::is_absence;
use super::watched::Watched;
use crate::files::read::Unread;
use crate::files::sys::faults::{Fault, Syscall, calls_of, during, once};
use rustix::io::Errno;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What passes by itself.
const PASSING: [Errno; 7] = [
    Errno::IO,
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOSPC,
    Errno::INTR,
    Errno::STALE,
    Errno::NOMEM,
];

fn place(path: PathBuf) -> Place {
    let filter = Filter::default();
    Place { path, filter }
}

/// A plain tree, a volume, and a link into it; each way to name something there.
fn places(root: &Path) -> Vec<Place> {
    let root = root.canonicalize().unwrap();
    let files = ["plain/a", "plain/sub/b", "cm/..2026/a", "cm/..2026/sub/b"];
    for file in files {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file).unwrap();
    }
    for (to, link) in [
        ("a", "plain/link"),
        ("sub", "plain/round"),
        ("..2026", "cm/..data"),
        ("..data/a", "cm/a"),
        ("..data/sub", "cm/sub"),
        ("cm", "current"),
    ] {
        symlink(to, root.join(link)).unwrap();
    }
    let named = ["plain", "plain/a", "plain/sub", "cm", "cm/a", "current"];
    let paths = named.iter().map(|name| root.join(name));
    paths.map(place).collect()
}

fn watched(place: &Place) -> Watched {
    let mut watched = Watched::new(place.clone());
    watched.first_look().unwrap();
    watched
}

#[test]
fn a_call_that_fails_changes_nothing_and_is_said() {
    let root = tempfile::tempdir().unwrap();
    for place in places(root.path()) {
        let (truth, calls) = calls_of(|| place.read().unwrap());
        for (number, call) in calls.iter().enumerate() {
            for error in PASSING {
                let mut watched = watched(&place);
                let plan = once(number, Fault::Fails(error), |_| true);
                let found = during(plan, || watched.take(place.read()));
                let case = format!("{} {number} {:?} {error}", place.path.display(), call);
                assert!(!watched.missing, "{case}");
                assert!(found.is_none_or(|found| found.names.is_empty()), "{case}");
                assert_eq!(watched.last.files, truth.files, "{case}");
                let seen = watched.last.generation == truth.generation;
                assert!(seen, "{case}: {:?}", watched.last.generation);
                // A second one brings everything back.
                watched.take(place.read());
                assert!(
                    watched.unread().is_empty() && watched.last == truth,
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn a_file_that_fails_for_good_is_named_until_it_can_be_read() {
    let root = tempfile::tempdir().unwrap();
    for place in places(root.path()) {
        for error in PASSING.into_iter().filter(|error| *error != Errno::INTR) {
            let mut watched = watched(&place);
            let plan = move |call| (call == Syscall::Read).then_some(Fault::Fails(error));
            during(plan, || watched.take(place.read()));
            let unread = watched.unread();
            let sentence = format!("cannot be read: {}", Unread::Failed(error));
            assert!(
                unread.iter().any(|said| said.contains(&sentence)),
                "{unread:?}"
            );
            assert!(!watched.is_clear());
            watched.take(place.read());
            assert!(watched.unread().is_empty());
        }
    }
}

#[test]
fn a_first_look_that_fails_is_no_empty_place() {
    let root = tempfile::tempdir().unwrap();
    for place in places(root.path()) {
        let (truth, calls) = calls_of(|| place.read().unwrap());
        for (number, call) in calls.iter().enumerate() {
            let plan = once(number, Fault::Fails(Errno::IO), |_| true);
            let read = during(plan, || place.read());
            let is_said = match read {
                Err(why) => !is_absence(why),
                Ok(read) => read.files == truth.files || !read.unread.is_empty(),
            };
            assert!(is_said, "{} {number} {:?}", place.path.display(), call);
        }
    }
}

#[test]
fn what_may_not_be_read_is_named() {
    let root = tempfile::tempdir().unwrap();
    for place in places(root.path()) {
        let (truth, calls) = calls_of(|| place.read().unwrap());
        for (number, call) in calls.iter().enumerate() {
            let plan = once(number, Fault::Fails(Errno::ACCESS), |_| true);
            let Ok(read) = during(plan, || place.read()) else {
                continue;
            };
            let same = read.files == truth.files;
            let case = format!("{} {number} {:?}", place.path.display(), call);
            assert!(same || !read.unread.is_empty(), "{case}");
        }
    }
}

#[test]
fn what_comes_in_small_pieces_is_the_same() {
    let root = tempfile::tempdir().unwrap();
    for place in places(root.path()) {
        let truth = place.read().unwrap();
        let mut odd = false;
        let plan = move |call| {
            odd = !odd;
            let fault = if odd {
                Fault::Short(1)
            } else {
                Fault::Fails(Errno::INTR)
            };
            (call == Syscall::Read).then_some(fault)
        };
        assert_eq!(during(plan, || place.read()), Ok(truth));
    }
}

/// It is changed between the opening and the end of it, once.
#[test]
fn what_shrinks_or_grows_while_it_is_read_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a");
    for (before, after) in [
        ("much more of it", "less"),
        ("less", "much more of it"),
        ("x", ""),
    ] {
        for number in 0..2 {
            for silent in [false, true] {
                std::fs::write(&file, after).unwrap();
                let truth = place(file.clone()).read().unwrap().files;
                std::fs::write(&file, before).unwrap();
                let (path, mut reads, mut stats) = (file.clone(), 0, false);
                let plan = move |call| {
                    if call == Syscall::Read {
                        if reads == number {
                            std::fs::write(&path, after).unwrap();
                            stats = silent;
                        }
                        reads += 1;
                    }
                    // Whether it has changed cannot be told.
                    let fails = call == Syscall::Stat && std::mem::take(&mut stats);
                    fails.then_some(Fault::Fails(Errno::IO))
                };
                let read = during(plan, || place(file.clone()).read()).unwrap();
                let is_known = read.unknown.is_empty();
                assert!(
                    !is_known || read.files == truth,
                    "{before} {after} {number}"
                );
                assert!(is_known || silent);
            }
        }
    }
}
