//! The words of `tidings approve`, `reject` and `resume`.

use clap::Args;

use super::{InstallationArgs, MannerArgs};
use crate::settings::values::{number, one_namespace, workload};

pub(super) const APPROVE_EXAMPLES: &str = "\
Examples:
  tidings approve deploy/web -n stage            shows what waits, and asks
  tidings approve deploy/web 4-k7f2 -n stage     only that number: other content is another one
  tidings approve deploy/web -n stage --now      passes window, interval, fuse and train, too

It writes tidings.dev/approve on the workload, and your name as the API server knows it.

Exit codes: 0 said, 1 not said: nothing waits, or another number, or you said no; 2 error.";

pub(super) const REJECT_EXAMPLES: &str = "\
Examples:
  tidings reject deploy/web -n stage
  tidings reject deploy/web 4-k7f2 -n stage --yes

It writes tidings.dev/reject on the workload, and your name as the API server knows it. The
workload stays stale until there is other content.

Exit codes: 0 said, 1 not said: nothing waits, or another number, or you said no; 2 error.";

pub(super) const RESUME_EXAMPLES: &str = "\
Examples:
  tidings resume deploy/web -n stage
  tidings resume deploy/web 4-k7f2 -n stage --yes

A train (--at-once) that has stopped because a workload failed goes on, once; say it of one that
waits with TrainStopped. It writes tidings.dev/resume on that workload, and your name as the API
server knows it. A pause is ended by `tidings unpause`.

Exit codes: 0 said, 1 not said: nothing waits, or another number, or you said no; 2 error.";

/// All options of `tidings approve`.
#[derive(Clone, Debug, Args)]
pub struct ApproveArgs {
    /// What is meant.
    #[command(flatten)]
    pub word: WordArgs,
    /// Let it pass its window, the least interval, the fuse and its train, too.
    #[arg(long)]
    pub now: bool,
}

/// What `approve`, `reject` and `resume` have in common: all that the last two have.
#[derive(Clone, Debug, Args)]
pub struct WordArgs {
    /// The workload, such as deploy/web, sts/db or ds/agent.
    #[arg(value_name = "KIND/NAME", value_parser = workload)]
    pub workload: String,
    /// The number that is meant, such as 4-k7f2; else the one that waits.
    #[arg(value_name = "NUMBER", value_parser = number)]
    pub number: Option<String>,
    /// Its namespace; else that of the kubeconfig's context.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace)]
    pub namespace: Option<String>,
    /// How it is asked and told.
    #[command(flatten)]
    pub manner: MannerArgs,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
