//! Which files of a watched directory count: the patterns of `--include` and
//! `--exclude` (`tidings_shared::glob`).
//!
//! In: a pattern and a name relative to the watched directory. Out: yes or no.
//! A pattern without `/` is also tried on the last part of the name alone.

use std::path::PathBuf;
use tidings_shared::glob::Glob;

/// Which files of a watched directory count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Empty: all files.
    pub(crate) include: Vec<Glob>,
    /// Wins over `include`.
    pub(crate) exclude: Vec<Glob>,
    /// Also what a link leads to outside of the place.
    pub(crate) follow: bool,
    /// What the agent writes itself, which does not count anywhere.
    pub(crate) own: Vec<PathBuf>,
    /// What is read for itself, and is no configuration (`--poke-file`).
    pub(crate) beside: Vec<PathBuf>,
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

fn any(patterns: &[Glob], name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name);
    patterns.iter().any(|pattern| matches(pattern, &name))
}

fn matches(pattern: &Glob, name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    pattern.matches(name) || (!pattern.text().contains('/') && pattern.matches(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_slash_is_tried_on_the_last_part_too() {
        for (pattern, name, expected) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "conf.d/a.yaml", true),
            ("*.{yaml,yml}", "conf.d/a.yml", true),
            ("conf.d/*.yaml", "conf.d/a.yaml", true),
            ("conf.d/*.yaml", "x/conf.d/a.yaml", false),
            ("conf.d/**", "conf.d/x/a.yaml", true),
            ("**/a", "x/y/a", true),
            ("token", "x/token", true),
            ("token", "tokens", false),
        ] {
            let glob = Glob::new(pattern).unwrap();
            assert_eq!(matches(&glob, name), expected, "{pattern} on {name}");
        }
        assert!(any(&[Glob::new("?.conf").unwrap()], b"\xff.conf"));
    }

    #[test]
    fn exclude_wins_over_include() {
        let filter = Filter {
            include: vec![Glob::new("*.conf").unwrap()],
            exclude: vec![Glob::new("secret*").unwrap()],
            ..Filter::default()
        };
        assert!(filter.takes(b"a.conf"));
        assert!(!filter.takes(b"secret.conf"));
        assert!(!filter.takes(b"a.txt"));
        assert!(Filter::default().takes(b"anything"));
    }
}
