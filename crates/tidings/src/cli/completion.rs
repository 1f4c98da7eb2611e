//! `tidings completion`: scripts that complete the command line.
//!
//! Goes in: a shell. Comes out: its script, which asks this program at each TAB
//! ([`answer`]): commands and options come from their table, names from the cluster
//! ([`names`]), for which nobody waits longer than a second. kubectl asks a program
//! `kubectl_complete-tidings` for those of its plugin ([`answer_kubectl`]).

mod names;

use std::ffi::OsString;
use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::settings::args::Cli;
use crate::settings::values::Shell;

/// By this variable a script says for which shell it asks.
const VARIABLE: &str = "TIDINGS_COMPLETE";
/// What is completed, and by what.
const PROGRAM: &str = "tidings";

/// The script.
pub fn script(shell: Shell) -> std::io::Result<Vec<u8>> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut out = Vec::new();
    shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut out)?;
    Ok(out)
}

/// Answers such a script, and ends the program, if one asks.
pub fn answer() {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// What kubectl expects for these words, of which the last is to be completed: a line for
/// each candidate, its help behind a tab, and how it goes on (the `__complete` of cobra,
/// `ShellCompDirective`).
pub fn answer_kubectl(words: Vec<OsString>) -> std::io::Result<String> {
    const NO_FILE: u8 = 4;
    const NO_SPACE: u8 = 2;
    let words: Vec<OsString> = [PROGRAM.into()].into_iter().chain(words).collect();
    let last = words.len() - 1;
    let candidates = complete(&mut command(), words, last, None)?;
    let goes_on = |candidate: &CompletionCandidate| {
        let value = candidate.get_value().to_string_lossy();
        value.ends_with(['/', '='])
    };
    let space = if candidates.iter().any(goes_on) {
        NO_SPACE
    } else {
        0
    };
    let mut text = String::new();
    for candidate in &candidates {
        let _ = writeln!(text, "{}", line(candidate));
    }
    Ok(text + &format!(":{}\n", NO_FILE + space))
}

fn line(candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy();
    let help = candidate.get_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    match help.lines().next() {
        Some(first) if !first.is_empty() => format!("{value}\t{first}"),
        _ => value.into_owned(),
    }
}

/// The command line, which knows where its values come from.
fn command() -> Command {
    Cli::command().mut_subcommands(|command| {
        let asks = command.get_arguments().any(|arg| arg.get_id() == "context");
        command.mut_args(|arg| if asks { completed(arg) } else { arg })
    })
}

/// The values that only a cluster, or a kubeconfig, knows.
fn completed(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "workload" | "workloads" => arg.add(ArgValueCompleter::new(names::workloads)),
        "namespace" => arg.add(ArgValueCompleter::new(names::namespaces)),
        "context" => arg.add(ArgValueCompleter::new(names::contexts)),
        "cluster" => arg.add(ArgValueCompleter::new(names::clusters)),
        "user" => arg.add(ArgValueCompleter::new(names::users)),
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_asks_the_program() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell).unwrap()).unwrap();
            assert!(script.contains(VARIABLE), "{shell:?}: {script}");
        }
    }

    fn answered(words: &[&str]) -> String {
        answer_kubectl(words.iter().map(OsString::from).collect()).unwrap()
    }

    #[test]
    fn kubectl_gets_commands_options_and_kinds() {
        let commands = answered(&["stal"]);
        assert!(commands.starts_with("stale\tSay which pods"), "{commands}");
        assert!(commands.ends_with("\n:4\n"), "{commands}");
        let options = answered(&["controller", "--namespaces-"]);
        assert!(options.contains("--namespaces-to-ignore"), "{options}");
        let kinds = answered(&["why", "sta"]);
        assert_eq!(kinds, "statefulset/\n:6\n");
    }
}
