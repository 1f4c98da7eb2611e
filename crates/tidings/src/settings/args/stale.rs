//! The words of `tidings stale`.

use clap::Args;

use super::InstallationArgs;
use crate::settings::selector::{self, Selector};
use crate::settings::values::{ListForm, one_namespace};

pub(super) const EXAMPLES: &str = "\
Examples:
  tidings stale                         in the namespace of the kubeconfig's context
  tidings stale -A                      in all namespaces
  tidings stale -n stage -l app=web -o wide
  tidings stale -n stage -o name        such as deployment/web, one a line
  tidings stale -A -o json

A pod is stale where a container of it was started before the newest write of data that it
uses. Rows of files say `unless read again`: those have followed within about 90 s, and whether
the process has read them since cannot be seen. `perhaps`: only the time of the write is known.

Exit codes: 0 none, 1 some, 2 not all could be read, or error.";

/// All options of `tidings stale`.
#[derive(Clone, Debug, Args)]
pub struct StaleArgs {
    /// The namespace; else the context's.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Only pods whose labels match, such as `app=web,tier in (a,b)`.
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector::parse)]
    pub selector: Option<Selector>,
    /// A table for eyes (wide: with more columns), JSON or YAML for programs, or names of workloads.
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub output: ListForm,
    /// Print rows only.
    #[arg(long)]
    pub no_headers: bool,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
