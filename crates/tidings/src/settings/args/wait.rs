//! The words of `tidings wait`.

use std::time::Duration;

use clap::Args;

use super::InstallationArgs;
use crate::settings::values::{WaitFor, one_namespace, time_or_seconds, workload};

pub(super) const EXAMPLES: &str = "\
Examples:
  kubectl apply -f config.yaml && tidings wait deploy/web -n stage
  tidings wait deploy/web sts/db -n stage --timeout 10m
  tidings wait deploy/web -q            without a word on the way

It compares content itself, so it does not end before the controller has seen a change. What
it is at is said on stderr, how it ended in one line on stdout.

Exit codes: 0 all are in step, 1 a rollout has failed, or pods may have older content and nothing
is due that would replace them, 3 neither at the time-out, 2 error, such as a workload that is
not there or not opted in; 130 where it was interrupted.";

/// All options of `tidings wait`.
#[derive(Clone, Debug, Args)]
pub struct WaitArgs {
    /// The workloads, such as deploy/web, sts/db or ds/agent.
    #[arg(value_name = "KIND/NAME", required = true, value_parser = workload)]
    pub workloads: Vec<String>,
    /// Their namespace; else that of the kubeconfig's context.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace)]
    pub namespace: Option<String>,
    /// What is waited for.
    #[arg(long, value_name = "STATE", default_value = "in-step")]
    pub r#for: WaitFor,
    /// How long at most, such as 90s or 5m, a number alone being seconds; 0: looks once.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time_or_seconds)]
    pub timeout: Duration,
    /// Say nothing on the way.
    #[arg(short, long)]
    pub quiet: bool,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
