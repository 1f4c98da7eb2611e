//! A manifest of Reloader itself: what becomes of its options and variables when
//! Tidings takes its place. The tables of the migration guide follow from
//! [`OPTIONS`] and [`variables`]; whether Tidings could start with what is there is
//! asked of its own command line.

use std::collections::BTreeMap;

use clap::{CommandFactory, FromArgMatches};
use tidings_core::refs::Name;

use super::case::{Case, Hit};
use super::words::{arguments, image, options};
use super::{Level, Rule, Tool};
use crate::cli::implicit;
use crate::cli::input::tree::Tree;
use crate::settings::ControllerSettings;
use crate::settings::args::{Cli, Command};
use crate::settings::surroundings::{self, Surroundings};

/// What becomes of an option or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It means the same.
    Same,
    /// It is heard, and means something else.
    Differs,
    /// It is heard, and there is nothing left to choose.
    Idle,
}

/// One option or variable of Reloader's.
#[derive(Debug)]
pub struct Row {
    /// Its name; an option's without its dashes.
    pub name: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// What it is for; where it is not the same: in what, or why.
    pub note: &'static str,
}

macro_rules! rows {
    ($($name:literal $fate:ident $note:literal)*) => {
        &[$(Row { name: $name, fate: Fate::$fate, note: $note }),*]
    };
}

/// All options of Reloader 1.4.
pub static OPTIONS: &[Row] = rows! {
    "auto-reload-all" Same "Workloads that say nothing are as with `auto`."
    "reload-strategy" Differs "Without it, or with `default`, Reloader sets a variable and Tidings writes its own two annotations on the pod template; --compat=strict makes `env-vars` the default. With `env-vars` and `annotations` the places are Reloader's; what is written there is no hash of the content."
    "reload-on-create" Differs "Reloader rolls whoever matches; Tidings those that could start without what appears now: it was optional, or is only named. The others could not start before."
    "reload-on-delete" Same "A source that is deleted rolls, too."
    "sync-after-restart" Idle "What changed while no controller ran is always found and rolled, and nothing else is."
    "enable-ha" Idle "Replicas always take turns by a Lease."
    "is-Argo-Rollouts" Same "Argo Rollouts are rolled."
    "is-openshift" Differs "Reloader 1.4 has no code for DeploymentConfigs any more; Tidings rolls them."
    "enable-csi-integration" Same "SecretProviderClasses roll. Their API may also come later."
    "resources-to-ignore" Same "`configmaps` or `secrets` are not watched."
    "ignored-workload-types" Same "`jobs`, `cronjobs` are not rolled."
    "namespaces" Same "Only these namespaces, with rights in these only."
    "namespaces-to-ignore" Same "All namespaces but these; here they are left out at the API server."
    "namespace-selector" Same "Only namespaces with such labels."
    "resource-label-selector" Same "Only ConfigMaps and Secrets with such labels."
    "webhook-url" Differs "Reloader calls it for every change of everything, used or not, and takes any answer. Tidings calls it instead of a roll that would have been due, with what changed and for whom, and again until it is accepted."
    "log-format" Same "`json`, or nothing for text."
    "log-level" Same "`error`, `warning`, `info`, `debug`, `trace`."
    "enable-pprof" Idle "There is no profiler; a warning says so. (Reloader serves one on :9090 in any case.)"
    "pprof-addr" Idle "As enable-pprof."
    "auto-annotation" Same "Another key for `reloader.stakater.com/auto`."
    "configmap-auto-annotation" Same "Another key for `configmap.reloader.stakater.com/auto`."
    "secret-auto-annotation" Same "Another key for `secret.reloader.stakater.com/auto`."
    "configmap-annotation" Same "Another key for `configmap.reloader.stakater.com/reload`."
    "secret-annotation" Same "Another key for `secret.reloader.stakater.com/reload`."
    "auto-search-annotation" Same "Another key for `reloader.stakater.com/search`."
    "search-match-annotation" Same "Another key for `reloader.stakater.com/match`."
    "ignore-annotation" Same "Another key for `reloader.stakater.com/ignore`."
    "pause-deployment-annotation" Same "Another key for `deployment.reloader.stakater.com/pause-period`."
    "pause-deployment-time-annotation" Same "Another key for `deployment.reloader.stakater.com/paused-at`."
};

/// All variables that Reloader 1.4 reads, as the program reads them.
pub fn variables() -> impl Iterator<Item = Row> {
    surroundings::VARIABLES.iter().map(|variable| {
        let changed = CHANGED.iter().find(|(name, _)| *name == variable.name);
        Row {
            name: variable.name,
            fate: changed.map_or(Fate::Same, |_| Fate::Differs),
            note: changed.map_or(variable.doc, |(_, note)| note),
        }
    })
}

/// Variables that mean something else.
const CHANGED: [(&str, &str); 1] = [(
    "ALERT_ON_RELOAD",
    "`true`: tell of every roll. Alerts are sent beside the work, each with a timeout, and again if they fail; Reloader waits for the answer, for ever.",
)];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "reloader-itself",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "A workload that runs Reloader.",
        differs: "Tidings takes its options and variables as they are. It needs other rights: to keep its records and its Lease in its own namespace, and to see since when pods run.",
        advice: "Take the chart with the same values, or `tidings manifests` with the same options; not the image alone, for the rights would be missing.",
        find: itself,
    },
    Rule {
        id: "reloader-option",
        tool: Tool::Reloader,
        level: Level::Differs,
        finds: "An option or variable of Reloader that means something else, or leaves nothing to choose.",
        differs: "All of Reloader's options and variables are taken, these not as there.",
        advice: "Nothing to do but to know it.",
        find: option,
    },
    Rule {
        id: "reloader-option-refused",
        tool: Tool::Reloader,
        level: Level::Mistake,
        finds: "Options of Reloader that Tidings cannot start with: unknown ones, or values that make no sense together.",
        differs: "Tidings ends with exit code 2 and this sentence.",
        advice: "Remove or mend the option.",
        find: refused,
    },
];

/// Options that no other program has.
pub(in crate::cli) const ITS_OWN: [&str; 6] = [
    "reload-strategy",
    "reload-on-create",
    "reload-on-delete",
    "auto-reload-all",
    "is-Argo-Rollouts",
    "sync-after-restart",
];

/// Containers that run Reloader: by their image, or by its own options.
fn reloaders<'a>(case: &Case<'a>) -> Vec<&'a Tree> {
    let containers = case.pods().and_then(|spec| spec.get("containers"));
    let containers = containers.map(Tree::items).unwrap_or_default();
    let is_reloader = |container: &&Tree| {
        let its_own = |name: &str| ITS_OWN.contains(&name);
        let by_option = || options(container).iter().any(|word| its_own(&word.name));
        let by_image = container.word("image").contains("stakater/reloader");
        by_image || (!image(container).contains("tidings") && by_option())
    };
    containers.iter().filter(is_reloader).collect()
}

fn itself(case: &Case<'_>) -> Vec<Hit> {
    let hit = |container: &Tree| Hit::new(container.line, container.word("image"));
    reloaders(case).into_iter().map(hit).collect()
}

fn option(case: &Case<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for container in reloaders(case) {
        for word in options(container) {
            let row = OPTIONS.iter().find(|row| row.name == word.name);
            hits.extend(row.and_then(|row| changed(row, "--", word.line)));
        }
        for variable in set(container) {
            let row = variables().find(|row| row.name == variable.word("name"));
            hits.extend(row.and_then(|row| changed(&row, "", variable.line)));
        }
    }
    hits
}

/// The variables that are set on a container.
fn set(container: &Tree) -> &[Tree] {
    container.get("env").map(Tree::items).unwrap_or_default()
}

fn changed(row: &Row, dashes: &str, line: u64) -> Option<Hit> {
    let text = || format!("{dashes}{}: {}", row.name, row.note);
    (row.fate != Fate::Same).then(|| Hit::new(line, text()))
}

fn refused(case: &Case<'_>) -> Vec<Hit> {
    let hit = |container: &Tree| Some(Hit::new(container.line, start(container).err()?));
    reloaders(case).into_iter().filter_map(hit).collect()
}

/// Reads a container's words and variables as the program itself does.
fn start(container: &Tree) -> Result<(), String> {
    let words = std::iter::once("tidings".into()).chain(arguments(container));
    let words = implicit::complete(words.map(Into::into), true).words;
    let first_line = |wrong: clap::Error| {
        let text = wrong.to_string();
        let line = text.lines().next().unwrap_or_default();
        line.trim_start_matches("error: ").to_owned()
    };
    let matches = Cli::command()
        .try_get_matches_from(words)
        .map_err(first_line)?;
    let cli = Cli::from_arg_matches(&matches).map_err(first_line)?;
    match cli.command {
        Command::Controller(args) => {
            let settings = ControllerSettings::new(&args, &around(container));
            settings.map(drop).map_err(|misuse| misuse.to_string())
        }
        _ => Ok(()),
    }
}

/// A pod with the container's variables.
fn around(container: &Tree) -> Surroundings {
    let value = |name: &str| {
        let variable = set(container).iter().find(|v| v.word("name") == name)?;
        Some(variable.get("value")?.to_text())
    };
    let variables = surroundings::VARIABLES.iter();
    let variables = variables.filter_map(|row| Some((row.name, value(row.name)?)));
    Surroundings {
        pod_namespace: Some(Name::from("reloader")),
        variables: variables.collect::<BTreeMap<_, _>>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_for_reloaders_sake_is_in_the_tables() {
        let cli = Cli::command();
        let controller = cli.find_subcommand("controller").unwrap();
        let theirs = controller.get_arguments().filter(|arg| {
            let heading = arg.get_help_heading().unwrap_or_default();
            heading.contains("Reloader")
        });
        for name in theirs.filter_map(clap::Arg::get_long) {
            assert!(OPTIONS.iter().any(|row| row.name == name), "--{name}");
        }
        for row in OPTIONS {
            let mut heard = controller.get_arguments().filter_map(clap::Arg::get_long);
            assert!(
                heard.any(|name| name == row.name),
                "--{} is not heard",
                row.name
            );
        }
        for (name, _) in CHANGED {
            assert!(variables().any(|row| row.name == name), "{name}");
        }
    }
}
