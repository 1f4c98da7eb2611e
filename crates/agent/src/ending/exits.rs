//! How the agent ends when it cannot do what it was asked for: each kind of failure has
//! its exit code here, and nowhere else.

use crate::log::{log, written_out};
use std::io::{self, ErrorKind};

/// Why it ends, a sentence each.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense, wherever it is used.
    CommandLine(String),
    /// The command line makes sense, and what it asks for cannot be had here.
    Start(String),
    /// There is a command, and it cannot be executed.
    NotExecutable(String),
    /// There is no such command.
    NoCommand(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Start(_) => 1,
            Self::CommandLine(_) => 2,
            // As of a shell.
            Self::NotExecutable(_) => 126,
            Self::NoCommand(_) => 127,
        }
    }

    /// A command did not begin, for this reason.
    pub(crate) fn of_command(error: &io::Error, sentence: String) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NoCommand(sentence),
            _ => Self::NotExecutable(sentence),
        }
    }

    fn sentence(&self) -> &str {
        match self {
            Self::CommandLine(sentence)
            | Self::Start(sentence)
            | Self::NotExecutable(sentence)
            | Self::NoCommand(sentence) => sentence,
        }
    }

    /// Says it; the exit code.
    pub(crate) fn say(&self) -> u8 {
        // What a check printed may follow.
        let lines: Vec<&str> = self.sentence().lines().collect();
        log(&lines.join(" | "));
        self.code()
    }
}

/// Ends the agent at once, when what it said is written.
pub(crate) fn leave(code: u8) -> ! {
    written_out();
    std::process::exit(code.into());
}

/// Ends the agent this instant: whatever it had to say must be written.
pub(crate) fn leave_at_once(code: u8) -> ! {
    signal_hook::low_level::exit(code.into())
}

/// Under which command the agent ends with which code, and when.
const ROWS: [(&str, &str, &str); 11] = [
    (
        "all",
        "2",
        "the command line makes no sense: an option that is not known, values that do not fit together, a file rendered from itself, `--memory` in a watched directory",
    ),
    (
        "all",
        "1",
        "what is asked for cannot be had here: the port is taken, the folder of `--memory` is not there or may not be written to, a watched directory may not be read, no ConfigMap or Secret is mounted, `install` cannot write, or finds something else than a file, what is to be printed cannot be written, the kernel gives no thread, or too few files may be open (`ulimit -n`)",
    ),
    (
        "`run`, `watch --once`",
        "1",
        "the first rendering, or its check, failed, a read-only directory of OUT included (`watch` goes on, is not ready, and tries again)",
    ),
    (
        "`run`",
        "the child's own",
        "it ended; 128 + n if signal n killed it",
    ),
    (
        "`run`",
        "126, 127",
        "the command cannot be executed; there is none of that name",
    ),
    (
        "`run`, `watch --once`",
        "128 + n",
        "TERM, INT or QUIT came before the child was started, or amid `--once`",
    ),
    (
        "`run --on-change restart`",
        "the child's own",
        "the new child ended before it had proved itself (`--on-failed-restart exit`)",
    ),
    (
        "the same, `--on-failed-restart keep-trying`",
        "the child's own",
        "TERM, INT or QUIT came while no child ran: the code of the one that failed last",
    ),
    (
        "`--exit-code N`",
        "N",
        "a change (`run`: after the child has ended)",
    ),
    ("`watch --once`, `install`, `presets`, `help`", "0", "done"),
    ("`watch`", "0", "TERM, INT or QUIT"),
];

/// The table.
pub(crate) fn rows() -> Vec<Vec<String>> {
    let row = |(command, code, when)| [command, code, when].map(str::to_owned).into();
    ROWS.map(row).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the agent ends with of itself is in the table, each under one kind.
    #[test]
    fn each_kind_of_failure_has_its_code() {
        let of_command = |kind: ErrorKind| Failure::of_command(&kind.into(), String::new());
        for (failure, code) in [
            (Failure::Start(String::new()), 1),
            (Failure::CommandLine(String::new()), 2),
            (of_command(ErrorKind::PermissionDenied), 126),
            (of_command(ErrorKind::IsADirectory), 126),
            (of_command(ErrorKind::NotFound), 127),
        ] {
            assert_eq!(failure.code(), code);
            let is_it = |text: &str| text.split(", ").any(|part| part == code.to_string());
            assert!(ROWS.iter().any(|(_, text, _)| is_it(text)));
        }
    }
}
