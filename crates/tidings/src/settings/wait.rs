//! What `tidings wait` was told, validated.

use std::time::Duration;

use tidings_core::kinds::Kind;
use tidings_core::refs::Name;

use super::args::WaitArgs;
use super::{Installation, Misuse, Surroundings, rolled};

/// All that `tidings wait` needs to know.
#[derive(Clone, Debug)]
pub struct WaitSettings {
    /// The installation that rolls them.
    pub installation: Installation,
    /// The workloads, each once.
    pub workloads: Vec<(&'static Kind, Name)>,
    /// Their namespace; `None` is that of the kubeconfig's context.
    pub namespace: Option<Name>,
    /// How long to wait at most.
    pub timeout: Duration,
    /// Whether nothing is said on the way.
    pub quiet: bool,
}

impl WaitSettings {
    /// Checks the options of `tidings wait` together.
    pub fn new(args: &WaitArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let installation = Installation::asked(&args.installation, around)?;
        let mut workloads = Vec::new();
        for text in &args.workloads {
            let workload = rolled(&installation.kinds, text)?;
            if !workloads.contains(&workload) {
                workloads.push(workload);
            }
        }
        Ok(Self {
            installation,
            workloads,
            namespace: args.namespace.as_deref().map(Name::from),
            timeout: args.timeout,
            quiet: args.quiet,
        })
    }
}
