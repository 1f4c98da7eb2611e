//! Standing in for other reloaders, behind their own names and flags.
//!
//! In: their arguments. Out: the agent's own [`Settings`](crate::cli::settings::Settings).
//! What those programs do wrong (lost changes, early calls, giving up) is done
//! as the agent does it.

mod configmap_reload;
mod flags;
mod prometheus;

use crate::cli::{self, Invocation};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tidings_shared::sidecars::{CONFIGMAP_RELOAD, PROMETHEUS_CONFIG_RELOADER};

/// Reads a whole command line: that of a program that the agent stands in for, by the
/// name under which it was started, by its command or by its flags, or the agent's own.
///
/// # Errors
/// One sentence.
pub(crate) fn read(program: &Path, mut arguments: Vec<OsString>) -> Result<Invocation, String> {
    let command = name_of(program).or_else(|| name_by_flags(&arguments));
    if let Some(name) = command {
        arguments.insert(0, name.into());
    }
    let command = arguments.first().and_then(|word| word.to_str());
    if command == Some(CONFIGMAP_RELOAD.name) {
        configmap_reload::read(arguments.split_off(1))
    } else if command == Some(PROMETHEUS_CONFIG_RELOADER.name) {
        prometheus::read(arguments.split_off(1))
    } else {
        cli::read(arguments)
    }
}

/// The command that a call without one stands for, by all its flags: another
/// may come first.
fn name_by_flags(arguments: &[OsString]) -> Option<&'static str> {
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
fn name_of(program: &Path) -> Option<&'static str> {
    let name = program.file_name()?;
    let known = [CONFIGMAP_RELOAD.name, PROMETHEUS_CONFIG_RELOADER.name];
    known.into_iter().find(|known| name == *known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::options::OPTIONS;

    fn read(words: Vec<OsString>) -> Result<Invocation, String> {
        super::read(Path::new("/tidings-agent"), words)
    }

    /// Flags of all programs, without dashes.
    fn flags() -> impl Iterator<Item = &'static str> {
        let first = CONFIGMAP_RELOAD.flags.iter().map(|flag| flag.name);
        let second = PROMETHEUS_CONFIG_RELOADER.flags.iter();
        first.chain(second.map(|flag| flag.name))
    }

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
    fn a_program_is_known_by_its_own_name() {
        for (program, is_known) in [
            ("/bin/prometheus-config-reloader", true),
            ("configmap-reload", true),
            ("/tidings-agent", false),
            ("", false),
        ] {
            let help = super::read(Path::new(program), vec!["--help".into()]);
            let Ok(Invocation::Print(text)) = help else {
                panic!("refused");
            };
            assert_eq!(text.contains("in the place of"), is_known, "{program}");
        }
    }

    #[test]
    fn help_names_every_flag() {
        let mut all = String::new();
        for line in [
            "configmap-reload --help",
            "configmap-reload -h",
            "configmap-reload -volume-dir /a -help",
            "prometheus-config-reloader --help",
            "prometheus-config-reloader -h",
        ] {
            match read(line.split(' ').map(OsString::from).collect()) {
                Ok(Invocation::Print(text)) => all.push_str(&text),
                _ => panic!("refused: {line}"),
            }
        }
        for name in flags() {
            assert!(all.contains(&format!("--{name} ")), "{name}");
        }
    }

    /// What a sentence on this line shows of a secret in it; what is taken is none.
    fn shows(words: &[String]) -> Option<String> {
        let line = words.iter().map(OsString::from).collect();
        let sentence = read(line).err()?;
        sentence.contains("S3CR").then_some(sentence)
    }

    const SECRETS: [&str; 10] = [
        "http://u:S3CR@h/?k=S3CR",
        "moves=http://u:S3CR@h/?k=S3CR",
        "answers=http://u:S3CR@:/?k=S3CR",
        "u:S3CR@h",
        "https:/u:S3CR/x@h/",
        "//u:S3CR@h/",
        "unix:S3CR",
        "200,http://u:S3CR@h",
        "sh -c 'curl http://u:S3CR@h/",
        "Authorization:S3CR\nx",
    ];

    #[test]
    fn no_sentence_shows_what_may_be_secret() {
        let commands = [
            "run",
            "watch",
            "install",
            "presets",
            "configmap-reload",
            "prometheus-config-reloader",
        ];
        let names = OPTIONS.iter().map(|opt| opt.name);
        let theirs = flags().map(|name| format!("--{name}"));
        let names: Vec<String> = names.map(str::to_owned).chain(theirs).collect();
        let odd = ["", "--", "-", "-x", "--httpp", "--http", "--exec"].map(str::to_owned);
        for secret in SECRETS {
            assert_eq!(shows(&[secret.into()]), None);
            for command in commands {
                for name in names.iter().chain(&odd) {
                    let glued = format!("{name}{secret}");
                    let equals = format!("{name}={secret}");
                    let command = command.to_owned();
                    for rest in [vec![glued], vec![equals], vec![name.clone(), secret.into()]] {
                        let line = [vec![command.clone()], rest].concat();
                        assert_eq!(shows(&line), None, "{line:?}");
                    }
                }
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
        for flag in flags() {
            assert!(guide.contains(&format!("`--{flag}`")), "--{flag}");
        }
    }
}
