//! Reads a watched place, at one moment.
//!
//! In: a place. Out: a [`Snapshot`], one digest per file and
//! which generation of a kubelet's volume they are of. A volume is read through
//! one descriptor of its timestamp directory, so that a snapshot is never made
//! of two generations (Kubernetes, pkg/volume/util/atomic_writer.go).
//! A place that is gone is an error.

use super::digest::{READINGS, changed};
use super::mounted::Mounted;
use super::place::Place;
use super::route::{Heed, Route, Spot};
use super::snapshot::Snapshot;
use super::tree::Tree;
use crate::files::read::{Opened, Root, Unread};
use crate::files::sys;
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a volume may be swapped while it is read before that is an error.
pub(crate) const PATIENCE: u32 = 100;
/// And for how long: whoever asks whether the watch still turns is not to wait for
/// a large volume that is swapped without end.
pub(crate) const LONGEST: Duration = Duration::from_secs(2);

impl Place {
    /// Reads everything.
    ///
    /// # Errors
    /// When the place is not there, or may not be listed; `AGAIN` when it was
    /// swapped away again and again.
    pub(crate) fn read(&self) -> Result<Snapshot, Errno> {
        self.read_within(LONGEST)
    }

    fn read_within(&self, limit: Duration) -> Result<Snapshot, Errno> {
        let began = Instant::now();
        for _ in 0..PATIENCE {
            let route = self.route();
            let spot = route.end.clone()?;
            let generation = spot.generation()?;
            let read = self.read_spot(&route, &spot, generation.as_deref());
            // A directory that is being removed lists fewer files, without any
            // error. It is removed only after the way to it has moved on.
            if self.route().end? != spot || spot.generation()? != generation {
                if began.elapsed() >= limit {
                    break;
                }
                continue;
            }
            return read.map(|mut snapshot| {
                snapshot.generation = generation;
                snapshot
            });
        }
        Err(Errno::AGAIN)
    }

    /// Reads one file, by its name below this place, as far as `limit` bytes: of one
    /// generation, and not half of what was there before. `read` is called again where it
    /// was replaced meanwhile.
    ///
    /// # Errors
    /// When it is not there, or cannot be read; `AGAIN` when it was replaced again and
    /// again.
    pub(crate) fn read_file(
        &self,
        name: &Path,
        limit: u64,
        read: &mut dyn FnMut(&mut Opened) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        for _ in 0..READINGS {
            let spot = self.route().end?;
            let generation = spot.generation()?;
            let opened = self.open(&spot, generation.as_deref(), name, limit);
            let has_changed = opened.and_then(|mut file| {
                read(&mut file)?;
                file.has_changed()
            });
            let is_same = self.route().end? == spot && spot.generation()? == generation;
            if is_same && has_changed != Ok(true) {
                return has_changed.map(|_| ());
            }
        }
        Err(Unread::Failed(Errno::AGAIN))
    }

    fn open(
        &self,
        spot: &Spot,
        generation: Option<&str>,
        name: &Path,
        limit: u64,
    ) -> Result<Opened, Unread> {
        let mut root = Root::at(&spot.dir, self.filter.follow)?;
        if let Some(generation) = generation {
            root = root.below(Path::new(generation))?;
        }
        let parts = spot.file.iter().flat_map(|file| file.iter());
        let whole: PathBuf = parts.chain(name).collect();
        root.file(&whole, limit)
    }

    fn read_spot(
        &self,
        route: &Route,
        spot: &Spot,
        generation: Option<&str>,
    ) -> Result<Snapshot, Errno> {
        let mut root = Root::at(&spot.dir, self.filter.follow)?;
        let opened = root.dir(Path::new(".")).ok();
        let mounted = opened.and_then(|opened| Mounted::of(&spot.dir, &opened));
        if let Some(generation) = generation {
            root = root.below(Path::new(generation))?;
        }
        let snapshot = Snapshot {
            dir: self.known_as(route, spot).into(),
            prefix: spot.file.clone().unwrap_or_default().into(),
            changed_at: led_here_at(route, spot),
            mounted,
            ..Snapshot::default()
        };
        let tree = Tree::of(&self.filter, root, generation.is_some(), snapshot);
        tree.read(spot.file.as_deref()).map_err(Unread::errno)
    }

    /// A volume by its directory; what links lead to by the path that was
    /// written, since that does not change when the links do.
    fn known_as<'a>(&'a self, route: &Route, spot: &'a Spot) -> &'a Path {
        match (&spot.file, self.path.parent()) {
            _ if !route.by_links => &spot.dir,
            (None, _) => &self.path,
            (Some(_), Some(parent)) if !spot.volume => parent,
            _ => &spot.dir,
        }
    }
}

/// When the newest link on the way was set, and a volume's own.
fn led_here_at(route: &Route, spot: &Spot) -> (i64, i64) {
    let links = route.steps.iter().filter_map(|step| match &step.heed {
        Heed::Entry(name) => Some(step.dir.join(name)),
        _ => None,
    });
    let own = spot.volume.then(|| spot.dir.join("..data"));
    let times = links.chain(own).filter_map(|link| sys::lstat(&link).ok());
    times.map(|stat| changed(&stat)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::sys::faults::{self, Syscall};
    use crate::watch::foreign::Foreign;
    use crate::watch::glob::Filter;
    use rustix::fs::{self, CWD, FileType, Mode};
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::os::unix::fs::symlink;

    fn place(dir: &Path) -> Place {
        Place {
            path: dir.to_path_buf(),
            filter: Filter::default(),
        }
    }

    fn names(read: &Snapshot) -> Vec<OsString> {
        let names = read.files.keys();
        names.map(|name| read.whole_name(name)).collect()
    }

    #[test]
    fn a_volume_is_read_through_its_generation() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("..2026_a/conf.d")).unwrap();
        std::fs::write(dir.path().join("..2026_a/conf.d/x"), "1").unwrap();
        std::fs::write(dir.path().join("..2026_a/key"), "2").unwrap();
        symlink("..2026_a", dir.path().join("..data")).unwrap();
        symlink("..data/key", dir.path().join("key")).unwrap();
        let read = place(dir.path()).read().unwrap();
        assert_eq!(read.generation.as_deref(), Some("..2026_a"));
        assert_eq!(names(&read), ["conf.d/x", "key"]);
        let below = place(&dir.path().join("conf.d")).read().unwrap();
        assert_eq!(names(&below), ["conf.d/x"]);
    }

    /// All files of a generation have the same content, so a snapshot with two
    /// digests, or with fewer files, would be of two generations.
    #[test]
    fn no_snapshot_is_of_two_generations() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let swap = move |n: usize| {
            let name = format!("..2026_{n}");
            std::fs::create_dir(root.join(&name)).unwrap();
            for key in 0..20 {
                std::fs::write(root.join(&name).join(format!("{key}")), n.to_string()).unwrap();
            }
            symlink(&name, root.join("..data_tmp")).unwrap();
            std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
            if n > 0 {
                std::fs::remove_dir_all(root.join(format!("..2026_{}", n - 1))).unwrap();
            }
        };
        swap(0);
        let writer = std::thread::spawn(move || (1..500).for_each(swap));
        while !writer.is_finished() {
            let files = place(dir.path()).read().unwrap().files;
            assert_eq!(files.len(), 20);
            let first = files.values().next().unwrap();
            assert!(files.values().all(|digest| digest == first));
        }
        writer.join().unwrap();
    }

    #[test]
    fn equal_content_is_an_equal_snapshot_and_other_content_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "one").unwrap();
        let first = place(dir.path()).read().unwrap().files;
        std::fs::write(&file, "two").unwrap();
        assert_ne!(place(dir.path()).read().unwrap().files, first);
        std::fs::write(&file, "one").unwrap();
        assert_eq!(place(dir.path()).read().unwrap().files, first);
    }

    #[test]
    fn links_that_go_round_and_lead_nowhere_end_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        symlink(".", dir.path().join("round")).unwrap();
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        symlink("self", dir.path().join("self")).unwrap();
        std::fs::write(dir.path().join("a"), "1").unwrap();
        assert_eq!(names(&place(dir.path()).read().unwrap()), ["a"]);
    }

    /// A name is bytes: what is no text is read all the same, and two of them
    /// are two files.
    #[test]
    fn names_that_are_no_text_are_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in [&b"a\xff"[..], b"a\xfe", b"line\nbreak"] {
            std::fs::write(dir.path().join(OsStr::from_bytes(name)), "1").unwrap();
        }
        let read = place(dir.path()).read().unwrap();
        let found: Vec<_> = names(&read).into_iter().map(OsString::into_vec).collect();
        assert_eq!(found, [&b"a\xfe"[..], b"a\xff", b"line\nbreak"]);
    }

    #[test]
    fn what_changes_by_itself_is_left_out_unless_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJrdWJlcm5ldGVzLmlvIjp7fX0.c2lnbg";
        std::fs::write(dir.path().join("token"), token).unwrap();
        std::fs::write(dir.path().join("app.conf"), "x").unwrap();
        let read = place(dir.path()).read().unwrap();
        assert_eq!(names(&read), ["app.conf"]);
        assert_eq!(read.left_out, [("token".into(), Foreign::Token)]);
        let by_name = place(&dir.path().join("token")).read().unwrap();
        assert_eq!(names(&by_name), ["token"]);
        let mut by_pattern = place(dir.path());
        by_pattern.filter.include = vec![tidings_shared::glob::Glob::new("tok*").unwrap()];
        assert_eq!(names(&by_pattern.read().unwrap()), ["token"]);
    }

    /// What runs read the old tree; its link was set anew since.
    #[test]
    fn a_tree_is_as_new_as_the_link_that_leads_to_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("old")).unwrap();
        std::fs::write(root.path().join("old/a"), "1").unwrap();
        let file = place(&root.path().join("old")).read().unwrap().changed_at;
        std::thread::sleep(std::time::Duration::from_millis(20));
        symlink("old", root.path().join("current")).unwrap();
        let linked = place(&root.path().join("current")).read().unwrap();
        assert!(linked.changed_at > file);
        assert_eq!(linked.dir, root.path().join("current"));
    }

    #[test]
    fn a_fifo_does_not_hold_the_reader_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::mknodat(CWD, dir.path().join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(place(dir.path()).read().unwrap().files.is_empty());
    }

    #[test]
    fn one_file_of_a_directory_is_read_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "1").unwrap();
        std::fs::write(dir.path().join("b"), "2").unwrap();
        let read = place(&dir.path().join("a")).read().unwrap();
        assert_eq!(names(&read), ["a"]);
    }

    #[test]
    fn the_removal_of_a_file_is_a_change_with_a_time() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "1").unwrap();
        std::fs::write(root.path().join("b"), "1").unwrap();
        let before = place(root.path()).read().unwrap().changed_at;
        // The clock of the file system ticks some hundred times a second.
        let mut after = before;
        while after == before {
            std::fs::remove_file(root.path().join("b")).unwrap();
            after = place(root.path()).read().unwrap().changed_at;
            std::fs::write(root.path().join("b"), "1").unwrap();
        }
        assert!(after > before);
    }

    /// The time that this takes is told from how often it is tried.
    #[test]
    fn a_volume_that_is_swapped_without_end_is_given_up_in_time() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("..2026")).unwrap();
        symlink("..2026", dir.path().join("..data")).unwrap();
        for (limit, tries) in [(Duration::ZERO, 1), (Duration::from_hours(1), PATIENCE)] {
            let link = dir.path().join("..data");
            let lists = std::rc::Rc::new(std::cell::Cell::new(0));
            let (counted, mut swaps) = (std::rc::Rc::clone(&lists), 0);
            let plan = move |call| {
                if call == Syscall::ReadLink {
                    swaps += 1;
                    std::fs::remove_file(&link).unwrap();
                    symlink(format!("{}..2026", "./".repeat(swaps)), &link).unwrap();
                }
                counted.set(counted.get() + u32::from(call == Syscall::Open));
                None
            };
            let read = faults::during(plan, || place(dir.path()).read_within(limit));
            assert_eq!(read, Err(Errno::AGAIN));
            assert!(lists.get() >= tries && lists.get() < tries * 20);
        }
    }

    #[test]
    fn a_place_that_is_gone_is_an_error() {
        assert_eq!(place(Path::new("/nonexistent")).read(), Err(Errno::NOENT));
    }
}
