//! Sends a signal, but only to a process that will survive it.
//!
//! In: who and which. Out: the process that got it, or why none did.
//! The default action of HUP, USR1 and USR2 ends a process (signal(7)), so a
//! signal is sent only when `/proc` shows that it is handled, blocked or waited for;
//! and to a Go program, whose runtime shows every signal as handled, only where
//! somebody who knows the program said so. Who says so on the command line is
//! believed more than `/proc`.

use crate::proc::{self, Among, ChildNumber, Disposition, Fit, PidFile, Process, raw};
use crate::report::journal::Chosen;
use crate::watch::shown;
use rustix::io::Errno;
use rustix::process::pidfd_send_signal;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidings_supervise::Took;
use tidings_supervise::action::Signal;

/// A program may need this long until it has set its handlers.
const STARTING: Duration = Duration::from_secs(10);

/// Who is to be told.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The supervised child.
    Child(ChildNumber),
    /// The master of the processes of one of these names, tried in order.
    Named(Vec<String>, Among),
    /// The process whose number is in this file.
    PidFile(PathBuf),
}

/// Why nobody is found, a sentence each.
pub(crate) enum Absence {
    /// Nobody is there.
    Nobody(String),
    /// Somebody is meant of whom nothing is known yet.
    Empty(String),
    /// It cannot be told who is meant: somebody has to mend it.
    Unclear(String),
}

impl From<Absence> for Took {
    fn from(absence: Absence) -> Self {
        match absence {
            Absence::Nobody(why) | Absence::Empty(why) => Self::NotUp(why),
            Absence::Unclear(why) => Self::Rejected(why),
        }
    }
}

impl Target {
    /// The process, if it runs.
    pub(crate) fn find(&self) -> Option<Process> {
        match self {
            Self::Child(pid) => Process::open(pid.load(Ordering::SeqCst)),
            Self::Named(names, among) => by_name(names, *among).map(|(process, _)| process),
            Self::PidFile(path) => Process::of_pid_file(path),
        }
    }

    /// Who was found, and by what, for people.
    pub(crate) fn chosen(&self, process: &Process) -> Chosen {
        let by = match self {
            Self::Child(_) => "child".into(),
            Self::Named(names, among) => {
                let found = by_name(names, *among).filter(|(found, _)| found.pid == process.pid);
                found.map_or("name", |(_, fit)| fit.word()).into()
            }
            Self::PidFile(path) => format!("pid file {}", path.display()),
        };
        Chosen {
            pid: process.pid,
            by,
            program: process.program().map(|program| shown(program.as_ref())),
            user: process.user(),
        }
    }

    /// Why this process cannot be who was meant, if so.
    pub(crate) fn doubts(&self, process: &Process) -> Option<String> {
        let Self::PidFile(path) = self else {
            return None;
        };
        let (file, pid) = (path.display(), process.pid);
        if pid == std::process::id().cast_signed() {
            return Some(format!(
                "{file} names {pid}, which is the agent's own number here: the file is of another container, whose processes are not shared (shareProcessNamespace)"
            ));
        }
        process.is_younger_than(path).then(|| {
            format!("{file} is older than process {pid}, which it names: the number was given anew, so nobody is told; remove the file when its process starts")
        })
    }

    /// Why nobody is found.
    pub(crate) fn absence(&self) -> Absence {
        let unclear = match self {
            Self::PidFile(path) => match PidFile::read(path) {
                PidFile::Empty(why) => return Absence::Empty(why),
                PidFile::Unclear(why) => Some(why),
                PidFile::Names(_) | PidFile::Missing => None,
            },
            Self::Named(names, among) => {
                let several = || names.iter().find_map(|name| several(name, *among));
                proc::blindness().map(str::to_owned).or_else(several)
            }
            Self::Child(_) => None,
        };
        let nobody = || Absence::Nobody(format!("{} is not there yet", self.shown()));
        unclear.map_or_else(nobody, Absence::Unclear)
    }

    /// Who that is, for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Child(_) => "the child".into(),
            Self::Named(names, Among::All) => format!("a process called {}", names.join(" or ")),
            Self::Named(names, Among::Own) => {
                let names = names.join(" or ");
                format!("a process called {names} of this container")
            }
            Self::PidFile(path) => format!("the process of {}", path.display()),
        }
    }
}

fn by_name(names: &[String], among: Among) -> Option<(Process, Fit)> {
    names.iter().find_map(|name| proc::named(name, among))
}

fn several(name: &str, among: Among) -> Option<String> {
    let rivals = proc::rivals(name, among)?;
    let numbers: Vec<String> = rivals.iter().map(i32::to_string).collect();
    let numbers = numbers.join(", ");
    Some(format!(
        "several processes are called {name} ({numbers}), and none of them is the others' parent, so none is told: name the path of the program, or use --pid-file"
    ))
}

/// Who says that the program reloads on the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Vouched {
    #[default]
    Nobody,
    /// A table of ours: as soon as it handles it.
    Table,
    /// Who started us, whatever is seen of the program.
    User,
}

/// Whether the signal may be sent to this process now.
pub(crate) fn may_send(process: &Process, signal: Signal, vouched: Vouched) -> Result<(), Took> {
    let pid = process.pid;
    let Some(found) = process.disposition(signal) else {
        return Err(unseen(process));
    };
    let is_young = || process.age().is_some_and(|age| age < STARTING);
    match found {
        Disposition::Handled if vouched == Vouched::Nobody && proc::is_go(pid) == Some(true) => {
            Err(Took::Rejected(format!(
                "process {pid} is a Go program, which may end on {signal} although it seems to handle it; it was not sent: add --signal-is-handled if it reloads on it, or use its preset"
            )))
        }
        Disposition::Handled => Ok(()),
        Disposition::Doubtful if vouched > Vouched::Nobody => Ok(()),
        Disposition::Ignored if vouched < Vouched::User => Err(Took::Rejected(format!(
            "process {pid} ignores {signal}; choose the signal on which it reloads, or another way"
        ))),
        _ if is_young() => Err(Took::NotUp(format!(
            "process {pid} does not handle {signal} yet"
        ))),
        _ if vouched == Vouched::User => Ok(()),
        Disposition::Doubtful | Disposition::Hidden => Err(Took::Rejected(format!(
            "it cannot be seen whether process {pid} waits for {signal} (sigwait), and if not it would end; it was not sent: add --signal-is-handled if it does, or restart the process instead (--on-change restart)"
        ))),
        Disposition::Default | Disposition::Ignored => Err(Took::Rejected(format!(
            "process {pid} does not handle {signal} and would end; it was not sent: restart the process instead (--on-change restart)"
        ))),
    }
}

/// Of a process of which `/proc` shows nothing: nothing is sent then.
fn unseen(process: &Process) -> Took {
    let pid = process.pid;
    if process.ended_within(Duration::ZERO) {
        return Took::NotUp(format!("process {pid} has just ended"));
    }
    let hidden = || {
        format!(
            "/proc shows nothing of process {pid} to the agent (hidepid); run the agent as the same user"
        )
    };
    Took::Rejected(proc::blindness().map_or_else(hidden, str::to_owned))
}

/// Sends it.
pub(crate) fn send(process: &Process, signal: Signal) -> Result<(), Took> {
    let pid = process.pid;
    match pidfd_send_signal(process.fd(), raw(signal)) {
        Ok(()) => Ok(()),
        Err(Errno::SRCH) => Err(Took::NotUp(format!("process {pid} has just ended"))),
        Err(Errno::PERM) => Err(Took::Rejected(format!(
            "no permission to send {signal} to process {pid}; run the agent as the same user (runAsUser), or give it the capability KILL"
        ))),
        Err(error) => Err(Took::Rejected(format!(
            "{signal} could not be sent to process {pid}: {error}"
        ))),
    }
}
