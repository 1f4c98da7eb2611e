//! Text in columns, for eyes.
//!
//! Goes in: rows. Comes out: lines without wrapping, so that they can be searched and cut.
//! On a terminal ([`Screen`]) they fit its width: columns that are too wide are cut, at
//! `…`, the first one last; elsewhere all words are whole. Names are somebody else's: none
//! breaks a line, turns it, or speaks to the terminal.

use tidings_core::refs::Name;
use tidings_shared::plain::plain;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::screen::{Screen, Tone};

/// Between two columns.
const GAP: usize = 2;
/// No column is cut to fewer letters.
const LEAST: usize = 8;
/// Where something was cut.
const CUT: char = '…';

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Words, and what they say beside their letters.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        let text = text.into();
        Self { text, tone }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// Names in one cell before the rest is only counted.
const NAMED: usize = 3;

/// Names, the first of them, or this word where there are none.
pub fn few(names: &[Name], none: &str) -> String {
    let (named, rest) = names.split_at(names.len().min(NAMED));
    match (named.join(", "), rest.len()) {
        (named, _) if named.is_empty() => none.to_owned(),
        (named, 0) => named,
        (named, more) => format!("{named} and {more} more"),
    }
}

/// Rows below a header.
pub fn table<const N: usize>(
    header: [&'static str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    listing(Some(header.into()), rows)
}

/// Rows without a header.
pub fn rows<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    listing(None, rows)
}

/// Rows of as many cells as the header has, if there is one.
pub fn listing(
    header: Option<Vec<&'static str>>,
    rows: impl Iterator<Item = impl IntoIterator<Item = String>>,
) -> String {
    let rows = rows.map(|row| row.into_iter().map(Cell::from).collect::<Vec<_>>());
    listing_on(&Screen::default(), header, rows)
}

/// The same, as it looks on a screen.
pub fn listing_on(
    screen: &Screen,
    header: Option<Vec<&'static str>>,
    rows: impl Iterator<Item = impl IntoIterator<Item = Cell>>,
) -> String {
    let header = header.map(|titles| titles.into_iter().map(|title| shown(title, screen)));
    let header = header.map(Iterator::collect::<Vec<_>>);
    let rows = rows.map(|row| row.into_iter().map(|cell| cell.on(screen)).collect());
    let all: Vec<Vec<Cell>> = header.into_iter().chain(rows).collect();
    let widths = fit(&widths(&all), screen.width);
    let lines: Vec<_> = all.iter().map(|row| line(row, &widths, screen)).collect();
    lines.join("\n")
}

fn shown(title: &'static str, screen: &Screen) -> Cell {
    Cell::from(title.to_owned()).on(screen)
}

impl Cell {
    /// In one line, with its symbol.
    fn on(self, screen: &Screen) -> Self {
        let text = self.tone.with_symbol(&plain(&self.text), screen);
        Self { text, ..self }
    }
}

/// The widest cell of each column.
fn widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.width());
        }
    }
    widths
}

/// The widths of columns that fit: the widest give way, but the first, which says what the
/// row is about, only where that is not enough.
fn fit(widths: &[usize], room: Option<usize>) -> Vec<usize> {
    let (Some(room), Some((first, others))) = (room, widths.split_first()) else {
        return widths.to_vec();
    };
    let room = room.saturating_sub(GAP * others.len());
    let cut = |most: usize| others.iter().map(move |width| *width.min(&most));
    let widest = others.iter().copied().max().unwrap_or_default();
    let fits = |most: &usize| first + cut(*most).sum::<usize>() <= room;
    let most = (LEAST..=widest.max(LEAST)).rev().find(fits);
    let most = most.unwrap_or(LEAST);
    let left = room.saturating_sub(cut(most).sum());
    // A name of which nothing is left says nothing: rather does the line go on.
    let first = if left < LEAST {
        *first
    } else {
        *first.min(&left)
    };
    [first].into_iter().chain(cut(most)).collect()
}

/// Nothing stands behind the last word of a line.
fn line(row: &[Cell], widths: &[usize], screen: &Screen) -> String {
    let mut line = String::new();
    let mut blank = 0;
    for (cell, width) in row.iter().zip(widths) {
        let text = cut(&cell.text, *width);
        if !text.is_empty() {
            line.push_str(&" ".repeat(blank));
            line.push_str(&cell.tone.coloured(&text, screen));
            blank = 0;
        }
        blank += width - text.width() + GAP;
    }
    line
}

/// No wider than so many columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let fits = |letter: &char| {
        taken += letter.width().unwrap_or_default();
        taken < width
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push(CUT);
    short
}

/// How long something is ago or ahead, in one unit, the one that says enough.
pub fn age(seconds: i64) -> String {
    const UNITS: [(i64, char); 3] = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let seconds = seconds.max(0);
    let unit = UNITS.iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, word) = unit.copied().unwrap_or((1, 's'));
    format!("{}{word}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn names_in_a_table_are_shown_in_one_line() {
        let strange = || [["a\n\u{1b}[2J".to_owned(), "b".to_owned()]].into_iter();
        assert_eq!(rows(strange()), r"a\n\u{1b}[2J  b");
        assert_eq!(table(["A", "B"], strange()).lines().count(), 2);
    }

    #[test]
    fn nothing_stands_behind_the_last_word() {
        let rows = [["a", "", ""], ["long", "b", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(["X", "Y", "Z"], rows.into_iter()),
            "X     Y  Z\na\nlong  b"
        );
    }

    #[rstest]
    #[case(None, &[20, 40, 10], &[20, 40, 10])]
    #[case(Some(80), &[20, 40, 10], &[20, 40, 10])]
    #[case(Some(60), &[20, 40, 10], &[20, 26, 10])]
    #[case(Some(50), &[20, 40, 40], &[20, 13, 13])]
    #[case(Some(30), &[20, 40, 5], &[13, 8, 5])]
    #[case(Some(1), &[20, 40, 5], &[20, 8, 5])]
    #[case(Some(10), &[20], &[10])]
    fn columns_fit_a_terminal(
        #[case] room: Option<usize>,
        #[case] widths: &[usize],
        #[case] expected: &[usize],
    ) {
        assert_eq!(fit(widths, room), expected);
    }

    #[test]
    fn symbols_are_as_wide_as_they_are_shown() {
        for tone in [Tone::Good, Tone::Busy, Tone::Unsure, Tone::Bad] {
            let screen = Screen {
                symbols: true,
                ..Screen::default()
            };
            let text = tone.with_symbol("in step", &screen);
            assert_eq!(cut(&text, text.chars().count()), text);
        }
    }

    #[test]
    fn a_cell_that_is_cut_says_so_and_colours_take_no_room() {
        let screen = Screen {
            width: Some(21),
            symbols: true,
            colours: true,
        };
        let row = || {
            let cells = [
                Cell::from("deployment/web".to_owned()),
                Cell::new("unless read again", Tone::Unsure),
            ];
            [cells].into_iter()
        };
        assert_eq!(
            listing_on(&screen, None, row()),
            "deployment…  \u{1b}[33m? unles…\u{1b}[0m"
        );
        assert_eq!(
            listing_on(&Screen::default(), None, row()),
            "deployment/web  unless read again"
        );
    }
}
