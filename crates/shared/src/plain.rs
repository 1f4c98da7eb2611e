//! Text of others as it can be shown: what would break a line, turn it round, or not be
//! seen at all, is escaped.

use std::borrow::Cow;

/// Whether a character does something else than to be seen: controls, separators of
/// lines, marks of direction, and what has no width.
pub fn is_odd(c: char) -> bool {
    let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}');
    let turns =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let marks = matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || hides || turns || marks
}

/// The text in one line, with nothing in it that cannot be seen.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, is_odd)
}

/// The text, with what is odd in it escaped.
pub fn escaped(text: &str, is_odd: impl Fn(char) -> bool) -> Cow<'_, str> {
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
