//! What a workload that Reloader's annotations opt in uses: what counts there,
//! and what counts here.

use tidings_core::index::Known;
use tidings_core::needs::Need;
use tidings_core::object::SourceFlags;
use tidings_core::pattern::Steps;
use tidings_core::refs::SourceKind;

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
        id: "unwatched-secret-type",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A Secret of a type that workloads do not use (Helm's releases, bootstrap tokens), which one uses or names.",
        differs: "Reloader watches all types; Tidings leaves these out at the API server.",
        advice: "Keep what the workload uses in a Secret of another type.",
        find: unwatched_secret_type,
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
            .select(
                &object.name,
                used,
                SourceFlags::default(),
                &Steps::default(),
            )
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
