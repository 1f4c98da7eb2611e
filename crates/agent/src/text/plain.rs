//! Text of others as it can be shown in a line: what would break the line, turn it
//! round, or not be seen at all, is escaped. Pure.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Whether a character does something else than to be seen: controls, separators of
/// lines, marks of direction, and what has no width.
pub(crate) fn is_odd(c: char) -> bool {
    let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}');
    let turns =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let marks = matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || hides || turns || marks
}

/// A sentence in one line.
pub(crate) fn in_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_odd(c) && c != '\t')
}

/// Text of several lines.
pub(crate) fn in_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_odd(c) && !['\n', '\t'].contains(&c))
}

fn escaped(text: &str, is_odd: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_odd) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_odd(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain.into()
}

/// A name of a file, such that no two look alike: what is escaped in one, and stands in
/// another as it is, is told by the backslash.
pub(crate) fn name(name: &OsStr) -> String {
    let is_odd = |c: char| is_odd(c) || c == char::REPLACEMENT_CHARACTER || c == '\\';
    let text = name.to_string_lossy();
    if text.contains(is_odd) {
        name.as_bytes().escape_ascii().to_string()
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_look_alike_and_none_breaks_or_turns_its_line() {
        let names = [
            "a\nb",
            "a\\nb",
            "a\\\\nb",
            "a\u{202e}b",
            "a\u{2028}b",
            "ab",
            "a\u{200b}b",
            "a\u{85}b",
            "ж",
        ];
        let shown = names.map(|text| name(OsStr::new(text)));
        assert_eq!(shown[0], "a\\nb");
        assert_eq!(shown[1], "a\\\\nb");
        assert_eq!(shown[8], "ж");
        for (index, text) in shown.iter().enumerate() {
            assert!(!text.contains(is_odd), "{text}");
            assert!(!shown[..index].contains(text), "{text}");
        }
    }

    #[test]
    fn sentences_keep_what_can_be_seen() {
        assert_eq!(in_one_line("ж\tü \\"), "ж\tü \\");
        assert_eq!(in_one_line("a\nb\u{2029}"), "a\\nb\\u{2029}");
        assert_eq!(in_lines("a\nb\u{1b}[0m"), "a\nb\\u{1b}[0m");
    }
}
