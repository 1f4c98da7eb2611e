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
    /// What nearly all of them are, and takes no walk: one run of characters between
    /// others.
    around: Option<Around>,
}

/// What stands before and after one run of characters.
#[derive(Clone, PartialEq, Eq)]
struct Around {
    before: String,
    after: String,
    crosses: bool,
}

impl Around {
    fn of(steps: &[Step]) -> Option<Self> {
        let at = steps.iter().position(|s| matches!(s, Step::Run { .. }))?;
        let plain = |steps: &[Step]| {
            let char = |step: &Step| match step {
                Step::Char(c) => Some(*c),
                _ => None,
            };
            steps.iter().map(char).collect::<Option<String>>()
        };
        Some(Self {
            before: plain(&steps[..at])?,
            after: plain(&steps[at + 1..])?,
            crosses: steps[at] == Step::Run { crosses: true },
        })
    }

    fn matches(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&*self.before);
        let run = rest.and_then(|rest| rest.strip_suffix(&*self.after));
        run.is_some_and(|run| self.crosses || !run.contains('/'))
    }
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
    /// In order, none within another.
    ranges: Vec<(char, char)>,
    is_not: bool,
}

impl Set {
    fn has(&self, c: char) -> bool {
        let begun = self.ranges.partition_point(|(first, _)| *first <= c);
        let is_in = begun > 0 && c <= self.ranges[begun - 1].1;
        c != '/' && is_in != self.is_not
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
            around: Around::of(&parser.steps),
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

    /// About how many bytes it takes in memory.
    pub fn size(&self) -> usize {
        // What a set or a fork holds has been written, each in a character at least.
        let written = self.text.len() * (2 + size_of::<(char, char)>());
        size_of::<Self>() + written + self.steps.len() * size_of::<Step>()
    }

    /// Whether it fits the whole name.
    pub fn matches(&self, name: &str) -> bool {
        let mut left = u32::MAX;
        self.walk(name, &mut left)
    }

    /// The same, where it takes no more steps than are left. Those that it took are
    /// subtracted; where too few were left, none is, and it does not fit.
    pub fn walk(&self, name: &str, left: &mut u32) -> bool {
        if let Some(around) = &self.around {
            *left = left.saturating_sub(1);
            return around.matches(name);
        }
        let mut at = Places::of(self);
        let mut next = Places::of(self);
        at.enter(0);
        for c in name.chars() {
            let taken = u32::try_from(at.entered.len()).unwrap_or(u32::MAX);
            *left = left.saturating_sub(taken);
            if *left == 0 || at.entered.is_empty() {
                return false;
            }
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
    open: Vec<usize>,
}

impl<'g> Places<'g> {
    fn of(glob: &'g Glob) -> Self {
        Self {
            steps: &glob.steps,
            entered: Vec::new(),
            is_in: vec![false; glob.steps.len() + 1],
            open: Vec::new(),
        }
    }

    /// With all that can be reached from there by no character.
    fn enter(&mut self, place: usize) {
        self.open.push(place);
        while let Some(place) = self.open.pop() {
            if std::mem::replace(&mut self.is_in[place], true) {
                continue;
            }
            self.entered.push(place);
            match self.steps.get(place) {
                Some(Step::Run { .. }) => self.open.push(place + 1),
                Some(Step::Fork(to)) => self.open.extend(to),
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
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let overlaps = next.0 <= before.1;
            before.1 = before.1.max(if overlaps { next.1 } else { before.1 });
            overlaps
        });
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
            ("ab*ba", &["abba", "ab-ba"], &["aba", "ab/ba"]),
            ("a**é", &["aé", "a/é"], &["a", "é"]),
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
            ("[a-fc-dm-ze-h]", &["a", "g", "h", "m"], &["i", "l"]),
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

    #[test]
    fn steps_are_counted_and_end_a_walk() {
        let glob = Glob::new("{*a,*b,*c}").unwrap();
        let (mut enough, mut few) = (1_000, 10);
        assert!(glob.walk("xxxxxxxb", &mut enough) && enough > 0);
        assert!(!glob.walk("xxxxxxxb", &mut few));
        assert_eq!(few, 0);
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
