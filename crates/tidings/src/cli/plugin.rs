//! As a plugin of kubectl: `kubectl tidings` starts a program `kubectl-tidings`, and for
//! completion `kubectl_complete-tidings` (docs/kubectl.md); both are this program under
//! another name.
//!
//! Goes in: the name by which it was started. Comes out: what is to be done, and the
//! command line under the name that people have typed. Pure.

use std::ffi::OsStr;
use std::path::Path;

use clap::Command;

/// What people type.
const TYPED: &str = "kubectl tidings";

/// By which name the program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledAs {
    /// Its own, or any other.
    Itself,
    /// That of kubectl's plugin.
    Plugin,
    /// That of what completes kubectl's plugin.
    Completer,
}

impl CalledAs {
    /// By this one, the first word of its command line.
    pub fn by(word: &OsStr) -> Self {
        let name = Path::new(word).file_stem().and_then(OsStr::to_str);
        match name {
            Some("kubectl-tidings") => Self::Plugin,
            Some("kubectl_complete-tidings") => Self::Completer,
            _ => Self::Itself,
        }
    }

    /// The command line, whose help and examples say what was typed.
    pub fn name(self, command: Command) -> Command {
        if self != Self::Plugin {
            return command;
        }
        let command = command.bin_name(TYPED);
        command.mut_subcommands(|command| match command.get_after_help() {
            Some(help) => {
                let help = in_its_words(&help.to_string());
                command.after_help(help)
            }
            None => command,
        })
    }
}

/// Where a command begins, on a line or behind a pipe.
fn in_its_words(help: &str) -> String {
    let begins = ["\n  ", "| "];
    begins.iter().fold(help.to_owned(), |help, begin| {
        help.replace(&format!("{begin}tidings "), &format!("{begin}{TYPED} "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use rstest::rstest;

    use super::*;
    use crate::settings::args::Cli;

    #[rstest]
    #[case("tidings", CalledAs::Itself)]
    #[case("/usr/bin/kubectl-tidings", CalledAs::Plugin)]
    #[case("kubectl-tidings.exe", CalledAs::Plugin)]
    #[case("./kubectl_complete-tidings", CalledAs::Completer)]
    fn names_say_what_is_meant(#[case] word: &str, #[case] expected: CalledAs) {
        assert_eq!(CalledAs::by(OsStr::new(word)), expected);
    }

    #[test]
    fn as_a_plugin_the_help_says_what_was_typed() {
        let mut command = CalledAs::Plugin.name(Cli::command());
        command.build();
        let lint = command.find_subcommand_mut("lint").unwrap();
        let help = lint.render_help().to_string();
        assert!(help.contains("Usage: kubectl tidings lint"), "{help}");
        assert!(
            help.contains("\n  kubectl tidings lint -f manifests/"),
            "{help}"
        );
        assert!(help.contains("| kubectl tidings lint"), "{help}");
    }
}
