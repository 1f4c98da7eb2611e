//! Options that are there for Reloader's Deployments alone.

use clap::{ArgAction, Args};

use crate::settings::values::yes_or_no;

/// Options of Reloader that there is nothing left to choose about. They are taken,
/// so that its Deployments need no edit, and what becomes of each is said at the
/// start.
#[derive(Clone, Debug, Args)]
pub struct ReloaderArgs {
    /// Nothing to choose: what changed while no controller ran is always found and rolled.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_SYNC_AFTER_RESTART", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub sync_after_restart: bool,
    /// Nothing to choose: replicas always take turns by a Lease.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_ENABLE_HA", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub enable_ha: bool,
    /// Refused, with a warning: there is no profiler here; /metrics says what there is to know.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_ENABLE_PPROF", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub enable_pprof: bool,
    /// As --enable-pprof.
    #[arg(long, value_name = "ADDRESS", env = "TIDINGS_PPROF_ADDR")]
    pub pprof_addr: Option<String>,
}
