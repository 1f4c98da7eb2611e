//! What `tidings stale` was told, validated.

use super::args::StaleArgs;
use super::values::ListForm;
use super::{Installation, Misuse, Surroundings, Target, labels};

/// All that `tidings stale` needs to know.
#[derive(Clone, Debug)]
pub struct StaleSettings {
    /// Where Tidings' records are, if it is installed, and on which terms it runs.
    pub installation: Installation,
    /// Which namespaces.
    pub target: Target,
    /// Which pods, in the API server's words; all where it is empty.
    pub labels: String,
    /// The form of the answer.
    pub output: ListForm,
    /// Whether only rows are printed.
    pub bare: bool,
}

impl StaleSettings {
    /// Checks the options of `tidings stale` together.
    pub fn new(args: &StaleArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Ok(Self {
            installation: Installation::asked(&args.installation, around)?,
            target: Target::of(args.all_namespaces, args.namespace.as_deref()),
            labels: labels(args.selector.as_ref()),
            output: args.output,
            bare: args.no_headers,
        })
    }
}
