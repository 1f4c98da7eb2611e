//! A text that is being changed, and which of its lines are as they were.
//!
//! Goes in: a text, and what comes in the place of parts of it. Comes out: the text, and
//! what became of it as a unified diff (`diff -u`), for which nothing has to be compared.

use std::fmt::Write;
use std::ops::Range;

/// So many lines are shown around what changed, as `diff -u` does.
const AROUND: usize = 3;

/// A text that is being changed.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    text: String,
    /// Of each line its number in the text as it was, from 0; none where it is new.
    was: Vec<Option<usize>>,
    line_end: &'static str,
}

impl Sheet {
    pub(super) fn new(text: &str) -> Self {
        let crlf = text.contains("\r\n");
        Self::with(text, 0, if crlf { "\r\n" } else { "\n" })
    }

    fn with(text: &str, first: usize, line_end: &'static str) -> Self {
        let lines = text.split_inclusive('\n').count();
        Self {
            text: text.to_owned(),
            was: (first..first + lines).map(Some).collect(),
            line_end,
        }
    }

    /// Takes off what begins with this line of it, from 0: what is changed there
    /// has no more to go through than that. Nothing may have been changed before it.
    pub(super) fn split_off(&mut self, line: usize) -> Self {
        let from_the_end = self.was.len().saturating_sub(line + 1);
        let last_is_ended = usize::from(self.text.ends_with('\n'));
        let mut ends = self.text.rmatch_indices('\n');
        let before = ends.nth(from_the_end + last_is_ended);
        let at = before.map_or(0, |(end, _)| end + 1);
        let first = self.was.get(line).copied().flatten().unwrap_or(line);
        let part = Self::with(&self.text[at..], first, self.line_end);
        self.text.truncate(at);
        self.was.truncate(line);
        part
    }

    /// Adds what was taken off.
    pub(super) fn append(&mut self, part: Self) {
        self.text.push_str(&part.text);
        self.was.extend(part.was);
    }

    /// Puts something before its first line, which stays as it was.
    pub(super) fn begin_with(&mut self, before: &str) {
        self.text.insert_str(0, before);
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What ends its lines.
    pub(super) fn line_end(&self) -> &'static str {
        self.line_end
    }

    /// Puts something in the place of a part.
    pub(super) fn splice(&mut self, part: Range<usize>, with: &str) {
        let line = |at: usize| self.text[..at].matches('\n').count();
        let is_between = part.is_empty()
            && (part.start == 0 || self.text[..part.start].ends_with('\n'))
            && with.ends_with('\n');
        let touched = if is_between {
            line(part.start)..line(part.start)
        } else {
            let end = (line(part.end) + 1).min(self.was.len());
            line(part.start).min(end)..end
        };
        let before = self.was.len() - touched.len();
        self.text.replace_range(part, with);
        let now = self.text.split_inclusive('\n').count();
        let new = std::iter::repeat_n(None, now.saturating_sub(before));
        self.was.splice(touched, new);
    }

    /// What differs from the text as it was; empty where nothing does.
    pub(super) fn diff(&self, before: &str, name: &str) -> String {
        let rows = self.rows(before);
        let mut out = String::new();
        let mut at = 0;
        while let Some(first) = rows[at..].iter().position(SheetRow::is_change) {
            let begin = (at + first).saturating_sub(AROUND).max(at);
            let end = end_of_hunk(&rows, at + first);
            if out.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(out, "--- {name}\n+++ {name}\n");
            }
            hunk(&rows, begin..end, &mut out);
            at = end;
        }
        out
    }

    fn rows<'a>(&'a self, before: &'a str) -> Vec<SheetRow<'a>> {
        let old: Vec<_> = before.split_inclusive('\n').collect();
        let (mut rows, mut next) = (Vec::new(), 0);
        let mut new = Vec::new();
        let lines = self.text.split_inclusive('\n').zip(&self.was);
        for (line, was) in lines {
            let Some(was) = *was else {
                new.push(SheetRow::New(line));
                continue;
            };
            rows.extend(old[next..was].iter().map(|gone| SheetRow::Gone(gone)));
            rows.append(&mut new);
            rows.push(SheetRow::Kept(line));
            next = was + 1;
        }
        rows.extend(old[next..].iter().map(|gone| SheetRow::Gone(gone)));
        rows.append(&mut new);
        rows
    }
}

/// A line of both texts, or of one of them.
enum SheetRow<'a> {
    Kept(&'a str),
    Gone(&'a str),
    New(&'a str),
}

impl SheetRow<'_> {
    fn is_change(&self) -> bool {
        !matches!(self, Self::Kept(_))
    }
}

/// Where no more changes follow closely.
fn end_of_hunk(rows: &[SheetRow<'_>], first: usize) -> usize {
    let mut last = first;
    for (at, row) in rows.iter().enumerate().skip(first) {
        if at > last + 2 * AROUND {
            break;
        }
        if row.is_change() {
            last = at;
        }
    }
    (last + 1 + AROUND).min(rows.len())
}

fn hunk(rows: &[SheetRow<'_>], part: Range<usize>, out: &mut String) {
    let count = |rows: &[SheetRow<'_>], is: fn(&SheetRow<'_>) -> bool| {
        rows.iter().filter(|r| is(r)).count()
    };
    let in_old: fn(&SheetRow<'_>) -> bool = |row| !matches!(row, SheetRow::New(_));
    let in_new: fn(&SheetRow<'_>) -> bool = |row| !matches!(row, SheetRow::Gone(_));
    let range = |is: fn(&SheetRow<'_>) -> bool| {
        let (before, lines) = (
            count(&rows[..part.start], is),
            count(&rows[part.clone()], is),
        );
        format!("{},{lines}", before + usize::from(lines > 0))
    };
    let _ = writeln!(out, "@@ -{} +{} @@", range(in_old), range(in_new));
    for row in &rows[part.clone()] {
        let (sign, line) = match row {
            SheetRow::Kept(line) => (' ', line),
            SheetRow::Gone(line) => ('-', line),
            SheetRow::New(line) => ('+', line),
        };
        let _ = write!(out, "{sign}{line}");
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_shown_between_what_was_there() {
        let before: String = (1..=20).fold(String::new(), |text, n| text + &format!("{n}\n"));
        let mut sheet = Sheet::new(&before);
        let at = before.find("18\n").unwrap();
        sheet.splice(at..at, "17a\n17b\n");
        sheet.splice(2..3, "two");
        insta::assert_snapshot!(sheet.diff(&before, "a.yaml"), @r"
        --- a.yaml
        +++ a.yaml
        @@ -1,5 +1,5 @@
         1
        -2
        +two
         3
         4
         5
        @@ -15,6 +15,8 @@
         15
         16
         17
        +17a
        +17b
         18
         19
         20
        ");
    }

    #[test]
    fn a_text_without_a_last_line_end() {
        let mut sheet = Sheet::new("a\nb");
        sheet.splice(3..3, "\nc");
        assert_eq!(sheet.text(), "a\nb\nc");
        insta::assert_snapshot!(sheet.diff("a\nb", "x"), @r"
        --- x
        +++ x
        @@ -1,2 +1,3 @@
         a
        -b
        \ No newline at end of file
        +b
        +c
        \ No newline at end of file
        ");
        assert_eq!(Sheet::new("a\n").diff("a\n", "x"), "");
    }
}
