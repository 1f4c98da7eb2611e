//! The words of `tidings status`.

use clap::Args;
use tidings_core::standing::Word;

use super::InstallationArgs;
use crate::settings::selector::{self, Selector};
use crate::settings::values::{ListForm, one_namespace, standing};

pub(super) const EXAMPLES: &str = "\
Examples:
  tidings status                        in the namespace of the kubeconfig's context
  tidings status -A -w                  in all namespaces, and how that changes
  tidings status -n stage -l team=shop
  tidings status -A --standing stale,failed -o name
  tidings status -n stage -o json

A workload stands in one of six words, the first that fits: unknown, failed, rolling, waiting,
stale, in step. `tidings why KIND/NAME` says of one what it uses, and why it stands so.

Exit codes: 0 all that are shown are in step, 1 others, 2 something is unknown, or error; 130
where -w was interrupted.";

/// All options of `tidings status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// The namespace; else the context's.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Only workloads whose labels match, such as `app=web,tier in (a,b)`.
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = selector::parse)]
    pub selector: Option<Selector>,
    /// Only workloads that stand so, such as `stale,failed`; the counts are of all.
    #[arg(long, value_name = "WORD,…", value_delimiter = ',', value_parser = standing)]
    pub standing: Vec<Word>,
    /// Go on: redraw on a terminal; else print what changes.
    #[arg(short, long)]
    pub watch: bool,
    /// A table for eyes (wide: with reasons), JSON or YAML for programs, or names of workloads.
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub output: ListForm,
    /// Print rows only.
    #[arg(long)]
    pub no_headers: bool,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
