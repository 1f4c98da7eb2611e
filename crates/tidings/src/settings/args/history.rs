//! The words of `tidings history`.

use clap::Args;

use super::InstallationArgs;
use crate::settings::values::{Output, one_namespace};

pub(super) const EXAMPLES: &str = "\
Examples:
  tidings history deploy/web -n stage
  tidings history sts/db -n prod -o json
  kubectl rollout undo deploy/web --to-revision=3   goes back to what it shows as REVISION 3

Without an installation it shows what the revisions of the pod template tell.

Exit codes: 0 shown, 2 not all could be read, or error.";

/// All options of `tidings history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// The workload, such as deploy/web, sts/db or ds/agent.
    #[arg(value_name = "KIND/NAME")]
    pub workload: String,
    /// Its namespace; else that of the kubeconfig's context.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace)]
    pub namespace: Option<String>,
    /// A table for eyes, or JSON or YAML for programs.
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub output: Output,
    /// Print rows only.
    #[arg(long)]
    pub no_headers: bool,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
