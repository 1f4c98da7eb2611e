//! A file that is asked for, beside what it is meant to hold.
//!
//! In: its place, its name there, and what is meant. Out: whether it is that, and the
//! digest by which the watch knows it. Read in pieces, twice hashed, dropped.

use crate::files::path_walk::absolute;
use crate::files::read::{Opened, SMALL, Unread};
use crate::watch::FileDigest;
use crate::watch::place::Place;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use tidings_wire::digest::{Digest, KeyHasher, Source};
use tidings_wire::holds::{FileAsked, Wanted};

/// No more bytes are hashed for one question: sixteen ConfigMaps that are full.
pub(crate) const MOST_HASHED: u64 = 16 * SMALL;
/// No path is longer (PATH_MAX, limits.h).
const LONGEST_PATH: usize = 4096;
/// Directories of a path that are looked at for one that is a watched place.
const MOST_ABOVE: usize = 32;

/// What a file is, beside what it is meant to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It was not looked at: it may be anything.
    Any,
    /// What it is meant to be; by the watch's digest, `None` where there is no file.
    Is(Option<FileDigest>),
    /// Something else, in words.
    Other(String),
}

/// How much may still be hashed.
pub(super) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST_HASHED)
    }
}

/// A path as it is asked for: from the root, and without a way back.
pub(super) fn plain(path: &str) -> Result<PathBuf, String> {
    let is_back = |part| part == Component::ParentDir;
    let path = Path::new(path);
    let is_short = path.as_os_str().len() <= LONGEST_PATH;
    if !path.is_absolute() || !is_short || path.components().any(is_back) {
        return Err("a path begins with / and has no .. in it".into());
    }
    Ok(path.components().collect())
}

/// The rest of a path below a place, empty where it is the place itself. What leads to
/// the place by other links counts too: pods mount below /var/run, the kernel says /run.
pub(super) fn below(path: &Path, place: &Path) -> Option<PathBuf> {
    if let Ok(rest) = path.strip_prefix(absolute(place)) {
        return Some(rest.to_path_buf());
    }
    let real = place.canonicalize().ok()?;
    let mut above = path.ancestors().take(MOST_ABOVE);
    let is_it = |above: &&Path| above.canonicalize().is_ok_and(|there| there == real);
    let rest = path.strip_prefix(above.find(is_it)?);
    rest.ok().map(Path::to_path_buf)
}

pub(super) fn joined(place: &Path, name: &OsStr) -> PathBuf {
    place.iter().chain(Path::new(name)).collect()
}

/// Looks at it.
///
/// # Errors
/// One sentence, where the question makes no sense or asks for too much.
pub(super) fn look(
    place: &Place,
    name: &Path,
    asked: &FileAsked,
    budget: &mut Budget,
) -> Result<Finding, String> {
    let source = Source::parse(&asked.source).ok_or("a source is KIND/NAMESPACE/NAME")?;
    let wanted = match asked.digest {
        Wanted::Any => return Ok(Finding::Any),
        Wanted::Absent => return Ok(absent(place, name)),
        Wanted::Value(wanted) => wanted,
    };
    let mut found = None;
    let read = place.read_file(name, SMALL, &mut |file| {
        let length = u64::try_from(file.stat.st_size).unwrap_or(u64::MAX);
        found = if length <= budget.0 {
            let hasher = KeyHasher::new(source, &asked.key, length);
            Some((length, hash(file, hasher)?))
        } else {
            None
        };
        Ok(())
    });
    if let Err(why) = read {
        return Ok(Finding::Other(unread(why)));
    }
    let (length, (digest, known)) = found.ok_or_else(too_much)?;
    budget.0 -= length;
    Ok(if digest == wanted {
        Finding::Is(Some(known))
    } else {
        Finding::Other("holds something else".into())
    })
}

fn too_much() -> String {
    let most = MOST_HASHED >> 20;
    format!("the files of a question are {most} MiB together at most")
}

fn absent(place: &Place, name: &Path) -> Finding {
    match place.read_file(name, SMALL, &mut |_| Ok(())) {
        Err(why) if why.is_gone() => Finding::Is(None),
        _ => Finding::Other("is still there".into()),
    }
}

fn unread(why: Unread) -> String {
    if why.is_gone() {
        return "is not there".into();
    }
    format!("cannot be read: {why}")
}

/// By both ways in one reading.
fn hash(file: &mut Opened, mut hasher: KeyHasher) -> Result<(Digest, FileDigest), Unread> {
    let mut known = blake3::Hasher::new();
    file.each_piece(|piece| {
        hasher.update(piece);
        known.update(piece);
    })?;
    Ok((hasher.finish(), crate::watch::shorten(&known)))
}
