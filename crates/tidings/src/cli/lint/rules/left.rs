//! What Reloader has written into manifests.

use tidings_core::annotations::{LAST_RELOADED_FROM, PAUSED_AT};
use tidings_core::reloaded::Trace;

use super::super::tree::Tree;
use super::case::{Case, Hit, On};
use super::{Level, Rule, Tool};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "variables-in-manifest",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A variable `STAKATER_…_CONFIGMAP`, `…_SECRET` or `…_SECRETPROVIDERCLASS` in a manifest.",
        differs: "Reloader sets it anew at each change and never removes it; Tidings removes it with the next roll of the workload (with --reload-strategy=env-vars it sets its own). A manifest that has it puts it back whenever it is applied, and that is another roll.",
        advice: "Remove it from the manifest.",
        find: variables,
    },
    Rule {
        id: "last-reloaded-from-in-manifest",
        tool: Tool::Reloader,
        level: Level::Note,
        finds: "The annotation `last-reloaded-from` in a manifest.",
        differs: "Both write it with --reload-strategy=annotations. A manifest that has it puts an old one back whenever it is applied, and that is another roll.",
        advice: "Remove it from the manifest.",
        find: last_reloaded_from,
    },
    Rule {
        id: "paused-at-in-manifest",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "The annotation `paused-at`: Reloader had paused the Deployment.",
        differs: "Reloader resumes it by a timer that ends with its process; Tidings when `pause-period` is over, or at once where there is none.",
        advice: "Remove it from the manifest, and `spec.paused` with it.",
        find: paused_at,
    },
];

fn variables(case: &Case<'_>) -> Vec<Hit> {
    let of_reloader = |variable: &&Tree| {
        let value = variable.word("value");
        Trace::of_variable(variable.word("name"), value).is_some()
    };
    let left = case.variables().filter(of_reloader);
    left.map(|variable| Hit::new(variable.line, variable.word("name")))
        .collect()
}

fn last_reloaded_from(case: &Case<'_>) -> Vec<Hit> {
    let said = case.on_template_of_manifest(LAST_RELOADED_FROM);
    said.map(|said| said.of_key("")).into_iter().collect()
}

fn paused_at(case: &Case<'_>) -> Vec<Hit> {
    let said = case.on(On::Metadata, PAUSED_AT);
    said.map(|said| said.hit("")).into_iter().collect()
}
