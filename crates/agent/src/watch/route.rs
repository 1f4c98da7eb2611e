//! The way from a path that a person wrote to the files that it means now.
//!
//! In: a path, which need not exist. Out: a [`Route`]: where it ends, and which
//! directories on the way could lead it elsewhere. A link may be set anew
//! (git-sync), a directory moved away, a missing part made: so every look
//! follows the path afresh, and each of these directories is watched.
//!
//! A file's own inode, `..data` and everything behind it are replaced at the
//! first update, so a watch on them dies (kubernetes/kubernetes#111947). A way
//! that comes to a directory with `..data` ends there.

use crate::files::path_walk::PathWalk;
use crate::files::sys;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What a path means at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The directories that were passed.
    pub(super) steps: Vec<Step>,
    /// Where it ends; the error says why it does not.
    pub(super) end: Result<Spot, Errno>,
    /// It leads through links other than a volume's own.
    pub(super) by_links: bool,
    /// What was named is a link that leads elsewhere than below its directory.
    pub(super) leads_out: bool,
}

/// A directory on the way, and what in it matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    pub(super) dir: PathBuf,
    pub(super) heed: Heed,
}

/// What matters in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heed {
    /// That it is moved or deleted itself.
    Itself,
    /// That an entry of this name is made, replaced or removed.
    Entry(OsString),
    /// That, and that it is written to.
    File(OsString),
    /// Everything.
    All,
}

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// The directory.
    pub(super) dir: PathBuf,
    /// Only this in it, relative.
    pub(super) file: Option<PathBuf>,
    /// It holds `..data`.
    pub(super) volume: bool,
}

impl Route {
    /// Follows the path as far as it leads.
    pub(super) fn of(path: &Path) -> Self {
        let mut walk = RouteWalk {
            way: PathWalk::along(path),
            fence: None,
            steps: Vec::new(),
        };
        let end = loop {
            if let Some(end) = walk.step() {
                break end;
            }
        };
        let is_out = |fence: PathBuf| !walk.way.here.starts_with(fence);
        Self {
            steps: walk.steps,
            end,
            by_links: walk.way.has_links(),
            leads_out: walk.fence.is_some_and(is_out),
        }
    }
}

struct RouteWalk {
    way: PathWalk,
    /// Where the last part lies, if that is a link. Links before it are part of
    /// how the place is called (`/var/run`).
    fence: Option<PathBuf>,
    steps: Vec<Step>,
}

impl RouteWalk {
    /// One part further; the end, if that was it.
    fn step(&mut self) -> Option<Result<Spot, Errno>> {
        let Some(name) = self.way.next() else {
            return Some(self.whole());
        };
        let kind = kind(&self.way.here.join(&name));
        match leads_into_volume(&self.way.here, &name, kind) {
            Ok(true) => return Some(self.in_volume(&name)),
            Ok(false) => {}
            Err(error) => return self.nowhere(name, error),
        }
        match kind {
            Ok(FileType::Symlink) => self.link(name),
            Ok(FileType::Directory) => {
                self.pass(Heed::Itself);
                self.way.here.push(name);
                None
            }
            Ok(_) if self.way.ahead.is_empty() => Some(Ok(self.file(name))),
            // A file where a directory must be may become one.
            Ok(_) => self.nowhere(name, Errno::NOENT),
            Err(error) => self.nowhere(name, error),
        }
    }

    fn link(&mut self, name: OsString) -> Option<Result<Spot, Errno>> {
        let target = match target(&self.way.here.join(&name)) {
            Ok(target) => target,
            Err(error) => return self.nowhere(name, error),
        };
        if !self.way.may_follow() {
            return self.nowhere(name, Errno::NOENT);
        }
        if self.way.ahead.is_empty() && self.fence.is_none() {
            self.fence = Some(self.way.here.clone());
        }
        self.pass(Heed::Entry(name));
        self.way.follow(&target);
        None
    }

    fn pass(&mut self, heed: Heed) {
        let dir = self.way.here.clone();
        self.steps.push(Step { dir, heed });
    }

    #[expect(clippy::unnecessary_wraps, reason = "the end of a step")]
    fn nowhere(&mut self, name: OsString, why: Errno) -> Option<Result<Spot, Errno>> {
        self.pass(Heed::Entry(name));
        Some(Err(why))
    }

    fn whole(&self) -> Result<Spot, Errno> {
        Ok(Spot {
            dir: self.way.here.clone(),
            file: None,
            volume: is_volume(&self.way.here)?,
        })
    }

    fn file(&mut self, name: OsString) -> Spot {
        self.pass(Heed::File(name.clone()));
        Spot {
            dir: self.way.here.clone(),
            file: Some(name.into()),
            volume: false,
        }
    }

    /// What is left of the way is looked up in the generation that is read.
    fn in_volume(&mut self, name: &OsStr) -> Result<Spot, Errno> {
        let mut rest = PathBuf::new();
        let ahead = std::mem::take(&mut self.way.ahead);
        for part in [name.to_owned()].into_iter().chain(ahead) {
            match part.to_str() {
                Some("..data") if rest.as_os_str().is_empty() => {}
                Some("..") => drop(rest.pop()),
                _ => rest.push(part),
            }
        }
        Ok(Spot {
            file: (!rest.as_os_str().is_empty()).then_some(rest),
            ..self.whole()?
        })
    }
}

fn kind(path: &Path) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(sys::lstat(path)?.st_mode))
}

/// Where a link leads. `AGAIN`: it has just become something else.
fn target(link: &Path) -> Result<PathBuf, Errno> {
    let target = match sys::readlink(link, Vec::new()) {
        Err(Errno::INVAL) => return Err(Errno::AGAIN),
        target => target?.into_bytes(),
    };
    Ok(OsString::from_vec(target).into())
}

fn is_volume(dir: &Path) -> Result<bool, Errno> {
    match kind(&dir.join("..data")) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(false),
        kind => Ok(kind? == FileType::Symlink),
    }
}

/// What the kubelet wrote, or may write yet. Not another volume that is mounted
/// within this one: the kubelet makes a directory for its mount point.
fn leads_into_volume(
    dir: &Path,
    name: &OsStr,
    kind: Result<FileType, Errno>,
) -> Result<bool, Errno> {
    if !is_volume(dir)? {
        return Ok(false);
    }
    match kind {
        _ if name == "..data" => Ok(true),
        Ok(FileType::Symlink) => Ok(target(&dir.join(name))?.starts_with("..data")),
        Ok(_) => Ok(false),
        Err(error) if is_absence(error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Why a place is not there, as people are told: only what they must mend ends
/// the agent at its start.
pub(super) fn is_absence(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn end(path: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
        let spot = Route::of(path).end.ok()?;
        Some((spot.dir, spot.file))
    }

    fn real(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().canonicalize().unwrap()
    }

    #[test]
    fn every_way_into_a_volume_ends_at_its_mount() {
        let root = tempfile::tempdir().unwrap();
        let root = real(&root);
        let mount = root.join("cm");
        fs::create_dir_all(mount.join("..2026/conf.d")).unwrap();
        fs::write(mount.join("..2026/conf.d/x"), "").unwrap();
        fs::write(mount.join("..2026/a"), "").unwrap();
        symlink("..2026", mount.join("..data")).unwrap();
        symlink("..data/a", mount.join("a")).unwrap();
        symlink("..data/conf.d", mount.join("conf.d")).unwrap();
        symlink(mount.join("a"), root.join("app.conf")).unwrap();
        symlink("cm/conf.d", root.join("conf.d")).unwrap();
        // Another volume may be mounted within.
        fs::create_dir_all(mount.join("more/..2026")).unwrap();
        symlink("..2026", mount.join("more/..data")).unwrap();
        for (path, inner, file) in [
            ("cm", "cm", None),
            ("cm/.", "cm", None),
            ("cm/..data", "cm", None),
            ("cm/a", "cm", Some("a")),
            ("cm/..data/a", "cm", Some("a")),
            ("cm/later", "cm", Some("later")),
            ("cm/later/x", "cm", Some("later/x")),
            ("cm/conf.d", "cm", Some("conf.d")),
            ("cm/conf.d/x", "cm", Some("conf.d/x")),
            ("cm/conf.d/../a", "cm", Some("a")),
            ("conf.d/x", "cm", Some("conf.d/x")),
            ("app.conf", "cm", Some("a")),
            ("cm/more", "cm/more", None),
            ("cm/more/b", "cm/more", Some("b")),
        ] {
            let expected = Some((root.join(inner), file.map(PathBuf::from)));
            assert_eq!(end(&root.join(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_plain_path_is_what_it_is_when_it_is_there() {
        let root = tempfile::tempdir().unwrap();
        let root = real(&root);
        let path = root.join("some.d");
        assert_eq!(end(&path), None);
        fs::write(&path, "").unwrap();
        assert_eq!(end(&path), Some((root.clone(), Some("some.d".into()))));
        assert_eq!(end(&path.join("below")), None);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(end(&path), Some((path.clone(), None)));
    }

    #[test]
    fn every_directory_that_could_lead_elsewhere_is_passed() {
        let root = tempfile::tempdir().unwrap();
        let root = real(&root);
        fs::create_dir_all(root.join("git/rev/conf")).unwrap();
        symlink(root.join("git/current"), root.join("app")).unwrap();
        symlink("rev", root.join("git/current")).unwrap();
        let route = Route::of(&root.join("app/conf/x"));
        assert!(route.by_links && route.end == Err(Errno::NOENT));
        let heeded = |dir: &str, heed: Heed| {
            let dir = root.join(dir);
            route.steps.contains(&Step { dir, heed })
        };
        assert!(heeded("", Heed::Entry("app".into())));
        assert!(heeded("git", Heed::Entry("current".into())));
        assert!(heeded("git/rev", Heed::Itself));
        assert!(heeded("git/rev/conf", Heed::Entry("x".into())));
    }

    #[test]
    fn links_that_go_round_lead_nowhere() {
        let root = tempfile::tempdir().unwrap();
        symlink("b", root.path().join("a")).unwrap();
        symlink("a", root.path().join("b")).unwrap();
        assert_eq!(end(&root.path().join("a")), None);
    }
}
