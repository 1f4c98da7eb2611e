//! How the controller fares meanwhile: its memory, its requests, its log, and whether
//! it is alive. A program that has ended ends the measurement.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use rig::process::Tidings;
use rig::secs;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::rows::memory::megabytes;

/// What the manifests' probe gives it, and how often it is asked here.
const PROBE: Duration = secs(1);
/// A pause between two looks at the memory.
const LOOK: Duration = Duration::from_millis(100);

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// The most at a time, in megabytes: anonymous memory, and all that is resident.
    pub(crate) anonymous: f64,
    pub(crate) resident: f64,
    pub(crate) requests: usize,
    pub(crate) lines: usize,
    /// How often `/livez` was asked, and did not say yes in time.
    pub(crate) asked: usize,
    pub(crate) dead: usize,
}

/// Watches the controller while something goes on. The audit log has a line for each of
/// its requests that was answered.
pub(crate) async fn during<T>(
    tidings: &Tidings,
    audit: &Path,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Seen)> {
    let counts = || anyhow::Ok((lines_of(audit)?, tidings.lines()?.len()));
    let (requests, lines) = counts()?;
    let seen = Cell::default();
    let done = tokio::select! {
        done = work => done?,
        failed = remember(tidings, &seen) => return Err(failed),
        () = probe(tidings, &seen) => anyhow::bail!("nobody ends the probes"),
    };
    let after = counts()?;
    let seen = Seen {
        requests: after.0 - requests,
        lines: after.1 - lines,
        ..seen.get()
    };
    Ok((done, seen))
}

fn lines_of(audit: &Path) -> Result<usize> {
    Ok(std::fs::read_to_string(audit)?.lines().count())
}

/// Looks at the memory until that fails.
async fn remember(tidings: &Tidings, seen: &Cell<Seen>) -> anyhow::Error {
    loop {
        let now = ["RssAnon", "VmRSS"].map(|field| megabytes(tidings, field));
        let [anonymous, resident] = match now {
            [Ok(anonymous), Ok(resident)] => [anonymous, resident],
            [Err(error), _] | [_, Err(error)] => return error.context("tidings ended"),
        };
        let before = seen.get();
        seen.set(Seen {
            anonymous: before.anonymous.max(anonymous),
            resident: before.resident.max(resident),
            ..before
        });
        sleep(LOOK).await;
    }
}

async fn probe(tidings: &Tidings, seen: &Cell<Seen>) {
    let mut tick = interval(PROBE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let answer = timeout(PROBE, tidings.get("/livez")).await;
        let lives = matches!(answer, Ok(Ok((200, _))));
        let before = seen.get();
        seen.set(Seen {
            asked: before.asked + 1,
            dead: before.dead + usize::from(!lives),
            ..before
        });
    }
}
