//! The calls to the kernel by which files of other people are looked at, read and
//! replaced. What ships calls rustix itself; tests put [`faults`] in between.

#[cfg(test)]
pub(crate) mod faults;

#[cfg(test)]
pub(crate) use faults::{
    Dir, fchmod, fstat, fsync, lstat, openat, read, readlink, readlinkat, renameat, renameat_with,
    stat, statat, unlinkat, write,
};
#[cfg(not(test))]
pub(crate) use rustix::fs::{
    Dir, fchmod, fstat, fsync, lstat, openat, readlink, readlinkat, renameat, renameat_with, stat,
    statat, unlinkat,
};
#[cfg(not(test))]
pub(crate) use rustix::io::{read, write};
