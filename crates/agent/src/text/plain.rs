//! Text of others as it can be shown in a line: what would break the line, turn it
//! round, or not be seen at all, is escaped. Pure.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use tidings_shared::plain::escaped;
pub(crate) use tidings_shared::plain::is_odd;

/// A sentence in one line.
pub(crate) fn in_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_odd(c) && c != '\t')
}

/// Text of several lines.
pub(crate) fn in_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_odd(c) && !['\n', '\t'].contains(&c))
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
