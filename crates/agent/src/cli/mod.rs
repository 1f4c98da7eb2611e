//! The command line. In: arguments. Out: what to do, or one sentence.

pub(crate) mod draft;
mod options;
pub(crate) mod settings;
pub(crate) mod values;

use draft::Draft;
use lexopt::{Arg, Parser};
use options::{For, OPTIONS, Opt};
use settings::Settings;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

/// What a person asked for.
pub(crate) enum Asked {
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
pub(crate) fn read(arguments: Vec<OsString>) -> Result<Asked, String> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    match command.to_str() {
        Some("run") => work(For::Run, rest),
        Some("watch") => work(For::Watch, rest),
        Some("configmap-reload") => crate::compat::configmap_reload::read(rest),
        Some("prometheus-config-reloader") => crate::compat::prometheus::read(rest),
        Some("install") => install(&rest),
        Some("presets") => Ok(Asked::Print(tidings_core::preset::reference())),
        Some("help" | "--help" | "-h") => Ok(Asked::Print(help())),
        Some("version" | "--version" | "-V") => Ok(Asked::Print(version())),
        Some("") => Err("say what to do: run, watch, presets or help".into()),
        _ => Err(format!(
            "{:?} is no command; write run, watch, presets or help",
            command.display().to_string()
        )),
    }
}

/// The version line.
pub(crate) fn version() -> String {
    format!("tidings-agent {}\n", env!("CARGO_PKG_VERSION"))
}

fn work(mode: For, arguments: Vec<OsString>) -> Result<Asked, String> {
    let mut draft = Draft::default();
    let mut command = Vec::new();
    let mut parser = Parser::from_args(arguments.clone());
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Asked::Print(help())),
            Arg::Long(name) => {
                let name = format!("--{name}");
                set(&mut draft, mode, &name, &mut parser)?;
            }
            Arg::Short(letter) => return Err(unknown(&format!("-{letter}"))),
            Arg::Value(first) if mode == For::Run => {
                command.push(first);
                let rest = parser.raw_args().map_err(|error| error.to_string())?;
                command.extend(rest);
            }
            Arg::Value(value) => return Err(unknown(&value.display().to_string())),
        }
    }
    let settings = match mode {
        For::Run => draft.run(command),
        _ => draft.watch_only(),
    }?;
    Ok(Asked::Work(Box::new(Settings {
        arguments,
        ..settings
    })))
}

fn set(draft: &mut Draft, mode: For, name: &str, parser: &mut Parser) -> Result<(), String> {
    let opt = options::find(name, mode).ok_or_else(|| unknown(name))?;
    let value = if opt.value.is_empty() {
        String::new()
    } else {
        let value = parser.value().map_err(|error| error.to_string())?;
        value
            .into_string()
            .map_err(|_| format!("{name}: the value is not UTF-8"))?
    };
    (opt.set)(draft, &value).map_err(|error| format!("{name}: {error}"))
}

fn install(rest: &[OsString]) -> Result<Asked, String> {
    match rest {
        [place] => Ok(Asked::Install(place.into())),
        _ => Err("install needs one path: tidings-agent install FILE".into()),
    }
}

fn unknown(what: &str) -> String {
    format!("{what} is not known; `tidings-agent help` lists the options")
}

const HEAD: &str = "\
Sees mounted configuration change, and makes the process take it.

  tidings-agent run [options] -- CMD [ARG…]   supervise CMD in its own container
  tidings-agent watch [options]               watch beside it, as a sidecar
  tidings-agent install FILE                  copy itself there, for an init container
  tidings-agent presets                       list what --preset knows
  tidings-agent configmap-reload [flags]      as configmap-reload
  tidings-agent prometheus-config-reloader [flags]

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
        let _ = writeln!(text, "  {}{whose}\n      {}", usage(opt), opt.doc);
    }
    text
}

fn usage(opt: &Opt) -> String {
    format!("{} {}", opt.name, opt.value).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of options as `docs/agent.md` has it.
    fn reference() -> String {
        let mut text = String::from("| option | for | |\n|---|---|---|\n");
        for opt in OPTIONS {
            let whose = match opt.of {
                For::Both => "both",
                For::Run => "run",
                For::Watch => "watch",
            };
            let escape = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(
                text,
                "| `{}` | {whose} | {} |",
                escape(&usage(opt)),
                escape(opt.doc)
            );
        }
        text
    }

    fn docs(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs")
            .join(name)
    }

    /// `TIDINGS_WRITE_DOCS=1` writes the page anew instead of comparing.
    fn compare(name: &str, right: impl Fn(&str) -> String) {
        let page = std::fs::read_to_string(docs(name)).unwrap_or_default();
        let right = right(&page);
        if std::env::var_os("TIDINGS_WRITE_DOCS").is_some() {
            std::fs::write(docs(name), right).unwrap();
        } else {
            assert!(page == right, "docs/{name} is not up to date: make docs");
        }
    }

    #[test]
    fn the_page_of_presets_is_the_table() {
        compare("presets.md", |_| tidings_core::preset::reference());
    }

    fn between(page: &str, name: &str, text: &str) -> String {
        let (begin, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let before = page.split(&begin).next().unwrap_or_default();
        let after = page.split(&end).nth(1).unwrap_or_default();
        format!("{before}{begin}{text}{end}{after}")
    }

    #[test]
    fn the_page_of_the_agent_has_the_tables_of_limits_and_options() {
        compare("agent.md", |page| {
            let page = between(page, "limits", &crate::limits::reference());
            between(&page, "options", &reference())
        });
    }

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
        ] {
            let sentence = refused(line);
            assert_eq!(sentence.lines().count(), 1, "{line}: {sentence}");
        }
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
        let Ok(Asked::Work(settings)) = read(words.map(OsString::from).into()) else {
            panic!("refused");
        };
        assert_eq!(
            settings.command,
            ["nginx", "-g", "daemon off;", "--", "--help"]
        );
    }
}
