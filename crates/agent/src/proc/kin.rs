//! Whose a process is: of which container, and of which user.
//!
//! In: a number. Out: whether it is ours, as far as `/proc` tells. Whoever shares a
//! pod's processes can call his own as he likes; these he cannot choose.

use super::{parent, text};
use rustix::process::geteuid;

/// Among whom somebody is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// All that can be seen.
    All,
    /// Those of the agent's own container.
    Own,
}

impl Among {
    pub(super) fn holds(self, pid: i32) -> bool {
        self == Self::All || is_started_by_us(pid) || is_in_our_cgroup(pid)
    }
}

/// Those that fulfil it; all, if none does.
pub(super) fn preferring<T>(all: Vec<T>, is: impl Fn(&T) -> bool) -> Vec<T> {
    if !all.iter().any(&is) {
        return all;
    }
    all.into_iter().filter(is).collect()
}

/// As far as orphans come to us, theirs too.
pub(super) fn is_started_by_us(pid: i32) -> bool {
    let me = std::process::id().cast_signed();
    let line = std::iter::successors(Some(pid), |pid| parent(*pid));
    line.skip(1).take(1000).any(|above| above == me)
}

/// Each container has one of its own.
fn is_in_our_cgroup(pid: i32) -> bool {
    let ours = text("/proc/self/cgroup");
    ours.is_some() && text(format!("/proc/{pid}/cgroup")) == ours
}

/// Whom we may send a signal to as who we are (kill(2)).
pub(super) fn is_of_our_user(pid: i32) -> bool {
    let me = geteuid().as_raw();
    users(pid).is_some_and(|(real, saved)| [real, saved].contains(&me))
}

/// The user that a process runs as.
pub(super) fn user(pid: i32) -> Option<u32> {
    users(pid).map(|(real, _)| real)
}

/// Real and saved. Not the owner of its directory, which is root for who must not be
/// traced (proc(5)).
fn users(pid: i32) -> Option<(u32, u32)> {
    let status = text(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let mut numbers = line.split_whitespace().map(str::parse);
    let (real, saved) = (numbers.next()?.ok()?, numbers.nth(1)?.ok()?);
    Some((real, saved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_of_our_own_user_and_cgroup() {
        let me = std::process::id().cast_signed();
        assert!(is_of_our_user(me) && is_in_our_cgroup(me) && !is_started_by_us(me));
        assert_eq!(user(me), Some(geteuid().as_raw()));
        assert!(!is_of_our_user(0) && !is_in_our_cgroup(0));
    }

    #[test]
    fn what_none_fulfils_leaves_all() {
        assert_eq!(preferring(vec![1, 2], |n| *n > 1), [2]);
        assert_eq!(preferring(vec![1, 2], |n| *n > 2), [1, 2]);
    }
}
