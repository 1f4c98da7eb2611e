//! A command line, completed by what the installation that it is about was told.
//!
//! Goes in: the words of a command that speaks to a cluster. Comes out: the way there,
//! the command with the options of the installation where none were given, and what is
//! to be said of it; where there is none, perhaps those of stakater/Reloader. It concerns every command that has an installation's options; none
//! has to do anything for it.
//!
//! Error policy: without an installation's word, or where it cannot be read, the command
//! goes by what it is given. Only where several may be meant, and the command is about
//! one, that is an error.

use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};
use tidings_core::refs::Name;

use super::incumbent;
use crate::api::{ApiClient, ApiError};
use crate::installed::choose::{AskedFor, Choice, choose};
use crate::installed::find::{find, labels};
use crate::installed::object::Installed;
use crate::settings::args::{Cli, ClusterArgs, HomeArgs};
use crate::settings::given::is_given;
use crate::settings::{Surroundings, cluster, own_namespace, told};

/// Commands for which nothing need be installed, and options that are not told to them:
/// what an installation leaves out `stale` and `history` show all the same.
const NEED_NONE: [(&str, &[&str]); 4] = [
    (
        "stale",
        &[
            "namespaces",
            "namespaces_to_ignore",
            "namespace_selector",
            "resource_label_selector",
            "resources_to_ignore",
        ],
    ),
    ("impact", &[]),
    ("dashboard", &[]),
    (
        "history",
        &[
            "namespaces",
            "namespaces_to_ignore",
            "namespace_selector",
            "ignored_workload_types",
        ],
    ),
];

fn needs_none(name: &str) -> Option<&'static [&'static str]> {
    let row = NEED_NONE.iter().find(|(command, _)| *command == name)?;
    Some(row.1)
}

/// A command that knows what is installed.
pub struct Informed {
    /// The way to the cluster.
    pub api: ApiClient,
    /// What was asked, completed.
    pub cli: Cli,
    /// What is said of it on stderr; may be empty.
    pub note: String,
    /// Whether it is to say what stakater/Reloader does, which reads none of our annotations.
    pub as_reloader: bool,
    /// Whether an installation may run whose options are not known.
    pub is_guessed: bool,
}

/// A command line.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// Its words, from the name of the program on.
    pub words: Vec<OsString>,
    /// What clap makes of them.
    pub matches: ArgMatches,
}

/// Goes to the cluster that the line names, and asks what is installed there.
pub async fn inform(line: &CommandLine, around: &Surroundings) -> Result<Informed> {
    let Some((_, given)) = line.matches.subcommand() else {
        bail!("no command");
    };
    let api = ApiClient::of_command(&cluster(&ClusterArgs::from_arg_matches(given)?)).await?;
    inform_by(api, line, around).await
}

/// Asks a cluster what is installed, and completes the line with it.
pub async fn inform_by(
    api: ApiClient,
    line: &CommandLine,
    around: &Surroundings,
) -> Result<Informed> {
    let cli = Cli::from_arg_matches(&line.matches)?;
    let Some((name, given)) = line.matches.subcommand() else {
        bail!("no command");
    };
    let home = HomeArgs::from_arg_matches(given)?;
    let named = is_given(given, "own_namespace");
    let usual = own_namespace(&home, around);
    let mut asked = asked(&api, name, given, &home);
    let guessed = |api, note| {
        Ok(Informed {
            is_guessed: true,
            ..Informed::plain(api, cli, note)
        })
    };
    let found = match find(&api, named.then_some(&usual), &usual).await {
        Ok(found) => found,
        Err(error) => return guessed(api, unknown(&error)),
    };
    if let (Some(namespace), 2..) = (&asked.namespace, found.all.len()) {
        asked.labels = labels(&api, namespace).await;
    }
    match choose(found, &asked) {
        Choice::One(one) => complete(api, line, (name, given), *one),
        Choice::None => {
            let found = incumbent::look(&api, name, asked.namespace.as_ref()).await;
            let line = with_words(line, (name, given), &found.words);
            let cli = Cli::from_arg_matches(&Cli::command().try_get_matches_from(line)?)?;
            Ok(Informed {
                as_reloader: found.runs,
                ..Informed::plain(api, cli, found.note)
            })
        }
        Choice::Several(said) if needs_none(name).is_some() => {
            guessed(api, format!("{said}, for its records\n"))
        }
        Choice::Several(said) => bail!(said),
    }
}

fn asked(api: &ApiClient, name: &str, given: &ArgMatches, home: &HomeArgs) -> AskedFor {
    let cli = Cli::command();
    let has = |id| cli.find_subcommand(name).is_some_and(|it| has(it, id));
    let all = has("all_namespaces") && given.get_flag("all_namespaces");
    let namespace = given.try_get_one::<String>("namespace").ok().flatten();
    let namespace = namespace.map_or_else(|| api.default_namespace(), String::as_str);
    AskedFor {
        namespace: (!all).then(|| Name::from(namespace)),
        instance: is_given(given, "instance").then(|| home.instance.as_str().into()),
        any: needs_none(name).is_none(),
        ..AskedFor::default()
    }
}

fn has(command: &Command, id: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == id)
}

/// The same line with the options that it was told.
fn complete(
    api: ApiClient,
    line: &CommandLine,
    (name, given): (&str, &ArgMatches),
    one: Installed,
) -> Result<Informed> {
    let (shown, is_guessed) = (one.shown(), one.told.is_err());
    let (mut words, note) = match one.told {
        Ok((words, _)) => (words, String::new()),
        Err(why) => (Vec::new(), unreadable(&shown, &why.to_string())),
    };
    // What is named on the line goes first also among these.
    words.retain(|word| !word.starts_with("--instance="));
    let mut line = with_words(line, (name, given), &words);
    let home = [
        format!("--instance={}", one.instance),
        format!("--own-namespace={}", one.namespace),
    ];
    let missing = ["instance", "own_namespace"].into_iter().zip(home);
    let missing = missing.filter(|(id, _)| !is_given(given, id));
    line.splice(2..2, missing.map(|(_, word)| word.into()));
    let cli = Cli::from_arg_matches(&Cli::command().try_get_matches_from(line)?)?;
    Ok(Informed {
        is_guessed,
        ..Informed::plain(api, cli, note)
    })
}

impl Informed {
    fn plain(api: ApiClient, cli: Cli, note: String) -> Self {
        Self {
            api,
            cli,
            note,
            as_reloader: false,
            is_guessed: false,
        }
    }
}

/// The words of a line with those put in that its command has and was not given.
fn with_words(
    line: &CommandLine,
    (name, given): (&str, &ArgMatches),
    words: &[String],
) -> Vec<OsString> {
    let cli = Cli::command();
    let drop = needs_none(name).unwrap_or_default();
    match cli.find_subcommand(name) {
        Some(command) => told::merged(&line.words, words, (command, given), drop),
        None => line.words.clone(),
    }
}

fn unreadable(which: &str, why: &str) -> String {
    format!(
        "the options of the installation {which} cannot be read: {why}; the defaults are taken \
         for what is not given: give the controller's options, or take its version of this program\n"
    )
}

fn unknown(error: &ApiError) -> String {
    let what = match error.refusal() {
        Some(refusal) => format!("{} on configmaps is needed for it", refusal.verb),
        None => error.to_string(),
    };
    format!(
        "with which options Tidings runs is not known ({what}); the defaults are taken for what is \
         not given: give the controller's options, and --own-namespace\n"
    )
}
