//! Reloader's annotations: what does not mean what it seems to.

use tidings_core::annotations::{self, PAUSE_PERIOD, Place};
use tidings_core::pattern::Family;

use super::case::{Case, Hit, Noted, On, RELOADER};
use super::{Level, Rule, Tool};

const AUTO: &str = "reloader.stakater.com/auto";
const SEARCH: &str = "reloader.stakater.com/search";
/// What is special in a regular expression, but for the point.
const SPECIAL: [char; 12] = ['*', '+', '?', '[', ']', '(', ')', '{', '}', '|', '^', '$'];

/// What the controller does not complain of by itself.
pub(super) static MISTAKES: &[Rule] = &[
    Rule {
        id: "unknown-key",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "A key of Reloader's domain that neither program has.",
        differs: "Neither program reads it; neither says so on the object.",
        advice: "Write the key that was meant.",
        find: unknown_key,
    },
    Rule {
        id: "misplaced-key",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "A key of Reloader's on an object, or in a place, where it is not read.",
        differs: "Neither program reads it there.",
        advice: "Move it to where it is read, or remove it.",
        find: misplaced_key,
    },
    Rule {
        id: "true-exactly",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "`search`, `match` or `ignore` with another word than `true` that means it.",
        differs: "Both take only the exact word \"true\" here.",
        advice: "Write \"true\".",
        find: true_exactly,
    },
    Rule {
        id: "excludes-on-template",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "A list of excludes on the pod template.",
        differs: "Both read it on the workload's own metadata only.",
        advice: "Move it to the workload's metadata.",
        find: excludes_on_template,
    },
    Rule {
        id: "excludes-are-no-patterns",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "A list of excludes with patterns.",
        differs: "Both compare the names as they stand, and so no name equals a pattern.",
        advice: "Write the names in full, or tidings.dev/reload: \"auto, !configmap/noisy-*\".",
        find: excludes_are_no_patterns,
    },
    Rule {
        id: "parted-by-commas",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "A list whose items are parted by blanks or semicolons.",
        differs: "Both part it at commas only, and look for one name with the blank or semicolon in it: no name holds either.",
        advice: "Write a comma between the items.",
        find: parted_otherwise,
    },
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "auto-is-no-boolean",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "`auto` with a word that is no boolean, such as `yes`.",
        differs: "Both read it as false, and as an answer to --auto-reload-all. Reloader says nothing; Tidings says so in an Event on the workload.",
        advice: "Write \"true\" or \"false\".",
        find: auto_is_no_boolean,
    },
    Rule {
        id: "torn-at-a-comma",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "A list item that was torn apart at a comma of its own, as in `a{1,3}`.",
        differs: "Both split at every comma first. Reloader logs an error for each change; Tidings says so in an Event on the workload.",
        advice: "Write it without a comma, or as two items.",
        find: torn,
    },
    Rule {
        id: "expression-unreadable",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A list item that Tidings' regular expressions do not have, or not that large, or more than 100 in one list.",
        differs: "Where Go's do, Reloader reads it; Tidings says so in an Event on the workload and goes by the rest of the list. (Both are of linear time; Go's has `\\Q…\\E`, `\\pN` and others more, and reads a lone `{` as itself.)",
        advice: "Write it in another way, or in tidings.dev/reload with globs.",
        find: unreadable,
    },
    Rule {
        id: "pause-period-elsewhere",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "`pause-period` that is not on a Deployment, or not a time.",
        differs: "Neither pauses anything. Reloader logs it; Tidings says so in an Event on the workload.",
        advice: "Write it on the Deployment's metadata, as a time such as 5m; for other kinds use tidings.dev/min-interval.",
        find: pause_period,
    },
];

fn reloaders<'a>(case: &Case<'a>) -> impl Iterator<Item = Noted<'a>> {
    case.said().filter(|said| said.key.contains(RELOADER))
}

fn is_auto(key: &str) -> bool {
    key.contains(RELOADER) && key.ends_with("/auto")
}

/// The lists of names that are regular expressions.
fn lists<'a>(case: &Case<'a>) -> impl Iterator<Item = Noted<'a>> {
    reloaders(case).filter(|said| said.key.ends_with("/reload") && !is_exclude(said.key))
}

fn is_exclude(key: &str) -> bool {
    key.contains(".exclude.")
}

fn unknown_key(case: &Case<'_>) -> Vec<Hit> {
    let unknown = reloaders(case).filter(|said| said.row().is_none());
    let hit = |said: Noted<'_>| said.of_key(&format!(": did you mean {}?", meant_by(said.key)));
    unknown.map(hit).collect()
}

/// The nearest key: its name counts before its domain, which is often forgotten.
fn meant_by(key: &str) -> String {
    const TYPED: &str = "configmap.reloader.stakater.com/reload or \
                         secret.reloader.stakater.com/reload";
    if key == "reloader.stakater.com/reload" {
        return TYPED.to_owned();
    }
    let parts = |key: &'static str| key.split_once('/').unwrap_or(("", key));
    let (domain, name) = key.split_once('/').unwrap_or(("", key));
    let distance = |row: &&'static str| {
        let (its_domain, its_name) = parts(row);
        let name = strsim::damerau_levenshtein(its_name, name);
        (name, strsim::damerau_levenshtein(its_domain, domain))
    };
    let rows = annotations::ANNOTATIONS.iter().map(|row| row.key);
    let near = rows
        .filter(|key| key.contains(RELOADER))
        .min_by_key(distance);
    near.unwrap_or(AUTO).to_owned()
}

fn misplaced_key(case: &Case<'_>) -> Vec<Hit> {
    if case.object.is_owned() {
        return Vec::new();
    }
    let misplaced = reloaders(case).filter_map(|said| {
        let belongs = belongs(case, &said)?;
        Some(said.of_key(&format!(" belongs on {belongs}")))
    });
    misplaced.collect()
}

/// Where it belongs, if not where it is. Excludes and `pause-period` on templates
/// have rules of their own.
fn belongs(case: &Case<'_>, said: &Noted<'_>) -> Option<&'static str> {
    match said.row()?.place {
        // Whoever makes something of it may read it there, or hand it on.
        _ if case.is_handed_on() => None,
        Place::Source if !case.is_source => Some("a ConfigMap, Secret or SecretProviderClass"),
        Place::Workload | Place::WorkloadOnly if !case.may_be_rolled() => {
            Some("a workload, such as a Deployment")
        }
        _ => None,
    }
}

fn auto_is_no_boolean(case: &Case<'_>) -> Vec<Hit> {
    let wrong = |said: &Noted<'_>| is_auto(said.key) && !said.value.is_empty() && !said.is_valid();
    reloaders(case)
        .filter(wrong)
        .map(|said| said.hit(""))
        .collect()
}

fn true_exactly(case: &Case<'_>) -> Vec<Hit> {
    const EXACT: [&str; 3] = [SEARCH, annotations::MATCH, annotations::IGNORE[1]];
    let meant = |said: &Noted<'_>| {
        let word = said.value.to_ascii_lowercase();
        let yes = ["1", "t", "true", "y", "yes", "on"].contains(&&*word);
        EXACT.contains(&said.key) && yes && said.value != "true"
    };
    reloaders(case)
        .filter(meant)
        .map(|said| said.hit(""))
        .collect()
}

/// A hit for each list with such items.
fn items(case: &Case<'_>, is: fn(&str) -> bool) -> Vec<Hit> {
    let hit = |said: Noted<'_>| {
        let items: Vec<_> = said.items().filter(|item| is(item)).collect();
        (!items.is_empty()).then(|| said.of_key(&format!(": {}", items.join(", "))))
    };
    lists(case).filter_map(hit).collect()
}

fn is_torn(item: &str) -> bool {
    let open = |a, b| item.matches(a).count() != item.matches(b).count();
    open('{', '}') || open('[', ']') || open('(', ')')
}

fn torn(case: &Case<'_>) -> Vec<Hit> {
    items(case, is_torn)
}

fn unreadable(case: &Case<'_>) -> Vec<Hit> {
    let mut hits = items(case, |item| {
        !is_torn(item) && Family::Regex.make(item).is_err()
    });
    let counted = |wrong: &String| wrong.starts_with("more than");
    for said in lists(case) {
        let wrong = said.mistakes().into_iter().find(counted);
        hits.extend(wrong.map(|wrong| said.of_key(&format!(": {wrong}"))));
    }
    hits
}

/// No name holds a blank or a semicolon, and no expression for one has to.
fn parted_otherwise(case: &Case<'_>) -> Vec<Hit> {
    let lists = reloaders(case).filter(|said| said.key.ends_with("/reload"));
    let parted = |item: &str| item.contains(|c: char| c == ';' || c.is_whitespace());
    let hit = |said: Noted<'_>| {
        let items: Vec<_> = said.items().filter(|item| parted(item)).collect();
        (!items.is_empty()).then(|| said.of_key(&format!(": {:?}", items.join(", "))))
    };
    lists.filter_map(hit).collect()
}

fn excludes_on_template(case: &Case<'_>) -> Vec<Hit> {
    let there = reloaders(case).filter(|said| is_exclude(said.key) && said.on == On::Template);
    there.map(|said| said.hit("")).collect()
}

fn excludes_are_no_patterns(case: &Case<'_>) -> Vec<Hit> {
    let lists = reloaders(case).filter(|said| is_exclude(said.key) && said.on == On::Metadata);
    lists
        .filter(|said| said.value.contains(SPECIAL))
        .map(|said| said.hit(""))
        .collect()
}

fn pause_period(case: &Case<'_>) -> Vec<Hit> {
    let Some(kind) = case.kind() else {
        return Vec::new();
    };
    let said = reloaders(case).filter(|said| said.key == PAUSE_PERIOD);
    let wrong = said.filter_map(|said| match (kind.api_kind, said.on) {
        ("Deployment", On::Metadata) => {
            let wrong = annotations::go_seconds(&said.value).err()?;
            Some(said.of_key(&format!(": {wrong}")))
        }
        ("Deployment", On::Template) => Some(said.hit("on the pod template")),
        (other, _) => Some(said.hit(&format!("on a {other}"))),
    });
    wrong.collect()
}
