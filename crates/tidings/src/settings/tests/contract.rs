//! Reloader's command line, option by option: each is taken in the form in which
//! its charts and documentation write it, and means what it means there, or the
//! row says what it means here.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use tidings_core::annotations::{IGNORE, MATCH, PAUSE_PERIOD, PAUSED_AT};
use tidings_core::refs::SourceKind;
use tidings_core::vocabulary::RENAMES;

use super::*;
use crate::cli::lint::rules::OPTIONS;
use crate::report::log::{LogFormat, LogLevel};
use crate::settings::values::ReloadStrategy;

type Check = fn(&ControllerSettings) -> bool;

/// The words, and what follows from them.
const ROWS: &[(&[&str], Check)] = &[
    (&["--auto-reload-all"], |s| {
        s.installation.defaults.auto_reload_all
    }),
    (&["--auto-reload-all=true"], |s| {
        s.installation.defaults.auto_reload_all
    }),
    (&["--auto-reload-all=false"], |s| {
        !s.installation.defaults.auto_reload_all
    }),
    (&["--reload-on-create=true"], |s| {
        s.installation.rules.on_create
    }),
    (&["--reload-on-create=false"], |s| {
        !s.installation.rules.on_create
    }),
    (&["--reload-on-delete=true"], |s| {
        s.installation.rules.on_delete
    }),
    (&["--reload-strategy=default"], |s| {
        s.installation.strategy == ReloadStrategy::Default
    }),
    (&["--reload-strategy=env-vars"], |s| {
        s.installation.strategy == ReloadStrategy::EnvVars
    }),
    (&["--reload-strategy=annotations"], |s| {
        s.installation.strategy == ReloadStrategy::Annotations
    }),
    (&["--compat=strict"], |s| {
        s.installation.strategy == ReloadStrategy::EnvVars && s.installation.rules.strict
    }),
    (&["--sync-after-restart=true"], said_of_it),
    (&["--enable-ha"], said_of_it),
    (&["--enable-pprof"], said_of_it),
    (&["--pprof-addr=:6060"], |s| s.notes.is_empty()),
    (&["--is-Argo-Rollouts=true"], |s| rolls(s, "rollout")),
    (&["--is-Argo-Rollouts=false"], |s| !rolls(s, "rollout")),
    (&["--is-openshift=true"], |s| rolls(s, "deploymentconfig")),
    (&["--enable-csi-integration"], |s| {
        s.installation.sources.len() == 3
    }),
    (&["--resources-to-ignore=configMaps"], |s| {
        s.installation.sources == [SourceKind::Secret]
    }),
    (&["--resources-to-ignore=secrets"], |s| {
        s.installation.sources == [SourceKind::ConfigMap]
    }),
    (&["--ignored-workload-types=jobs,cronjobs"], |s| {
        !rolls(s, "job") && !rolls(s, "cronjob") && rolls(s, "deployment")
    }),
    (&["--ignored-workload-types=daemonsets"], |s| {
        !rolls(s, "daemonset")
    }),
    (&["--namespaces=stage", "--namespaces=prod,test"], |s| {
        let only = ["prod", "stage", "test"].map(Name::from);
        s.installation.namespaces == Namespaces::Only(only.into())
    }),
    (&["--namespaces-to-ignore=a,b"], |s| {
        !s.installation.covers("a") && !s.installation.covers("b") && s.installation.covers("c")
    }),
    (
        &[
            "--namespace-selector=env:prod",
            "--namespace-selector=team=*",
        ],
        |s| selected(s) == "env=prod,team",
    ),
    (&["--resource-label-selector=env=prod,team:a"], |s| {
        let labels = s.installation.source_labels.as_ref();
        labels.unwrap().to_string() == "env=prod,team=a"
    }),
    (&["--webhook-url=http://hooks.example"], |s| {
        s.notify.webhook.is_some()
    }),
    (&["--log-format="], |s| s.log.format == LogFormat::Text),
    (&["--log-format=json"], |s| s.log.format == LogFormat::Json),
    (&["--log-level=warning"], |s| s.log.level == LogLevel::Warn),
    (&["--log-level=fatal"], |s| s.log.level == LogLevel::Error),
    (&["--auto-annotation=a/b"], |s| written(s, RENAMES[0].key)),
    (&["--configmap-auto-annotation=a/b"], |s| {
        written(s, "configmap.reloader.stakater.com/auto")
    }),
    (&["--secret-auto-annotation=a/b"], |s| {
        written(s, "secret.reloader.stakater.com/auto")
    }),
    (&["--configmap-annotation=a/b"], |s| {
        written(s, "configmap.reloader.stakater.com/reload")
    }),
    (&["--secret-annotation=a/b"], |s| {
        written(s, "secret.reloader.stakater.com/reload")
    }),
    (&["--auto-search-annotation=a/b"], |s| {
        written(s, "reloader.stakater.com/search")
    }),
    (&["--search-match-annotation=a/b"], |s| written(s, MATCH)),
    (&["--ignore-annotation=a/b"], |s| written(s, IGNORE[1])),
    (&["--pause-deployment-annotation=a/b"], |s| {
        written(s, PAUSE_PERIOD)
    }),
    (&["--pause-deployment-time-annotation=a/b"], |s| {
        written(s, PAUSED_AT)
    }),
];

/// There is nothing to choose, and that is said.
fn said_of_it(settings: &ControllerSettings) -> bool {
    settings.notes.len() == 1
}

fn rolls(settings: &ControllerSettings, kind: &str) -> bool {
    let kind = Kind::parse(kind).unwrap();
    settings.installation.kinds.iter().any(|k| k == kind)
}

fn selected(settings: &ControllerSettings) -> String {
    match &settings.installation.namespaces {
        Namespaces::All { selector, .. } => selector.as_ref().unwrap().to_string(),
        Namespaces::Only(_) => String::new(),
    }
}

fn written(settings: &ControllerSettings, key: &str) -> bool {
    settings.installation.vocabulary.written(key) == "a/b"
}

#[test]
fn each_means_what_it_means_there() {
    for (words, check) in ROWS {
        assert!(check(&super::settings(words).unwrap()), "{words:?}");
    }
}

#[test]
fn all_are_there() {
    let name = |word: &str| {
        word.trim_start_matches('-')
            .split('=')
            .next()
            .unwrap()
            .to_owned()
    };
    let tried: BTreeSet<_> = ROWS.iter().flat_map(|row| row.0).map(|w| name(w)).collect();
    for row in OPTIONS {
        assert!(tried.contains(row.name), "--{}", row.name);
    }
}

#[test]
fn defaults_are_reloaders_where_they_are_no_danger() {
    let settings = super::settings(&[]).unwrap();
    let installation = &settings.installation;
    let rules = &installation.rules;
    assert!(!installation.defaults.auto_reload_all && !rules.on_create && !rules.on_delete);
    assert!(!rolls(&settings, "rollout") && !rolls(&settings, "deploymentconfig"));
    assert_eq!(
        installation.sources,
        [SourceKind::ConfigMap, SourceKind::Secret]
    );
    assert_eq!(
        (settings.log.format, settings.log.level),
        (LogFormat::Text, LogLevel::Info)
    );
    assert!(settings.notify.webhook.is_none() && settings.notify.alerts.is_none());
    assert!(settings.notes.is_empty() && settings.observed.is_none());
    // Where they are one.
    assert!(rules.fuse && !rules.strict);
    assert_eq!(installation.strategy, ReloadStrategy::Default);
}

#[test]
fn intervals_and_the_fuse_are_set() {
    let rules = |words: &[&str]| super::settings(words).unwrap().installation.rules;
    assert_eq!(rules(&["--min-interval=1500ms"]).min_interval, 2);
    assert_eq!(rules(&["--min-interval=10m"]).min_interval, 600);
    assert!(!rules(&["--storm-fuse=false"]).fuse);
}

#[test]
fn how_many_are_rolled_at_once_is_a_number_from_one_on() {
    let at_once = |word: &str| {
        let settings = super::settings(&[word]).ok()?;
        settings.installation.defaults.at_once.map(NonZeroU32::get)
    };
    assert_eq!(at_once("--at-once=5"), Some(5));
    assert_eq!(at_once("--settle=2s"), None, "all of them");
    let none = Cli::try_parse_from(["tidings", "controller", "--at-once=0"]);
    assert!(none.is_err());
}

#[test]
fn custom_workloads_add_up() {
    let words = [
        "--custom-workloads=example.org/v1/Worker:spec.template,example.org/v1/Pool:spec.a.b",
        "--custom-workloads=example.org/v1/Index=indices:spec.template",
    ];
    let kinds = super::settings(&words).unwrap().installation.kinds;
    for word in ["worker", "pools", "indices"] {
        assert!(kinds.parse(word).is_some(), "{word}");
    }
}

#[test]
fn observables_take_reloaders_variables() {
    let variables = [
        (METRICS_COUNT_BY_NAMESPACE, "enabled"),
        (RELOADER_NAMESPACE, "infra"),
        (RELOADER_DEPLOYMENT_NAME, "reloader-reloader"),
    ];
    let observed =
        |variables: &[_], words: &[&str]| settings_with(variables, words).unwrap().observed;
    let all = observed(&variables, &["--reloader-observables"]).unwrap();
    assert!(all.by_namespace && all.deployment == "reloader-reloader");
    assert_eq!(&*all.namespace, "infra");
    let none = observed(&[], &["--reloader-observables=true"]).unwrap();
    assert!(!none.by_namespace && &*none.namespace == "tidings-system");
    assert_eq!(observed(&variables, &[]), None);
}

#[rstest::rstest]
#[case(
    "--ignored-workload-types=pods",
    "expected one of deployments, statefulsets"
)]
#[case("--custom-workloads=Worker", "is not a kind of workload such as")]
#[case("--custom-workloads-file=/none", "it cannot be read")]
#[case("--alert-sink=pager", "expected one of raw, slack, ")]
#[case("--compat=both", "safe, strict")]
#[case("--reload-on-create=yes", "expected true or false")]
fn what_cannot_be_read_says_what_could_be(#[case] word: &str, #[case] expected: &str) {
    let said = Cli::try_parse_from(["tidings", "controller", word]).unwrap_err();
    assert!(said.to_string().contains(expected), "{said}");
}

#[test]
fn a_key_that_is_none_names_its_option() {
    let said = super::settings(&["--secret-annotation=a b"]).unwrap_err();
    assert!(
        said.to_string().starts_with("--secret-annotation: "),
        "{said}"
    );
    let nothing = super::settings(&[
        "--ignored-workload-types=deployments,statefulsets,daemonsets,jobs,cronjobs",
    ]);
    assert!(
        nothing
            .unwrap_err()
            .to_string()
            .contains("leaves nothing to roll")
    );
}
