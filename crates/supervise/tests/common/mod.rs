//! The policy that the tests start from.

use std::time::Duration;
use tidings_supervise::action::Signal;
use tidings_supervise::{Backoff, FailedRestart, OnChange, Policy};

/// A supervised process that is told of changes.
pub(crate) fn policy() -> Policy {
    Policy {
        supervises: true,
        on_change: OnChange::Tell,
        on_failed_restart: FailedRestart::Exit,
        prepares: false,
        paced: false,
        quiet: Duration::from_millis(200),
        cap: Duration::from_secs(2),
        settle_first: false,
        stop: Signal::TERM,
        grace: Duration::from_secs(30),
        backoff: Backoff {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            attempts: None,
        },
        until_up: Duration::from_secs(1),
    }
}
