//! The command line. In: arguments. Out: what to do, or one sentence.

pub(crate) mod low_args;
pub(crate) mod needs;
pub(crate) mod options;
pub(crate) mod settings;
pub(crate) mod values;

use crate::render::is_file_name;
use crate::text::quoted::{self, is_address, quoted};
use lexopt::{Arg, Parser};
use low_args::LowArgs;
use options::{For, OPTIONS, Opt};
use settings::Settings;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::path::PathBuf;

/// What a person asked for.
pub(crate) enum Invocation {
    /// Supervise or watch.
    Work(Box<Settings>),
    /// Print this and end well.
    Print(String),
    /// Copy the agent itself to this place.
    Install(PathBuf),
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// One sentence.
pub(crate) fn read(arguments: Vec<OsString>) -> Result<Invocation, String> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    match command.to_str() {
        Some("run") => work(For::Run, rest),
        Some("watch") => work(For::Watch, rest),
        Some("install") => install(&rest),
        Some("presets" | "version") if rest.iter().any(asks_for_help) => {
            Ok(Invocation::Print(help()))
        }
        Some("presets" | "version" | "--version" | "-V") if !rest.is_empty() => {
            Err(stray(&rest[0].to_string_lossy()))
        }
        // Its text is of all commands.
        Some("help" | "--help" | "-h") if rest.iter().any(|word| !is_command(word)) => {
            Err(of_help(&rest))
        }
        Some("presets") => Ok(Invocation::Print(tidings_shared::preset::reference())),
        Some("help" | "--help" | "-h") => Ok(Invocation::Print(help())),
        Some("version" | "--version" | "-V") => Ok(Invocation::Print(version())),
        Some("") => Err("say what to do: run, watch, presets or help".into()),
        _ => Err(format!(
            "{} is no command; write run, watch, presets or help",
            quoted(&command.to_string_lossy())
        )),
    }
}

fn is_command(word: &OsStr) -> bool {
    COMMANDS.iter().any(|known| word == *known)
}

fn of_help(rest: &[OsString]) -> String {
    let unknown = rest.iter().find(|word| !is_command(word));
    let unknown = quoted(&unknown.unwrap_or(&rest[0]).to_string_lossy());
    format!(
        "{unknown} is no command; write help alone, or {}",
        COMMANDS.join(", ")
    )
}

/// The version line.
pub(crate) fn version() -> String {
    format!("tidings-agent {}\n", env!("CARGO_PKG_VERSION"))
}

fn work(mode: For, arguments: Vec<OsString>) -> Result<Invocation, String> {
    let mut args = LowArgs::default();
    let mut said = Vec::new();
    let mut command = Vec::new();
    let mut task = Vec::new();
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(of_parser)? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Print(help())),
            Arg::Long(name) => {
                let name = format!("--{name}");
                let (opt, value) = set(&mut args, mode, &name, &mut parser)?;
                said.push(opt.name);
                if opt.is_of_the_task() {
                    task.push(OsString::from(format!("{}={value}", opt.name)));
                }
            }
            Arg::Short(letter) => return Err(unknown(&format!("-{letter}"))),
            Arg::Value(first) if mode == For::Run && !is_address(&first.to_string_lossy()) => {
                command.push(first);
                let rest = parser.raw_args().map_err(of_parser)?;
                command.extend(rest);
            }
            Arg::Value(value) => return Err(stray(&value.to_string_lossy())),
        }
    }
    task.extend(command.iter().cloned());
    let settings = match mode {
        For::Run => args.run(command),
        _ => args.watch_only(),
    }?;
    needs::meet(&said, &settings)?;
    Ok(Invocation::Work(Box::new(Settings { task, ..settings })))
}

/// The option that was set, and to what.
fn set(
    args: &mut LowArgs,
    mode: For,
    name: &str,
    parser: &mut Parser,
) -> Result<(&'static Opt, String), String> {
    let opt = options::find(name, mode).ok_or_else(|| unknown(name))?;
    let value = if opt.value.is_empty() {
        String::new()
    } else {
        let value = parser.value().map_err(of_parser)?;
        value
            .into_string()
            .map_err(|_| format!("{name}: the value is not UTF-8"))?
    };
    let set = (opt.set)(args, &value);
    set.map_err(|error| format!("{name}: {}", quoted::hidden(&error, &value)))?;
    Ok((opt, value))
}

/// `--` says that what follows is a path, whatever it begins with.
fn install(rest: &[OsString]) -> Result<Invocation, String> {
    match rest {
        [dashes, path] if dashes == "--" => install_at(path),
        words if words.iter().any(asks_for_help) => Ok(Invocation::Print(help())),
        [path] if path.as_encoded_bytes().starts_with(b"-") => Err(format!(
            "install knows no option {}; a file of such a name is written ./ and its name",
            quoted::option(&path.to_string_lossy())
        )),
        [path] => install_at(path),
        _ => Err("install needs one path: tidings-agent install FILE".into()),
    }
}

fn install_at(path: &OsString) -> Result<Invocation, String> {
    match path.to_string_lossy() {
        text if is_address(&text) => Err("install needs a path, and an address is none".into()),
        text if is_file_name(&text) => Ok(Invocation::Install(path.into())),
        text if text.is_empty() => Err("install needs a path, and this one is empty".into()),
        _ => Err(
            "install needs the path of the file itself, and this one is of a directory: write the file's name behind it".into(),
        ),
    }
}

fn asks_for_help(word: &OsString) -> bool {
    word == "--help" || word == "-h"
}

fn unknown(what: &str) -> String {
    let what = quoted::option(what);
    format!("{what} is not known; `tidings-agent help` lists the options")
}

/// An argument that belongs to no option.
fn stray(value: &str) -> String {
    let advice = if is_address(value) {
        "write --http before an address"
    } else {
        "`tidings-agent help` lists the options"
    };
    format!("{} belongs to no option; {advice}", quoted(value))
}

/// Its own sentences show values.
fn of_parser(error: lexopt::Error) -> String {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => {
            format!("{} takes no value", quoted::option(&option))
        }
        lexopt::Error::MissingValue { option } => {
            let option = option.unwrap_or_default();
            format!("{} needs a value", quoted::option(&option))
        }
        _ => "an argument makes no sense; `tidings-agent help` lists the options".into(),
    }
}

const COMMANDS: [&str; 7] = [
    "run",
    "watch",
    "install",
    "presets",
    "version",
    "configmap-reload",
    "prometheus-config-reloader",
];

const HEAD: &str = "\
Sees mounted configuration change, and makes the process take it.

  tidings-agent run [options] -- CMD [ARG…]   supervise CMD in its own container
  tidings-agent watch [options]               watch beside it, as a sidecar
  tidings-agent install FILE                  copy itself there, for an init container
  tidings-agent presets                       list what --preset knows
  tidings-agent configmap-reload [flags]      as configmap-reload
  tidings-agent prometheus-config-reloader [flags]

For instance, for a controller that asks whether each pod has a change, and lets it be
taken pod by pod:

  tidings-agent run --preset nginx --listen :9533 --memory /memory \\
    --poke-file /etc/tidings/poke --paced -- nginx -g 'daemon off;'

";

/// The text of `--help`.
pub(crate) fn help() -> String {
    let mut text = HEAD.to_owned();
    for opt in OPTIONS {
        let whose = match opt.of {
            For::Both => "",
            For::Run => " (run)",
            For::Watch => " (watch)",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {}{whose}\n      {}", opt.usage(), opt.doc);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        let words = line.split_whitespace().map(OsString::from).collect();
        match read(words) {
            Err(sentence) => sentence,
            Ok(_) => panic!("accepted: {line}"),
        }
    }

    #[test]
    fn bad_input_is_one_sentence() {
        for line in [
            "",
            "fly",
            "run",
            "run --frob -- true",
            "run --signal NOPE -- true",
            "run --preset nope -- true",
            "run --grace soon -- true",
            "watch --signal",
            "watch stray",
            "watch --on-change restart",
            "watch --http localhost",
            "watch --http http://localhost/ --cert x",
            "watch -x",
            "watch --include [ --exec true",
            "presets nginx",
            "version x",
            "help x",
            "--help x",
            "help run x",
            "install",
            "install --version",
            "install --force",
            "install -",
            "install --force x",
            "install a b",
            "install --",
            "install -- a b",
            "install d/x/",
        ] {
            let sentence = refused(line);
            assert_eq!(sentence.lines().count(), 1, "{line}: {sentence}");
        }
    }

    #[test]
    fn help_is_to_be_had_for_each_command() {
        for line in [
            "help",
            "--help",
            "-h",
            "help run",
            "help watch",
            "run --help",
            "install --help",
            "install -h",
            "install --help x",
            "install x --help",
            "presets --help",
            "version -h",
        ] {
            let words = line.split(' ').map(OsString::from).collect();
            assert!(matches!(read(words), Ok(Invocation::Print(_))), "{line}");
        }
    }

    #[test]
    fn a_command_without_a_name_is_refused() {
        for words in [
            vec!["run", "--", ""],
            vec!["run", "--preset", "nginx", "", "x"],
        ] {
            let why = read(words.into_iter().map(OsString::from).collect()).err();
            assert!(why.unwrap().contains("has no name"));
        }
    }

    #[test]
    fn an_address_out_of_place_is_said() {
        for line in ["watch http://h/", "run http://u:p@h/ -- true"] {
            assert!(refused(line).contains("write --http before"), "{line}");
        }
        for line in [
            "watch --watch http://h/ --exec true",
            "watch --render http://h/x=o",
            "watch --exec http://u:p@h/ --watch d",
            "watch --check u:p@h --exec true",
            "watch --prove succeeds=http://h/ --exec true",
            "watch --prove prints-anew=https:/u:p@h/ --exec true",
            "watch --process u:p@h",
            "watch --memory //u:p@h/ --exec true",
            "install http://u:p@h/",
            "run --insecure u:p@h",
        ] {
            assert!(refused(line).contains("address"), "{line}");
        }
        assert!(refused("watch --once=x").contains("--once takes no value"));
        assert!(refused("run --grace 2y x").contains("\"2y\" is no time"));
    }

    #[test]
    fn everything_after_the_command_is_its_own() {
        let words = [
            "run",
            "--quiet",
            "1s",
            "--",
            "nginx",
            "-g",
            "daemon off;",
            "--",
            "--help",
        ];
        let Ok(Invocation::Work(settings)) = read(words.map(OsString::from).into()) else {
            panic!("refused");
        };
        assert_eq!(
            settings.command,
            ["nginx", "-g", "daemon off;", "--", "--help"]
        );
    }
}
