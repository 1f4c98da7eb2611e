//! Patterns of names: of sources and keys in annotations, of files in `--include` and
//! `--exclude`.
//!
//! | written | fits |
//! |---|---|
//! | `*` | any run of characters but `/` |
//! | `**` | any run of characters; `**/` any directories, or none |
//! | `?` | one character but `/` |
//! | `[ab]`, `[a-z]`, `[!a]` | one of these characters, or one that is none of them and no `/` |
//! | `{a,b}` | one of these patterns |
//! | `\x` | `x` itself |
//!
//! In: a pattern. Out: a matcher, or a sentence on what is wrong with it. Whoever may
//! write an annotation writes patterns, so all ways through one are walked at once: it
//! takes time in proportion to pattern and name, whatever they are.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

/// A pattern that makes sense.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    steps: Vec<Step>,
}

/// Where a walk through the pattern may stand, and what leads on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This character.
    Char(char),
    /// One of a set.
    Set(Set),
    /// Any run of characters; of `/` too, if it crosses.
    Run { crosses: bool },
    /// Nothing: it goes on at each of these steps.
    Fork(Vec<usize>),
}

/// A set of characters, never with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    ranges: Vec<(char, char)>,
    is_not: bool,
}

impl Set {
    fn has(&self, c: char) -> bool {
        let is_in = |(first, last): &(char, char)| (*first..=*last).contains(&c);
        c != '/' && self.ranges.iter().any(is_in) != self.is_not
    }
}

impl Glob {
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            rest: text.chars().peekable(),
            steps: Vec::new(),
        };
        parser.pattern(0, true)?;
        Ok(Self {
            text: text.to_owned(),
            steps: parser.steps,
        })
    }

    /// Whether a text means more than itself.
    pub fn is_one(text: &str) -> bool {
        text.contains(['*', '?', '[', '{', '}', '\\'])
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it fits the whole name.
    pub fn matches(&self, name: &str) -> bool {
        let mut at = Places::of(self);
        let mut next = Places::of(self);
        at.enter(0);
        for c in name.chars() {
            for &place in &at.entered {
                match self.steps.get(place) {
                    Some(Step::Char(known)) if *known == c => next.enter(place + 1),
                    Some(Step::Set(set)) if set.has(c) => next.enter(place + 1),
                    Some(Step::Run { crosses }) if *crosses || c != '/' => next.enter(place),
                    _ => {}
                }
            }
            std::mem::swap(&mut at, &mut next);
            next.clear();
        }
        at.is_in[self.steps.len()]
    }
}

/// Steps that a walk may stand before; the number after the last is the end.
struct Places<'g> {
    steps: &'g [Step],
    entered: Vec<usize>,
    is_in: Vec<bool>,
}

impl<'g> Places<'g> {
    fn of(glob: &'g Glob) -> Self {
        Self {
            steps: &glob.steps,
            entered: Vec::new(),
            is_in: vec![false; glob.steps.len() + 1],
        }
    }

    /// With all that can be reached from there by no character.
    fn enter(&mut self, place: usize) {
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            if std::mem::replace(&mut self.is_in[place], true) {
                continue;
            }
            self.entered.push(place);
            match self.steps.get(place) {
                Some(Step::Run { .. }) => open.push(place + 1),
                Some(Step::Fork(to)) => open.extend(to),
                _ => {}
            }
        }
    }

    fn clear(&mut self) {
        for place in self.entered.drain(..) {
            self.is_in[place] = false;
        }
    }
}

/// Nobody nests alternatives deeper.
const DEEPEST: usize = 16;

const DANGLING: &str = "dangling '\\'";
const UNCLOSED_SET: &str = "unclosed character class; missing ']'";
const UNCLOSED: &str = "unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)";
const UNOPENED: &str = "unopened alternate group; missing '{' (maybe escape '}' with '[}]'?)";

struct Parser<'t> {
    rest: Peekable<Chars<'t>>,
    steps: Vec<Step>,
}

impl Parser<'_> {
    /// Up to the end of the text, or of an alternative: then the character that ends it.
    /// `depth`: of how many groups; `is_start`: a name's part begins here.
    fn pattern(&mut self, depth: usize, mut is_start: bool) -> Result<Option<char>, String> {
        while let Some(c) = self.rest.next() {
            let step = match c {
                ',' | '}' if depth > 0 => return Ok(Some(c)),
                '}' => return Err(UNOPENED.into()),
                '{' => {
                    self.group(depth + 1, is_start)?;
                    is_start = false;
                    continue;
                }
                '*' => {
                    is_start = self.run(is_start);
                    continue;
                }
                '?' => Step::Set(Set {
                    ranges: Vec::new(),
                    is_not: true,
                }),
                '[' => Step::Set(self.set()?),
                '\\' => Step::Char(self.rest.next().ok_or(DANGLING)?),
                c => Step::Char(c),
            };
            self.steps.push(step);
            is_start = c == '/';
        }
        if depth > 0 {
            return Err(UNCLOSED.into());
        }
        Ok(None)
    }

    /// Behind its first star. Whether a part of the name begins after it.
    fn run(&mut self, is_start: bool) -> bool {
        let mut crosses = false;
        while self.rest.next_if_eq(&'*').is_some() {
            crosses = true;
        }
        let takes_directories = crosses && is_start && self.rest.next_if_eq(&'/').is_some();
        let here = self.steps.len();
        if takes_directories {
            self.steps.push(Step::Fork(vec![here + 1, here + 3]));
        }
        self.steps.push(Step::Run { crosses });
        if takes_directories {
            self.steps.push(Step::Char('/'));
        }
        takes_directories
    }

    /// Behind its brace.
    fn group(&mut self, depth: usize, is_start: bool) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("alternate groups are nested deeper than {DEEPEST}"));
        }
        let fork = self.steps.len();
        self.steps.push(Step::Fork(Vec::new()));
        let (mut begins, mut ends) = (Vec::new(), Vec::new());
        loop {
            begins.push(self.steps.len());
            let ended_by = self.pattern(depth, is_start)?;
            ends.push(self.steps.len());
            self.steps.push(Step::Fork(Vec::new()));
            if ended_by == Some('}') {
                break;
            }
        }
        let after = self.steps.len();
        for end in ends {
            self.steps[end] = Step::Fork(vec![after]);
        }
        self.steps[fork] = Step::Fork(begins);
        Ok(())
    }

    /// Behind its bracket.
    fn set(&mut self) -> Result<Set, String> {
        let is_not = self.rest.next_if(|c| ['!', '^'].contains(c)).is_some();
        let mut chars = Vec::new();
        loop {
            match self.rest.next().ok_or(UNCLOSED_SET)? {
                // As the first it is one of the set.
                ']' if !chars.is_empty() => break,
                c => chars.push(c),
            }
        }
        let mut ranges = Vec::new();
        let mut left = chars.as_slice();
        while let [first, rest @ ..] = left {
            let (last, rest) = match rest {
                ['-', last, rest @ ..] => (last, rest),
                rest => (first, rest),
            };
            if last < first {
                return Err(format!("invalid range; '{first}' > '{last}'"));
            }
            ranges.push((*first, *last));
            left = rest;
        }
        Ok(Set { ranges, is_not })
    }
}

impl fmt::Debug for Glob {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_fit_what_a_person_expects() {
        for (pattern, fits, others) in [
            ("", &[""][..], &["a"][..]),
            ("token", &["token"], &["tokens", "a/token"]),
            ("db.x", &["db.x"], &["dbyx"]),
            ("db-*", &["db-", "db-main"], &["web-db-main", "db-a/b"]),
            ("*", &["", "a"], &["a/b"]),
            ("*.yaml", &["a.yaml", ".yaml"], &["a.yml", "d/a.yaml"]),
            ("a*b*c", &["abc", "axxbyyc"], &["axxbyy"]),
            ("d/*.yaml", &["d/a.yaml"], &["d/x/a.yaml", "a.yaml"]),
            ("d/**", &["d/a", "d/x/a", "d/"], &["d", "x/d/a"]),
            ("**/a", &["a", "x/a", "x/y/a"], &["xa", "x/ya", "a/x"]),
            ("x/**/a", &["x/a", "x/y/z/a"], &["xa", "x/ya"]),
            ("a**b", &["ab", "a/x/b"], &["a/x"]),
            ("{**/a,b}", &["a", "x/a", "b"], &["x/b"]),
            ("x{**/a,b}", &["x/a", "xy/z/a", "xb"], &["xa"]),
            ("?", &["a", "é"], &["", "/", "ab"]),
            ("[ab]", &["a", "b"], &["c", "ab", ""]),
            ("[a-cx]", &["b", "x"], &["d", "-"]),
            ("[!a]", &["b", "]"], &["a", "/"]),
            ("[^a]", &["b"], &["a", "/"]),
            ("[]-]", &["]", "-"], &["a"]),
            ("[+-/]", &["+", ",", "."], &["/"]),
            ("[{]", &["{"], &["["]),
            ("{a,b}", &["a", "b"], &["", "ab", "a,b"]),
            ("x{,.y,{1,2}z}", &["x", "x.y", "x1z", "x2z"], &["x1", "xz"]),
            ("{a*,?b}c", &["ac", "axc", "xbc"], &["a", "xb"]),
            ("a,b", &["a,b"], &["a"]),
            ("\\*\\{\\\\", &["*{\\"], &["a{\\"]),
        ] {
            let glob = Glob::new(pattern).unwrap();
            for name in fits {
                assert!(glob.matches(name), "{pattern} on {name}");
            }
            for name in others {
                assert!(!glob.matches(name), "{pattern} on {name}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (pattern, why) in [
            ("a[", UNCLOSED_SET),
            ("[]", UNCLOSED_SET),
            ("[z-a]", "invalid range; 'z' > 'a'"),
            ("{a", UNCLOSED),
            ("{a,{b}", UNCLOSED),
            ("a}", UNOPENED),
            ("a\\", DANGLING),
            (
                &"{".repeat(100_000),
                "alternate groups are nested deeper than 16",
            ),
        ] {
            assert_eq!(Glob::new(pattern).unwrap_err(), why);
        }
    }

    /// One that tried each way in turn would never end.
    #[test]
    fn no_pattern_takes_long() {
        let name = "a".repeat(250);
        for pattern in [
            "*a".repeat(250),
            "{a,a}".repeat(200) + "b",
            "**".repeat(400) + "b",
        ] {
            assert!(!Glob::new(&(pattern + "b")).unwrap().matches(&name));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_wrong(text in "[ab*?/{},!^\\-\\[\\]\\\\]{0,12}", name in "[ab/]{0,6}") {
            if let Ok(glob) = Glob::new(&text) {
                glob.matches(&name);
                prop_assert_eq!(glob.text(), &text);
            }
        }

        #[test]
        fn what_is_no_pattern_fits_itself_alone(text in "[ab.,!/-]{0,6}", other in "[ab.,!/-]{0,6}") {
            prop_assert!(!Glob::is_one(&text));
            prop_assert_eq!(Glob::new(&text).unwrap().matches(&other), text == other);
        }
    }
}
