//! stakater/Reloader, where no Tidings is installed: what it was told, by its Deployment.
//!
//! Goes in: the way to a cluster, and which namespace is asked about. Comes out: the words
//! by which our own decide does as Reloader does there, and what is to be said of it. Its
//! options are read as when Tidings starts in its place.
//!
//! Error policy: whoever may not list Deployments is told that it is not known whether it
//! runs; of several, or of one whose options cannot be read, that is said, and the command
//! goes by what it is given.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};
use serde::Deserialize;
use tidings_core::refs::Name;
use tidings_shared::plain::plain;

use super::implicit;
use super::lint::rules::options::ITS_OWN;
use crate::api::page::Page;
use crate::api::{ApiClient, ApiError, Call, Place, Verb};
use crate::settings::args::{Cli, Command};
use crate::settings::given::is_given;
use crate::settings::surroundings::{Surroundings, VARIABLES};
use crate::settings::{ControllerSettings, Installation, told};

/// The label that its chart and its manifests give the Deployment (`values.yaml`,
/// `reloader.deployment.labels`).
const LABEL: &str = "provider=stakater";
/// Nobody has more of them.
const MOST: usize = 50;
/// No Deployment is longer, in bytes.
const LONGEST: usize = 64 << 10;
/// So many options are shown.
const SHOWN: usize = 5;
/// Reloader 1.4 has the option, and does nothing for it.
const IDLE: &str = "--is-openshift=";

/// What is known of Reloader.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Incumbent {
    /// Options of a command, by which it decides as Reloader does.
    pub(super) words: Vec<String>,
    /// What is said of it; may be empty.
    pub(super) note: String,
    /// Whether one is there whose options are known.
    pub(super) runs: bool,
}

/// Commands that say what Reloader would do, each with what Tidings would do differently.
const SAY_IT: [(&str, &str, &str); 2] = [
    (
        "stale",
        "rolls nothing that is stale until its source is written again",
        "Tidings would roll what changes while it is not running, and with --catch-up what is \
         stale when it is installed",
    ),
    (
        "impact",
        "would do what is shown",
        "Tidings would do it once for changes that come together, run no ended Job and no \
         suspended CronJob again, and leave out keys that no container reads, for which Reloader \
         rolls, too",
    ),
];
/// With `--webhook-url`.
const CALLS: &str = "rolls nothing: it calls its --webhook-url instead";

/// Looks for Reloader, if the command is one of those that say what it would do.
pub(super) async fn look(api: &ApiClient, command: &str, namespace: Option<&Name>) -> Incumbent {
    let Some(said) = SAY_IT.iter().find(|(name, ..)| *name == command) else {
        return Incumbent::default();
    };
    match find(api).await {
        Ok(all) => choose(all, namespace, *said),
        Err(error) => Incumbent {
            note: not_known(&error),
            ..Incumbent::default()
        },
    }
}

/// One of its Deployments.
#[derive(Debug)]
struct FoundReloader {
    /// `deployment/name in namespace`
    shown: String,
    told: Result<ToldReloader, String>,
}

/// What one was told.
#[derive(Debug)]
struct ToldReloader {
    words: Vec<String>,
    installation: Box<Installation>,
    calls: bool,
}

async fn find(api: &ApiClient) -> Result<Vec<FoundReloader>, ApiError> {
    let list = Call::new(Verb::List, Place::new("apps", "v1", "deployments"))
        .with("labelSelector", LABEL)
        .with("limit", MOST.to_string())
        .at_most(MOST * LONGEST);
    let json = api.read(&list).await?;
    let page = Page::read(&json)?;
    Ok(page
        .items
        .iter()
        .filter_map(|item| FoundReloader::read(item.get()))
        .collect())
}

/// Of several, the one that watches the namespace.
fn choose(
    mut all: Vec<FoundReloader>,
    namespace: Option<&Name>,
    (_, does, differs): (&str, &str, &str),
) -> Incumbent {
    if let Some(namespace) = namespace {
        let watches = |told: &ToldReloader| told.installation.covers(namespace);
        all.retain(|found| found.told.as_ref().map_or(true, watches));
    }
    match all.pop() {
        None => Incumbent::default(),
        Some(one) if all.is_empty() => one.incumbent(does, differs),
        Some(last) => {
            all.push(last);
            let shown: Vec<_> = all.iter().map(|found| found.shown.as_str()).collect();
            let note = format!(
                "stakater/Reloader runs more than once ({}), and which one is meant is not known: \
                 give the options of one; the defaults are taken for what is not given\n",
                shown.join(", ")
            );
            Incumbent {
                note,
                ..Incumbent::default()
            }
        }
    }
}

impl FoundReloader {
    /// What an object says; nothing where it does not run Reloader.
    fn read(json: &str) -> Option<Self> {
        let object: DeploymentObject = serde_json::from_str(json).ok()?;
        let containers = object.spec.template.spec.containers;
        let container = containers.iter().find(|container| container.is_reloader());
        let container = container.filter(|_| object.spec.replicas != Some(0))?;
        let DeploymentMeta { name, namespace } = object.metadata;
        Some(Self {
            shown: format!("deployment/{} in {}", plain(&name), plain(&namespace)),
            told: container.told(),
        })
    }

    fn incumbent(self, does: &str, differs: &str) -> Incumbent {
        let told = match self.told {
            Ok(told) => told,
            Err(why) => {
                let note = format!(
                    "the options of stakater/Reloader ({}) cannot be read: {}; the defaults are \
                     taken for what is not given\n",
                    self.shown,
                    plain(&why)
                );
                return Incumbent {
                    note,
                    ..Incumbent::default()
                };
            }
        };
        let does = if told.calls { CALLS } else { does };
        let note = format!(
            "stakater/Reloader ({}, {}) {does}.\n{differs}.\n",
            self.shown,
            options(&told.words)
        );
        let strict = "--compat=strict".to_owned();
        Incumbent {
            words: told.words.into_iter().chain([strict]).collect(),
            note,
            runs: true,
        }
    }
}

fn options(words: &[String]) -> String {
    let shown: Vec<_> = words.iter().take(SHOWN).map(String::as_str).collect();
    match (shown.as_slice(), words.len().saturating_sub(SHOWN)) {
        ([], _) => "by its defaults".to_owned(),
        (shown, 0) => format!("with {}", plain(&shown.join(" "))),
        (shown, more) => format!("with {} and {more} more", plain(&shown.join(" "))),
    }
}

fn not_known(error: &ApiError) -> String {
    let what = match error.refusal() {
        Some(refusal) => format!("{} on {} is needed for it", refusal.verb, refusal.resource),
        None => error.to_string(),
    };
    format!("whether stakater/Reloader runs here is not known ({what})\n")
}

#[derive(Deserialize)]
struct DeploymentObject {
    metadata: DeploymentMeta,
    spec: DeploymentSpec,
}

#[derive(Deserialize)]
struct DeploymentMeta {
    name: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
struct DeploymentSpec {
    replicas: Option<u32>,
    template: PodTemplate,
}

#[derive(Deserialize)]
struct PodTemplate {
    spec: PodSpec,
}

#[derive(Deserialize)]
struct PodSpec {
    containers: Vec<ReloaderContainer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReloaderContainer {
    image: String,
    command: Vec<String>,
    args: Vec<String>,
    env: Vec<ReloaderVariable>,
}

#[derive(Deserialize)]
struct ReloaderVariable {
    name: String,
    #[serde(default)]
    value: String,
}

impl ReloaderContainer {
    /// By its image, or where that was renamed by an option that no other program has.
    fn is_reloader(&self) -> bool {
        let its_own = |word: &String| {
            let name = word.trim_start_matches('-').split('=').next();
            word.starts_with('-') && name.is_some_and(|name| ITS_OWN.contains(&name))
        };
        let by_option = || self.command.iter().chain(&self.args).any(its_own);
        self.image.contains("stakater/reloader") || (!self.image.contains("tidings") && by_option())
    }

    /// What Tidings would read in its place.
    fn told(&self) -> Result<ToldReloader, String> {
        // The first word of `command` is the program.
        let words = self.command.iter().skip(1).chain(&self.args);
        let words = std::iter::once("tidings".into()).chain(words.map(OsString::from));
        let words = implicit::complete(words, true).words;
        let first_line = |wrong: clap::Error| {
            let text = wrong.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        };
        let matches = Cli::command()
            .try_get_matches_from(words)
            .map_err(first_line)?;
        let cli = Cli::from_arg_matches(&matches).map_err(first_line)?;
        let given = matches.subcommand_matches("controller");
        let (Command::Controller(args), Some(given)) = (cli.command, given) else {
            return Err("it has another command".to_owned());
        };
        let around = self.around();
        let settings = ControllerSettings::new(&args, &around);
        let settings = settings.map_err(|misuse| misuse.to_string())?;
        let mut words = told::words(given, &around);
        words.retain(|word| !word.starts_with(IDLE));
        Ok(ToldReloader {
            words,
            installation: Box::new(settings.installation),
            calls: is_given(given, "webhook_url"),
        })
    }

    /// A pod with these variables.
    fn around(&self) -> Surroundings {
        let value = |name: &str| {
            let variable = self.env.iter().find(|variable| variable.name == name)?;
            Some(variable.value.clone())
        };
        let set =
            |row: &crate::settings::surroundings::Variable| Some((row.name, value(row.name)?));
        Surroundings {
            pod_namespace: Some("reloader".into()),
            variables: VARIABLES.iter().filter_map(set).collect::<BTreeMap<_, _>>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment(name: &str, container: &Value) -> FoundReloader {
        FoundReloader::read(&object(name, container).to_string()).unwrap()
    }

    fn object(name: &str, container: &Value) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "ops"},
            "spec": {"template": {"spec": {"containers": [container]}}},
        })
    }

    fn reloader(name: &str, args: &[&str]) -> FoundReloader {
        let image = "ghcr.io/stakater/reloader:v1.4.21";
        deployment(name, &json!({"image": image, "args": args}))
    }

    fn of(all: Vec<FoundReloader>, namespace: &str) -> Incumbent {
        choose(all, Some(&namespace.into()), SAY_IT[1])
    }

    #[test]
    fn it_is_told_by_its_image_or_by_its_own_options() {
        let is =
            |container: &Value| FoundReloader::read(&object("a", container).to_string()).is_some();
        assert!(is(&json!({"image": "mirror.example/stakater/reloader:v1"})));
        assert!(is(
            &json!({"image": "own/rld:1", "args": ["--reload-strategy=annotations"]})
        ));
        assert!(!is(
            &json!({"image": "tidings:1", "args": ["--auto-reload-all"]})
        ));
        assert!(!is(
            &json!({"image": "nginx", "args": ["-g", "daemon off;"]})
        ));
        assert!(FoundReloader::read("{}").is_none());
        let mut stopped = object("a", &json!({"image": "stakater/reloader"}));
        stopped["spec"]["replicas"] = 0.into();
        assert!(FoundReloader::read(&stopped.to_string()).is_none());
    }

    #[test]
    fn its_options_are_those_of_the_command_and_decide_is_as_strict() {
        let args = [
            "--auto-reload-all=true",
            "--is-Argo-Rollouts",
            "true",
            "--is-openshift=true",
            "--log-level=info",
        ];
        let found = of(vec![reloader("rld", &args)], "stage");
        assert_eq!(
            found.words,
            [
                "--is-Argo-Rollouts=true",
                "--auto-reload-all=true",
                "--compat=strict"
            ]
        );
        insta::assert_snapshot!(found.note, @r"
        stakater/Reloader (deployment/rld in ops, with --is-Argo-Rollouts=true --auto-reload-all=true) would do what is shown.
        Tidings would do it once for changes that come together, run no ended Job and no suspended CronJob again, and leave out keys that no container reads, for which Reloader rolls, too.
        ");
        let alone = of(vec![reloader("rld", &[])], "stage");
        assert!(
            alone.note.contains("rld in ops, by its defaults)"),
            "{}",
            alone.note
        );
    }

    #[test]
    fn its_variables_and_its_webhook_count() {
        let env = json!([{"name": "KUBERNETES_NAMESPACE", "value": "stage"}, {"name": "POD", "valueFrom": {}}]);
        let scoped = || deployment("a", &json!({"image": "stakater/reloader", "env": env}));
        assert_eq!(of(vec![scoped()], "prod"), Incumbent::default());
        assert_eq!(of(vec![scoped()], "stage").words[0], "--namespaces=stage");
        let calls = reloader("a", &["--webhook-url=https://hooks.example/token"]);
        let note = of(vec![calls], "stage").note;
        assert!(note.contains("calls its --webhook-url instead"), "{note}");
        assert!(!note.contains("token"), "{note}");
    }

    #[test]
    fn several_and_odd_ones_are_said() {
        let two = vec![
            reloader("a", &["--namespaces=stage"]),
            reloader("b", &["--namespaces=stage,prod"]),
        ];
        let said = of(two, "stage");
        assert!(said.words.is_empty());
        assert!(
            said.note
                .contains("(deployment/a in ops, deployment/b in ops)"),
            "{}",
            said.note
        );
        let odd = of(vec![reloader("a", &["--newer-than-ours=1"])], "stage");
        assert!(odd.words.is_empty());
        assert!(odd.note.contains("'--newer-than-ours'"), "{}", odd.note);
    }
}
