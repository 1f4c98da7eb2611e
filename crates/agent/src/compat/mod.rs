//! Standing in for other reloaders, behind their own names and flags.
//!
//! In: their arguments. Out: the agent's own [`Settings`](crate::cli::settings::Settings).
//! What those programs do wrong (lost changes, early calls, giving up) is done
//! as the agent does it.

pub(crate) mod configmap_reload;
mod flags;
pub(crate) mod prometheus;

use std::path::Path;

/// Names that the binary can be started under, and the command each stands for.
const NAMES: [&str; 2] = ["configmap-reload", "prometheus-config-reloader"];

/// The command that the program's own name stands for, if any.
pub(crate) fn name_of(program: &Path) -> Option<&'static str> {
    let name = program.file_name()?;
    NAMES.into_iter().find(|known| name == *known)
}
