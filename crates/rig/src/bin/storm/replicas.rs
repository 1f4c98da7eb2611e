//! The two replicas of the controller, and what befalls them.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use rig::process::{Launch, Tidings};
use rig::{Installed, secs};
use rustix::process::Signal;
use tokio::time::sleep;

const LIMIT: Duration = secs(60);
const LOOK: Duration = Duration::from_millis(500);

/// What befalls one of them; it goes on afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blow {
    words: &'static str,
    replica: usize,
    signal: Signal,
    /// How long it is away.
    lasts: Duration,
}

const SIGNALS: &[(&str, Signal)] = &[
    ("killed", Signal::KILL),
    ("told to end", Signal::TERM),
    ("stopped", Signal::STOP),
];

impl Blow {
    /// One that lasts no longer than this.
    pub(crate) fn draw(dice: &mut Rng, longest: Duration) -> Self {
        let (words, signal) = SIGNALS[dice.usize(..SIGNALS.len())];
        Self {
            words,
            replica: dice.usize(..2),
            signal,
            lasts: Duration::from_millis(dice.u64(0..20_000)).min(longest),
        }
    }

    pub(crate) fn lasts(&self) -> Duration {
        self.lasts
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (away, n) = (self.lasts.as_secs_f32(), self.replica);
        write!(f, "replica {n} {}, {away:.1} s", self.words)
    }
}

pub(crate) struct Replicas([Replica; 2]);

struct Replica {
    launch: Launch,
    running: Tidings,
    /// What those logged that were before.
    before: Vec<String>,
}

impl Replicas {
    /// Both, with the defaults, ready.
    pub(crate) async fn start(home: &Installed) -> Result<Self> {
        let replicas = Self([Replica::start(home)?, Replica::start(home)?]);
        for replica in &replicas.0 {
            replica.running.ready(LIMIT).await?;
        }
        Ok(replicas)
    }

    pub(crate) async fn suffer(&mut self, blow: Blow) -> Result<()> {
        let replica = &mut self.0[blow.replica];
        replica.tend()?;
        replica.running.signal(blow.signal)?;
        if blow.signal == Signal::STOP {
            sleep(blow.lasts).await;
            return replica.running.signal(Signal::CONT);
        }
        let ended = replica.running.exit(LIMIT).await;
        let ended = ended.context("told to end in bad weather")?;
        ensure!(
            blow.signal == Signal::KILL || ended.success() || replica.said_why(ended)?,
            "told to end, it did so with {ended}\n{}",
            replica.running.tail()
        );
        sleep(blow.lasts).await;
        replica.again()
    }

    /// Starts anew what ended, as the kubelet would, until this time.
    pub(crate) async fn tend_until(&mut self, at: Instant) -> Result<()> {
        while let left = at.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            sleep(left.min(LOOK)).await;
            self.0.iter_mut().try_for_each(Replica::tend)?;
        }
        Ok(())
    }

    pub(crate) fn write_logs(&self, folder: &Path, seed: u64) -> Result<()> {
        for (n, replica) in self.0.iter().enumerate() {
            let mut lines = replica.before.clone();
            lines.extend(replica.running.lines()?);
            let file = folder.join(format!("{seed}-replica-{n}.log"));
            std::fs::write(file, lines.join("\n"))?;
        }
        Ok(())
    }
}

impl Replica {
    fn start(home: &Installed) -> Result<Self> {
        let launch = home.launch_everywhere(&[])?;
        Ok(Self {
            running: launch.start()?,
            launch,
            before: Vec::new(),
        })
    }

    fn again(&mut self) -> Result<()> {
        self.before.extend(self.running.lines()?);
        self.before.push("--- started anew ---".to_owned());
        self.running = self.launch.start()?;
        Ok(())
    }

    fn tend(&mut self) -> Result<()> {
        let Some(ended) = self.running.ended()? else {
            return Ok(());
        };
        let tail = || self.running.tail();
        ensure!(self.said_why(ended)?, "it ended with {ended}\n{}", tail());
        self.again()
    }

    /// At the start it may end by itself, if it says why: where the API server cannot be
    /// reached, for one. Before its first line it has nothing to bring to an end.
    fn said_why(&self, ended: ExitStatus) -> Result<bool> {
        let lines = self.running.lines()?;
        let told = lines.last().is_some_and(|line| line.starts_with("error: "));
        let had_not_begun = lines.is_empty() && ended.signal() == Some(Signal::TERM.as_raw());
        Ok(had_not_begun || (ended.code() == Some(2) && told))
    }
}
