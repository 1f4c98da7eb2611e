//! What a watched place contained at one moment, and what of an older look
//! still stands beside it. Pure.

use super::digest::FileDigest;
use super::foreign::Foreign;
use super::mounted::Mounted;
use crate::files::read::Unread;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The content of a place at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The target of `..data`, for a volume of the kubelet.
    pub(crate) generation: Option<String>,
    /// The directory that was read, as people know it.
    pub(crate) dir: OsString,
    /// What the file's name begins with, where the place is one: a link may lead
    /// to another name, and the content be the same.
    pub(crate) prefix: OsString,
    /// On which mount it is, as far as that is known.
    pub(super) mounted: Option<Mounted>,
    /// Names below the prefix, and digests.
    pub(crate) files: BTreeMap<OsString, FileDigest>,
    /// Whole names of what cannot be read, the first of them.
    pub(crate) unread: Vec<(OsString, Unread)>,
    /// How many there are.
    pub(crate) unread_count: usize,
    /// Names below the prefix of files and directories whose content is unknown.
    pub(crate) unknown: BTreeSet<OsString>,
    /// Whole names of files that change by themselves.
    pub(crate) left_out: Vec<(OsString, Foreign)>,
    /// When the newest of it was put there: seconds and nanoseconds since 1970.
    pub(crate) changed_at: (i64, i64),
}

impl Snapshot {
    /// A mount is gone, and what shows is the directory that it was put upon; or it
    /// has come anew, and is not filled yet.
    pub(super) fn is_unmounted_since(&self, before: &Self) -> bool {
        let is_empty = self.files.is_empty() && !before.files.is_empty();
        let mounts = self.mounted.as_ref().zip(before.mounted.as_ref());
        let is_another = mounts.is_some_and(|(now, before)| now.is_another_than(before));
        let uncovers = mounts.is_some_and(|(now, before)| now.uncovers(before));
        // The kubelet's writer never takes `..data` away.
        let is_no_volume = before.generation.is_some() && self.generation.is_none();
        self.dir == before.dir && (uncovers || is_empty && (is_another || is_no_volume))
    }

    /// What is unknown now is taken to be as it was seen last.
    pub(super) fn keep_unknown_of(&mut self, before: &Self) {
        if self.unknown.is_empty() || self.prefix != before.prefix {
            return;
        }
        let is_unknown = |name: &Path| {
            let mut above = name.ancestors();
            above.any(|part| self.unknown.contains(part.as_os_str()))
        };
        let kept = before.files.iter();
        let kept: Vec<_> = kept
            .filter(|(name, _)| !self.files.contains_key(*name) && is_unknown(Path::new(name)))
            .map(|(name, digest)| (name.clone(), *digest))
            .collect();
        self.files.extend(kept);
    }

    /// The name of a file relative to the directory.
    pub(crate) fn whole_name(&self, name: &OsStr) -> OsString {
        joined(&self.prefix, name)
    }
}

/// `a/b`, or the one that is not empty.
pub(super) fn joined(above: &OsStr, name: &OsStr) -> OsString {
    let mut whole = above.as_bytes().to_vec();
    if !above.is_empty() && !name.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(name.as_bytes());
    OsString::from_vec(whole)
}
