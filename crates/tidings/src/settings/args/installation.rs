//! Which installation a command is about.

use clap::Args;

use super::{ClusterArgs, RuleArgs, ScopeArgs};

/// Where it runs, and on which terms.
#[derive(Clone, Debug, Args)]
pub struct InstallationArgs {
    /// Which cluster.
    #[command(flatten, next_help_heading = "Cluster")]
    pub cluster: ClusterArgs,
    /// What the controller watches.
    #[command(
        flatten,
        next_help_heading = "Where Tidings is installed: what it watches (as it says itself, where not given)"
    )]
    pub scope: ScopeArgs,
    /// What the controller rolls.
    #[command(
        flatten,
        next_help_heading = "Where Tidings is installed: what it rolls (as it says itself, where not given)"
    )]
    pub rules: RuleArgs,
}
