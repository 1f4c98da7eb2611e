//! An attempt that may still be under way when nobody waits for it any more: a
//! reload takes as long as it takes, and a second one would only join it.
//!
//! In: what was seen before it, and the call that is not answered yet. Out, at the
//! next try: how it ended, or that it goes on. After a while, twice as long each
//! time, it is given up and another is made; even then it counts what was seen
//! before the first.

use super::Aim;
use super::http::{Answer, Call, NoAnswer};
use super::prove::{Before, Interrupt};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// An attempt is given up after so many times of what it may take to be proved.
const PATIENCE: u32 = 12;
/// No attempt is waited for longer.
const LONGEST: Duration = Duration::from_hours(1);
/// A call is made on a thread of its own, which needs little.
const STACK: usize = 256 * 1024;

/// What is known of an attempt that did not end in its time.
pub(crate) struct Attempt {
    pub(super) aim: Aim,
    pub(super) before: Before,
    /// Who was told, by number.
    pub(super) pid: Option<i32>,
    /// How many there were for this aim.
    pub(super) count: u32,
    pub(super) began: Instant,
    /// What it may take to be proved.
    pub(super) limit: Duration,
    /// How many attempts on older content may still come to something: what they
    /// bring about is no proof of this one.
    pub(super) older: u32,
    /// Something ended, perhaps of older content: another attempt is made soon.
    pub(super) again: bool,
}

impl Attempt {
    /// Whether it may still come to something.
    pub(super) fn goes_on(&self) -> bool {
        let doubled = PATIENCE.saturating_mul(2u32.saturating_pow(self.count.saturating_sub(1)));
        self.began.elapsed() < self.limit.saturating_mul(doubled).min(LONGEST)
    }
}

/// What came back: the status, and the beginning of the body where it means no.
type Answered = Result<(u16, String), NoAnswer>;

/// A call whose answer may come later. Dropped, it is broken off.
pub(crate) struct Calling {
    /// Which of the calls.
    pub(super) index: usize,
    pub(super) began: Instant,
    answer: Receiver<Answered>,
    came: Option<Answered>,
    agent: Arc<Mutex<Option<ureq::Agent>>>,
}

impl Calling {
    /// Makes it.
    pub(super) fn begin(index: usize, call: &Call, interrupt: &Arc<Interrupt>) -> Self {
        let (tell, answer) = channel();
        let agent: Arc<Mutex<Option<ureq::Agent>>> = Arc::default();
        let mut call = call.clone();
        call.manner.timeout = call.manner.timeout.saturating_mul(PATIENCE).min(LONGEST);
        let (interrupt, kept) = (Arc::clone(interrupt), Arc::clone(&agent));
        let body = move || {
            let result = call.make(|agent| {
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(agent.clone());
                interrupt.telling(agent);
            });
            // Nobody may wait any more.
            let _ = tell.send(result.map(|answer| read(&call, answer)));
        };
        // A thread that cannot be had hangs up, which is no answer.
        let thread = Builder::new().name("call".into()).stack_size(STACK);
        let _ = thread.spawn(body);
        Self {
            index,
            began: Instant::now(),
            answer,
            came: None,
            agent,
        }
    }

    /// `None`: not yet.
    pub(super) fn answer_within(&mut self, limit: Duration) -> Option<Answered> {
        self.came
            .take()
            .or_else(|| match self.answer.recv_timeout(limit) {
                Ok(answered) => Some(answered),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Err(no_thread())),
            })
    }

    /// Whether it is there, for [`Self::answer_within`].
    pub(super) fn is_answered(&mut self) -> bool {
        self.came = self.answer_within(Duration::ZERO);
        self.came.is_some()
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        let agent = self
            .agent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(agent) = agent {
            agent.shutdown();
        }
    }
}

fn read(call: &Call, answer: Answer) -> (u16, String) {
    let status = answer.status();
    let accepted = call.accepts(status);
    let quote = if accepted {
        String::new()
    } else {
        answer.quote()
    };
    (status, quote)
}

fn no_thread() -> NoAnswer {
    NoAnswer::Failed("no call could be made: there is no thread to be had".into())
}
