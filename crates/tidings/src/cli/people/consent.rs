//! Whether whoever sits before it wants it done.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, Result, bail};

use crate::cli::exit::{Exit, Printed, note};

/// What is said to who does not want it done.
pub(super) const REFUSED: &str = "nothing is written\n";

/// Shows what it is about, and asks unless that is not wanted. The error: there is nobody
/// to be asked.
pub(super) fn given(sheet: &str, question: &str, yes: bool) -> Result<bool> {
    note(sheet);
    if yes {
        return Ok(true);
    }
    if !stdin().is_terminal() {
        bail!("nothing is written: without a terminal nobody can be asked; give --yes");
    }
    note(&format!("{question} [y/N] "));
    let mut answer = String::new();
    stdin()
        .read_line(&mut answer)
        .context("cannot read an answer")?;
    Ok(is_yes(&answer))
}

/// The end of a command that has written nothing, and why.
pub(super) fn not_said(err: String) -> Printed {
    Printed {
        out: String::new(),
        err,
        exit: Exit::NotSaid,
    }
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for yes in ["y\n", "Yes\r\n", " YES "] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yy\n", "4-k7f2\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
