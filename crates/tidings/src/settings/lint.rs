//! All that `tidings lint` needs to know.

use std::path::PathBuf;

use tidings_core::refs::Name;

use super::args::LintArgs;
use super::values::Output;
use super::{Installation, Misuse, Surroundings};

/// All that `tidings lint` needs to know.
#[derive(Clone, Debug)]
pub struct LintSettings {
    /// The files, directories, or `-`.
    pub paths: Vec<PathBuf>,
    /// Whether other tools' behaviour is compared, or mistakes are looked for.
    pub migrate: bool,
    /// The form of the report.
    pub output: Output,
    /// The namespace of objects that name none.
    pub namespace: Name,
    /// The installation that would watch the objects.
    pub installation: Installation,
}

impl LintSettings {
    /// Checks the options of `tidings lint` together.
    pub fn new(args: &LintArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Ok(Self {
            paths: args.files.clone(),
            migrate: args.migrate,
            output: args.output,
            namespace: args.namespace.as_str().into(),
            installation: Installation::new(&args.scope, &args.rules, around)?,
        })
    }
}
