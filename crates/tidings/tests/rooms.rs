//! The plan of the house: in no crate do rooms use each other in a circle, and in this
//! one and the agent's no room uses one that `lib.rs` names after it. What the agent is
//! made of has no two types of one name within a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Of each room, those that it uses.
type Plan = BTreeMap<String, BTreeSet<String>>;

fn source(of: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("..").join(of).join("src")
}

fn files(path: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            files(&entry?.path(), found)?;
        }
    } else if path.extension().is_some_and(|end| end == "rs") {
        found.push(path.to_owned());
    }
    Ok(())
}

/// What a text uses of its crate, but for comments and what only tests use.
fn used(text: &str) -> BTreeSet<String> {
    let mut parts = text.split("#[cfg(test)]\nmod ");
    let begins = parts.next().unwrap_or_default();
    // A module in a file of its own is one line, and more of this file follows.
    let is_line = |part: &&str| part.lines().next().is_some_and(|line| line.ends_with(';'));
    let goes_on = parts.take_while(is_line);
    let code = begins.lines().chain(goes_on.flat_map(str::lines));
    let code: String = code
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let name = |text: &str| {
        let end = |c: char| !c.is_alphanumeric() && c != '_';
        text.trim_start().split(end).next().map(str::to_owned)
    };
    let after = code.split("crate::").skip(1);
    let names = after.flat_map(|after| match after.strip_prefix('{') {
        None => vec![name(after)],
        Some(list) => {
            let list = list.split('}').next().unwrap_or_default();
            list.split(',').map(name).collect()
        }
    });
    names.flatten().collect()
}

fn is_of_tests(inside: &str) -> bool {
    inside.contains("tests") || inside.contains("simulation")
}

fn plan(of: &str) -> io::Result<Plan> {
    let (source, mut all) = (source(of), Vec::new());
    files(&source, &mut all)?;
    let mut plan = Plan::new();
    for file in all {
        let inside = file.strip_prefix(&source).unwrap_or(&file);
        let inside = inside.to_string_lossy();
        let mut rooms = inside.split(['/', '.']);
        let room = rooms.next().unwrap_or_default().to_owned();
        if is_of_tests(&inside) {
            continue;
        }
        let mut used = used(&fs::read_to_string(&file)?);
        used.remove(&room);
        plan.entry(room).or_default().extend(used);
    }
    // What is no file is something of the crate's root.
    let rooms: BTreeSet<_> = plan.keys().cloned().collect();
    for used in plan.values_mut() {
        used.retain(|name| rooms.contains(name));
    }
    Ok(plan)
}

/// The rooms that are left when the ground is taken away, again and again: circles,
/// and what stands on them.
fn circles(mut plan: Plan) -> Plan {
    loop {
        let ground = plan.iter().filter(|(_, used)| used.is_empty());
        let ground: BTreeSet<_> = ground.map(|(room, _)| room.clone()).collect();
        if ground.is_empty() {
            return plan;
        }
        plan.retain(|room, _| !ground.contains(room));
        for used in plan.values_mut() {
            used.retain(|name| !ground.contains(name));
        }
    }
}

#[test]
fn no_rooms_use_each_other_in_a_circle() {
    for of in ["core", "tidings", "agent"] {
        let plan = plan(of).unwrap();
        assert!(plan.len() > 10, "{plan:?}");
        let left = circles(plan);
        assert!(left.is_empty(), "{of}: {left:#?}");
    }
}

/// The rooms in the order in which `lib.rs` names them.
fn floors(of: &str) -> io::Result<Vec<String>> {
    let lib = fs::read_to_string(source(of).join("lib.rs"))?;
    let name = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
        Some(name.to_owned())
    };
    Ok(lib.lines().filter_map(name).collect())
}

#[test]
fn no_room_uses_one_above_it() {
    for of in ["tidings", "agent"] {
        let (floors, plan) = (floors(of).unwrap(), plan(of).unwrap());
        assert!(floors.len() > 10, "{floors:?}");
        for (floor, room) in floors.iter().enumerate() {
            let above = &floors[floor + 1..];
            let used = plan.get(room).into_iter().flatten();
            let upwards: Vec<_> = used.filter(|name| above.contains(name)).collect();
            assert!(upwards.is_empty(), "{room} of {of} uses {upwards:?}");
        }
    }
}

/// The types that a text declares.
fn declared(text: &str) -> Vec<String> {
    let words = |line: &str| -> Option<String> {
        let line = line.strip_prefix("pub").unwrap_or(line);
        let line = line.strip_prefix("(crate)").unwrap_or(line);
        let line = line.strip_prefix("(super)").unwrap_or(line);
        let mut words = line.split_whitespace();
        let is_type = ["struct", "enum", "trait", "type"].contains(&words.next()?);
        let name = words.next().filter(|_| is_type)?;
        let name = name.split(|c: char| !c.is_alphanumeric()).next()?;
        Some(name.to_owned())
    };
    // What stands further to the right is of a trait, a function or a test.
    let lines = text.lines().filter(|line| !line.starts_with(' '));
    lines.filter_map(words).collect()
}

#[test]
fn no_two_types_of_a_crate_have_one_name() {
    for of in [
        "core",
        "shared",
        "wire",
        "supervise",
        "agent",
        "tidings",
        "written",
    ] {
        let mut all = Vec::new();
        files(&source(of), &mut all).unwrap();
        let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
        let shipped = |file: &PathBuf| {
            let inside = file.strip_prefix(source(of)).unwrap_or(file);
            !is_of_tests(&inside.to_string_lossy())
        };
        for file in all.into_iter().filter(shipped) {
            for name in declared(&fs::read_to_string(&file).unwrap()) {
                let other = seen.insert(name.clone(), file.clone());
                assert_eq!(other, None, "{name} is there twice: {}", file.display());
            }
        }
        assert!(seen.len() > 5, "{of}: {seen:?}");
    }
}
