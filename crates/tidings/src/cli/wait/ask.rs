//! Looks at workloads again and again, until they are in step.
//!
//! Goes in: settings. Comes out: how it ended. Each look reads the workloads, their
//! records and every source that counts, and decides as the controller would: so a change
//! that the controller has not seen yet is due, and nothing ends too early.
//!
//! Error policy: what is wrong at the first look, or will not pass, is an error at once.
//! What may pass is said, and tried again until the time is over.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::standing::Word;
use tidings_core::state::{Entry, Number};
use tidings_core::waiting::{Ending, Patience, Sight};
use tokio::time::{Instant, sleep, timeout_at};

use super::words::{self, Progress};
use crate::api::{ApiClient, ApiError};
use crate::cli::exit::{Exit, Printed, note};
use crate::cli::snapshot::Snapshot;
use crate::cli::status::follow::pause;
use crate::cli::status::look;
use crate::cli::why::report::WorkloadReport;
use crate::run::stop_signal;
use crate::settings::WaitSettings;

/// Between two looks there is at least this pause.
const PAUSE: Duration = Duration::from_secs(1);
/// So often it is looked again at first, while it is not known how something stands.
const FIRST_LOOKS: usize = 5;
/// So long a look may take, also when the time is over.
const GRACE: Duration = Duration::from_secs(10);

/// Waits.
pub async fn wait(api: ApiClient, settings: WaitSettings) -> Result<Printed> {
    let stop = stop_signal().context("cannot hear signals")?;
    let mut wait = Wait::new(api, settings);
    tokio::select! {
        _ = stop => Ok(Printed {
            out: String::new(),
            err: "interrupted\n".to_owned(),
            exit: Exit::Interrupted,
        }),
        ended = wait.turns() => ended,
    }
}

/// What a look found, of each workload.
#[derive(Default)]
struct Glance {
    reports: Vec<WorkloadReport>,
    sights: Vec<Sight>,
    /// Why nobody rolls anything, or what could not be seen, where that is so.
    beside: Option<String>,
    /// Whether a right is missing, which does not pass.
    refused: bool,
}

struct Wait {
    api: ApiClient,
    settings: WaitSettings,
    deadline: Instant,
    /// How long the last look took.
    took: Duration,
    waiting: Patience,
    said: Progress,
    last: Glance,
}

impl Wait {
    fn new(api: ApiClient, settings: WaitSettings) -> Self {
        Self {
            api,
            deadline: Instant::now() + settings.timeout,
            settings,
            took: Duration::ZERO,
            waiting: Patience::default(),
            said: Progress::default(),
            last: Glance::default(),
        }
    }

    async fn turns(&mut self) -> Result<Printed> {
        let mut ended = self.first().await?;
        loop {
            if let Some(end) = ended {
                return Ok(self.printed(end));
            }
            if self.is_over() {
                return self.timed_out();
            }
            ended = self.turn().await?;
        }
    }

    /// A server that is busy, or away for a moment, is no reason to end a pipeline.
    async fn first(&mut self) -> Result<Option<Ending>> {
        let mut looks = 0;
        loop {
            looks += 1;
            match self.bounded_look().await {
                Ok(look) => match known(&look) {
                    Ok(()) => return self.take(look),
                    Err(error) if look.refused || looks == FIRST_LOOKS => return Err(error),
                    Err(error) if self.is_over() => return Err(error),
                    Err(_) => {}
                },
                Err(error) if is_of_a_moment(&error) => drop(self.missed(error)?),
                Err(error) => return Err(error),
            }
            self.rest().await;
        }
    }

    async fn rest(&self) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        sleep(pause(PAUSE, self.took).min(left)).await;
    }

    /// Looks again: at once where the last look found an end, else after a pause.
    async fn turn(&mut self) -> Result<Option<Ending>> {
        if !self.waiting.is_nearly_over() {
            self.rest().await;
        }
        let began = Instant::now();
        let look = self.bounded_look().await;
        self.took = began.elapsed();
        match look {
            Ok(look) => self.take(look),
            Err(error) => self.missed(error),
        }
    }

    /// An end that was found once may still be seen twice.
    fn is_over(&self) -> bool {
        let grace = if self.waiting.is_nearly_over() {
            GRACE
        } else {
            Duration::ZERO
        };
        Instant::now() >= self.deadline + grace
    }

    async fn bounded_look(&self) -> Result<Glance> {
        let until = self.deadline.max(Instant::now() + GRACE);
        let look = timeout_at(until, self.look()).await;
        let late = || ApiError::Unreachable("no answer in time".to_owned());
        look.unwrap_or_else(|_| Err(late().into()))
    }

    async fn look(&self) -> Result<Glance> {
        let installation = self.settings.installation.clone();
        let mut snapshot = Snapshot::new(self.api.clone(), installation);
        let namespace = snapshot.namespace_or_own(self.settings.namespace.as_ref());
        let keys = self.keys(&namespace);
        for key in &keys {
            snapshot.workload(key).await?;
        }
        snapshot.read_records(&namespace).await;
        let reports = look::reports(&mut snapshot, keys.clone(), true).await;
        let mut look = Glance::default();
        for (key, report) in keys.iter().zip(reports) {
            let report = report.with_context(|| format!("{key} is gone"))?;
            look.sights.push(Sight {
                word: report.standing.0.unwrap_or(Word::Unknown),
                due: report.is_coming(),
                number: number(snapshot.record(key)),
            });
            look.reports.push(report);
        }
        let leader = look::leader(&snapshot).await;
        let unled = leader.problem.filter(|_| !leader.refused);
        look.refused = !snapshot.rights.is_empty();
        look.beside = unled.or_else(|| words::unseen(&snapshot.gaps));
        Ok(look)
    }

    fn keys(&self, namespace: &Name) -> Vec<WorkloadRef> {
        let workloads = self.settings.workloads.iter();
        workloads
            .map(|(kind, name)| WorkloadRef::new(kind, namespace.clone(), name.clone()))
            .collect()
    }

    fn take(&mut self, look: Glance) -> Result<Option<Ending>> {
        let left_alone = look.reports.iter().find(|r| r.standing.0.is_none());
        if let Some(report) = left_alone {
            bail!(words::not_opted_in(report));
        }
        let news = self.said.news(&look.reports);
        let beside = self.said.beside(look.beside.as_deref());
        self.say(&(news + &beside));
        let ended = self.waiting.look(look.sights.clone());
        self.last = look;
        Ok(ended)
    }

    /// A look that failed shows no end. One that cannot succeed is the end of it.
    fn missed(&mut self, error: anyhow::Error) -> Result<Option<Ending>> {
        if !may_pass(&error) || Instant::now() >= self.deadline {
            return Err(error);
        }
        let said = self.said.beside(Some(&format!("{error:#}")));
        self.say(&said);
        self.waiting = Patience::default();
        Ok(None)
    }

    fn say(&self, text: &str) {
        if !self.settings.quiet {
            note(text);
        }
    }

    fn printed(&self, end: Ending) -> Printed {
        let reports = &self.last.reports;
        let (out, exit) = match end {
            Ending::InStep => (words::in_step(reports), Exit::Done),
            Ending::Failed => (words::failed(reports), Exit::NotInStep),
            Ending::Stale => (words::stays_stale(reports), Exit::NotInStep),
        };
        Printed {
            out,
            err: String::new(),
            exit,
        }
    }

    fn timed_out(&self) -> Result<Printed> {
        known(&self.last)?;
        Ok(Printed {
            out: words::timed_out(&self.last.reports, self.settings.timeout),
            err: String::new(),
            exit: Exit::TimedOut,
        })
    }
}

/// An error where it is not known how one of them stands.
fn known(look: &Glance) -> Result<()> {
    let is_unknown = |report: &&WorkloadReport| report.standing.0 == Some(Word::Unknown);
    match look.reports.iter().find(is_unknown) {
        Some(report) => bail!(words::unknown(report)),
        None => Ok(()),
    }
}

/// Whether the server did not answer, or could not now.
fn is_of_a_moment(error: &anyhow::Error) -> bool {
    let of_api = error.downcast_ref::<ApiError>();
    let is_one = |error: &ApiError| {
        matches!(
            error,
            ApiError::Slow { .. }
                | ApiError::Unreachable(_)
                | ApiError::Unreadable
                | ApiError::Expired
                | ApiError::Late
        )
    };
    of_api.is_some_and(is_one)
}

/// Whether the same request may succeed later.
fn may_pass(error: &anyhow::Error) -> bool {
    let of_api = error.downcast_ref::<ApiError>();
    let is_final = |error: &ApiError| {
        matches!(
            error,
            ApiError::Forbidden(_) | ApiError::Unauthenticated(_) | ApiError::Invalid(..)
        )
    };
    of_api.is_some_and(|error| !is_final(error))
}

fn number(record: Result<Option<&Entry>, &str>) -> Option<Number> {
    record.ok().flatten().map(Entry::number)
}
