//! Patterns for names and keys.
//!
//! Two families: globs, in Tidings' own annotations (`tidings_shared::glob`), and regular
//! expressions as stakater/Reloader compiles them (`^item$`, so `a|b` also matches
//! `ab…`), kept for those who bring their annotations along. Goes in: one item of a
//! list. Comes out: a matcher, or a sentence on what is wrong with it.
//!
//! Whoever may edit one object writes patterns, so a match takes no longer than name
//! and pattern are long, needs no memory, and its [`Steps`] are counted: a regular
//! expression is worked out to its automaton when it is read, or refused where that
//! would be large.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::{start, syntax};
use tidings_shared::glob::Glob;

use crate::bounds;
use crate::refs::Name;

/// A pattern may be this long. Names are at most 253 characters.
const LONGEST: usize = 1_024;
/// The automaton of a regular expression may take this many bytes.
pub(crate) const AUTOMATON: usize = 16 << 10;
/// A step of a glob takes as long as so many of an automaton.
const STEPS_OF_GLOB: u32 = 8;

/// How many steps may still be taken. One is about two nanoseconds: an automaton takes
/// one for each character. All copies count together.
#[derive(Clone, Debug)]
pub struct Steps {
    left: Arc<AtomicU32>,
    of: u32,
}

impl Default for Steps {
    /// Those of one decision.
    fn default() -> Self {
        Self::new(bounds::DECISION_STEPS)
    }
}

impl PartialEq for Steps {
    /// What is left says nothing of what they are spent on.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Steps {
    /// So many.
    pub fn new(of: u32) -> Self {
        Self {
            left: Arc::new(AtomicU32::new(of)),
            of,
        }
    }

    /// Whether none is left: then what was found is not all.
    pub fn are_spent(&self) -> bool {
        self.left() == 0
    }

    /// How many were taken.
    pub fn taken(&self) -> u32 {
        self.of.saturating_sub(self.left())
    }

    /// Takes so many, or all that are left.
    pub fn take(&self, steps: usize) {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.left.store(self.left().saturating_sub(steps), Relaxed);
    }

    fn left(&self) -> u32 {
        self.left.load(Relaxed)
    }

    fn walk(&self, glob: &Glob, name: &str) -> bool {
        let mut left = self.left() / STEPS_OF_GLOB;
        let matches = left > 0 && glob.walk(name, &mut left);
        self.left.store(left * STEPS_OF_GLOB, Relaxed);
        matches
    }
}

/// A matcher for names.
#[derive(Clone)]
pub enum Pattern {
    /// Exactly this name.
    Literal(Name),
    /// A glob: `db-*`.
    Glob(Arc<Glob>),
    /// A regular expression over the whole name.
    Regex(Arc<Regex>),
}

/// How patterns are written.
#[derive(Clone, Copy, Debug)]
pub enum Family {
    /// A glob, as in `tidings.dev/reload`.
    Glob,
    /// A regular expression, as in Reloader's lists. Classes such as `\w` are those of
    /// ASCII, as they are in Go, and as all names are.
    Regex,
}

impl Family {
    /// Whether a text of this family means just itself.
    pub fn is_plain(self, text: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        match self {
            Self::Glob => !Glob::is_one(text),
            Self::Regex => text.chars().all(plain),
        }
    }

    /// The pattern, or what is wrong with it.
    pub fn make(self, text: &str) -> Result<Pattern, String> {
        if self.is_plain(text) {
            return Ok(Pattern::Literal(text.into()));
        }
        short_enough(text)?;
        match self {
            Self::Glob => match Glob::new(text) {
                Ok(glob) => Ok(Pattern::Glob(glob.into())),
                Err(why) => Err(format!("{} is not a glob: {why}", quoted(text))),
            },
            Self::Regex => Regex::new(text).map(|regex| Pattern::Regex(regex.into())),
        }
    }
}

impl Pattern {
    /// Whether the pattern matches, in as many steps as are left.
    pub fn matches(&self, name: &str, steps: &Steps) -> bool {
        match self {
            Self::Literal(literal) => **literal == *name,
            Self::Glob(glob) => steps.walk(glob, name),
            Self::Regex(regex) => regex.matches(name, steps),
        }
    }

    /// The one name that it matches, where it is a plain name.
    pub fn literal(&self) -> Option<&Name> {
        match self {
            Self::Literal(name) => Some(name),
            _ => None,
        }
    }

    /// About how many bytes it takes in memory.
    pub fn size(&self) -> usize {
        match self {
            Self::Literal(name) => size_of::<Self>() + name.len(),
            Self::Glob(glob) => glob.size(),
            Self::Regex(regex) => regex.size(),
        }
    }
}

/// A regular expression.
pub struct Regex {
    text: Name,
    matcher: Matcher,
}

enum Matcher {
    /// It says no more than a glob can.
    Glob(Glob),
    /// The automaton that it is, and where it may begin.
    Automaton(Box<dense::DFA<Vec<u32>>>, Anchored),
}

impl Regex {
    fn new(text: &str) -> Result<Self, String> {
        let matcher = match as_glob(text) {
            Some(glob) => Matcher::Glob(glob),
            None => automaton(text)?,
        };
        let text = text.into();
        Ok(Self { text, matcher })
    }

    fn size(&self) -> usize {
        let matcher = match &self.matcher {
            Matcher::Glob(glob) => glob.size(),
            Matcher::Automaton(automaton, _) => automaton.memory_usage(),
        };
        size_of::<Self>() + self.text.len() + matcher
    }

    fn matches(&self, name: &str, steps: &Steps) -> bool {
        match &self.matcher {
            Matcher::Glob(glob) => steps.walk(glob, name),
            Matcher::Automaton(automaton, from) => run(automaton, *from, name, steps),
        }
    }
}

/// Plain characters with `.*`, `.+` and `.` among them are most of those that people
/// write, and made in a fraction of the time.
fn as_glob(text: &str) -> Option<Glob> {
    let mut glob = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let parts = [(".*", "*"), (".+", "?*"), ("\\.", "."), (".", "?")];
        let part = parts.into_iter().find(|(part, _)| rest.starts_with(part));
        let (part, means) = match part {
            Some(part) => part,
            None if c.is_ascii_alphanumeric() || c == '-' => rest.split_at(1),
            None => return None,
        };
        if part.len() == 1 && part != "." {
            glob.push(c);
        } else {
            glob.push_str(means);
        }
        rest = &rest[part.len()..];
        // What repeats something is more than a glob says.
        if rest.starts_with(['*', '+', '?', '{']) {
            return None;
        }
    }
    Glob::new(&glob).ok()
}

fn automaton(text: &str) -> Result<Matcher, String> {
    // Without alternatives it stands or falls with the first character.
    let (from, kind) = if text.contains('|') {
        (Anchored::No, StartKind::Unanchored)
    } else {
        (Anchored::Yes, StartKind::Anchored)
    };
    let limits = dense::Config::new()
        .accelerate(false)
        .start_kind(kind)
        .dfa_size_limit(Some(AUTOMATON))
        .determinize_size_limit(Some(AUTOMATON));
    let parts = thompson::Config::new()
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(2 * AUTOMATON));
    let automaton = dense::Builder::new()
        .configure(limits)
        .thompson(parts)
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(&format!("^{text}$"));
    match automaton {
        Ok(automaton) => Ok(Matcher::Automaton(automaton.into(), from)),
        Err(error) if error.is_size_limit_exceeded() || is_too_large(&error) => Err(format!(
            "{} is too large a regular expression",
            quoted(text)
        )),
        Err(_) => Err(format!("{} is not a regular expression", quoted(text))),
    }
}

fn run(automaton: &dense::DFA<Vec<u32>>, from: Anchored, name: &str, steps: &Steps) -> bool {
    let start = automaton.start_state(&start::Config::new().anchored(from));
    let Ok(mut at) = start else {
        return false;
    };
    if name.len() >= usize::try_from(steps.left()).unwrap_or(usize::MAX) {
        steps.take(usize::MAX);
        return false;
    }
    for (taken, byte) in name.bytes().enumerate() {
        at = automaton.next_state(at, byte);
        if automaton.is_match_state(at) || automaton.is_dead_state(at) {
            steps.take(1 + taken);
            return automaton.is_match_state(at);
        }
    }
    steps.take(1 + name.len());
    automaton.is_match_state(automaton.next_eoi_state(at))
}

/// Whether it is the expression's own parts that are too many.
fn is_too_large(error: &dense::BuildError) -> bool {
    let inner = std::error::Error::source(error);
    let nfa = inner.and_then(|inner| inner.downcast_ref::<thompson::BuildError>());
    nfa.is_some_and(|error| error.size_limit().is_some())
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
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Literal(text) => text,
            Self::Glob(glob) => glob.text(),
            Self::Regex(regex) => &regex.text,
        })
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
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.to_string() == other.to_string()
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
    #[case("foo.*", "a-foo-1", false)]
    #[case("(foo|bar)-x", "bar-x", true)]
    #[case("(foo|bar)-x", "bar-xy", false)]
    #[case(".*-config", "a-b-config", true)]
    #[case("a.+\\b", "a-b", true)]
    #[case("", "", true)]
    #[case("a.c", "abc", true)]
    #[case("a.c", "ac", false)]
    #[case("a.+", "a", false)]
    #[case("a.*?b", "axb", true)]
    #[case("ab*", "abbb", true)]
    #[case("ab*", "ab-x", false)]
    #[case("a.{2}", "abb", true)]
    fn regular_expressions_match_as_reloader_does(
        #[case] pattern: &str,
        #[case] name: &str,
        #[case] expect: bool,
    ) {
        let pattern = Family::Regex.make(pattern).unwrap();
        assert_eq!(pattern.matches(name, &Steps::default()), expect);
    }

    #[rstest]
    #[case("db-*", "db-main", true)]
    #[case("db-*", "web-db-main", false)]
    #[case("{a,b}", "b", true)]
    #[case("db.x", "dbyx", false)]
    fn globs(#[case] pattern: &str, #[case] name: &str, #[case] expect: bool) {
        let pattern = Family::Glob.make(pattern).unwrap();
        assert_eq!(pattern.matches(name, &Steps::default()), expect);
    }

    #[test]
    fn what_does_not_compile_is_said() {
        assert!(Family::Regex.make("a(").unwrap_err().contains("a("));
        assert!(Family::Glob.make("a[").unwrap_err().contains("a["));
    }

    #[test]
    fn a_match_ends_with_the_steps_that_are_left() {
        let name = "a".repeat(250);
        for pattern in [
            Family::Regex.make("(a|b)*c?").unwrap(),
            Family::Glob.make("*a*").unwrap(),
        ] {
            let few = Steps::new(100);
            assert!(
                !pattern.matches(&name, &few) && few.are_spent(),
                "{pattern}"
            );
            let enough = Steps::default();
            assert!(pattern.matches(&name, &enough), "{pattern}");
            assert!(enough.taken() < 10_000, "{}", enough.taken());
        }
        let early = Steps::default();
        assert!(!Family::Regex.make("b.*").unwrap().matches(&name, &early));
        assert!(early.taken() < 20, "{}", early.taken());
    }

    #[test]
    fn patterns_cannot_take_much_memory() {
        let large = [
            "(a{1,100}){1,100}",
            "((.{1,99}){1,99}){1,99}",
            "\\w{999}{999}",
            // Small themselves, but not what is worked out of them.
            "[ab]*a[ab]{100}[c-z0-9][ab]*",
            "[ab]*a[ab]{100}[c-z0-9][ab]*|x",
        ];
        for text in large {
            assert!(
                Family::Regex.make(text).unwrap_err().contains("too large"),
                "{text}"
            );
        }
        assert!(Family::Regex.make("[a-z0-9.-]{1,253}").is_ok());
        for text in [
            "?".repeat(200_000),
            "[!a]".repeat(100_000),
            ".".repeat(2_000),
        ] {
            let wrong = [
                Family::Glob.make(&text).err(),
                Family::Regex.make(&text).err(),
            ];
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
