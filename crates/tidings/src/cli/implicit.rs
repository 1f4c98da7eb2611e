//! A start as Reloader is started: with its options and no command.
//!
//! Goes in: the words of the command line. Comes out: the same, with the command
//! that they mean. Nothing here fails; what cannot be read is clap's to say, and
//! [`advise`] adds what to do about it. Pure.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What is asked of the program itself.
const OF_THE_PROGRAM: [&str; 2] = ["--help", "--version"];
/// Options whose value Reloader also takes as the next word.
const APART: [&str; 3] = [
    "--reload-on-create",
    "--reload-on-delete",
    "--is-Argo-Rollouts",
];

/// The words of the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// With the name of the program first.
    pub words: Vec<OsString>,
    /// Whether they named no command, so that `controller` was meant.
    pub implied: bool,
}

/// Finds out which command is meant. Without any word that is the controller in
/// a pod, and help elsewhere.
pub fn complete(words: impl IntoIterator<Item = OsString>, in_a_pod: bool) -> Words {
    let mut words: Vec<_> = words.into_iter().collect();
    let first = words.get(1).map(|word| word.to_string_lossy());
    let implied = match &first {
        None => in_a_pod,
        Some(word) => word.starts_with("--") && !OF_THE_PROGRAM.contains(&&**word),
    };
    if implied {
        words = joined(words);
        words.insert(1.min(words.len()), "controller".into());
    }
    Words { words, implied }
}

/// `--reload-on-create true` is `--reload-on-create=true`.
fn joined(words: Vec<OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    for word in words {
        let is_value = !word.to_string_lossy().starts_with('-');
        match all.last_mut() {
            Some(last) if is_value && APART.iter().any(|option| *last == **option) => {
                last.push("=");
                last.push(word);
            }
            _ => all.push(word),
        }
    }
    all
}

/// Adds to the error for an option that does not exist where to look for it.
#[must_use]
pub fn advise(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument {
        let tip = "without a command this is `tidings controller`; its options are in \
                   `tidings controller --help`, and what became of each of Reloader's in \
                   docs/migrating-from-reloader.md";
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn completed(words: &str, in_a_pod: bool) -> String {
        let words = complete(words.split(' ').map(OsString::from), in_a_pod).words;
        let words: Vec<_> = words.iter().map(|w| w.to_string_lossy()).collect();
        words.join(" ")
    }

    #[rstest]
    #[case("tidings", true, "tidings controller")]
    #[case("tidings", false, "tidings")]
    #[case(
        "tidings --log-format=json",
        false,
        "tidings controller --log-format=json"
    )]
    #[case("tidings --help", true, "tidings --help")]
    #[case("tidings --version", true, "tidings --version")]
    #[case("tidings why -A", true, "tidings why -A")]
    #[case("tidings controller", true, "tidings controller")]
    fn a_command_is_implied(#[case] words: &str, #[case] in_a_pod: bool, #[case] expected: &str) {
        assert_eq!(completed(words, in_a_pod), expected);
    }

    #[test]
    fn values_that_stand_apart_are_joined() {
        assert_eq!(
            completed(
                "tidings --reload-on-create true --enable-ha --is-Argo-Rollouts true --namespaces a",
                false
            ),
            "tidings controller --reload-on-create=true --enable-ha --is-Argo-Rollouts=true --namespaces a"
        );
    }
}
