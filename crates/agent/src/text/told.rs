//! What a program said, as it can be told to others than who reads this pod's log.
//!
//! In: lines of a check or of an error. Out: the last of them, short, and without what
//! may be of a file's content: a check quotes what it does not understand, and that may
//! be of a Secret. Pure.

use super::plain::in_one_line;
use super::quoted::{is_address, is_secret};
use tidings_wire::holds::LONGEST_TEXT;

/// In the place of what is left out.
const LEFT_OUT: &str = "…";
/// What people call by a longer word is a path.
const LONGEST_WORD: usize = 32;

/// The last line with something in it.
pub(crate) fn last_line(text: &str) -> String {
    let mut lines = text.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty()).unwrap_or_default();
    cut(&without_secrets(&in_one_line(last)))
}

/// Cut to so many bytes as an answer may have.
pub(crate) fn cut(line: &str) -> String {
    if line.len() <= LONGEST_TEXT {
        return line.to_owned();
    }
    let mut end = LONGEST_TEXT - LEFT_OUT.len();
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{LEFT_OUT}", &line[..end])
}

fn without_secrets(line: &str) -> String {
    let line = without_quoted(line);
    let words: Vec<String> = line.split(' ').map(word).collect();
    words.join(" ")
}

/// What stands in quotes, but for paths. A mark within a word is none of a quote, as in
/// `don't`; one that is not closed reaches to the end.
fn without_quoted(line: &str) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    while let Some(at) = opens(rest) {
        let mark = rest[at..].chars().next().unwrap_or_default();
        let (before, within) = rest.split_at(at + mark.len_utf8());
        let end = closes(within, closing(mark)).unwrap_or(within.len());
        let (quoted, after) = within.split_at(end);
        let shown = if is_path(quoted) { quoted } else { LEFT_OUT };
        let (close, after) = after.split_at(after.chars().next().map_or(0, char::len_utf8));
        kept.extend([before, shown, close]);
        rest = after;
    }
    kept + rest
}

fn opens(line: &str) -> Option<usize> {
    let is_mark = |c: char| "\"'`«“‘".contains(c);
    let begins = |at: usize| !line[..at].ends_with(char::is_alphanumeric);
    let mut marks = line.char_indices().filter(|(_, c)| is_mark(*c));
    marks
        .find(|(at, c)| *c != '\'' || begins(*at))
        .map(|(at, _)| at)
}

/// The last mark of its kind that is followed by no letter: what is quoted may have some.
fn closes(within: &str, mark: char) -> Option<usize> {
    let is_end = |at: usize| !within[at + mark.len_utf8()..].starts_with(char::is_alphanumeric);
    let mut marks = within.char_indices().filter(|(_, c)| *c == mark);
    marks.find(|(at, _)| is_end(*at)).map(|(at, _)| at)
}

fn closing(mark: char) -> char {
    match mark {
        '«' => '»',
        '“' => '”',
        '‘' => '’',
        '`' => '`',
        mark => mark,
    }
}

fn is_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let mut parts = text.split('/');
    text.starts_with('/') && text.chars().all(is_plain) && parts.all(|part| part.len() <= 255)
}

/// A word on its own: what follows `=` is a value.
fn word(word: &str) -> String {
    if let Some((name, value)) = word.split_once('=')
        && !value.is_empty()
    {
        return format!("{name}={LEFT_OUT}");
    }
    let bare = word.trim_end_matches([':', ',', ';', '.', ')']);
    let path = bare.split(':').next().unwrap_or_default();
    let is_odd = is_secret(bare) || is_address(bare) || bare.len() > LONGEST_WORD;
    if is_odd && !is_path(path) {
        return LEFT_OUT.to_owned();
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_checks_say_the_last_line_is_told() {
        for (said, told) in [
            (
                "nginx: [emerg] unknown directive \"hunter2\" in /etc/nginx/conf.d/a.conf:3\n",
                "nginx: [emerg] unknown directive \"…\" in /etc/nginx/conf.d/a.conf:3",
            ),
            (
                "x\nnginx: configuration file /etc/nginx/nginx.conf test failed\n\n",
                "nginx: configuration file /etc/nginx/nginx.conf test failed",
            ),
            (
                "open() \"/etc/nginx/none.conf\" failed (2: No such file or directory)",
                "open() \"/etc/nginx/none.conf\" failed (2: No such file or directory)",
            ),
            ("can't parse 'it's a secret' here", "can't parse '…' here"),
            ("password=hunter2 is too short", "password=… is too short"),
            (
                "cannot dial http://u:p@host/x: refused",
                "cannot dial … refused",
            ),
            ("unclosed \"hunter2 and more", "unclosed \"…"),
            ("“hunter2” is no number", "“…” is no number"),
            ("", ""),
            ("\n \n", ""),
        ] {
            assert_eq!(last_line(said), told);
        }
    }

    #[test]
    fn tokens_and_what_is_as_long_are_left_out() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln";
        assert_eq!(last_line(&format!("bad token {jwt}")), "bad token …");
        let key = "A".repeat(40);
        assert_eq!(last_line(&format!("bad key {key}:")), "bad key …");
    }

    #[test]
    fn a_line_has_an_end() {
        let long = last_line(&"ж ".repeat(1000));
        assert!(long.len() <= LONGEST_TEXT && long.ends_with('…'));
        assert!(!last_line("a\u{1b}[31mb\u{202e}c").contains(['\u{1b}', '\u{202e}']));
    }
}
