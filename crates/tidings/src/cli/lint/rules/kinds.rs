//! Kinds of workload that Reloader's annotations opt in: how they are rolled.

use tidings_core::annotations::PAUSED_AT;
use tidings_core::index::Known;
use tidings_core::kinds::Renewal;

use super::case::{Case, Hit, On, RELOADER};
use super::{Level, Rule, Tool};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "completed-jobs",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A Job.",
        differs: "Reloader deletes it and makes it again, also when it has completed, and so runs it once more for every change. Tidings makes a running one again, and only records the change for one that has ended or that a CronJob made.",
        advice: "If ended Jobs should run again: --compat=strict.",
        find: completed_jobs,
    },
    Rule {
        id: "cronjobs",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A CronJob.",
        differs: "Reloader makes a Job from it at every change, also while it is suspended and whatever its concurrencyPolicy. Tidings makes one too, once for each roll, but none while it is suspended; `Forbid` waits for the running Job, `Replace` ends it.",
        advice: "If suspended CronJobs should run: --compat=strict. If none should: --ignored-workload-types=cronjobs.",
        find: cronjobs,
    },
    Rule {
        id: "paused",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A workload that is paused by hand.",
        differs: "Reloader writes its pod template all the same, once for each change; Tidings waits until it is resumed, and then rolls it once.",
        advice: "Nothing to do.",
        find: paused,
    },
    Rule {
        id: "workload-ref",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A Rollout whose pod template is another workload's (`workloadRef`).",
        differs: "Reloader sees no template and never rolls it; Tidings follows the reference.",
        advice: "Nothing to do.",
        find: workload_ref,
    },
    Rule {
        id: "deployment-config",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A DeploymentConfig.",
        differs: "Reloader no longer rolls them (1.4: the option is there, the code is gone); Tidings does with --is-openshift=true.",
        advice: "Start the controller with --is-openshift=true, or leave it out.",
        find: deployment_config,
    },
    Rule {
        id: "custom-workload",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A custom resource with a pod template.",
        differs: "Reloader does not know the kind; Tidings rolls it by one row in an option.",
        advice: "Start the controller with the row if it should be rolled.",
        find: custom_workload,
    },
];

/// A hit on a workload of Reloader's of which this holds.
fn when(case: &Case<'_>, holds: impl Fn(&Known) -> bool) -> Vec<Hit> {
    let known = case.opted_in_by(RELOADER).filter(|known| holds(known));
    known.map(|_| case.hit("")).into_iter().collect()
}

fn completed_jobs(case: &Case<'_>) -> Vec<Hit> {
    when(case, |known| {
        known.workload.key.kind.renewal == Renewal::Recreate
    })
}

fn cronjobs(case: &Case<'_>) -> Vec<Hit> {
    when(case, |known| {
        known.workload.key.kind.renewal == Renewal::Run
    })
}

fn paused(case: &Case<'_>) -> Vec<Hit> {
    let by_hand = case.on(On::Metadata, PAUSED_AT).is_none();
    when(case, |known| known.workload.paused && by_hand)
}

fn workload_ref(case: &Case<'_>) -> Vec<Hit> {
    let reference = case.object.tree.at(&["spec", "workloadRef"]);
    let Some(reference) = reference.filter(|_| is(case, "Rollout")) else {
        return Vec::new();
    };
    let text = format!("{}/{}", reference.word("kind"), reference.word("name"));
    vec![Hit::new(reference.line, text)]
}

fn deployment_config(case: &Case<'_>) -> Vec<Hit> {
    when(case, |_| is(case, "DeploymentConfig"))
}

fn is(case: &Case<'_>, kind: &str) -> bool {
    case.opted_in_by(RELOADER).is_some() && case.object.kind == kind
}

fn custom_workload(case: &Case<'_>) -> Vec<Hit> {
    let row = case.custom_row().filter(|_| case.speaks(RELOADER));
    let option = row.map(|row| case.hit(format!("--custom-workloads {row}")));
    option.into_iter().collect()
}
