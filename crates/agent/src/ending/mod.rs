//! The end of the agent by a signal, whatever its rooms are busy with.
//!
//! In: signals, and word that the child runs, whose they are from then on. Out: the
//! exit code. Commands under way are killed, so that whoever waits for one goes on
//! and puts back what was exchanged for it; who is held up by something else (a disk,
//! a name that is not resolved, a log that nobody reads) is left after a moment.

pub(crate) mod exits;

use crate::reaper::Reaper;
use exits::leave;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};
use tidings_supervise::action::Signal;

/// What is under way is given this long to come to its end.
const LAST: Duration = Duration::from_millis(1500);

/// Whether the agent was told to end.
pub(crate) struct Ending {
    reaper: Arc<Reaper>,
    supervises: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The child gets the signals, and its end is the agent's.
    handed_over: bool,
    told: Option<u8>,
    /// It ends in another way, and nothing changes that any more.
    decided: bool,
}

impl Ending {
    /// Nobody was told anything yet. `supervises`: there will be a child.
    pub(crate) fn new(supervises: bool, reaper: &Arc<Reaper>) -> Arc<Self> {
        Arc::new(Self {
            reaper: Arc::clone(reaper),
            supervises,
            state: Mutex::default(),
        })
    }

    /// A signal came. If it ends the agent, that has happened after a moment.
    pub(crate) fn hear(self: &Arc<Self>, signal: Signal) {
        let mut state = self.lock();
        let ends = [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal);
        if !ends || state.handed_over || state.decided || state.told.is_some() {
            return;
        }
        // A sidecar that is told to end ends well; a command that never began ends
        // as it would have.
        let code = if self.supervises {
            signal.exit_code()
        } else {
            0
        };
        state.told = Some(code);
        drop(state);
        let ending = Arc::clone(self);
        let thread = Builder::new().name("end".into()).spawn(move || {
            let until = Instant::now() + LAST;
            ending.reaper.close();
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            leave(code);
        });
        if thread.is_err() {
            self.reaper.close();
            leave(code);
        }
    }

    /// The child is about to be started: signals are its from now on.
    ///
    /// # Errors
    /// With the exit code, when one came before.
    pub(crate) fn hand_over(&self) -> Result<(), u8> {
        let mut state = self.lock();
        state.told.map_or(Ok(()), Err)?;
        state.handed_over = self.supervises;
        Ok(())
    }

    /// The agent ends by itself: a signal that comes from now on is too late.
    ///
    /// # Errors
    /// With the exit code, when one came before.
    pub(crate) fn decide(&self) -> Result<(), u8> {
        let mut state = self.lock();
        state.told.map_or(Ok(()), Err)?;
        state.decided = true;
        Ok(())
    }

    /// The exit code, if the agent was told to end.
    pub(crate) fn code(&self) -> Option<u8> {
        self.lock().told
    }

    /// Ends what is under way, and waits a moment for it: `over` hangs up then.
    pub(crate) fn end_all(&self, over: &std::sync::mpsc::Receiver<()>) {
        let until = Instant::now() + LAST;
        self.reaper.close();
        let _ = over.recv_timeout(until.saturating_duration_since(Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_after_the_end_is_decided_changes_nothing() {
        let ending = Ending::new(false, &Arc::default());
        assert_eq!(ending.decide(), Ok(()));
        ending.hear(Signal::TERM);
        assert_eq!(ending.code(), None);
    }

    #[test]
    fn who_was_told_to_end_before_decides_nothing() {
        let ending = Ending::new(false, &Arc::default());
        ending.lock().told = Some(0);
        assert_eq!(ending.decide(), Err(0));
    }
}
