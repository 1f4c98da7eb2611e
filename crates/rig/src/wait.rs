//! Waiting for conditions instead of sleeping.
//!
//! In: a probe that answers, or fails by telling what it saw. Out: the answer,
//! or an error that says what was waited for and what was seen last.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use jiff::Timestamp;

const PAUSE: Duration = Duration::from_millis(50);

/// Seconds, short: `secs(10)`.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Probes until the answer is `Ok`. An `Err` means "not yet" and says what was
/// seen (`anyhow::ensure!` does well here); the last one is told on a timeout.
pub async fn wait_until<T, F, Fut>(what: &str, limit: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let start = Instant::now();
    let mut last = anyhow!("nothing; the first look took too long");
    while let Some(left) = limit.checked_sub(start.elapsed()) {
        match tokio::time::timeout(left, probe()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(seen)) => last = seen,
            Err(_) => break,
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("waited {limit:?} for {what}; last seen: {last:#}")
}

/// Probes for the whole time and fails as soon as a probe does: for what must
/// not happen.
pub async fn holds<F, Fut>(what: &str, time: Duration, mut probe: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let start = Instant::now();
    while start.elapsed() < time {
        if let Err(seen) = probe().await {
            let after = start.elapsed();
            bail!("{what} should have held for {time:?}; after {after:?}: {seen:#}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The times of Kubernetes are whole seconds: what is done after this is later.
pub async fn clearly_later() -> Result<()> {
    let before = Timestamp::now();
    wait_until("the next second but one", secs(10), async || {
        let passed = Timestamp::now().as_second() - before.as_second();
        ensure!(passed >= 2, "{passed} s");
        Ok(())
    })
    .await
}
