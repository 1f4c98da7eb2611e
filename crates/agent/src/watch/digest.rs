//! One file as a number: read in pieces, hashed, dropped.
//!
//! In: a file that is open, or only what it looks like from outside. Out: its
//! digest, and whether it is one of those that change by themselves.

use super::foreign::{Foreign, LONGEST};
use crate::files::read::{Opened, Unread};
use rustix::fs::Stat;
use rustix::io::Errno;

/// The digest of one file.
pub(crate) type FileDigest = [u8; 16];

/// How often a file that is written meanwhile is read again. Another look is due
/// then anyway.
pub(super) const READINGS: usize = 3;

/// What one file contains.
pub(super) struct FileRead {
    pub(super) digest: FileDigest,
    pub(super) foreign: Option<Foreign>,
    pub(super) length: u64,
}

/// Read again if it was written meanwhile: half of it may be of before.
pub(super) fn digest(open: impl Fn() -> Result<Opened, Unread>) -> Result<FileRead, Unread> {
    let mut last = None;
    for _ in 0..READINGS {
        let mut file = open()?;
        let read = digest_once(&mut file)?;
        if !file.has_changed()? {
            return Ok(read);
        }
        last = Some(read);
    }
    last.ok_or(Unread::Failed(Errno::AGAIN))
}

/// Hashed in small pieces: the agent holds no whole file, but one that may be
/// foreign.
fn digest_once(file: &mut Opened) -> Result<FileRead, Unread> {
    let mut hasher = blake3::Hasher::new();
    let mut suspect = Vec::new();
    let mut is_possible = None;
    let mut length = 0;
    file.each_piece(|piece| {
        length += piece.len() as u64;
        hasher.update(piece);
        if *is_possible.get_or_insert_with(|| Foreign::is_possible(piece)) {
            suspect.extend_from_slice(piece);
            is_possible = Some(suspect.len() <= LONGEST);
        }
    })?;
    let foreign = is_possible
        .filter(|is| *is)
        .and_then(|_| Foreign::of(&suspect));
    Ok(FileRead {
        digest: shorten(&hasher),
        foreign,
        length,
    })
}

pub(super) fn digest_of_stat(stat: &Stat) -> FileDigest {
    let mut hasher = blake3::Hasher::new();
    let marks = format!("{} {} {:?}", stat.st_ino, stat.st_size, changed(stat));
    hasher.update(b"unreadable\0").update(marks.as_bytes());
    shorten(&hasher)
}

/// The first 128 bits.
pub(crate) fn shorten(hasher: &blake3::Hasher) -> FileDigest {
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

/// When an inode last changed, as the kernel's wall clock had it.
pub(super) fn changed(stat: &Stat) -> (i64, i64) {
    let nanos = i64::try_from(stat.st_ctime_nsec).unwrap_or(0);
    (stat.st_ctime, nanos)
}
