//! The options of how the controller runs.

use std::time::Duration;

use clap::{ArgAction, Args};

use crate::report::log::{LogFormat, LogLevel};
use crate::settings::values::{Listen, listen, time, yes_or_no};

/// How the controller runs.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Those that are settings as they are.
    #[command(flatten)]
    pub plain: PlainArgs,
    /// Where /metrics, /livez and /readyz are served, as address:port; `off` is nowhere
    /// [default: 0.0.0.0:9090 in a cluster, else 127.0.0.1:9090].
    #[arg(long, value_name = "ADDRESS", env = "TIDINGS_LISTEN", value_parser = listen)]
    pub listen: Option<Listen>,
    /// Also Reloader's metrics, its Event for each roll, and its ConfigMap that says what runs.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_RELOADER_OBSERVABLES", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub reloader_observables: bool,
    /// The form of the log.
    #[arg(
        long,
        value_name = "FORM",
        env = "TIDINGS_LOG_FORMAT",
        default_value = "text",
        ignore_case = true
    )]
    pub log_format: LogFormat,
    /// How much is logged.
    #[arg(
        long,
        value_name = "LEVEL",
        env = "TIDINGS_LOG_LEVEL",
        default_value = "info",
        ignore_case = true
    )]
    pub log_level: LogLevel,
    /// How long the Lease holds without being renewed; a standby takes over after it.
    #[arg(long, value_name = "TIME", env = "TIDINGS_LEASE_DURATION", default_value = "15s", value_parser = time)]
    pub lease_duration: Duration,
    /// A leader that could not renew for this long stops writing.
    #[arg(long, value_name = "TIME", env = "TIDINGS_LEASE_RENEW_DEADLINE", default_value = "10s", value_parser = time)]
    pub lease_renew_deadline: Duration,
    /// The time between two attempts to take or renew the Lease.
    #[arg(long, value_name = "TIME", env = "TIDINGS_LEASE_RETRY_PERIOD", default_value = "2s", value_parser = time)]
    pub lease_retry_period: Duration,
}

/// Options that mean the same whatever the others are: they are settings as they are.
#[derive(Clone, Debug, Args)]
pub struct PlainArgs {
    /// Changes this close together become one roll (at most five times as long in all); 0 is off.
    #[arg(long, value_name = "TIME", env = "TIDINGS_SETTLE", default_value = "2s", value_parser = time)]
    pub settle: Duration,
    /// Decide and report, but write nothing: no record, no roll, no Event, no Lease.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_DRY_RUN", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub dry_run: bool,
    /// Writes to the API server under way at the same time, 1 to 1000; those that take long count apart.
    #[arg(long, value_name = "N", env = "TIDINGS_MAX_IN_FLIGHT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max_in_flight: u16,
}
