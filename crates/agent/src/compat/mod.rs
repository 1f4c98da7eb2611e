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

#[cfg(test)]
mod tests {
    use super::{configmap_reload, prometheus};

    #[test]
    fn every_flag_is_in_the_guide() {
        let guide = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/migrating-from-configmap-reload.md"
        );
        let guide = std::fs::read_to_string(guide).unwrap();
        let flags = configmap_reload::names().chain(prometheus::names());
        for flag in flags {
            assert!(guide.contains(&format!("`--{flag}`")), "--{flag}");
        }
    }
}
