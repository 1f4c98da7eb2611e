//! Every process that the agent starts, and every orphan that it inherits.
//!
//! In: commands to start, and word that some child ended (SIGCHLD). Out: each
//! child's end, to the one who started it. As PID 1 the agent must wait for
//! processes that it never started, so one room waits for all of them; a second
//! waiter would take somebody else's exit code.

use crate::proc::{self, Family};
use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::process::{Pid, WaitOptions, getgid, wait};
use std::collections::HashMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidings_supervise::action::Signal;

/// What is to be done with the exit code of a child: 128 + n for one that
/// signal n killed.
type OnExit = Box<dyn FnOnce(u8) + Send>;

/// The children that run.
#[derive(Default)]
pub(crate) struct Reaper {
    running: Mutex<HashMap<i32, OnExit>>,
    /// The command that is waited for, and its number as soon as it has one.
    command: Mutex<Option<(Family, Option<i32>)>>,
    /// The agent ends: nothing is started any more.
    closed: AtomicBool,
}

impl Reaper {
    /// Starts a process; `on_exit` is called once, by whoever reaps it.
    ///
    /// # Errors
    /// When it cannot be started, or the agent ends.
    pub(crate) fn start(
        &self,
        command: &mut Command,
        on_exit: impl FnOnce(u8) + Send + 'static,
    ) -> io::Result<i32> {
        self.start_of(None, command, on_exit)
    }

    fn start_of(
        &self,
        family: Option<&Family>,
        command: &mut Command,
        on_exit: impl FnOnce(u8) + Send + 'static,
    ) -> io::Result<i32> {
        // Held while starting: a child that ends at once is reaped only when it is
        // known, and nobody else is started with what is a command's.
        let mut running = self.lock();
        if self.is_closed() {
            return Err(io::Error::other("the agent ends"));
        }
        let child = match family {
            Some(family) => family.begun_by(|| Self::spawn(command)),
            None => Self::spawn(command),
        }?;
        let pid = child.id().cast_signed();
        running.insert(pid, Box::new(on_exit));
        Ok(pid)
    }

    /// It begins with no signal blocked, and with none ignored that we catch.
    fn spawn(command: &mut Command) -> io::Result<Child> {
        // As it is: without this std calls posix_spawn, which leaves ignored in the child
        // what the C library has for its threads (32 and 33), and with it fork and exec.
        command.gid(getgid().as_raw());
        let ours = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let child = command.spawn();
        // It succeeded a moment ago, with the same thread.
        let _ = ours.thread_set_mask();
        child
    }

    /// Starts a command that is ended with the agent, until [`Self::command_is_over`].
    ///
    /// # Errors
    /// When it cannot be started, or the agent ends.
    pub(crate) fn start_command(
        &self,
        command: &mut Command,
        family: &Family,
        on_exit: impl FnOnce(u8) + Send + 'static,
    ) -> io::Result<i32> {
        // Known before it runs: whoever closes the reaper either finds it or has
        // kept it from starting.
        *self.command() = Some((family.clone(), None));
        let started = self.start_of(Some(family), command, on_exit);
        *self.command() = started
            .as_ref()
            .ok()
            .map(|pid| (family.clone(), Some(*pid)));
        started
    }

    /// Nothing of the command is left that is to end with the agent.
    pub(crate) fn command_is_over(&self) {
        *self.command() = None;
    }

    /// The agent ends: nobody would wait for a command any more. The one that runs is
    /// killed with all that it started.
    pub(crate) fn close(&self) {
        {
            // Whoever is starting something is through, or will be refused.
            let _running = self.lock();
            self.closed.store(true, Ordering::SeqCst);
        }
        let Some((family, pid)) = self.command().clone() else {
            return;
        };
        self.with(pid.unwrap_or_default(), |pid| {
            family.end(Some(pid.as_raw_nonzero().get()));
        });
        family.end(None);
    }

    /// Whether the agent ends.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn command(&self) -> MutexGuard<'_, Option<(Family, Option<i32>)>> {
        self.command.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for everything that has ended, ours or inherited.
    pub(crate) fn reap(&self) {
        loop {
            let mut running = self.lock();
            let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) else {
                return;
            };
            let code = exit_code(status.exit_status(), status.terminating_signal());
            let on_exit = running.remove(&pid.as_raw_nonzero().get());
            drop(running);
            if let (Some(code), Some(on_exit)) = (code, on_exit) {
                on_exit(code);
            }
        }
    }

    /// How many live that we have and did not start.
    pub(crate) fn inherited(&self) -> usize {
        let running = self.lock();
        let ours = proc::children_of(std::process::id().cast_signed());
        let inherited = |pid: &&i32| !running.contains_key(*pid) && proc::lives(**pid);
        ours.iter().filter(inherited).count()
    }

    /// Does something with a child's number while it certainly is that child's:
    /// it has not been waited for.
    pub(crate) fn with(&self, pid: i32, act: impl FnOnce(Pid)) {
        let running = self.lock();
        if let (true, Some(pid)) = (running.contains_key(&pid), Pid::from_raw(pid)) {
            act(pid);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, OnExit>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The convention of shells and of tini.
fn exit_code(exited: Option<i32>, killed: Option<i32>) -> Option<u8> {
    let killed = killed.and_then(Signal::from_number).map(Signal::exit_code);
    let exited = exited.and_then(|code| u8::try_from(code & 0xff).ok());
    exited.or(killed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_convention() {
        assert_eq!(exit_code(Some(3), None), Some(3));
        assert_eq!(exit_code(None, Some(9)), Some(137));
        assert_eq!(exit_code(None, None), None);
    }
}
