//! Standing in for other reloaders, behind their own names and flags.
//!
//! In: their arguments. Out: the agent's own [`Settings`](crate::cli::settings::Settings).
//! What those programs do wrong (lost changes, early calls, giving up) is done
//! as the agent does it.

pub(crate) mod configmap_reload;
mod flags;
pub(crate) mod prometheus;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tidings_supervise::sidecars::{CONFIGMAP_RELOAD, PROMETHEUS_CONFIG_RELOADER};

/// The command that a call without one stands for, by all its flags: another
/// may come first.
pub(crate) fn name_by_flags(arguments: &[OsString]) -> Option<&'static str> {
    if !arguments.first()?.as_bytes().starts_with(b"-") {
        return None;
    }
    let names: Vec<&str> = arguments.iter().filter_map(|text| flag(text)).collect();
    if CONFIGMAP_RELOAD.is_told_by(&names) {
        return Some(CONFIGMAP_RELOAD.name);
    }
    let is_told = PROMETHEUS_CONFIG_RELOADER.is_told_by(&names);
    is_told.then_some(PROMETHEUS_CONFIG_RELOADER.name)
}

/// `--name=value` and `-name`: name.
fn flag(argument: &OsStr) -> Option<&str> {
    let text = argument.to_str()?.strip_prefix('-')?;
    let text = text.strip_prefix('-').unwrap_or(text);
    text.split('=').next()
}

/// The command that the program's own name stands for, if any.
pub(crate) fn name_of(program: &Path) -> Option<&'static str> {
    let name = program.file_name()?;
    let known = [CONFIGMAP_RELOAD.name, PROMETHEUS_CONFIG_RELOADER.name];
    known.into_iter().find(|known| name == *known)
}

/// Those of all of them, without dashes.
#[cfg(test)]
pub(crate) fn flags() -> impl Iterator<Item = &'static str> {
    let first = CONFIGMAP_RELOAD.flags.iter().map(|flag| flag.name);
    let second = PROMETHEUS_CONFIG_RELOADER.flags.iter();
    first.chain(second.map(|flag| flag.name))
}

#[cfg(test)]
mod tests {
    use super::name_by_flags;
    use crate::cli::Asked;
    use std::ffi::OsString;

    #[test]
    fn a_call_without_a_command_is_known_by_its_flags() {
        let (ours, theirs) = ("configmap-reload", "prometheus-config-reloader");
        for (line, expected) in [
            ("--volume-dir=/a --webhook-url=http://h/", Some(ours)),
            ("-volume-dir /a -webhook-url http://h/", Some(ours)),
            ("--webhook-url=http://h/ --volume-dir=/a", Some(ours)),
            ("--web.listen-address=:1 --volume-dir=/a", Some(ours)),
            ("--watched-dir=/a --reload-url=http://h/", Some(theirs)),
            ("--config-file=/a", Some(theirs)),
            ("--watch-interval=0 --listen-address=:8081", Some(theirs)),
            ("--listen-address=:8080 --watched-dir=/a", Some(theirs)),
            ("--log-format=json --reload-url http://h/", Some(theirs)),
            ("--help", None),
            ("--watch /a --http http://h/", None),
            ("watch --reload-url", None),
            ("run -- prog --config-file=x", None),
            ("", None),
        ] {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(name_by_flags(&words), expected, "{line}");
        }
    }

    #[test]
    fn help_names_every_flag() {
        let help = |command: &str| {
            let line = [command, "-h"].map(OsString::from);
            match crate::cli::read(line.into()) {
                Ok(Asked::Print(text)) => text,
                _ => panic!("refused"),
            }
        };
        let text = help("configmap-reload") + &help("prometheus-config-reloader");
        for name in super::flags() {
            assert!(text.contains(&format!("--{name} ")), "{name}");
        }
    }

    #[test]
    fn every_flag_is_in_the_guide() {
        let guide = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/migrating-from-configmap-reload.md"
        );
        let guide = std::fs::read_to_string(guide).unwrap();
        for flag in super::flags() {
            assert!(guide.contains(&format!("`--{flag}`")), "--{flag}");
        }
    }
}
