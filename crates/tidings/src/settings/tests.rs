//! Options that make sense together, and options that do not.

use std::time::Duration;

use clap::Parser;

use super::args::{Cli, Command};
use super::surroundings::KUBERNETES_NAMESPACE;
use super::*;

/// The settings of `tidings controller` with these options, in a pod.
pub(crate) fn settings(options: &[&str]) -> Result<ControllerSettings, Misuse> {
    settings_in(Some("tidings-system"), options)
}

fn settings_in(pod: Option<&str>, options: &[&str]) -> Result<ControllerSettings, Misuse> {
    let around = Surroundings {
        pod_namespace: pod.map(Name::from),
        ..Surroundings::default()
    };
    settings_of(&around, options)
}

/// The same, in a pod in which these of Reloader's variables are set.
pub(crate) fn settings_with(
    variables: &[(&'static str, &str)],
    options: &[&str],
) -> Result<ControllerSettings, Misuse> {
    let set = variables
        .iter()
        .map(|(name, value)| (*name, (*value).into()));
    let around = Surroundings {
        pod_namespace: Some("tidings-system".into()),
        variables: set.collect(),
    };
    settings_of(&around, options)
}

fn settings_of(around: &Surroundings, options: &[&str]) -> Result<ControllerSettings, Misuse> {
    let words = ["tidings", "controller"].iter().chain(options);
    let Command::Controller(args) = Cli::try_parse_from(words).unwrap().command else {
        unreachable!()
    };
    ControllerSettings::new(&args, around)
}

fn why(options: &[&str]) -> Result<WhySettings, Misuse> {
    let words = ["tidings", "why"].iter().chain(options);
    let Command::Why(args) = Cli::try_parse_from(words).unwrap().command else {
        unreachable!()
    };
    WhySettings::new(&args, &Surroundings::default())
}

mod contract;

#[test]
fn a_pod_and_a_laptop_differ() {
    let pod = settings(&[]).unwrap();
    assert_eq!(&*pod.installation.own_namespace, "tidings-system");
    assert_eq!(pod.listen, Some(([0, 0, 0, 0], 9090).into()));
    let laptop = settings_in(None, &[]).unwrap();
    assert_eq!(&*laptop.installation.own_namespace, "tidings");
    assert_eq!(laptop.listen, Some(([127, 0, 0, 1], 9090).into()));
    assert_eq!(settings(&["--listen", "off"]).unwrap().listen, None);
}

#[test]
fn defaults_are_those_of_the_help() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.plain.settle, Duration::from_secs(2));
    assert_eq!(settings.plain.max_in_flight, 32);
    assert_eq!(settings.installation.sources.len(), 2);
    let rules = settings.installation.rules;
    assert!(rules.one_etcd && !rules.catch_up && !settings.plain.dry_run);
}

#[rstest::rstest]
#[case(&["--namespaces=a", "--namespaces-to-ignore=b"], "leave out --namespaces or --namespaces-to-ignore")]
#[case(&["--namespaces=a", "--namespace-selector=x=y"], "leave out --namespaces or --namespace-selector")]
#[case(&["--resources-to-ignore=configmaps,secrets"], "leaves nothing to watch")]
#[case(&["--lease-duration=5s"], "must be longer than")]
#[case(&["--lease-duration=15500ms"], "whole seconds")]
#[case(&["--lease-retry-period=0"], "must not be 0")]
fn what_makes_no_sense_is_said(#[case] options: &[&str], #[case] expected: &str) {
    let said = settings(options).unwrap_err().to_string();
    assert!(said.contains(expected), "{said}");
}

#[test]
fn one_namespace_by_reloaders_variable() {
    let only = |variables: &[_], options: &[&str]| {
        settings_with(variables, options)
            .unwrap()
            .installation
            .namespaces
    };
    let stage = [(KUBERNETES_NAMESPACE, "stage")];
    assert_eq!(only(&stage, &[]), Namespaces::Only(["stage".into()].into()));
    let by_option = only(&stage, &["--namespaces=prod"]);
    assert_eq!(by_option, Namespaces::Only(["prod".into()].into()));
    let none = only(&[(KUBERNETES_NAMESPACE, "")], &[]);
    assert!(matches!(none, Namespaces::All { .. }));
    let noted = settings_with(&stage, &["--namespaces-to-ignore=prod"]).unwrap();
    assert!(noted.notes[0].warning && noted.notes[0].text.contains("--namespaces-to-ignore"));
    let said = settings_with(&[(KUBERNETES_NAMESPACE, "No!")], &[]).unwrap_err();
    assert!(
        said.to_string()
            .starts_with("KUBERNETES_NAMESPACE: expected a DNS label")
    );
}

#[test]
fn what_reloader_has_to_choose_about_and_we_have_not_is_said() {
    let notes = |options: &[&str]| {
        let notes = settings(options).unwrap().notes.into_iter();
        notes
            .map(|note| (note.warning, note.text))
            .collect::<Vec<_>>()
    };
    assert_eq!(notes(&["--pprof-addr=:6060"]), []);
    let said = notes(&["--sync-after-restart", "--enable-ha=true", "--enable-pprof"]);
    let begins = ["--sync-after-restart:", "--enable-ha:", "--enable-pprof:"];
    for ((warning, text), begin) in said.iter().zip(begins) {
        assert_eq!(*warning, begin == "--enable-pprof:");
        assert!(text.starts_with(begin), "{text}");
    }
    assert_eq!(said.len(), 3);
}

#[test]
fn workloads_are_written_as_kubectl_does() {
    let target = why(&["deploy/web", "-n", "stage"]).unwrap().target;
    let expected = Target::One {
        kind: Kind::parse("deployment").unwrap(),
        name: "web".into(),
        namespace: Some("stage".into()),
    };
    assert_eq!(target, expected);
    assert_eq!(why(&["-A"]).unwrap().target, Target::All);
    assert_eq!(why(&[]).unwrap().target, Target::Within(None));
    let within = why(&["-n", "stage"]).unwrap().target;
    assert_eq!(within, Target::Within(Some("stage".into())));
    let unread = ["web", "deploy/"].map(|word| {
        let read = Cli::try_parse_from(["tidings", "why", word]);
        read.unwrap_err().to_string()
    });
    let unknown = why(&["pod/web"]).unwrap_err().to_string();
    for said in unread.iter().chain([&unknown]) {
        assert!(said.contains("is not a workload such as"), "{said}");
    }
}

#[test]
fn nothing_is_told_of_a_kind_that_is_not_rolled() {
    for (args, kind) in [
        (
            &["deploy/web", "--ignored-workload-types=deployments"][..],
            "deployments",
        ),
        (&["rollout/web"], "rollouts"),
    ] {
        let said = why(args).unwrap_err().to_string();
        assert!(said.contains(&format!("does not roll {kind}")), "{said}");
    }
    assert!(why(&["rollout/web", "--is-Argo-Rollouts=true"]).is_ok());
}
