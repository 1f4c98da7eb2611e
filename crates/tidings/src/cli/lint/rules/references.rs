//! What a workload that Reloader's annotations opt in uses: what counts there,
//! and what counts here.

use std::collections::BTreeMap;

use tidings_core::index::Known;
use tidings_core::needs::Need;
use tidings_core::object::SourceFlags;
use tidings_core::refs::{SourceKind, SourceRef};
use tidings_core::reloaded::variable_of;

use super::super::tree::Tree;
use super::case::{Case, Hit, RELOADER};
use super::{Level, Rule, Tool};
use crate::watch::scope::LEFT_OUT_TYPES;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "only-used-keys",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A source of which the workload uses some keys only.",
        differs: "Reloader rolls when any key of it changes; Tidings only when one of these does.",
        advice: "Nothing to do: no container reads the others.",
        find: only_used_keys,
    },
    Rule {
        id: "second-volume",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A source in several volumes, of which the first is not mounted.",
        differs: "Reloader looks at the first volume alone and misses the change; Tidings rolls.",
        advice: "Nothing to do; a volume that nothing mounts can go.",
        find: second_volume,
    },
    Rule {
        id: "one-variable-for-two",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "Sources whose names differ only in what is no letter or digit.",
        differs: "Reloader keeps both under one variable, and misses a change that makes their contents equal; Tidings tells them apart.",
        advice: "Nothing to do.",
        find: one_variable_for_two,
    },
    Rule {
        id: "unmounted-volume",
        tool: Tool::Reloader,
        level: Level::Note,
        finds: "A volume with a source that no container mounts.",
        differs: "It does not count in either. (In Reloader's version 2 it does.)",
        advice: "Mount it, or remove it, or name its source if it should roll the workload.",
        find: unmounted_volume,
    },
    Rule {
        id: "pull-secret",
        tool: Tool::Reloader,
        level: Level::Note,
        finds: "A Secret of `imagePullSecrets`.",
        differs: "It rolls nothing in either: it is read again at each pull. `tidings why` shows it.",
        advice: "Name it if it should roll the workload all the same.",
        find: pull_secret,
    },
    Rule {
        id: "unwatched-secret-type",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A Secret of a type that workloads do not use (Helm's releases, bootstrap tokens), which one uses or names.",
        differs: "Reloader watches all types; Tidings leaves these out at the API server.",
        advice: "Keep what the workload uses in a Secret of another type.",
        find: unwatched_secret_type,
    },
    Rule {
        id: "csi-integration",
        tool: Tool::Reloader,
        level: Level::Note,
        finds: "A SecretProviderClass that may roll the workload.",
        differs: "Both follow it with --enable-csi-integration only. Reloader's `annotations` strategy keeps one source, so that two classes roll the workload in turns; Tidings keeps each.",
        advice: "Start the controller with --enable-csi-integration.",
        find: csi,
    },
];

/// The sources that count for a workload that Reloader would roll.
fn needs(case: &Case<'_>) -> Vec<Need> {
    match case.opted_in_by(RELOADER) {
        Some(_) => case.needs(),
        None => Vec::new(),
    }
}

fn only_used_keys(case: &Case<'_>) -> Vec<Hit> {
    let partly = |need: &&Need| !need.whole && !need.only_named() && !need.keys.is_empty();
    let hit = |need: &Need| {
        let keys: Vec<_> = need.keys.keys().map(|key| &**key).collect();
        case.hit(format!("{}: {}", need.source, keys.join(", ")))
    };
    needs(case).iter().filter(partly).map(hit).collect()
}

/// Each volume with a source in it, in order.
struct Volume<'a> {
    name: &'a str,
    line: u64,
    mounted: bool,
    sources: Vec<(SourceKind, &'a str)>,
}

fn volumes<'a>(case: &Case<'a>) -> Vec<Volume<'a>> {
    let mounts = case.containers().filter_map(|c| c.get("volumeMounts"));
    let mounts: Vec<_> = mounts
        .flat_map(Tree::items)
        .map(|m| m.word("name"))
        .collect();
    let volume = |tree: &'a Tree| Volume {
        name: tree.word("name"),
        line: tree.line,
        mounted: mounts.contains(&tree.word("name")),
        sources: sources(tree),
    };
    case.pod("volumes").iter().map(volume).collect()
}

fn sources(volume: &Tree) -> Vec<(SourceKind, &str)> {
    let projected = volume.at(&["projected", "sources"]).map(Tree::items);
    let parts = std::iter::once(volume).chain(projected.unwrap_or_default());
    parts
        .flat_map(named)
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

/// A volume names its Secret in another way than a projected one does.
fn named(part: &Tree) -> [(SourceKind, &str); 3] {
    let word = |path: [&str; 2]| part.get(path[0]).map_or("", |tree| tree.word(path[1]));
    [
        (SourceKind::ConfigMap, word(["configMap", "name"])),
        (SourceKind::Secret, word(["secret", "secretName"])),
        (SourceKind::Secret, word(["secret", "name"])),
    ]
}

fn shown(kind: SourceKind, name: &str) -> String {
    format!("{}/{name}", kind.row().word)
}

/// Whether a source rolls the workload where it is used.
fn counts(case: &Case<'_>, kind: SourceKind, name: &str) -> bool {
    let select = |known: &Known| {
        known
            .policy
            .of(kind)
            .select(name, true, SourceFlags::default())
    };
    case.known.and_then(select).is_some()
}

fn second_volume(case: &Case<'_>) -> Vec<Hit> {
    let volumes = case
        .opted_in_by(RELOADER)
        .map_or_else(Vec::new, |_| volumes(case));
    let mut hits = Vec::new();
    for (at, first) in volumes
        .iter()
        .enumerate()
        .filter(|(_, volume)| !volume.mounted)
    {
        for (kind, name) in &first.sources {
            let has = |volume: &&Volume<'_>| volume.sources.contains(&(*kind, *name));
            let earlier = volumes[..at].iter().any(|volume| has(&volume));
            let later = volumes[at..]
                .iter()
                .filter(has)
                .find(|volume| volume.mounted);
            if let (false, Some(later), true) = (earlier, later, counts(case, *kind, name)) {
                let source = shown(*kind, name);
                let text = format!("{source}: volume {}, mounted: {}", first.name, later.name);
                hits.push(Hit::new(first.line, text));
            }
        }
    }
    hits
}

fn unmounted_volume(case: &Case<'_>) -> Vec<Hit> {
    match case.opted_in_by(RELOADER) {
        Some(_) => unmounted(case),
        None => Vec::new(),
    }
}

/// The sources of volumes that no container mounts, of those that would count.
pub(super) fn unmounted(case: &Case<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for volume in volumes(case).iter().filter(|volume| !volume.mounted) {
        for (kind, name) in &volume.sources {
            if counts(case, *kind, name) {
                let text = format!("{} in volume {}", shown(*kind, name), volume.name);
                hits.push(Hit::new(volume.line, text));
            }
        }
    }
    hits
}

fn one_variable_for_two(case: &Case<'_>) -> Vec<Hit> {
    let mut by_variable: BTreeMap<String, Vec<SourceRef>> = BTreeMap::new();
    for need in needs(case) {
        let variable = variable_of(&need.source);
        by_variable.entry(variable).or_default().push(need.source);
    }
    let several = by_variable
        .into_iter()
        .filter(|(_, sources)| sources.len() > 1);
    let hit = |(variable, sources): (String, Vec<SourceRef>)| {
        let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
        case.hit(format!("{}: {variable}", sources.join(", ")))
    };
    several.map(hit).collect()
}

fn pull_secret(case: &Case<'_>) -> Vec<Hit> {
    let by_reloader = case.opted_in_by(RELOADER).is_some();
    let secrets = case.pod("imagePullSecrets").iter().filter(|_| by_reloader);
    let counted = secrets.filter(|secret| counts(case, SourceKind::Secret, secret.word("name")));
    counted
        .map(|secret| Hit::new(secret.line, shown(SourceKind::Secret, secret.word("name"))))
        .collect()
}

fn unwatched_secret_type(case: &Case<'_>) -> Vec<Hit> {
    let object = case.object;
    let kind = object.tree.word("type");
    if !(case.is_source && LEFT_OUT_TYPES.contains(&kind)) {
        return Vec::new();
    }
    let selects = |known: &Known| {
        let uses = known.workload.uses.iter();
        let mut uses = uses.filter(|used| used.kind == SourceKind::Secret);
        let used = uses.any(|used| used.name == object.name);
        let selection = known.policy.of(SourceKind::Secret);
        selection
            .select(&object.name, used, SourceFlags::default())
            .is_some()
    };
    let users = case
        .index
        .workloads()
        .filter(|(key, known)| key.namespace == object.namespace && selects(known));
    users
        .map(|(key, _)| case.hit(format!("{kind}, for {key}")))
        .collect()
}

fn csi(case: &Case<'_>) -> Vec<Hit> {
    let classes = needs(case).into_iter();
    let classes = classes.filter(|need| need.source.kind == SourceKind::SecretProviderClass);
    classes
        .map(|need| case.hit(need.source.to_string()))
        .collect()
}
