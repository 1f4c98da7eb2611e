//! Reloader's annotations.
//!
//! The order is that of its `ShouldReload`: for each kind of source, metadata is
//! read where it has any of the keys for that kind, else the template, never
//! both; exclude before names, names before `auto`, `auto` of all kinds or of one.

use super::reader::Reader;
use super::{Defaults, Policy, Selection};
use crate::annotations::{Named, PAUSE_PERIOD, ROLLOUT_STRATEGY, Setting};
use crate::pattern::Pattern;
use crate::refs::SourceKind;

const AUTO: &str = "reloader.stakater.com/auto";
const SEARCH: &str = "reloader.stakater.com/search";

/// The keys for one kind of source.
struct KeysOfKind {
    auto: &'static str,
    names: &'static str,
    exclude: &'static str,
}

impl KeysOfKind {
    const fn of(kind: SourceKind) -> Self {
        match kind {
            SourceKind::ConfigMap => Self {
                auto: "configmap.reloader.stakater.com/auto",
                names: "configmap.reloader.stakater.com/reload",
                exclude: "configmaps.exclude.reloader.stakater.com/reload",
            },
            SourceKind::Secret => Self {
                auto: "secret.reloader.stakater.com/auto",
                names: "secret.reloader.stakater.com/reload",
                exclude: "secrets.exclude.reloader.stakater.com/reload",
            },
            SourceKind::SecretProviderClass => Self {
                auto: "secretproviderclass.reloader.stakater.com/auto",
                names: "secretproviderclass.reloader.stakater.com/reload",
                exclude: "secretproviderclasses.exclude.reloader.stakater.com/reload",
            },
        }
    }
}

impl Reader<'_> {
    /// The exclude lists are no opt-in: they hold with every vocabulary.
    pub(super) fn excluded(&mut self, kind: SourceKind, selection: &mut Selection) {
        let exclude = self.read(self.metadata, KeysOfKind::of(kind).exclude);
        if let Some(Setting::Exclude(_, names)) = exclude {
            for name in names {
                selection.except.add(Named::whole(Pattern::Literal(name)));
            }
        }
    }

    /// What rolls the workload, of one kind of source.
    pub(super) fn reloader(
        &mut self,
        kind: SourceKind,
        defaults: Defaults,
        selection: &mut Selection,
    ) {
        let keys = KeysOfKind::of(kind);
        let opt_in = [keys.names, SEARCH, AUTO, keys.auto];
        let on_metadata = opt_in.iter().any(|key| self.metadata.contains_key(*key));
        let from = if on_metadata {
            self.metadata
        } else {
            self.template
        };
        if let Some(Setting::Names(_, names)) = self.read(from, keys.names) {
            for name in names {
                selection.named.add(Named::whole(name));
            }
        }
        selection.searched |= self.read(from, SEARCH) == Some(Setting::Search(true));
        let said = |key: &&str| from.get(*key).is_some_and(|value| !value.is_empty());
        let autos = [AUTO, keys.auto].into_iter().filter(said);
        let autos: Vec<_> = autos.map(|key| self.read(from, key)).collect();
        let silent = autos.is_empty();
        let on = |setting: Option<Setting>| matches!(setting, Some(Setting::Auto(_, true)));
        selection.used |= autos.into_iter().any(on) || (silent && defaults.auto_reload_all);
    }

    /// How it is rolled.
    pub(super) fn reloaders_ways(&mut self, policy: &mut Policy) {
        let strategy = self.read(self.metadata, ROLLOUT_STRATEGY);
        policy.restart_at = strategy == Some(Setting::RestartAt(true));
        let Some(Setting::PausePeriod(seconds)) = self.read(self.metadata, PAUSE_PERIOD) else {
            return;
        };
        if self.key.kind.api_kind == "Deployment" {
            policy.pause_period = Some(seconds).filter(|seconds| *seconds > 0);
        } else {
            self.say(PAUSE_PERIOD, "only a Deployment can be paused");
        }
    }
}
