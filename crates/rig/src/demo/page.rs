//! Text for eyes: headings, sentences and blocks, in less than 100 columns.

use std::cell::Cell;
use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Where the demo is told; bold and dim only on a terminal.
pub(super) struct Page {
    colours: bool,
    step: Cell<u32>,
}

impl Page {
    pub(super) fn stdout() -> Self {
        Self {
            colours: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            step: Cell::new(0),
        }
    }

    /// The first line of all.
    pub(super) fn title(&self, text: &str) {
        self.line(&self.styled(BOLD, text));
    }

    /// Begins a numbered step.
    pub(super) fn step(&self, text: &str) {
        self.step.set(self.step.get() + 1);
        self.line("");
        self.line(&self.styled(BOLD, &format!("{}. {text}", self.step.get())));
    }

    /// A sentence or more of the step.
    pub(super) fn say(&self, text: &str) {
        text.lines()
            .for_each(|line| self.line(&format!("  {line}")));
    }

    /// What somebody types, or a program says.
    pub(super) fn quote(&self, text: &str) {
        let quoted = |line: &str| self.line(&self.styled(DIM, format!("| {line}").trim_end()));
        text.trim_end().lines().for_each(quoted);
    }

    /// What was so many seconds after the beginning.
    pub(super) fn at(&self, time: Duration, text: &str) {
        self.line(&format!("  {:7.3} s  {text}", time.as_secs_f64()));
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.colours {
            format!("{style}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    }

    /// A reader that is gone is no reason to end: what matters is the exit code.
    #[expect(clippy::unused_self, reason = "lines are the page's")]
    fn line(&self, text: &str) {
        let mut out = stdout().lock();
        writeln!(out, "{text}").ok();
        out.flush().ok();
    }
}
