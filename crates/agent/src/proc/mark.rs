//! A mark that a process has from its parent, and keeps whatever it does to its
//! environment, group, session or name: how many bytes of POSIX message queues it may
//! have. Hardly any program looks at that limit (getrlimit(2)), all inherit it, and
//! `/proc` shows it to everybody.
//!
//! In: a command to be started. Out: who has its mark.

use super::text;
use crate::files::chance::chance;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The kernel's default; no more is taken away of it than an eighth.
const USUAL: u64 = 819_200;

/// Of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessMark(u64);

impl ProcessMark {
    /// One that hardly anybody else has. `None`: the limit leaves no room for any.
    pub(super) fn new() -> Option<Self> {
        let ours = getrlimit(Resource::Msgqueue).current.unwrap_or(USUAL);
        let most = ours.min(USUAL);
        let room = (most >= USUAL / 8).then_some(most / 8)?;
        let number = chance();
        Some(Self(most - 1 - number % room))
    }

    /// Whatever is started meanwhile has it.
    pub(crate) fn laid_while<T>(self, start: impl FnOnce() -> T) -> T {
        let ours = getrlimit(Resource::Msgqueue);
        let marked = Rlimit {
            current: Some(self.0),
            maximum: ours.maximum,
        };
        // Where it is refused there is still the mark in the environment.
        let _ = setrlimit(Resource::Msgqueue, marked);
        let started = start();
        let _ = setrlimit(Resource::Msgqueue, ours);
        started
    }

    /// Whether this process has it.
    pub(super) fn is_on(self, pid: i32) -> bool {
        let limits = text(format!("/proc/{pid}/limits")).unwrap_or_default();
        let line = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max msgqueue size"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number == Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_is_started_has_it_and_we_have_not() {
        let mark = ProcessMark::new().unwrap();
        let me = std::process::id().cast_signed();
        let mut command = Command::new("env");
        command.args(["-i", "sleep", "600"]);
        let mut child = mark.laid_while(|| command.spawn()).unwrap();
        assert!(mark.is_on(child.id().cast_signed()));
        assert!(!mark.is_on(me) && !mark.is_on(0));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
