//! Patterns for names and keys.
//!
//! Two families: globs, in Tidings' own annotations (`tidings_shared::glob`), and regular expressions as
//! stakater/Reloader compiles them (`^item$`, so `a|b` also matches `ab…`), kept
//! for those who bring their annotations along. Goes in: one item of a list.
//! Comes out: a matcher, or a sentence on what is wrong with it.

use regex::bytes::{Regex, RegexBuilder};
use tidings_shared::glob::Glob;

use crate::refs::Name;

/// A pattern may be this long. Names are at most 253 characters.
const LONGEST: usize = 1_024;
/// A compiled regular expression may take this many bytes.
const COMPILED: usize = 128 << 10;

/// A matcher for names.
#[derive(Clone)]
pub enum Pattern {
    /// Exactly this name.
    Literal(Name),
    /// A glob: `db-*`.
    Glob(Glob),
    /// A regular expression over the whole name.
    Regex(Regex),
}

impl Pattern {
    /// A glob, as in `tidings.dev/reload`.
    pub fn glob(text: &str) -> Result<Self, String> {
        if !Glob::is_one(text) {
            return Ok(Self::Literal(text.into()));
        }
        short_enough(text)?;
        let glob = Glob::new(text).map(Self::Glob);
        glob.map_err(|why| format!("{text:?} is not a glob: {why}"))
    }

    /// A regular expression, as in Reloader's lists. Classes such as `\w` are
    /// those of ASCII, as they are in Go, and as all names are.
    pub fn regex(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.chars().all(plain) {
            return Ok(Self::Literal(text.into()));
        }
        short_enough(text)?;
        let regex = compile(&format!("^{text}$"));
        regex.map(Self::Regex).map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => {
                format!("{text:?} is too large a regular expression")
            }
            _ => format!("{text:?} is not a regular expression"),
        })
    }

    /// Whether the pattern matches.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Literal(literal) => **literal == *name,
            Self::Glob(glob) => glob.matches(name),
            Self::Regex(regex) => regex.is_match(name.as_bytes()),
        }
    }

    /// The one name that it matches, where it is a plain name.
    pub fn literal(&self) -> Option<&Name> {
        match self {
            Self::Literal(name) => Some(name),
            _ => None,
        }
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(COMPILED)
        .dfa_size_limit(COMPILED)
        .build()
}

fn short_enough(text: &str) -> Result<(), String> {
    if text.len() <= LONGEST {
        return Ok(());
    }
    Err(format!(
        "{} is longer than {LONGEST} characters",
        quoted(text)
    ))
}

/// A text as it is quoted in a problem: its beginning, if it is long.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Glob(glob) => f.write_str(glob.text()),
            Self::Regex(regex) => f.write_str(regex.as_str()),
        }
    }
}

impl std::fmt::Debug for Pattern {
    /// Its text: what it was compiled to fills pages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nginx-config", "nginx-config", true)]
    #[case("nginx-config", "nginx-config-2", false)]
    #[case("a.b", "axb", true)]
    #[case("foo|bar", "foobar", true)]
    #[case("foo|bar", "zbar", true)]
    #[case("foo.*", "foo-1", true)]
    fn regular_expressions_match_as_reloader_does(
        #[case] pattern: &str,
        #[case] name: &str,
        #[case] expect: bool,
    ) {
        assert_eq!(Pattern::regex(pattern).unwrap().matches(name), expect);
    }

    #[rstest]
    #[case("db-*", "db-main", true)]
    #[case("db-*", "web-db-main", false)]
    #[case("{a,b}", "b", true)]
    #[case("db.x", "dbyx", false)]
    fn globs(#[case] pattern: &str, #[case] name: &str, #[case] expect: bool) {
        assert_eq!(Pattern::glob(pattern).unwrap().matches(name), expect);
    }

    #[test]
    fn what_does_not_compile_is_said() {
        assert!(Pattern::regex("a(").unwrap_err().contains("a("));
        assert!(Pattern::glob("a[").unwrap_err().contains("a["));
    }

    #[test]
    fn patterns_cannot_take_much_memory() {
        let large = [
            "(a{1,100}){1,100}",
            "((.{1,99}){1,99}){1,99}",
            "\\w{999}{999}",
        ];
        for text in large {
            assert!(
                Pattern::regex(text).unwrap_err().contains("too large"),
                "{text}"
            );
        }
        assert!(Pattern::regex("[a-z0-9.-]{1,253}").is_ok());
        for text in [
            "?".repeat(200_000),
            "[!a]".repeat(100_000),
            ".".repeat(2_000),
        ] {
            let wrong = [Pattern::glob(&text).err(), Pattern::regex(&text).err()];
            assert!(
                wrong
                    .iter()
                    .flatten()
                    .all(|e| e.contains("longer") && e.len() < 200)
            );
            assert!(wrong.iter().flatten().count() > 0);
        }
    }
}
