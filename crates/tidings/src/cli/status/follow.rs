//! `tidings status -w`: looks again and again, until it is told to stop.
//!
//! Each look is one of `status`, and not a watch: what stands how follows from workloads,
//! sources and records together, and a look that is whole is right by itself, after an
//! outage too. What that costs the API server is bounded by the pace
//! ([`pause`]): a namespace is looked at every two seconds, a large cluster less often,
//! and in a look only metadata of sources is listed, and only those are read that differ
//! from their record.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use super::ask;
use super::frames::{ENTER, Frames, LEAVE, drawn};
use super::report::StatusReport;
use super::table;
use crate::api::ApiClient;
use crate::cli::exit::{Exit, Printed, describe, note, print};
use crate::run::stop_signal;
use crate::settings::StatusSettings;
use crate::settings::values::ListForm;

/// Between two looks there is at least this pause.
const PAUSE: Duration = Duration::from_secs(2);
/// And so many times as long as a look took: somebody who looks on all day asks for a
/// tenth of what one client can.
const IDLE: u32 = 10;
/// Lines of a terminal that does not say how many it has.
const LINES: usize = 24;

/// How long to leave the API server alone after a look that took so long.
pub(crate) fn pause(least: Duration, took: Duration) -> Duration {
    least.max(took * IDLE)
}

/// Goes on saying how workloads stand.
pub async fn follow(api: ApiClient, settings: StatusSettings) -> Result<Exit> {
    let stop = stop_signal().context("cannot hear signals")?;
    let is_drawn =
        io::stdout().is_terminal() && matches!(settings.output, ListForm::Table | ListForm::Wide);
    let mut shown = Outlet::new(is_drawn);
    let ended = tokio::select! {
        _ = stop => Ok(Exit::Interrupted),
        ended = turns(&api, &settings, &mut shown) => ended,
    };
    shown.end()?;
    ended
}

/// The first look must succeed; one that fails later is said, and followed by another.
async fn turns(api: &ApiClient, settings: &StatusSettings, shown: &mut Outlet) -> Result<Exit> {
    let mut is_first = true;
    loop {
        let began = Instant::now();
        match ask::report(api, settings).await {
            Ok(report) => {
                if !shown.show(report, settings)? {
                    return Ok(Exit::Done);
                }
            }
            Err(error) if is_first => return Err(error),
            Err(error) => shown.fault(&describe(&error))?,
        }
        is_first = false;
        sleep(pause(PAUSE, began.elapsed())).await;
    }
}

/// Where it is shown.
struct Outlet {
    is_drawn: bool,
    frames: Frames,
    /// What was drawn last: it stays when the screen does not.
    last: Option<Printed>,
}

impl Outlet {
    fn new(is_drawn: bool) -> Self {
        Self {
            is_drawn,
            frames: Frames::default(),
            last: None,
        }
    }

    /// Whether anybody reads it.
    fn show(&mut self, report: StatusReport, settings: &StatusSettings) -> Result<bool> {
        let shape = ask::shape(settings);
        if self.is_drawn {
            let said = table::said(&report, &shape)?;
            let enter = if self.last.is_none() { ENTER } else { "" };
            let is_read = print(format!("{enter}{}", drawn(&said, window())).as_bytes())?;
            self.last = Some(said);
            return Ok(is_read);
        }
        let said = self.frames.next(report, &shape)?;
        note(&said.err);
        print(said.out.as_bytes())
    }

    fn fault(&mut self, error: &str) -> Result<()> {
        if let Some(last) = self.last.as_mut().filter(|_| self.is_drawn) {
            error.clone_into(&mut last.err);
            print(drawn(last, window()).as_bytes())?;
        } else {
            note(error);
        }
        Ok(())
    }

    /// Leaves the screen as it was found, and what was seen last below.
    fn end(self) -> Result<()> {
        if let Some(last) = self.last {
            print(format!("{LEAVE}{}", last.out).as_bytes())?;
            note(&last.err);
        }
        Ok(())
    }
}

/// Lines of the window, which may be another size each time.
fn window() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    size.map_or(LINES, |size| usize::from(size.ws_row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_on_asks_for_a_tenth_at_most() {
        let of = |took| pause(PAUSE, Duration::from_millis(took)).as_millis();
        assert_eq!([of(30), of(200), of(3_000)], [2_000, 2_000, 30_000]);
    }
}
