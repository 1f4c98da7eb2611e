//! Readers of single values: booleans, lists of names, patterns.

use std::num::NonZeroU32;

use super::{LAST_WAVE, OwnSettings, Setting};
use crate::bounds::{PATTERN_BYTES, PATTERNS};
use crate::method::{Methods, Ports};
use crate::pattern::{AUTOMATON, Family, Pattern, quoted};
use crate::refs::{Name, SourceKind};

/// The setting, or what is wrong.
pub(super) fn or_say(
    value: Result<Setting, String>,
    problems: &mut Vec<String>,
) -> Option<Setting> {
    value.map_err(|problem| problems.push(problem)).ok()
}

/// Go's `strconv.ParseBool`, which Reloader uses: an unknown word is `false`,
/// and is said.
pub(super) fn auto(kind: Option<SourceKind>, text: &str, problems: &mut Vec<String>) -> Setting {
    let on = boolean(text).unwrap_or_else(|problem| {
        problems.push(format!("{problem}; read as false"));
        false
    });
    Setting::Auto(kind, on)
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        other => Err(format!("{} is neither true nor false", quoted(other))),
    }
}

/// A list of methods; the good parts hold.
pub(super) fn method(text: &str, own: &mut OwnSettings) -> Result<(), String> {
    let (methods, problems) = Methods::read(text);
    own.method = Some(methods);
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems.join("; "))
}

/// Where agents listen.
pub(super) fn agent(text: &str, own: &mut OwnSettings) -> Result<(), String> {
    own.agent = Some(Ports::read(text)?.into());
    Ok(())
}

/// An integer. One that cannot be read goes last.
pub(super) fn wave(text: &str, own: &mut OwnSettings) -> Result<(), String> {
    let wave = text.trim().parse();
    own.wave = Some(*wave.as_ref().unwrap_or(&LAST_WAVE));
    wave.map(drop).map_err(|_| {
        let text = quoted(text);
        format!("{text} is not an integer such as 1 or -1; it goes last")
    })
}

/// A whole number from 1 on. One that cannot be read is 1.
pub(super) fn at_once(text: &str, own: &mut OwnSettings) -> Result<(), String> {
    let at_once = text.trim().parse();
    own.at_once = Some(*at_once.as_ref().unwrap_or(&NonZeroU32::MIN));
    at_once.map(drop).map_err(|_| {
        let text = quoted(text);
        format!("{text} is not a whole number from 1 on; read as 1")
    })
}

pub(super) fn list(text: &str) -> Vec<Name> {
    text.split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(Name::from)
        .collect()
}

/// Names as Reloader reads them: each a regular expression.
pub(super) fn names(kind: SourceKind, text: &str, problems: &mut Vec<String>) -> Setting {
    let mut room = Room::default();
    let mut read = |item: Name| match room.make(Family::Regex, &item) {
        Ok(pattern) => Some(pattern),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    let names = list(text).into_iter().filter_map(&mut read);
    Setting::Names(kind, names.collect())
}

/// Names as they stand.
pub(super) fn exact(kind: SourceKind, text: &str) -> Setting {
    let names = list(text).into_iter().map(Pattern::Literal);
    Setting::Names(kind, names.collect())
}

/// `name`, or `namespace/name`.
pub(super) fn placed(kind: SourceKind, text: &str, problems: &mut Vec<String>) -> Setting {
    let mut names = Vec::new();
    for item in list(text) {
        match item.split('/').collect::<Vec<_>>()[..] {
            [name] if !name.is_empty() => names.push((None, name.into())),
            [namespace, name] if !namespace.is_empty() && !name.is_empty() => {
                names.push((Some(namespace.into()), name.into()));
            }
            _ => problems.push(format!("{} is no name", quoted(&item))),
        }
    }
    Setting::Placed(kind, names)
}

/// How many patterns one annotation may still have, and in how many bytes.
pub(super) struct Room {
    patterns: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            patterns: PATTERNS,
            bytes: PATTERN_BYTES,
        }
    }
}

impl Room {
    /// A pattern, if there is room for it. Where there is none left it is not worked
    /// out either, for that is what takes time: with one that is wrong, or too large, as
    /// much as with the largest.
    pub(super) fn make(&mut self, kind: Family, text: &str) -> Result<Pattern, String> {
        if kind.is_plain(text) {
            return Ok(Pattern::Literal(text.into()));
        }
        let full = || format!("more than {PATTERNS} patterns, or {PATTERN_BYTES} bytes of them");
        self.patterns = self.patterns.checked_sub(1).ok_or_else(full)?;
        if self.bytes == 0 {
            return Err(full());
        }
        let pattern = kind.make(text);
        let size = pattern.as_ref().map_or(AUTOMATON, Pattern::size);
        let left = self.bytes.checked_sub(size);
        self.bytes = left.unwrap_or(0);
        if left.is_none() && pattern.is_ok() {
            return Err(full());
        }
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_counted() {
        let mut problems = Vec::new();
        let text = "a.*,".repeat(2 * PATTERNS);
        let names = names(SourceKind::Secret, &text, &mut problems);
        assert!(matches!(names, Setting::Names(_, names) if names.len() == PATTERNS));
        assert_eq!(problems.len(), PATTERNS);
        assert!(problems[0].contains("more than 100 patterns"));
    }

    #[test]
    fn names_may_have_a_namespace() {
        let mut problems = Vec::new();
        let read = placed(SourceKind::Secret, "a, ns/b,/c,d/,e/f/g", &mut problems);
        let names = vec![(None, "a".into()), (Some("ns".into()), "b".into())];
        assert_eq!(read, Setting::Placed(SourceKind::Secret, names));
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
