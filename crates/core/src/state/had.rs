//! What pods may have of a source besides what is recorded as there now: files that are
//! to be gone, of which their agents have to be asked by name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::refs::Name;

use super::{Entry, Seen, SeenKeys, SeenSource};

/// KeyNames that take more bytes together are not recorded: a record is small.
const NAMES_KEPT: usize = 8 << 10;

/// The names of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyNames(Box<[Name]>);

impl KeyNames {
    /// These; none where they are too long.
    pub fn of<'a>(keys: impl Iterator<Item = &'a Name>) -> Option<Box<Self>> {
        let names: Box<[Name]> = keys.cloned().collect();
        let length: usize = names.iter().map(|name| name.len()).sum();
        (length <= NAMES_KEPT).then(|| Box::new(Self(names)))
    }
}

impl Entry {
    /// The keys, by source, that pods have had since the last roll that came through, or
    /// may have: by what was recorded of their templates, and by what is due.
    pub fn had(&self) -> BTreeMap<&Seen, BTreeSet<&Name>> {
        let older = self.older.iter().flat_map(|older| older.seen.iter());
        let older = older.flat_map(|(source, seen)| {
            let keys = there(seen).into_iter();
            keys.map(move |key| (source, key))
        });
        let due = self.climb.iter().flat_map(|climb| climb.due.iter());
        let due = due.flat_map(|(source, due)| due.keys.iter().map(move |key| (source, key)));
        let mut had: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (source, key) in older.chain(due) {
            had.entry(source).or_default().insert(key);
        }
        had
    }
}

/// The keys that were there, as far as they are recorded.
fn there(seen: &SeenSource) -> Vec<&Name> {
    match &seen.keys {
        SeenKeys::Apart(keys) => {
            let there = keys.iter().filter(|(_, digest)| digest.0.is_some());
            there.map(|(key, _)| key).collect()
        }
        SeenKeys::Together(_) => {
            let names = seen.names.iter().flat_map(|names| names.0.iter());
            names.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::decide::world::World;

    /// What pods may have of `configmap/c`, when it has changed so after it had these keys.
    fn had(keys: &str, after: &str) -> String {
        let mut world = World::new();
        world.run(&format!("flag hot; cm c {keys}"));
        world.run("ann tidings.dev/reload=auto|tidings.dev/method=hot; use agent:9533 vol:c");
        for command in after.split("; ").map(|keys| format!("cm c {keys}")) {
            let verdict = world.decide();
            world.write_down(&verdict.act);
            world.run(&command);
        }
        let verdict = world.decide();
        world.write_down(&verdict.act);
        let entry = world.entry.unwrap();
        assert!(!entry.done, "{verdict:?}");
        let had: Vec<_> = entry
            .had()
            .into_values()
            .flatten()
            .map(|key| &**key)
            .collect();
        had.join(" ")
    }

    #[test]
    fn what_is_gone_is_known_from_the_record() {
        assert_eq!(had("a=1 b=1", "a=1"), "a b");
        assert_eq!(
            had("a=1 b=1", "a=2 c=1; a=2"),
            "a b c",
            "on the way of another"
        );
        assert_eq!(had("a=1", "a=1 b=1; a=1"), "a b", "there and back");
        let many: Vec<_> = (10..60).map(|i| format!("k{i}=1")).collect();
        let (many, fewer) = (many.join(" "), many[1..].join(" "));
        assert!(
            had(&many, &fewer).contains("k10"),
            "more than have a digest each"
        );
    }
}
