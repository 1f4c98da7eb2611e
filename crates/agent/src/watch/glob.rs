//! The file-name patterns of `--include` and `--exclude`: `*` (any run of
//! characters but `/`), `**` (any run at all), `?` (one character but `/`).
//!
//! In: a pattern and a name relative to the watched directory. Out: yes or no.
//! A pattern without `/` is also tried on the last part of the name alone.

use std::path::PathBuf;

/// Which files of a watched directory count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Empty: all files.
    pub(crate) include: Vec<String>,
    /// Wins over `include`.
    pub(crate) exclude: Vec<String>,
    /// Also what a link leads to outside of the place.
    pub(crate) follow: bool,
    /// What the agent writes itself, which does not count anywhere.
    pub(crate) own: Vec<PathBuf>,
}

impl Filter {
    /// Whether a change of this file counts.
    pub(crate) fn takes(&self, name: &[u8]) -> bool {
        (self.include.is_empty() || any(&self.include, name)) && !self.excludes(name)
    }

    /// Whether nobody asked about this name.
    pub(crate) fn excludes(&self, name: &[u8]) -> bool {
        any(&self.exclude, name)
    }
}

fn any(patterns: &[String], name: &[u8]) -> bool {
    patterns.iter().any(|pattern| matches(pattern, name))
}

fn matches(pattern: &str, name: &[u8]) -> bool {
    let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    fits(pattern.as_bytes(), name) || (!pattern.contains('/') && fits(pattern.as_bytes(), last))
}

/// Walks both; on a mismatch goes back to the last star and lets it take one
/// more character. Linear in memory, and quadratic in time at worst.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize, bool)> = None;
    while n < name.len() {
        if pattern[p..].starts_with(b"*") {
            let crosses = pattern[p..].starts_with(b"**");
            p += if crosses { 2 } else { 1 };
            star = Some((p, n, crosses));
        } else if p < pattern.len() && one(pattern[p], name[n]) {
            p += 1;
            n += 1;
        } else if let Some((after, from, crosses)) = star
            && (crosses || name[from] != b'/')
        {
            star = Some((after, from + 1, crosses));
            p = after;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

fn one(pattern: u8, byte: u8) -> bool {
    pattern == byte || (pattern == b'?' && byte != b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_what_a_person_expects() {
        for (pattern, name, expected) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "conf.d/a.yaml", true),
            ("conf.d/*.yaml", "conf.d/a.yaml", true),
            ("conf.d/*.yaml", "conf.d/x/a.yaml", false),
            ("conf.d/**", "conf.d/x/a.yaml", true),
            ("**/a", "x/y/a", true),
            ("token", "token", true),
            ("token", "tokens", false),
            ("?", "a", true),
            ("?", "/", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("", "", true),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern, name.as_bytes()),
                expected,
                "{pattern} on {name}"
            );
        }
    }

    #[test]
    fn exclude_wins_over_include() {
        let filter = Filter {
            include: vec!["*.conf".into()],
            exclude: vec!["secret*".into()],
            ..Filter::default()
        };
        assert!(filter.takes(b"a.conf"));
        assert!(!filter.takes(b"secret.conf"));
        assert!(!filter.takes(b"a.txt"));
        assert!(Filter::default().takes(b"anything"));
    }
}
