//! What an installation tells the commands of its options.
//!
//! Told is what the groups of options hold that the commands have, too ([`ScopeArgs`],
//! [`RuleArgs`]), but what may be a secret, files, which only the controller's machine
//! has, and the namespace in which that is written. Goes in: the controller's options as
//! they were given. Comes out: words; and of somebody's words, which may be anything, what
//! they mean, or why they mean nothing here. Pure.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use tidings_core::refs::Name;

use super::args::{RuleArgs, ScopeArgs};
use super::given::{is_given, word};
use super::surroundings::{Surroundings, VARIABLES};
use super::{Installation, Misuse};

/// Where that is written says it.
const OWN: &str = "own_namespace";
/// Options that say the same in different ways: who gives one chooses himself.
const TOGETHER: [&[&str]; 2] = [
    &["namespaces", "namespaces_to_ignore", "namespace_selector"],
    &["custom_workloads", "custom_workloads_file"],
];

/// The options that an installation and the commands have in common.
fn table() -> Command {
    let table = Command::new("options").no_binary_name(true);
    // What is told does not depend on who reads it.
    RuleArgs::augment_args(ScopeArgs::augment_args(table)).mut_args(|arg| arg.env(None::<&str>))
}

fn is_told(arg: &Arg) -> bool {
    !arg.is_hide_env_values_set() && arg.get_id() != OWN
}

fn is_file(arg: &Arg) -> bool {
    arg.get_value_hint() == ValueHint::FilePath
}

/// What the controller tells, of the options and variables that it was given.
pub fn words(matches: &ArgMatches, around: &Surroundings) -> Vec<String> {
    let table = table();
    let told = table.get_arguments().filter(|arg| is_told(arg));
    let by_variable = |arg: &Arg| by_variable(arg, around);
    let chosen: Vec<&Arg> = table
        .get_arguments()
        .filter(|arg| word(matches, arg).is_none() && by_variable(arg).is_some())
        .collect();
    // The controller goes by the variable then, and says so at its start.
    let is_heeded = |arg: &&Arg| !chosen.iter().any(|other| are_apart(arg, other));
    let said = |arg: &Arg| word(matches, arg).or_else(|| by_variable(arg));
    told.filter(is_heeded).filter_map(said).collect()
}

/// Whether they are two that say the same in different ways.
fn are_apart(one: &Arg, other: &Arg) -> bool {
    let (one, other) = (one.get_id().as_str(), other.get_id().as_str());
    let mut groups = TOGETHER.iter();
    one != other && groups.any(|group| group.contains(&one) && group.contains(&other))
}

/// What a variable of Reloader's says in the place of the option.
fn by_variable(arg: &Arg, around: &Surroundings) -> Option<String> {
    let long = arg.get_long()?;
    let row = VARIABLES
        .iter()
        .find(|row| row.option.strip_prefix("--") == Some(long))?;
    let value = around.variable(row.name)?;
    Some(format!("--{long}={value}"))
}

/// What such words mean for an installation that lies in this namespace.
pub fn read(words: &[String], own: &Name) -> Result<Installation, Misuse> {
    let table = table();
    if let Some(word) = words.iter().find(|word| option(&table, word).is_none()) {
        let name: String = word
            .split('=')
            .next()
            .unwrap_or_default()
            .chars()
            .take(40)
            .collect();
        return Err(Misuse(format!(
            "it has {name:?}, which this version does not know"
        )));
    }
    let unreadable = |_| Misuse("its options cannot be read by this version".to_owned());
    let matches = table.try_get_matches_from(words).map_err(unreadable)?;
    let scope = ScopeArgs::from_arg_matches(&matches).map_err(unreadable)?;
    let rules = RuleArgs::from_arg_matches(&matches).map_err(unreadable)?;
    let installation = Installation::new(&scope, &rules, &Surroundings::default())?;
    Ok(Installation {
        own_namespace: own.clone(),
        ..installation
    })
}

/// The option that a word is for, if it is one that is told.
fn option<'a>(table: &'a Command, word: &str) -> Option<&'a Arg> {
    let (name, _) = word.strip_prefix("--")?.split_once('=')?;
    let told = table
        .get_arguments()
        .filter(|arg| is_told(arg) && !is_file(arg));
    { told }.find(|arg| arg.get_long() == Some(name))
}

/// The words of a command line with what was told put in: `line` begins with the program
/// and the command, which has these options, of which those were given. What is given
/// goes first, and what the command does not have, or `drop` names, is left out.
pub fn merged(
    line: &[OsString],
    told: &[String],
    (command, given): (&Command, &ArgMatches),
    drop: &[&str],
) -> Vec<OsString> {
    let table = table();
    let has = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
    let is_chosen = |id: &str| {
        let group = TOGETHER.iter().find(|group| group.contains(&id));
        let ids = group.map_or(&[] as &[_], |group| group);
        [id].iter()
            .chain(ids)
            .any(|id| has(id) && is_given(given, id))
    };
    let taken = told.iter().filter(|word| {
        let id = option(&table, word).map(|arg| arg.get_id().as_str());
        id.is_some_and(|id| has(id) && !drop.contains(&id) && !is_chosen(id))
    });
    let (begin, rest) = line.split_at(line.len().min(2));
    let begin = begin.iter().cloned();
    begin
        .chain(taken.map(OsString::from))
        .chain(rest.iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::settings::args::Cli;

    /// What a controller with these options tells.
    fn told(options: &[&str], variables: &[(&'static str, &str)]) -> Vec<String> {
        let line = ["tidings", "controller"].iter().chain(options);
        let matches = Cli::command().try_get_matches_from(line).unwrap();
        let set = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let around = Surroundings {
            pod_namespace: None,
            variables: set.collect(),
        };
        words(matches.subcommand_matches("controller").unwrap(), &around)
    }

    fn merge(line: &str, told: &[&str], drop: &[&str]) -> String {
        let line: Vec<_> = line.split(' ').map(OsString::from).collect();
        let cli = Cli::command();
        let matches = cli.clone().try_get_matches_from(&line).unwrap();
        let (name, given) = matches.subcommand().unwrap();
        let command = cli.find_subcommand(name).unwrap();
        let told: Vec<_> = told.iter().map(|word| (*word).to_owned()).collect();
        let merged = merged(&line, &told, (command, given), drop);
        let merged: Vec<_> = merged.iter().map(|word| word.to_string_lossy()).collect();
        merged.join(" ")
    }

    #[test]
    fn what_was_given_is_told_but_no_secret_and_nothing_that_commands_do_not_have() {
        let options = [
            "--auto-reload-all",
            "--namespaces-to-ignore=a,b",
            "--is-argo-rollouts",
            "--auto-annotation=example.org/follow",
            "--instance=blue",
            "--own-namespace=own",
            "--settle=1s",
            "--webhook-url=https://hooks.example/token",
        ];
        assert_eq!(
            told(&options, &[]),
            [
                "--namespaces-to-ignore=a,b",
                "--is-Argo-Rollouts=true",
                "--auto-reload-all=true",
                "--instance=blue",
                "--auto-annotation=example.org/follow",
            ]
        );
        let variables = [("KUBERNETES_NAMESPACE", "stage")];
        assert_eq!(told(&[], &variables), ["--namespaces=stage"]);
        // Beside it these mean nothing to the controller, and both together make no sense.
        let narrowed = [
            "--namespaces-to-ignore=kube-system",
            "--namespace-selector=a",
        ];
        let words = told(&narrowed, &variables);
        assert_eq!(words, ["--namespaces=stage"]);
        assert!(read(&words, &"own".into()).unwrap().covers("stage"));
        assert_eq!(told(&["--namespaces=a"], &variables), ["--namespaces=a"]);
    }

    /// Whoever gives the commands one more option of the controller has it told.
    #[test]
    fn all_that_why_and_the_controller_have_is_told() {
        let cli = Cli::command();
        let ids = |name: &str| -> BTreeSet<String> {
            let command = cli.find_subcommand(name).unwrap();
            let arguments = command.get_arguments();
            arguments.map(|arg| arg.get_id().to_string()).collect()
        };
        let mut both: BTreeSet<_> = ids("why")
            .intersection(&ids("controller"))
            .cloned()
            .collect();
        for not_told in ["kubeconfig", "context", OWN] {
            assert!(both.remove(not_told));
        }
        let table = table();
        let told = table.get_arguments().filter(|arg| is_told(arg));
        let told: BTreeSet<_> = told.map(|arg| arg.get_id().to_string()).collect();
        assert_eq!(told, both);
    }

    #[test]
    fn what_is_told_is_read_again() {
        let words = told(
            &["--namespaces=stage", "--instance=blue", "--auto-reload-all"],
            &[],
        );
        let read = read(&words, &"own".into()).unwrap();
        assert!(read.covers("stage") && !read.covers("prod"));
        assert!(read.defaults.auto_reload_all);
        assert_eq!(&*read.rules.instance, "blue");
        assert_eq!(&*read.own_namespace, "own");
    }

    /// Anybody may have written them.
    #[test]
    fn other_words_mean_nothing() {
        for word in [
            "--custom-workloads-file=/etc/passwd",
            "--own-namespace=kube-system",
            "--kubeconfig=x",
            "--auto-reload-all",
            "--newer=1",
            "auto",
            "",
        ] {
            let said = read(&[word.to_owned()], &"own".into()).unwrap_err();
            assert!(said.to_string().contains("does not know"), "{word}: {said}");
        }
        let odd = ["--namespaces=A".to_owned()];
        assert!(read(&odd, &"own".into()).is_err());
    }

    #[test]
    fn what_is_given_goes_first() {
        let told = [
            "--namespaces-to-ignore=a",
            "--auto-reload-all=true",
            "--instance=blue",
        ];
        assert_eq!(
            merge("tidings why -n x", &told, &[]),
            "tidings why --namespaces-to-ignore=a --auto-reload-all=true --instance=blue -n x"
        );
        assert_eq!(
            merge(
                "tidings why --namespaces x --auto-reload-all=false",
                &told,
                &[]
            ),
            "tidings why --instance=blue --namespaces x --auto-reload-all=false"
        );
        assert_eq!(
            merge("tidings take-over deploy/web", &told, &[]),
            "tidings take-over --instance=blue deploy/web"
        );
        let narrows = ["namespaces_to_ignore"];
        assert_eq!(
            merge("tidings stale", &told[..2], &narrows),
            "tidings stale --auto-reload-all=true"
        );
    }
}
