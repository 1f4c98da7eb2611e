//! What `tidings history` was told, validated.

use tidings_core::kinds::Kind;
use tidings_core::refs::Name;

use super::args::HistoryArgs;
use super::values::Output;
use super::{Installation, Misuse, Surroundings, rolled};

/// All that `tidings history` needs to know.
#[derive(Clone, Debug)]
pub struct HistorySettings {
    /// Where Tidings' records are, if it is installed.
    pub installation: Installation,
    /// The kind of the workload.
    pub kind: &'static Kind,
    /// Its name.
    pub name: Name,
    /// Its namespace; `None` is that of the kubeconfig's context.
    pub namespace: Option<Name>,
    /// The form of the answer.
    pub output: Output,
    /// Whether only rows are printed.
    pub bare: bool,
}

impl HistorySettings {
    /// Checks the options of `tidings history` together.
    pub fn new(args: &HistoryArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let installation = Installation::asked(&args.installation, around)?;
        let (kind, name) = rolled(&installation.kinds, &args.workload)?;
        Ok(Self {
            installation,
            kind,
            name,
            namespace: args.namespace.as_deref().map(Name::from),
            output: args.output,
            bare: args.no_headers,
        })
    }
}
