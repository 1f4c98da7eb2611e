//! The words of `tidings dashboard`.

use std::time::Duration;

use clap::Args;

use super::InstallationArgs;
use crate::settings::values::{one_namespace, time};

pub(super) const EXAMPLES: &str = "\
Examples:
  tidings dashboard                     of the namespace of the kubeconfig's context
  tidings dashboard -A --open           of all namespaces, shown in the browser
  tidings dashboard -n stage --port 8000 --idle 8h

It prints an address with a token, which only whoever sees this terminal knows, and listens on
127.0.0.1 and ::1 alone. It sees what your kubeconfig lets you see, and writes nothing.

Exit codes: 0 nobody looked for so long, 2 error, 130 interrupted.";

/// All options of `tidings dashboard`.
#[derive(Clone, Debug, Args)]
pub struct DashboardArgs {
    /// The namespace; else the context's.
    #[arg(short, long, value_name = "NS", value_parser = one_namespace, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// The port, on this machine only; 0: any that is free [default: 7878, or the next that is
    /// free].
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Show it in the browser.
    #[arg(long)]
    pub open: bool,
    /// End when nobody has looked at it for so long; 0: never.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    pub idle: Duration,
    /// The installation that is asked about.
    #[command(flatten)]
    pub installation: InstallationArgs,
}
