//! The command that the agent supervises: started, signalled, ended.
//!
//! In: orders of the state machine. Out: [`Event::ChildExited`], always once
//! for every start, also if the command cannot be started at all.
//! As under tini, the child has a process group of its own and, where there is
//! one, the terminal: keys go to the child and to nobody else.

use crate::ending::exits::Failure;
use crate::log::log;
use crate::proc::{self, ChildNumber, raw};
use crate::reaper::Reaper;
use crate::text::quoted;
use rustix::process::{Pid, Signal as Raw, kill_process, kill_process_group};
use rustix::termios::{isatty, tcsetpgrp};
use std::ffi::OsString;
use std::io::{self, stdin};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tidings_shared::preset;
use tidings_supervise::action::Signal;

/// The supervised command and, while it runs, its process.
pub(crate) struct Child {
    command: Vec<OsString>,
    reaper: Arc<Reaper>,
    pid: ChildNumber,
    /// How long it, and what it leaves behind, may take to end.
    grace: Duration,
    stopping: Arc<Mutex<Option<Stopping>>>,
}

/// It was told to end, and its group is to end with it.
struct Stopping {
    signal: Signal,
    until: Instant,
}

impl Child {
    /// Nothing is started yet. `pid`: where others read the number of the process.
    pub(crate) fn new(
        command: Vec<OsString>,
        pid: ChildNumber,
        grace: Duration,
        reaper: Arc<Reaper>,
    ) -> Self {
        Self {
            command,
            reaper,
            pid,
            grace,
            stopping: Arc::default(),
        }
    }

    /// Starts the command; `exited` is told how it ended, or why it never began.
    pub(crate) fn start(&self, exited: impl FnOnce(u8) + Send + 'static) -> Result<i32, Failure> {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).process_group(0);
        *lock(&self.stopping) = None;
        let pid = self
            .reaper
            .start(&mut command, self.with_its_group(exited))
            .map_err(|error| self.not_started(&error))?;
        self.pid.store(pid, Ordering::SeqCst);
        self.reaper.with(pid, give_terminal);
        Ok(pid)
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        let name = self.command[0].to_string_lossy();
        let why = format!("{} cannot be started: {error}", quoted::command(&name));
        Failure::of_command(error, why)
    }

    /// Tells of the end of a child that was stopped when nothing of its group is left:
    /// a server that a script leaves behind would keep its port from the next.
    fn with_its_group(
        &self,
        exited: impl FnOnce(u8) + Send + 'static,
    ) -> impl FnOnce(u8) + Send + 'static {
        let (pid, stopping) = (Arc::clone(&self.pid), Arc::clone(&self.stopping));
        move |code| {
            let group = pid.load(Ordering::SeqCst);
            let Some(stopping) = lock(&stopping).take().filter(|_| group != 0) else {
                return exited(code);
            };
            // Not here: whoever calls this waits for all other processes too.
            std::thread::spawn(move || {
                proc::end_group(group, raw(stopping.signal), stopping.until);
                exited(code);
            });
        }
    }

    /// The process of the last start is gone.
    pub(crate) fn is_gone(&self) {
        self.pid.store(0, Ordering::SeqCst);
    }

    /// What went to the background is nobody's child any more but ours.
    pub(crate) fn say_if_in_background(&self) {
        let left = self.reaper.inherited();
        if left == 0 {
            return;
        }
        let what = match left {
            1 => "a process".to_owned(),
            more => format!("{more} processes"),
        };
        let name = Path::new(&self.command[0]).file_name().unwrap_or_default();
        let advice = preset::in_foreground(&name.to_string_lossy()).map_or_else(
            || "run it in the foreground".to_owned(),
            |line| format!("run it in the foreground: {line}"),
        );
        log(&format!(
            "{} ended and left {what} in the background, where nothing outlives the container; {advice}",
            self.command[0].display()
        ));
    }

    /// Passes a signal to the child.
    pub(crate) fn signal(&self, signal: Signal) {
        let raw = raw(signal);
        // It may just have ended, and then nobody is there to be told.
        self.reaper.with(self.pid.load(Ordering::SeqCst), |pid| {
            let _ = kill_process(pid, raw);
        });
    }

    /// Tells the child to end, and its group with it.
    pub(crate) fn stop(&self, signal: Signal) {
        let until = Instant::now() + self.grace;
        *lock(&self.stopping) = Some(Stopping { signal, until });
        self.signal(signal);
    }

    /// Ends the child and what it started in its group.
    pub(crate) fn kill(&self) {
        self.reaper.with(self.pid.load(Ordering::SeqCst), |pid| {
            let _ = kill_process_group(pid, Raw::KILL);
        });
    }
}

fn lock(stopping: &Mutex<Option<Stopping>>) -> MutexGuard<'_, Option<Stopping>> {
    stopping.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the child's group the terminal's foreground, and wakes it if it read
/// from the terminal before that (SIGTTIN).
fn give_terminal(child: Pid) {
    let stdin = stdin();
    if !isatty(&stdin) {
        return;
    }
    // From the second start on we are in the background, where this would stop us if
    // the signal for that were not blocked.
    let _ = tcsetpgrp(&stdin, child);
    let _ = kill_process_group(child, Raw::CONT);
}
