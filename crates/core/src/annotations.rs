//! Every annotation that Tidings reads or writes: one row each.
//!
//! Goes in: the text of one annotation. Comes out: a [`Setting`], and a sentence
//! for each part that is wrong; the good parts hold. What the settings of a
//! workload mean together is [`crate::policy`]'s. The reference page, the
//! nearest known key of a misspelled one and the tests follow from the table.

use std::collections::BTreeMap;

use crate::pattern::{Pattern, quoted};
use crate::reason::{Problem, Reason};
use crate::refs::{Name, SourceKind};

/// Domains whose annotations are read.
pub const OURS: [&str; 2] = ["tidings.dev/", "reloader.stakater.com/"];
/// On a pod template: the installation and its number of the roll.
pub const CONFIG: &str = "tidings.dev/config";
/// On a pod template: what changed.
pub const BECAUSE: &str = "tidings.dev/because";
/// What is opted in, in Tidings' own words.
pub const RELOAD: &str = "tidings.dev/reload";
/// On a source: never a reason to roll.
pub const IGNORE: [&str; 2] = ["tidings.dev/ignore", "reloader.stakater.com/ignore"];
/// On a source: for workloads that search.
pub const MATCH: &str = "reloader.stakater.com/match";

/// Where an annotation is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the workload, else on its pod template, else on its namespace.
    WorkloadOrNamespace,
    /// On the workload, else on its pod template.
    Workload,
    /// On the workload only.
    WorkloadOnly,
    /// On the ConfigMap or Secret.
    Source,
    /// Written on the pod template at a roll.
    Written,
}

/// What one annotation says.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// `tidings.dev/reload`
    Reload(Vec<Item>),
    /// `tidings.dev/settle`, in milliseconds.
    Settle(u64),
    /// `tidings.dev/reload-on-create`
    OnCreate(bool),
    /// Reloader's `auto`, for all kinds of sources or one.
    Auto(Option<SourceKind>, bool),
    /// Reloader's lists of names.
    Names(SourceKind, Vec<Pattern>),
    /// Reloader's `search`.
    Search(bool),
    /// Reloader's `exclude` lists.
    Exclude(SourceKind, Vec<Name>),
    /// Read elsewhere: on sources, or written by Tidings.
    Nothing,
}

/// One item of `tidings.dev/reload`.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `auto`: what the workload uses.
    Auto,
    /// `off`: nothing.
    Off,
    /// `kind/glob[keys]`: these too, also where they are not used.
    Include(SourceKind, Named),
    /// `!kind/glob[keys]`: not these.
    Exclude(SourceKind, Named),
}

/// Sources by name, and perhaps only some of their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Which sources.
    pub name: Pattern,
    /// Which keys; none means all.
    pub keys: Vec<Pattern>,
}

/// Reads one annotation's text. What is wrong with it goes to the list; what can
/// be read all the same is returned.
type Read = fn(&str, &mut Vec<String>) -> Option<Setting>;

/// One row of the table.
#[derive(Debug)]
pub struct Annotation {
    /// Its key.
    pub key: &'static str,
    /// Where it belongs.
    pub place: Place,
    /// The form of its value.
    pub value: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// A value that is valid.
    pub example: &'static str,
    /// Its reader.
    pub read: Read,
}

/// All annotations.
pub static ANNOTATIONS: &[Annotation] = &[
    Annotation {
        key: RELOAD,
        place: Place::WorkloadOrNamespace,
        value: "comma list of `auto`, `off`, [`!`]kind/glob[`[`keyglob,…`]`]",
        doc: "Which sources roll the workload: those that it uses (`auto`), none (`off`), and named ones, of which perhaps only some keys; `!` takes away, and alone means `auto` without these.",
        example: "auto, !configmap/noisy, secret/db-*[password]",
        read: |text, problems| Some(Setting::Reload(reload(text, problems))),
    },
    Annotation {
        key: "tidings.dev/settle",
        place: Place::WorkloadOrNamespace,
        value: "a time such as `500ms`, `2s`, `1m`; `0` is off",
        doc: "Changes this close together become one roll (at most five times as long in all).",
        example: "5s",
        read: |text, problems| or_say(millis(text).map(Setting::Settle), problems),
    },
    Annotation {
        key: "tidings.dev/reload-on-create",
        place: Place::WorkloadOrNamespace,
        value: "`true` or `false`",
        doc: "Whether a source or key that appears rolls the workload, where it is optional in the environment or by subPath, or named. (What is optional in a volume appears there by itself; what is required kept the pods from starting.)",
        example: "true",
        read: |text, problems| or_say(boolean(text).map(Setting::OnCreate), problems),
    },
    Annotation {
        key: IGNORE[0],
        place: Place::Source,
        value: "`true` or `false`",
        doc: "Changes of this ConfigMap or Secret never roll anything.",
        example: "true",
        read: |_, _| Some(Setting::Nothing),
    },
    Annotation {
        key: CONFIG,
        place: Place::Written,
        value: "`instance/number`",
        doc: "The installation of Tidings that last rolled the workload, and its number of the roll.",
        example: "tidings/3",
        read: |_, _| Some(Setting::Nothing),
    },
    Annotation {
        key: BECAUSE,
        place: Place::Written,
        value: "`kind/name (keys)`, comma separated",
        doc: "What had changed at the last roll.",
        example: "configmap/nginx-config (nginx.conf)",
        read: |_, _| Some(Setting::Nothing),
    },
    Annotation {
        key: "reloader.stakater.com/auto",
        place: Place::Workload,
        value: "`true` or `false`",
        doc: "Reloader's: every ConfigMap and Secret that the workload uses rolls it.",
        example: "true",
        read: |text, problems| Some(auto(None, text, problems)),
    },
    Annotation {
        key: "configmap.reloader.stakater.com/auto",
        place: Place::Workload,
        value: "`true` or `false`",
        doc: "Reloader's: every ConfigMap that the workload uses rolls it.",
        example: "true",
        read: |text, problems| Some(auto(Some(SourceKind::ConfigMap), text, problems)),
    },
    Annotation {
        key: "secret.reloader.stakater.com/auto",
        place: Place::Workload,
        value: "`true` or `false`",
        doc: "Reloader's: every Secret that the workload uses rolls it.",
        example: "true",
        read: |text, problems| Some(auto(Some(SourceKind::Secret), text, problems)),
    },
    Annotation {
        key: "configmap.reloader.stakater.com/reload",
        place: Place::Workload,
        value: "comma list of names, each a regular expression",
        doc: "Reloader's: these ConfigMaps roll the workload, used or not.",
        example: "nginx-config, demo-config",
        read: |text, problems| Some(names(SourceKind::ConfigMap, text, problems)),
    },
    Annotation {
        key: "secret.reloader.stakater.com/reload",
        place: Place::Workload,
        value: "comma list of names, each a regular expression",
        doc: "Reloader's: these Secrets roll the workload, used or not.",
        example: "db-credentials",
        read: |text, problems| Some(names(SourceKind::Secret, text, problems)),
    },
    Annotation {
        key: "reloader.stakater.com/search",
        place: Place::Workload,
        value: "`true`",
        doc: "Reloader's: of the sources that the workload uses, those with `match` roll it.",
        example: "true",
        read: |text, _| Some(Setting::Search(text == "true")),
    },
    Annotation {
        key: MATCH,
        place: Place::Source,
        value: "`true`",
        doc: "Reloader's: rolls the workloads that use this source and have `search`.",
        example: "true",
        read: |_, _| Some(Setting::Nothing),
    },
    Annotation {
        key: IGNORE[1],
        place: Place::Source,
        value: "`true`",
        doc: "Reloader's: changes of this ConfigMap or Secret never roll anything.",
        example: "true",
        read: |_, _| Some(Setting::Nothing),
    },
    Annotation {
        key: "configmaps.exclude.reloader.stakater.com/reload",
        place: Place::WorkloadOnly,
        value: "comma list of names",
        doc: "Reloader's: these ConfigMaps never roll the workload.",
        example: "noisy",
        read: |text, _| Some(Setting::Exclude(SourceKind::ConfigMap, list(text))),
    },
    Annotation {
        key: "secrets.exclude.reloader.stakater.com/reload",
        place: Place::WorkloadOnly,
        value: "comma list of names",
        doc: "Reloader's: these Secrets never roll the workload.",
        example: "noisy",
        read: |text, _| Some(Setting::Exclude(SourceKind::Secret, list(text))),
    },
    Annotation {
        key: "reloader.stakater.com/last-reloaded-from",
        place: Place::Written,
        value: "JSON",
        doc: "Reloader's, on pod templates that it rolled; left as it is.",
        example: r#"{"type":"CONFIGMAP","name":"c"}"#,
        read: |_, _| Some(Setting::Nothing),
    },
];

/// How many patterns with wildcards one annotation may have.
pub const PATTERNS: usize = 100;

/// The row of a key.
pub fn find(key: &str) -> Option<&'static Annotation> {
    ANNOTATIONS.iter().find(|row| row.key == key)
}

/// The known key that is nearest to an unknown one of Tidings' domain.
pub fn nearest(unknown: &str) -> &'static str {
    let own = ANNOTATIONS
        .iter()
        .filter(|row| row.key.starts_with(OURS[0]));
    own.map(|row| row.key)
        .min_by_key(|key| strsim::damerau_levenshtein(key, unknown))
        .unwrap_or(RELOAD)
}

/// An own key that does not exist.
pub(crate) fn unknown(key: &str) -> Problem {
    Problem {
        reason: Reason::UnknownAnnotation,
        text: format!("{key} is not known; did you mean {}?", nearest(key)),
    }
}

/// What is wrong with the own annotations of a workload, a template or a
/// namespace, before their values are read.
pub(crate) fn problem_of_key(key: &str) -> Option<Problem> {
    match find(key) {
        _ if !key.starts_with(OURS[0]) => None,
        None => Some(unknown(key)),
        Some(row) if row.place == Place::Source => Some(Problem {
            reason: Reason::BadAnnotation,
            text: format!("{key} belongs on a ConfigMap or Secret"),
        }),
        Some(_) => None,
    }
}

/// What is wrong with the own annotations of a source, if anything: the first.
pub(crate) fn problem_on_source(annotations: &BTreeMap<String, String>) -> Option<Problem> {
    let mut own = annotations
        .iter()
        .filter(|(key, _)| key.starts_with(OURS[0]));
    let problem = |(key, value): (&String, &String)| match find(key) {
        None => Some(unknown(key)),
        Some(row) if row.place != Place::Source => Some(Problem {
            reason: Reason::BadAnnotation,
            text: format!("{key} does not belong on a ConfigMap or Secret"),
        }),
        Some(_) => boolean(value).err().map(|problem| Problem {
            reason: Reason::BadAnnotation,
            text: format!("{key}: {problem}"),
        }),
    };
    own.find_map(problem)
}

fn or_say(value: Result<Setting, String>, problems: &mut Vec<String>) -> Option<Setting> {
    value.map_err(|problem| problems.push(problem)).ok()
}

/// Go's `strconv.ParseBool`, which Reloader uses: an unknown word is `false`,
/// and is said.
fn auto(kind: Option<SourceKind>, text: &str, problems: &mut Vec<String>) -> Setting {
    let on = boolean(text).unwrap_or_else(|problem| {
        problems.push(format!("{problem}; read as false"));
        false
    });
    Setting::Auto(kind, on)
}

fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        other => Err(format!("{} is neither true nor false", quoted(other))),
    }
}

/// Reads a time: a number with `ms`, `s`, `m` or `h`, in milliseconds.
pub fn millis(text: &str) -> Result<u64, String> {
    let wrong = || format!("{} is not a time such as 500ms, 2s or 1m", quoted(text));
    if text == "0" {
        return Ok(0);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

fn list(text: &str) -> Vec<Name> {
    text.split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(Name::from)
        .collect()
}

fn names(kind: SourceKind, text: &str, problems: &mut Vec<String>) -> Setting {
    let mut room = Room::default();
    let mut read = |item: Name| room.take([Pattern::regex(&item)?]).map(|[pattern]| pattern);
    let items = list(text).into_iter();
    let names = items.filter_map(|item| read(item).map_err(|p| problems.push(p)).ok());
    Setting::Names(kind, names.collect())
}

/// How many patterns one annotation may still have. A compiled pattern is a
/// thousand times its text, and anybody may write on their own objects.
struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(PATTERNS)
    }
}

impl Room {
    fn take<P: AsRef<[Pattern]>>(&mut self, patterns: P) -> Result<P, String> {
        let compiled = patterns.as_ref().iter().filter(|p| p.literal().is_none());
        let left = self.0.checked_sub(compiled.count());
        self.0 = left.ok_or_else(|| format!("more than {PATTERNS} patterns"))?;
        Ok(patterns)
    }
}

fn reload(text: &str, problems: &mut Vec<String>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut room = Room::default();
    for part in split_outside_brackets(text) {
        match item(part, &mut room) {
            Ok(item) => items.push(item),
            Err(problem) => problems.push(problem),
        }
    }
    if items.contains(&Item::Off) && items.len() > 1 {
        problems.push("`off` stands alone; the other items are ignored".to_owned());
    }
    items
}

fn split_outside_brackets(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let parts = text.split(move |c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn item(text: &str, room: &mut Room) -> Result<Item, String> {
    match text {
        "auto" | "true" => return Ok(Item::Auto),
        "off" | "false" => return Ok(Item::Off),
        _ => {}
    }
    let (exclude, rest) = match text.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, text),
    };
    let named = named(rest, room);
    let (kind, named) = named.map_err(|problem| format!("{}: {problem}", quoted(text)))?;
    Ok(if exclude {
        Item::Exclude(kind, named)
    } else {
        Item::Include(kind, named)
    })
}

fn named(text: &str, room: &mut Room) -> Result<(SourceKind, Named), String> {
    let wrong = "expected auto, off, configmap/NAME or secret/NAME";
    let (kind, name) = text.split_once('/').ok_or(wrong)?;
    let kind = SourceKind::parse(kind.trim()).ok_or(wrong)?;
    let (name, keys) = match name.split_once('[') {
        Some((name, keys)) => (name, keys.strip_suffix(']').ok_or("the `[` is not closed")?),
        None => (name, ""),
    };
    if name.trim().is_empty() {
        return Err(wrong.to_owned());
    }
    let keys: Result<Vec<_>, _> = list(keys).iter().map(|key| Pattern::glob(key)).collect();
    let [name] = room.take([Pattern::glob(name.trim())?])?;
    let keys = room.take(keys?)?;
    Ok((kind, Named { name, keys }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_example_is_valid_and_every_key_is_ours() {
        for row in ANNOTATIONS {
            let mut problems = Vec::new();
            assert!(
                (row.read)(row.example, &mut problems).is_some(),
                "{}",
                row.key
            );
            assert_eq!(problems, [""; 0], "{}", row.key);
            assert!(
                OURS.iter().any(|domain| row.key.contains(domain)),
                "{}",
                row.key
            );
            assert!(std::ptr::eq(find(row.key).unwrap(), row));
        }
    }

    #[rstest]
    #[case("auto", "[Auto]")]
    #[case("auto, !configmap/noisy", "[Auto, !configmap/noisy]")]
    #[case("cm/a[x,y*],secret/b", "[configmap/a[x,y*], secret/b]")]
    #[case(" !secret/db-* ", "[!secret/db-*]")]
    #[case("", "[]")]
    fn lists_read_well(#[case] text: &str, #[case] expect: &str) {
        let mut problems = Vec::new();
        let items: Vec<_> = reload(text, &mut problems).iter().map(show).collect();
        assert_eq!(format!("[{}]", items.join(", ")), expect);
        assert_eq!(problems, [""; 0]);
    }

    fn show(item: &Item) -> String {
        let named = |mark: &str, kind: &SourceKind, n: &Named| {
            let keys: Vec<_> = n.keys.iter().map(ToString::to_string).collect();
            let keys = if keys.is_empty() {
                String::new()
            } else {
                format!("[{}]", keys.join(","))
            };
            format!("{mark}{}/{}{keys}", kind.row().word, n.name)
        };
        match item {
            Item::Auto => "Auto".to_owned(),
            Item::Off => "Off".to_owned(),
            Item::Include(kind, n) => named("", kind, n),
            Item::Exclude(kind, n) => named("!", kind, n),
        }
    }

    #[rstest]
    #[case("auto, pod/x", "pod/x", 1)]
    #[case("secret/a[k", "not closed", 0)]
    #[case("configmap/", "configmap/", 0)]
    #[case("secret/a, secret/[", "not closed", 1)]
    #[case("off, auto", "stands alone", 2)]
    fn the_good_parts_hold(#[case] text: &str, #[case] said: &str, #[case] items: usize) {
        let mut problems = Vec::new();
        assert_eq!(reload(text, &mut problems).len(), items);
        assert!(problems.iter().any(|p| p.contains(said)), "{problems:?}");
    }

    #[rstest]
    #[case("0", Some(0))]
    #[case("500ms", Some(500))]
    #[case("2s", Some(2_000))]
    #[case("2", None)]
    #[case("2 s", None)]
    #[case("99999999999999999999h", None)]
    fn times(#[case] text: &str, #[case] expect: Option<u64>) {
        assert_eq!(millis(text).ok(), expect);
    }

    #[rstest]
    #[case(&[("tidings.dev/ignor", "true")], "did you mean tidings.dev/ignore?")]
    #[case(&[("tidings.dev/ignore", "yes")], "neither true nor false")]
    #[case(&[("tidings.dev/reload", "auto")], "does not belong")]
    #[case(&[("tidings.dev/ignore", "false"), ("other", "x")], "")]
    #[case(&[("reloader.stakater.com/ignore", "yes")], "")]
    fn mistakes_on_a_source(#[case] annotations: &[(&str, &str)], #[case] said: &str) {
        let annotations = annotations.iter();
        let owned = annotations.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let problem = problem_on_source(&owned.collect());
        assert_eq!(problem.is_some(), !said.is_empty());
        assert!(problem.is_none_or(|p| p.text.contains(said)));
    }

    #[test]
    fn patterns_are_counted() {
        let many: Vec<_> = (0..2 * PATTERNS).map(|i| format!("secret/a{i}*")).collect();
        let (mut items, mut problems) = (Vec::new(), Vec::new());
        items.extend(reload(&many.join(","), &mut problems));
        assert_eq!((items.len(), problems.len()), (PATTERNS, PATTERNS));
        assert!(problems[0].contains("more than 100 patterns"));
        let keys = format!("secret/a[{}], secret/b", "k*,".repeat(2 * PATTERNS));
        problems.clear();
        assert_eq!(reload(&keys, &mut problems).len(), 1);
        let names = names(
            SourceKind::Secret,
            &"a.*,".repeat(2 * PATTERNS),
            &mut problems,
        );
        assert!(matches!(names, Setting::Names(_, names) if names.len() == PATTERNS));
    }

    #[test]
    fn a_misspelled_key_is_near_the_right_one() {
        assert_eq!(nearest("tidings.dev/relaod"), RELOAD);
        assert_eq!(nearest("tidings.dev/setle"), "tidings.dev/settle");
    }

    proptest! {
        /// Every part of a list is either read or complained about.
        #[test]
        fn no_text_panics_or_is_lost(text in "[a-z!/\\[\\],*{ ]{0,40}|\\PC*") {
            for row in ANNOTATIONS {
                (row.read)(&text, &mut Vec::new());
            }
            let mut problems = Vec::new();
            let items = reload(&text, &mut problems);
            let parts = split_outside_brackets(&text).count();
            let alone = usize::from(items.contains(&Item::Off) && items.len() > 1);
            prop_assert_eq!(items.len() + problems.len() - alone, parts);
        }
    }
}
