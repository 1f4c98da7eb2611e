//! Readers of single values: booleans, lists of names, patterns.

use super::{PATTERNS, Setting};
use crate::pattern::{Pattern, quoted};
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
    let mut read = |item: Name| room.take([Pattern::regex(&item)?]).map(|[pattern]| pattern);
    let items = list(text).into_iter();
    let names = items.filter_map(|item| read(item).map_err(|p| problems.push(p)).ok());
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

/// How many patterns one annotation may still have. A compiled pattern is a
/// thousand times its text, and anybody may write on their own objects.
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(PATTERNS)
    }
}

impl Room {
    pub(super) fn take<P: AsRef<[Pattern]>>(&mut self, patterns: P) -> Result<P, String> {
        let compiled = patterns.as_ref().iter().filter(|p| p.literal().is_none());
        let left = self.0.checked_sub(compiled.count());
        self.0 = left.ok_or_else(|| format!("more than {PATTERNS} patterns"))?;
        Ok(patterns)
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
