//! A path as the kernel follows it, part by part (path_resolution(7)).
//!
//! In: a path as people write it, and where its links lead, as the walker finds out.
//! Out: the directory where the walk is, and what of the path is still ahead.

use crate::files::read::MOST_LINKS;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// How far a walk has come.
pub(crate) struct PathWalk {
    /// A directory, never a link.
    pub(crate) here: PathBuf,
    pub(crate) ahead: VecDeque<OsString>,
    links: usize,
}

impl PathWalk {
    /// At its beginning. What is relative begins where the agent does.
    pub(crate) fn along(path: &Path) -> Self {
        let mut way = Self {
            here: PathBuf::from("/"),
            ahead: VecDeque::new(),
            links: 0,
        };
        way.turn_to(&absolute(path));
        way
    }

    /// The part that is next; what is called `..` has been gone.
    pub(crate) fn next(&mut self) -> Option<OsString> {
        loop {
            let name = self.ahead.pop_front()?;
            if name != ".." {
                return Some(name);
            }
            self.here.pop();
        }
    }

    /// Whether it led through links.
    pub(crate) fn has_links(&self) -> bool {
        self.links > 0
    }

    /// Whether one more link is followed.
    pub(crate) fn may_follow(&self) -> bool {
        self.links < MOST_LINKS
    }

    /// Goes on where a link leads.
    pub(crate) fn follow(&mut self, target: &Path) {
        self.links += 1;
        self.turn_to(target);
    }

    fn turn_to(&mut self, target: &Path) {
        for part in target.components().rev() {
            match part {
                Component::RootDir => self.here = PathBuf::from("/"),
                Component::Normal(name) => self.ahead.push_front(name.to_owned()),
                Component::ParentDir => self.ahead.push_front("..".into()),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }
}

/// The same path from the root, with its links and `..` as they are.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
