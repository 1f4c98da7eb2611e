//! What runs here, in a ConfigMap as Reloader leaves one.
//!
//! Goes in: the settings. Comes out: `reloader-meta-info`, written once at the
//! start by each replica, the same by all. Only `--reloader-observables` asks for
//! it. A write that fails is said and left at that. URLs are not in it: they may
//! hold tokens.

use serde_json::{Value, json};
use tidings_core::annotations::{IGNORE, MATCH, PAUSE_PERIOD, PAUSED_AT};
use tidings_core::kinds::KINDS;
use tidings_core::refs::{Name, SOURCES};

use crate::api::{ApiClient, ApiError, Call, Place, Term, Verb};
use crate::settings::selector::Selector;
use crate::settings::{ControllerSettings, Namespaces, Observed};

/// The name of the ConfigMap.
pub const NAME: &str = "reloader-meta-info";
const LABEL: &str = "reloader.stakater.com/meta-info";

/// Writes it.
pub async fn publish(api: ApiClient, settings: ControllerSettings) {
    let Some(observed) = settings
        .observed
        .as_ref()
        .filter(|_| !settings.plain.dry_run)
    else {
        return;
    };
    let place = Place::core("configmaps").within(observed.namespace.clone());
    let object = object(&settings, observed).to_string();
    let term = Term::endless();
    let api = api.within(&term);
    let write = async |verb, place| api.write(&Call::new(verb, place), || object.clone()).await;
    let made = match write(Verb::Create, place.clone()).await {
        Err(ApiError::Conflict) => write(Verb::Patch, place.named(NAME)).await,
        made => made,
    };
    if let Err(error) = made {
        tracing::warn!(namespace = %observed.namespace, %error, "cannot write the ConfigMap {NAME}");
    }
}

fn object(settings: &ControllerSettings, observed: &Observed) -> Value {
    let deployment = json!({
        "name": observed.deployment,
        "namespace": *observed.namespace,
        "creationTimestamp": null,
    });
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NAME,
            "namespace": *observed.namespace,
            "labels": { LABEL: "reloader" },
        },
        "data": {
            "buildInfo": build().to_string(),
            "reloaderOptions": options(settings).to_string(),
            "deploymentInfo": deployment.to_string(),
        },
    })
}

/// There is no Go here, and no commit is built in.
fn build() -> Value {
    json!({
        "goVersion": "",
        "releaseVersion": env!("CARGO_PKG_VERSION"),
        "commitHash": "",
        "commitTime": "0001-01-01T00:00:00Z",
        "edition": "tidings",
    })
}

fn options(settings: &ControllerSettings) -> Value {
    let installation = &settings.installation;
    let (ignored, selector) = match &installation.namespaces {
        Namespaces::All { ignored, selector } => (ignored.iter().collect(), selector.as_ref()),
        Namespaces::Only(_) => (Vec::new(), None),
    };
    let rules = &installation.rules;
    let unwatched = SOURCES.iter();
    let unwatched =
        unwatched.filter(|row| row.group.is_empty() && !installation.sources.contains(&row.kind));
    let rolls = |word| installation.kinds.iter().any(|kind| kind.word == word);
    let idle = KINDS.iter().filter(|kind| kind.ends() && !rolls(kind.word));
    let mut options = json!({
        "autoReloadAll": installation.defaults.auto_reload_all,
        "reloadStrategy": installation.strategy.word(),
        "isArgoRollouts": rolls("rollout"),
        "workloadTypesToIgnore": idle.map(|kind| kind.plural).collect::<Vec<_>>(),
        "reloadOnCreate": rules.on_create,
        "reloadOnDelete": rules.on_delete,
        "syncAfterRestart": true,
        "enableHA": true,
        "webhookUrl": if settings.notify.webhook.is_some() { "(not shown)" } else { "" },
        "logFormat": settings.log.format.word(),
        "logLevel": settings.log.level.word(),
        "resourcesToIgnore": unwatched.map(|row| row.plural).collect::<Vec<_>>(),
        "namespacesToIgnore": ignored.into_iter().map(|n: &Name| &**n).collect::<Vec<_>>(),
        "namespaceSelectors": shown(selector),
        "resourceSelectors": shown(installation.source_labels.as_ref()),
        "enablePProf": false,
        "pprofAddr": "",
    });
    for (name, key) in KEYS {
        options[name] = installation.vocabulary.written(key).into();
    }
    options
}

/// Names of annotations' keys there.
const KEYS: [(&str, &str); 13] = [
    ("reloaderAutoAnnotation", "reloader.stakater.com/auto"),
    (
        "configmapReloaderAutoAnnotation",
        "configmap.reloader.stakater.com/auto",
    ),
    (
        "secretReloaderAutoAnnotation",
        "secret.reloader.stakater.com/auto",
    ),
    (
        "configmapUpdateOnChangeAnnotation",
        "configmap.reloader.stakater.com/reload",
    ),
    (
        "secretUpdateOnChangeAnnotation",
        "secret.reloader.stakater.com/reload",
    ),
    (
        "configmapExcludeReloaderAnnotation",
        "configmaps.exclude.reloader.stakater.com/reload",
    ),
    (
        "secretExcludeReloaderAnnotation",
        "secrets.exclude.reloader.stakater.com/reload",
    ),
    ("autoSearchAnnotation", "reloader.stakater.com/search"),
    ("searchMatchAnnotation", MATCH),
    ("ignoreResourceAnnotation", IGNORE[1]),
    (
        "rolloutStrategyAnnotation",
        "reloader.stakater.com/rollout-strategy",
    ),
    ("pauseDeploymentAnnotation", PAUSE_PERIOD),
    ("pauseDeploymentTimeAnnotation", PAUSED_AT),
];

fn shown(selector: Option<&Selector>) -> Vec<String> {
    selector.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use tidings_core::annotations;

    use super::*;
    use crate::settings::tests::settings_with;

    #[test]
    fn keys_are_annotations() {
        for (name, key) in KEYS {
            assert!(annotations::find(key).is_some(), "{name}");
        }
    }

    #[test]
    fn what_runs_is_in_three_keys_and_no_url_is_in_them() {
        let variables = [
            ("RELOADER_NAMESPACE", "infra"),
            ("RELOADER_DEPLOYMENT_NAME", "reloader"),
        ];
        let options = [
            "--reloader-observables",
            "--webhook-url=https://hooks.example/secret",
            "--namespaces-to-ignore=a",
            "--namespace-selector=env:prod",
            "--auto-annotation=example.org/follow",
            "--resources-to-ignore=secrets",
            "--ignored-workload-types=jobs,cronjobs",
            "--reload-strategy=annotations",
        ];
        let settings = settings_with(&variables, &options).unwrap();
        let object = object(&settings, settings.observed.as_ref().unwrap());
        assert_eq!(object["metadata"]["namespace"], "infra");
        assert_eq!(object["metadata"]["labels"][LABEL], "reloader");
        insta::assert_snapshot!(object["data"]["deploymentInfo"].as_str().unwrap(), @r#"{"creationTimestamp":null,"name":"reloader","namespace":"infra"}"#);
        let shown = object["data"]["reloaderOptions"].as_str().unwrap();
        let options: Value = serde_json::from_str(shown).unwrap();
        let expected = json!({
            "namespaceSelectors": ["env=prod"],
            "namespacesToIgnore": ["a"],
            "resourcesToIgnore": ["secrets"],
            "workloadTypesToIgnore": ["cronjobs", "jobs"],
            "reloadStrategy": "annotations",
            "reloaderAutoAnnotation": "example.org/follow",
            "ignoreResourceAnnotation": "reloader.stakater.com/ignore",
            "webhookUrl": "(not shown)",
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(options[name], *value, "{name}");
        }
        assert!(!shown.contains("hooks.example"));
        insta::assert_snapshot!(object["data"]["buildInfo"].as_str().unwrap(), @r#"{"commitHash":"","commitTime":"0001-01-01T00:00:00Z","edition":"tidings","goVersion":"","releaseVersion":"0.1.0"}"#);
    }
}
