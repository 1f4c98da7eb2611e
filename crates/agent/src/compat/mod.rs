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

/// Names that the binary can be started under, and the command each stands for.
const NAMES: [&str; 2] = ["configmap-reload", "prometheus-config-reloader"];

/// Flags by which a call without a command is known: charts that let one choose
/// the image only write nothing else.
const FIRST_FLAGS: [(&str, &[&str]); 2] = [
    (NAMES[0], &["volume-dir", "webhook-url"]),
    (
        NAMES[1],
        &["watched-dir", "config-file", "reload-url", "watch-interval"],
    ),
];

/// The command that a call without one stands for, by all its flags: another
/// may come first.
pub(crate) fn name_by_flags(arguments: &[OsString]) -> Option<&'static str> {
    if !arguments.first()?.as_bytes().starts_with(b"-") {
        return None;
    }
    let names: Vec<&str> = arguments.iter().filter_map(|text| flag(text)).collect();
    let is_called = |(_, flags): &&(&str, &[&str])| flags.iter().any(|flag| names.contains(flag));
    FIRST_FLAGS.iter().find(is_called).map(|(name, _)| *name)
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
    NAMES.into_iter().find(|known| name == *known)
}

/// Those of all of them, without dashes.
#[cfg(test)]
pub(crate) fn flags() -> impl Iterator<Item = &'static str> {
    configmap_reload::names().chain(prometheus::names())
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
        for (read, names) in [
            (
                super::configmap_reload::read as fn(_) -> _,
                super::configmap_reload::names().collect::<Vec<_>>(),
            ),
            (
                super::prometheus::read,
                super::prometheus::names().collect(),
            ),
        ] {
            let Ok(Asked::Print(text)) = read(vec!["-h".into()]) else {
                panic!("refused");
            };
            for name in names {
                assert!(text.contains(&format!("--{name} ")), "{name}");
            }
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
