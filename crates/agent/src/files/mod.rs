//! Files and directories of somebody else: found, held, read.
//!
//! In: a path as people write it. Out: what is there, without ever waiting, leaving
//! its place, or taking more than a limit.

pub(crate) mod chance;
pub(crate) mod held;
pub(crate) mod inode;
pub(crate) mod location;
pub(crate) mod path_walk;
pub(crate) mod read;
pub(crate) mod sys;
