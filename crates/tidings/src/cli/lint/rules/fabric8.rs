//! Workloads that the annotation of fabric8's configmapcontroller opts in.

use super::case::{Case, FABRIC8, Hit, On};
use super::{Level, Rule, Tool};

const OPT_IN: &str = "configmap.fabric8.io/update-on-change";

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "fabric8-names-one-by-one",
        tool: Tool::Fabric8,
        level: Level::Differs,
        finds: "A workload that `update-on-change` opts in.",
        differs: "configmapcontroller rolls it when any key of a named ConfigMap changes, each change by itself; Tidings only for the keys that it uses (for all, where it uses none), and what changes together is one roll.",
        advice: "Nothing to do.",
        find: opted_in,
    },
    Rule {
        id: "fabric8-misplaced",
        tool: Tool::Fabric8,
        level: Level::Mistake,
        finds: "`update-on-change` on a pod template, or on an object of another kind.",
        differs: "Neither reads it there.",
        advice: "Move it to the workload's metadata.",
        find: misplaced,
    },
    Rule {
        id: "fabric8-other-kinds",
        tool: Tool::Fabric8,
        level: Level::Differs,
        finds: "`update-on-change` on a kind that configmapcontroller does not know.",
        differs: "It knows Deployments and DeploymentConfigs; Tidings rolls this one too.",
        advice: "Remove the annotation if it should not.",
        find: other_kinds,
    },
    Rule {
        id: "fabric8-variables-in-manifest",
        tool: Tool::Fabric8,
        level: Level::Note,
        finds: "A variable `FABRIC8_…_CONFIGMAP` in a manifest.",
        differs: "configmapcontroller sets it anew in every container; Tidings leaves it as it is. Removing it is one roll, as every edit of a template.",
        advice: "Remove it from manifests; in the cluster it can stay.",
        find: variables,
    },
];

fn opted_in(case: &Case<'_>) -> Vec<Hit> {
    let known = case.opted_in_by(FABRIC8);
    let said = known.and_then(|_| case.on(On::Metadata, OPT_IN));
    said.map(|said| said.hit("")).into_iter().collect()
}

fn misplaced(case: &Case<'_>) -> Vec<Hit> {
    if case.object.is_owned() {
        return Vec::new();
    }
    let said = case.said().filter(|said| said.key == OPT_IN);
    let elsewhere = said.filter(|said| said.on == On::Template || case.known.is_none());
    elsewhere.map(|said| said.hit("")).collect()
}

fn other_kinds(case: &Case<'_>) -> Vec<Hit> {
    const KNOWN: [&str; 2] = ["Deployment", "DeploymentConfig"];
    let kind = case.opted_in_by(FABRIC8).and(case.kind());
    let other = kind.filter(|kind| !KNOWN.contains(&kind.api_kind));
    other
        .map(|kind| case.hit(kind.api_kind))
        .into_iter()
        .collect()
}

fn variables(case: &Case<'_>) -> Vec<Hit> {
    let left = case.variables().filter(|variable| {
        let name = variable.word("name");
        name.starts_with("FABRIC8_") && name.ends_with("_CONFIGMAP")
    });
    left.map(|variable| Hit::new(variable.line, variable.word("name")))
        .collect()
}
