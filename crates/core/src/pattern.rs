//! Patterns for names and keys.
//!
//! Two families: globs, in Tidings' own annotations, and regular expressions as
//! stakater/Reloader compiles them (`^item$`, so `a|b` also matches `ab…`), kept
//! for those who bring their annotations along. Goes in: one item of a list.
//! Comes out: a matcher, or a sentence on what is wrong with it.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

use crate::refs::Name;

/// A matcher for names.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Exactly this name.
    Literal(Name),
    /// A glob: `db-*`.
    Glob(GlobMatcher),
    /// A regular expression over the whole name.
    Regex(Regex),
}

impl Pattern {
    /// A glob, as in `tidings.dev/reload`.
    pub fn glob(text: &str) -> Result<Self, String> {
        if !text.contains(['*', '?', '[', '{', '\\']) {
            return Ok(Self::Literal(text.into()));
        }
        let glob = GlobBuilder::new(text).build();
        glob.map(|glob| Self::Glob(glob.compile_matcher()))
            .map_err(|e| format!("{text:?} is not a glob: {}", e.kind()))
    }

    /// A regular expression, as in Reloader's lists.
    pub fn regex(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.chars().all(plain) {
            return Ok(Self::Literal(text.into()));
        }
        Regex::new(&format!("^{text}$"))
            .map(Self::Regex)
            .map_err(|_| format!("{text:?} is not a regular expression"))
    }

    /// Whether the pattern matches.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Literal(literal) => **literal == *name,
            Self::Glob(glob) => glob.is_match(name),
            Self::Regex(regex) => regex.is_match(name),
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

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(name) => f.write_str(name),
            Self::Glob(glob) => f.write_str(glob.glob().glob()),
            Self::Regex(regex) => f.write_str(regex.as_str()),
        }
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
}
