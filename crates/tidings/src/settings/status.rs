//! What `tidings status` was told, validated.

use tidings_core::standing::Word;

use super::args::StatusArgs;
use super::values::ListForm;
use super::{Installation, Misuse, Surroundings, Target, labels};

/// All that `tidings status` needs to know.
#[derive(Clone, Debug)]
pub struct StatusSettings {
    /// The installation that is asked about.
    pub installation: Installation,
    /// Which namespaces.
    pub target: Target,
    /// Which workloads, in the API server's words; all where it is empty.
    pub labels: String,
    /// Which of them are shown, by how they stand; all where it is empty.
    pub standings: Vec<Word>,
    /// Whether to go on.
    pub watch: bool,
    /// The form of the answer.
    pub output: ListForm,
    /// Whether only rows are printed.
    pub bare: bool,
}

impl StatusSettings {
    /// Checks the options of `tidings status` together.
    pub fn new(args: &StatusArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Ok(Self {
            installation: Installation::asked(&args.installation, around)?,
            target: Target::of(args.all_namespaces, args.namespace.as_deref()),
            labels: labels(args.selector.as_ref()),
            standings: args.standing.clone(),
            watch: args.watch,
            output: args.output,
            bare: args.no_headers,
        })
    }
}
