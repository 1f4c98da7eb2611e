//! Where something lies, whatever way leads there.
//!
//! In: a path as people write it. Out: a [`Location`], the same for every path that
//! leads to one entry of a directory, by links, `..` or another mount of it. So the
//! agent knows what it writes itself: a rendered file, wherever it is seen, is no
//! change, since what it is made of is one.

use crate::files::path_walk::{PathWalk, absolute};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What follows an output's own name in every name beside it.
pub(crate) const MARK: &str = ".tidings-";

/// An entry of a directory, there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// The deepest directory that is there.
    dir: DirId,
    /// What is looked up in it.
    rest: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum DirId {
    Inode(u64, u64),
    /// One that cannot be looked at.
    Path(PathBuf),
}

/// The entries that a path leads through, its own end last.
pub(crate) fn passed(path: &Path) -> Vec<Location> {
    LocationWalk::along(path).passed
}

/// Where a path leads in the end.
pub(crate) fn end(path: &Path) -> Option<Location> {
    passed(path).pop()
}

/// The entry that is replaced: of a link the link itself.
pub(crate) fn written(path: &Path) -> Option<Location> {
    let path = absolute(path);
    let name = path.file_name()?;
    let mut walk = LocationWalk::along(path.parent()?);
    if walk.is_there {
        walk.pass(name.into());
        return walk.passed.pop();
    }
    let mut missing = walk.passed.pop()?;
    missing.rest.push(name);
    Some(missing)
}

impl Location {
    /// Its name in the directory of this inode, if it is one of its entries.
    pub(crate) fn name_in(&self, (device, inode): (u64, u64)) -> Option<&OsStr> {
        let mut parts = self.rest.iter();
        let name = parts.next()?;
        (self.dir == DirId::Inode(device, inode) && parts.next().is_none()).then_some(name)
    }
}

struct LocationWalk {
    way: PathWalk,
    passed: Vec<Location>,
    /// It ends at a directory.
    is_there: bool,
}

impl LocationWalk {
    fn along(path: &Path) -> Self {
        let mut walk = Self {
            way: PathWalk::along(path),
            passed: Vec::new(),
            is_there: true,
        };
        while let Some(name) = walk.way.next() {
            walk.step(name);
        }
        walk
    }

    fn step(&mut self, name: OsString) {
        let path = self.way.here.join(&name);
        let kind = fs::symlink_metadata(&path).map(|found| found.file_type());
        let target = fs::read_link(&path).ok().filter(|_| self.way.may_follow());
        match (kind, target) {
            (Ok(kind), _) if kind.is_dir() => {
                self.pass(name.into());
                self.way.here = path;
            }
            (_, Some(target)) => {
                self.pass(name.into());
                self.way.follow(&target);
            }
            _ => {
                let ahead = std::mem::take(&mut self.way.ahead);
                self.pass([name].into_iter().chain(ahead).collect());
                self.is_there = false;
            }
        }
    }

    fn pass(&mut self, rest: PathBuf) {
        let inode = fs::metadata(&self.way.here).map(|stat| DirId::Inode(stat.dev(), stat.ino()));
        let dir = inode.unwrap_or_else(|_| DirId::Path(self.way.here.clone()));
        self.passed.push(Location { dir, rest });
    }
}

/// Whether a name in the directory of an output is that output, or one of the names
/// under which it is written and kept until the check has passed.
pub(crate) fn is_of_output(output: &OsStr, name: &OsStr) -> bool {
    let aside = |name: &OsStr| {
        let rest = name.as_bytes().strip_prefix(b".")?;
        let rest = rest.strip_prefix(output.as_bytes())?;
        Some(rest.starts_with(MARK.as_bytes()))
    };
    name == output || aside(name).unwrap_or(false)
}

/// Whether a name is of that kind, whoever's output it is: another agent may write
/// where this one watches.
pub(crate) fn is_beside_output(name: &OsStr) -> bool {
    let Some(text) = name.to_str().and_then(|name| name.strip_prefix('.')) else {
        return false;
    };
    let is_number = |text: &str| u64::from_str_radix(text, 16).is_ok();
    let is_kind = |kind: &str| match kind.strip_prefix("new") {
        Some(inode) => is_number(inode),
        None => kind == "draft",
    };
    let aside = text
        .rsplit_once(MARK)
        .and_then(|(_, rest)| rest.split_once('-'));
    aside.is_some_and(|(kind, number)| is_kind(kind) && is_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_any_agent_keeps_beside_its_output_is_known() {
        for name in [
            ".x.tidings-draft-1f",
            ".x.conf.tidings-newa5e2d4-dc56a1113a581d04",
            ".a.tidings-b.tidings-draft-0",
        ] {
            assert!(is_beside_output(name.as_ref()), "{name}");
        }
        for name in [
            "x",
            ".x",
            "x.tidings-draft-1",
            ".x.tidings-draft",
            ".x.tidings-draft-",
            ".x.tidings-draft-x",
            ".x.tidings-new-1",
            ".x.tidings-old1-1",
        ] {
            assert!(!is_beside_output(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn names_beside_an_output_are_its_own() {
        let is = |name: &str| is_of_output("x".as_ref(), name.as_ref());
        assert!(is("x") && is(".x.tidings-draft-1") && is(".x.tidings-new7-1"));
        assert!(!is(".y.tidings-draft-1") && !is("y") && !is(".x.conf"));
    }
}
