//! Which directory or file it is, whatever path leads there.

use rustix::fs::Stat;

/// Two paths may lead to one.
pub(crate) type Id = (u64, u64);

/// Which inode this is.
pub(crate) fn id(stat: &Stat) -> Id {
    (stat.st_dev, stat.st_ino)
}
