//! The words of `tidings pause` and `tidings unpause`.

use std::time::Duration;

use clap::Args;

use super::{InstallationArgs, MannerArgs};
use crate::settings::values::{one_namespace, point_in_time, time, workload};

pub(super) const PAUSE_EXAMPLES: &str = "\
Examples:
  tidings pause deploy/web -n stage
  tidings pause deploy/web -n stage --for 2h
  tidings pause namespace/stage --until 2026-12-01T08:00+01:00
  tidings pause --all                  nothing is rolled anywhere

It writes tidings.dev/pause: on the workload, on the namespace, or on Tidings' own namespace.
What changes meanwhile waits, and is one roll when the pause is over.

Exit codes: 0 paused, 1 you said no, 2 error.";

pub(super) const UNPAUSE_EXAMPLES: &str = "\
Examples:
  tidings unpause deploy/web -n stage
  tidings unpause namespace/stage
  tidings unpause --all

It takes tidings.dev/pause away. What waited is rolled then, if no other gate holds it.

Exit codes: 0 no pause is left there, 1 you said no, 2 error.";

/// All options of `tidings pause`.
#[derive(Clone, Debug, Args)]
pub struct PauseArgs {
    /// What is paused.
    #[command(flatten)]
    pub what: PausedArgs,
    /// Until when, such as 2026-12-01T08:00+01:00; else until `tidings unpause`.
    #[arg(long, value_name = "TIME", value_parser = point_in_time, conflicts_with = "for")]
    pub until: Option<i64>,
    /// For how long from now, such as 30m or 2h.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub r#for: Option<Duration>,
}

/// What `pause` and `unpause` have in common: all that the second has.
#[derive(Clone, Debug, Args)]
pub struct PausedArgs {
    /// The workload, such as deploy/web, or all of a namespace: namespace/stage.
    #[arg(value_name = "KIND/NAME", value_parser = workload, required_unless_present = "all")]
    pub workload: Option<String>,
    /// Everything that this installation rolls.
    #[arg(long, conflicts_with = "workload")]
    pub all: bool,
    /// The namespace of the workload; else that of the kubeconfig's context.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace, conflicts_with = "all")]
    pub namespace: Option<String>,
    /// How it is asked and told.
    #[command(flatten)]
    pub manner: MannerArgs,
    /// The installation that is paused.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
