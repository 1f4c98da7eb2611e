//! The signals that the agent gets.
//!
//! In: the kernel's. Out: SIGCHLD to the reaper, everything else to the loop, under
//! `watch` only what ends it.
//! Each real-time signal that is sent is passed on once, as the kernel queues them
//! (signal(7)); of the others several that come together are one, as with the kernel.
//! What means a fault of the agent itself keeps its default, as under tini.
//!
//! Whoever started the agent may have ignored or blocked signals (a shell ignores INT
//! and QUIT in what it starts in the background), and that is inherited by all that is
//! started from there. It was not meant for us, who would not hear of a child's end, nor
//! for the child, which begins with defaults: what is caught here is a default to it.
//! Only HUP stays ignored where it was, for both: that is what `nohup` is for.
//!
//! The kernel sends TTIN and TTOU to whoever uses the terminal from the background,
//! and again until that is given up. Nobody here is to be held up by that: all threads
//! block them, but the one that passes on what others send.

use crate::proc;
use crate::reaper::Reaper;
use nix::sys::signal::{SigSet, Signal as Blocked};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Resource, getrlimit};
use signal_hook::iterator::Signals;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use tidings_supervise::action::Signal;

/// Not to be caught (KILL, STOP), or about a fault of our own (ILL, TRAP, ABRT,
/// BUS, FPE, SEGV, SYS), or about what we write (XFSZ).
const NOT_PASSED_ON: [i32; 10] = [4, 5, 6, 7, 8, 9, 11, 19, XFSZ, 31];
/// A write beyond RLIMIT_FSIZE ends who does not catch it (setrlimit(2)). With a
/// handler it fails, as it does on a full disk.
const XFSZ: i32 = 25;
/// Kept by the C library for its threads (nptl(7)): nobody's handler gets them.
pub(crate) const RESERVED: [i32; 2] = [32, 33];
/// From here on the kernel queues them.
const FIRST_QUEUED: i32 = 34;
/// Whoever may open fewer files needs them for something else.
const MANY: u64 = 256;

/// Which signals a mode wants to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All that can be passed on to a child.
    All,
    /// Those that end the agent; all others mean nothing to it, and do nothing.
    Ends,
}

impl Wanted {
    fn has(self, signal: Signal) -> bool {
        self == Self::All || [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal)
    }
}

/// The signals that are caught.
pub(crate) struct Caught {
    wanted: Wanted,
    signals: Signals,
    queues: Queues,
}

/// Begins to catch; call before anything is started, by the thread that starts all
/// others.
///
/// # Errors
/// When the kernel refuses a handler.
pub(crate) fn catch(wanted: Wanted) -> io::Result<Caught> {
    // What `nohup` ignores.
    let ignored = proc::is_ignored_here(Signal::HUP).then_some(Signal::HUP.number());
    let is_kept = |n: &i32| can_be_passed_on(*n) && Some(*n) != ignored;
    let kept: Vec<i32> = (1..=64).filter(is_kept).collect();
    // Handlers run in the order in which they are set: a signal is in its queue
    // before it wakes whoever looks there.
    outlive_limits()?;
    let queued = |n: &i32| wanted == Wanted::All && *n >= FIRST_QUEUED;
    let queues = Queues::of(kept.iter().copied().filter(queued));
    let signals = Signals::new(kept)?;
    // Nothing else is blocked from here on, whoever had blocked it.
    of_the_terminal().thread_set_mask()?;
    Ok(Caught {
        wanted,
        signals,
        queues,
    })
}

/// A write that passes a limit fails, and nothing more.
///
/// # Errors
/// When the kernel refuses a handler.
pub(crate) fn outlive_limits() -> io::Result<()> {
    signal_hook::flag::register(XFSZ, Arc::default()).map(drop)
}

/// Those that the kernel sends to who uses the terminal from the background.
pub(crate) fn of_the_terminal() -> SigSet {
    [Blocked::SIGTTIN, Blocked::SIGTTOU].into_iter().collect()
}

/// Passes signals on for ever.
pub(crate) fn pass_on(mut caught: Caught, reaper: &Arc<Reaper>, mut tell: impl FnMut(Signal)) {
    // Where this fails they wait, and stop nobody.
    let _ = of_the_terminal().thread_unblock();
    for number in &mut caught.signals {
        match Signal::from_number(number) {
            Some(Signal::CHLD) => reaper.reap(),
            Some(signal) if caught.wanted.has(signal) => {
                (0..caught.queues.take(number)).for_each(|_| tell(signal));
            }
            _ => {}
        }
    }
}

/// A pipe for each real-time signal: its handler writes a byte each time. All that
/// may be done in a handler, without `unsafe`, is to set a flag, which would make one
/// of many, and this.
struct Queues(HashMap<i32, File>);

impl Queues {
    fn of(numbers: impl Iterator<Item = i32>) -> Self {
        // Without a pipe several that come together are one.
        let queue = |number| Some((number, queue(number).ok()?));
        let is_rich = getrlimit(Resource::Nofile)
            .current
            .is_none_or(|most| most >= MANY);
        Self(numbers.filter(|_| is_rich).filter_map(queue).collect())
    }

    /// How many came since the last time.
    fn take(&mut self, number: i32) -> usize {
        let Some(queue) = self.0.get_mut(&number) else {
            return 1;
        };
        let mut bytes = Vec::new();
        // Ends with AGAIN when there are no more; what was read is kept.
        let _ = queue.read_to_end(&mut bytes);
        bytes.len()
    }
}

fn queue(number: i32) -> io::Result<File> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    // One page, 4096 signals: users have a limit for the pages of all their pipes.
    let _ = fcntl_setpipe_size(&writer, 4096);
    signal_hook::low_level::pipe::register(number, writer)?;
    Ok(reader.into())
}

fn can_be_passed_on(number: i32) -> bool {
    !NOT_PASSED_ON.contains(&number) && !RESERVED.contains(&number)
}
