//! The options of what is rolled, and the rules of `decide` that follow from them.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{ArgAction, Args};
use tidings_core::decide::Rules;
use tidings_core::object::Seconds;

use super::{HomeArgs, MethodArgs, NameArgs};
use crate::settings::values::{Compat, ReloadStrategy, time, yes_or_no};

/// What is rolled, and on whose behalf.
#[derive(Clone, Debug, Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct RuleArgs {
    /// Treat every workload without an opt-in annotation as `auto`.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_AUTO_RELOAD_ALL", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub auto_reload_all: bool,
    /// Roll also when an optional or named source appears.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_RELOAD_ON_CREATE", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub reload_on_create: bool,
    /// Roll also when a used source or key is deleted.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_RELOAD_ON_DELETE", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub reload_on_delete: bool,
    /// At first sight, roll workloads whose pods are older than a source that they use.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_CATCH_UP", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub catch_up: bool,
    /// Take a workload edited at a higher resourceVersion than a source's as newer than it.
    /// Right where both are kept in one etcd.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_ABSORB_BY_VERSION", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub absorb_by_version: bool,
    /// What a roll writes on the pod template besides Tidings' own annotations: `default` is
    /// nothing, `env-vars` and `annotations` what Reloader writes [default: default; env-vars with
    /// --compat strict].
    #[arg(long, value_name = "STRATEGY", env = "TIDINGS_RELOAD_STRATEGY")]
    pub reload_strategy: Option<ReloadStrategy>,
    /// Roll a workload that often at most, such as `10m`; `tidings.dev/min-interval` on it goes
    /// first. 0 is off.
    #[arg(long, value_name = "TIME", env = "TIDINGS_MIN_INTERVAL", default_value = "0", value_parser = time)]
    pub min_interval: Duration,
    /// Bring a source's content to so many workloads of a namespace at once, the first of them
    /// alone, in the order of `tidings.dev/wave`, and to no further one when one fails;
    /// `tidings.dev/at-once` on the namespace goes first [default: to all at once].
    #[arg(long, value_name = "NUMBER", env = "TIDINGS_AT_ONCE")]
    pub at_once: Option<NonZeroU32>,
    /// Roll seldom what does not come to rest: five times in ten minutes, 24 times in an hour.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_STORM_FUSE", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub storm_fuse: bool,
    /// `strict` does as Reloader does also where that is dangerous: it runs completed Jobs again,
    /// and suspended CronJobs.
    #[arg(
        long,
        value_name = "HOW",
        env = "TIDINGS_COMPAT",
        default_value = "safe",
        ignore_case = true
    )]
    pub compat: Compat,
    /// How a change reaches pods.
    #[command(flatten)]
    pub methods: MethodArgs,
    /// Which installation.
    #[command(flatten)]
    pub home: HomeArgs,
    /// How annotations are called.
    #[command(flatten, next_help_heading = "How Reloader's annotations are called")]
    pub names: NameArgs,
}

impl RuleArgs {
    /// How it is decided.
    pub fn rules(&self) -> Rules {
        Rules {
            instance: self.home.instance.as_str().into(),
            on_create: self.reload_on_create,
            on_delete: self.reload_on_delete,
            catch_up: self.catch_up,
            strict: self.compat == Compat::Strict,
            min_interval: seconds(self.min_interval),
            fuse: self.storm_fuse,
            one_etcd: self.absorb_by_version,
            writes: true,
            enabled: self.methods.methods,
            climbs: true,
        }
    }
}

/// Rounded up: an interval is not to be cut short.
fn seconds(time: Duration) -> Seconds {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    Seconds::try_from(whole).unwrap_or(Seconds::MAX)
}
