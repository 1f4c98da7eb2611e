//! What the standard output is: a terminal, which has a width and perhaps colours, or
//! something that reads whole words.

use std::io::IsTerminal;

use rustix::termios::tcgetwinsize;
use tidings_core::standing::Word;

use crate::settings::values::ListForm;

/// What is printed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Its columns; none where it is no terminal, or does not tell.
    pub width: Option<usize>,
    /// Whether it is a terminal: then words have symbols beside them.
    pub symbols: bool,
    /// Whether these have colours.
    pub colours: bool,
}

impl Screen {
    /// What the standard output of this process is.
    pub fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self::default();
        }
        let size = tcgetwinsize(&stdout).ok();
        let set = |name| std::env::var(name).unwrap_or_default();
        let width = size.map_or(0, |size| size.ws_col);
        Self::of_terminal(width, &set("NO_COLOR"), &set("TERM"))
    }

    /// A terminal of so many columns (0: it does not tell), in which these variables are
    /// set (<https://no-color.org>: NO_COLOR counts where it is not empty).
    fn of_terminal(width: u16, no_color: &str, term: &str) -> Self {
        let is_dumb = term == "dumb";
        Self {
            width: Some(usize::from(width)).filter(|width| *width > 0),
            symbols: !is_dumb,
            colours: no_color.is_empty() && !is_dumb,
        }
    }
}

impl ListForm {
    /// The screen as this form takes it: nothing of a wide table is cut.
    #[must_use]
    pub fn fitting(self, screen: Screen) -> Screen {
        let width = screen.width.filter(|_| self != Self::Wide);
        Screen { width, ..screen }
    }
}

/// What a word says of something, beside its letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// It is as it should be.
    Good,
    /// It is on its way there.
    Busy,
    /// It may be, or not.
    Unsure,
    /// It is not.
    Bad,
}

impl From<Word> for Tone {
    fn from(word: Word) -> Self {
        match word {
            Word::InStep => Self::Good,
            Word::Rolling | Word::Waiting => Self::Busy,
            Word::Unknown => Self::Unsure,
            Word::Stale | Word::Failed => Self::Bad,
        }
    }
}

impl Tone {
    /// Its symbol, and its colour as a terminal takes it (SGR, ECMA-48).
    fn look(self) -> Option<(&'static str, u8)> {
        match self {
            Self::Plain => None,
            Self::Good => Some(("✓", 32)),
            Self::Busy => Some(("↻", 36)),
            Self::Unsure => Some(("?", 33)),
            Self::Bad => Some(("✗", 31)),
        }
    }

    /// The words with its symbol before them, where there are symbols.
    pub fn with_symbol(self, words: &str, screen: &Screen) -> String {
        match self.look().filter(|_| screen.symbols) {
            Some((symbol, _)) => format!("{symbol} {words}"),
            None => words.to_owned(),
        }
    }

    /// A text in its colour, where there are colours.
    pub fn coloured(self, text: &str, screen: &Screen) -> String {
        match self.look().filter(|_| screen.colours) {
            Some((_, colour)) => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
            None => text.to_owned(),
        }
    }

    /// Both.
    pub fn shown(self, words: &str, screen: &Screen) -> String {
        self.coloured(&self.with_symbol(words, screen), screen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let shown = |no_color, term| {
            let screen = Screen::of_terminal(80, no_color, term);
            Tone::Bad.shown("stale", &screen)
        };
        assert_eq!(shown("", "xterm"), "\u{1b}[31m✗ stale\u{1b}[0m");
        assert_eq!(shown("1", "xterm"), "✗ stale");
        assert_eq!(shown("", "dumb"), "stale");
        assert_eq!(Tone::Bad.shown("stale", &Screen::default()), "stale");
    }

    #[test]
    fn a_terminal_without_a_width_cuts_nothing() {
        assert_eq!(Screen::of_terminal(0, "", "xterm").width, None);
        assert_eq!(Screen::of_terminal(80, "", "xterm").width, Some(80));
    }
}
