//! What `tidings dashboard` was told, validated.

use std::time::Duration;

use super::args::DashboardArgs;
use super::{Installation, Misuse, Surroundings, Target, cluster};
use crate::api::connect::Connect;

/// All that `tidings dashboard` needs to know.
#[derive(Clone, Debug)]
pub struct DashboardSettings {
    /// Which cluster: what goes on for hours keeps its own way there.
    pub cluster: Connect,
    /// The installation that is asked about.
    pub installation: Installation,
    /// Which namespaces.
    pub target: Target,
    /// The port that was asked for; 0 is any that is free.
    pub port: Option<u16>,
    /// Whether to show it in the browser.
    pub open: bool,
    /// Without anybody who looks it ends after so long; none: never.
    pub idle: Option<Duration>,
}

impl DashboardSettings {
    /// Checks the options of `tidings dashboard` together.
    pub fn new(args: &DashboardArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Ok(Self {
            cluster: cluster(&args.installation.cluster),
            installation: Installation::asked(&args.installation, around)?,
            target: Target::of(args.all_namespaces, args.namespace.as_deref()),
            port: args.port,
            open: args.open,
            idle: Some(args.idle).filter(|idle| !idle.is_zero()),
        })
    }
}
