//! The grammar of `tidings.dev/reload`.
//!
//! Goes in: a comma list of `auto`, `off`, [`!`]kind/glob[`[`keyglob,…`]`]. Comes
//! out: [`Item`]s, and a sentence for each part that is wrong.

use super::read::Room;
use crate::pattern::{Family, Pattern, quoted};
use crate::refs::SourceKind;

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

impl Named {
    /// With all their keys.
    pub(crate) fn whole(name: Pattern) -> Self {
        Self {
            name,
            keys: Vec::new(),
        }
    }
}

/// Reads the list.
pub(super) fn reload(text: &str, problems: &mut Vec<String>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut room = Room::default();
    for part in split(text) {
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

/// At commas that are outside of brackets and braces.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut is_escaped) = (0_usize, false);
    let parts = text.split(move |c: char| {
        let is_itself = is_escaped;
        is_escaped = c == '\\' && !is_itself;
        match c {
            _ if is_itself => return false,
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
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
    if is_parted_otherwise(text) {
        return Err("items are parted by commas; no name holds a blank or a semicolon".to_owned());
    }
    let wrong = "expected auto, off, configmap/NAME, secret/NAME or secretproviderclass/NAME";
    let (kind, name) = text.split_once('/').ok_or(wrong)?;
    let kind = SourceKind::parse(kind.trim()).ok_or(wrong)?;
    let (name, keys) = match name.split_once('[') {
        Some((name, keys)) => (name, keys.strip_suffix(']').ok_or("the `[` is not closed")?),
        None => (name, ""),
    };
    if name.trim().is_empty() {
        return Err(wrong.to_owned());
    }
    let name = room.make(Family::Glob, name.trim())?;
    let keys: Result<Vec<_>, _> = split(keys).map(|key| self::key(key, room)).collect();
    let keys = keys?;
    Ok((kind, Named { name, keys }))
}

/// Whether more than one item seems to be meant, or a name that nothing can have. Around
/// the slash there may be blanks, and between keys.
fn is_parted_otherwise(text: &str) -> bool {
    let before_keys = text.split('[').next().unwrap_or_default();
    let mut words = before_keys.splitn(2, '/').map(str::trim);
    text.contains(';') || words.any(|word| word.contains(char::is_whitespace))
}

fn key(text: &str, room: &mut Room) -> Result<Pattern, String> {
    if text.starts_with('!') {
        return Err(format!(
            "{} is no key; what is to be left out is an item of its own, as !configmap/a[k]",
            quoted(text)
        ));
    }
    room.make(Family::Glob, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::bounds::PATTERNS;

    #[rstest]
    #[case("auto", "[Auto]")]
    #[case("auto, !configmap/noisy", "[Auto, !configmap/noisy]")]
    #[case("cm/a[x,y*],secret/b", "[configmap/a[x,y*], secret/b]")]
    #[case("configmap / a [x, y]", "[configmap/a[x,y]]")]
    #[case(" !secret/db-* ", "[!secret/db-*]")]
    #[case(
        "configmap/db{,-replica}, secret/x",
        "[configmap/db{,-replica}, secret/x]"
    )]
    #[case("cm/{a,b}[{k,l},m[x,y]]", "[configmap/{a,b}[{k,l},m[x,y]]]")]
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
    #[case("secret/a*[!k]", "no key", 0)]
    #[case("configmap/", "configmap/", 0)]
    #[case("auto, !configmap/", "!configmap/", 1)]
    #[case("auto, !configmap/[k]", "!configmap/[k]", 1)]
    #[case("secret/a, secret/[", "not closed", 1)]
    #[case("configmap/a; secret/b", "parted by commas", 0)]
    #[case("configmap/a secret/b, secret/c", "parted by commas", 1)]
    #[case("auto; secret/b", "parted by commas", 0)]
    #[case("auto secret/b", "no name holds a blank", 0)]
    #[case("off, auto", "stands alone", 2)]
    fn the_good_parts_hold(#[case] text: &str, #[case] said: &str, #[case] items: usize) {
        let mut problems = Vec::new();
        assert_eq!(reload(text, &mut problems).len(), items);
        assert!(problems.iter().any(|p| p.contains(said)), "{problems:?}");
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
    }

    proptest! {
        #[test]
        fn every_part_is_read_or_complained_about(text in "[a-z!/\\[\\],*{ ]{0,40}|\\PC*") {
            let mut problems = Vec::new();
            let items = reload(&text, &mut problems);
            let parts = split(&text).count();
            let alone = usize::from(items.contains(&Item::Off) && items.len() > 1);
            prop_assert_eq!(items.len() + problems.len() - alone, parts);
        }
    }
}
