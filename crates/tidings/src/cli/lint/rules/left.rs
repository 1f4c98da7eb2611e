//! What Reloader has written into manifests.

use tidings_core::annotations::PAUSED_AT;
use tidings_core::reloader::traces::Trace;

use super::case::{Case, Hit, On};
use super::{Level, Rule, Tool};
use crate::cli::input::tree::Tree;

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

fn paused_at(case: &Case<'_>) -> Vec<Hit> {
    let said = case.on(On::Metadata, PAUSED_AT);
    said.map(|said| said.hit("")).into_iter().collect()
}
