//! What an installation watches, and on which terms.
//!
//! Goes in: options, and the variables of Reloader's that stand in for them. Comes
//! out: an [`Installation`], in which nothing contradicts anything. `tidings why`
//! and `tidings lint` ask for the same as the controller does. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidings_core::decide::Rules;
use tidings_core::kinds::{KINDS, Kind, Kinds, Watched};
use tidings_core::policy::Defaults;
use tidings_core::refs::{Name, SourceKind};
use tidings_core::vocabulary::{RENAMES, Vocabulary};

use super::Misuse;
use super::args::{HomeArgs, InstallationArgs, KindArgs, RuleArgs, ScopeArgs};
use super::selector::{self, Selector};
use super::surroundings::{KUBERNETES_NAMESPACE, Surroundings};
use super::values::{self, Compat, ReloadStrategy};
use crate::agents::AgentsBy;
use crate::watch::scope::Filter;

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq)]
pub enum Namespaces {
    /// These only, each with its own streams. Never empty.
    Only(BTreeSet<Name>),
    /// All of the cluster.
    All {
        /// But these, left out at the server.
        ignored: BTreeSet<Name>,
        /// Of which only those count whose labels match.
        selector: Option<Selector>,
    },
}

/// One installation: what it watches and on which terms. `tidings why` asks the
/// same as the controller does.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Which namespaces.
    pub namespaces: Namespaces,
    /// Which kinds of workload are rolled.
    pub kinds: Kinds,
    /// Which kinds of sources are watched. Never empty.
    pub sources: Vec<SourceKind>,
    /// Only sources with such labels are watched.
    pub source_labels: Option<Selector>,
    /// The keys by which annotations are read and written.
    pub vocabulary: Arc<Vocabulary>,
    /// What holds where annotations are silent.
    pub defaults: Defaults,
    /// How it is decided.
    pub rules: Rules,
    /// What a roll writes.
    pub strategy: ReloadStrategy,
    /// How the agents in pods are asked.
    pub agents_by: AgentsBy,
    /// The namespace of the records and the Lease.
    pub own_namespace: Name,
    /// Whether one may run of which the options could not be read: what was not given is the
    /// default then, and may be something else there.
    pub is_guessed: bool,
}

impl Installation {
    /// The same where stakater/Reloader runs with these options: it reads no annotation of
    /// ours.
    #[must_use]
    pub fn as_reloader(self) -> Self {
        Self {
            vocabulary: Arc::new(self.vocabulary.without_own()),
            ..self
        }
    }

    /// The one that a command is about.
    pub(super) fn asked(args: &InstallationArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Self::new(&args.scope, &args.rules, around)
    }

    pub(super) fn new(
        scope: &ScopeArgs,
        rules: &RuleArgs,
        around: &Surroundings,
    ) -> Result<Self, Misuse> {
        Ok(Self {
            namespaces: namespaces(scope, around)?,
            kinds: kinds(&scope.kinds)?,
            sources: sources(scope)?,
            source_labels: selector::all_of(&scope.resource_label_selector),
            vocabulary: vocabulary(rules)?,
            defaults: Defaults {
                auto_reload_all: rules.auto_reload_all,
                method: rules.methods.method,
                at_once: rules.at_once,
            },
            rules: rules.rules(),
            strategy: strategy(rules),
            agents_by: rules.methods.agents_by,
            own_namespace: own_namespace(&rules.home, around),
            is_guessed: false,
        })
    }

    /// Which sources are watched, and how objects are read.
    pub fn filter(&self) -> Filter {
        let namespaces = match &self.namespaces {
            Namespaces::All { selector, .. } => selector.clone(),
            Namespaces::Only(_) => None,
        };
        Filter {
            labels: self.source_labels.clone().unwrap_or_default(),
            namespaces: namespaces.unwrap_or_default(),
            vocabulary: Arc::clone(&self.vocabulary),
        }
    }

    /// The namespaces that it is limited to, where it is.
    pub fn named(&self) -> Option<BTreeSet<Name>> {
        match &self.namespaces {
            Namespaces::Only(names) => Some(names.clone()),
            Namespaces::All { .. } => None,
        }
    }

    /// Whether a namespace is watched, as far as its name tells.
    pub fn covers(&self, namespace: &str) -> bool {
        match &self.namespaces {
            Namespaces::Only(names) => names.contains(namespace),
            Namespaces::All { ignored, .. } => !ignored.contains(namespace),
        }
    }

    /// The same, narrowed to one namespace.
    #[must_use]
    pub fn within(mut self, namespace: Name) -> Self {
        self.namespaces = Namespaces::Only(BTreeSet::from([namespace]));
        self
    }
}

fn namespaces(args: &ScopeArgs, around: &Surroundings) -> Result<Namespaces, Misuse> {
    let names = |list: &[String]| list.iter().map(|n| Name::from(n.as_str())).collect();
    if args.namespaces.is_empty() {
        if let Some(only) = around.variable(KUBERNETES_NAMESPACE) {
            let only = values::dns_label(only);
            let only =
                only.map_err(|expected| Misuse(format!("{KUBERNETES_NAMESPACE}: {expected}")));
            return Ok(Namespaces::Only(names(&[only?])));
        }
        return Ok(Namespaces::All {
            ignored: names(&args.namespaces_to_ignore),
            selector: selector::all_of(&args.namespace_selector),
        });
    }
    if !args.namespaces_to_ignore.is_empty() {
        return Err(excludes("--namespaces", "--namespaces-to-ignore"));
    }
    if !args.namespace_selector.is_empty() {
        return Err(excludes("--namespaces", "--namespace-selector"));
    }
    Ok(Namespaces::Only(names(&args.namespaces)))
}

fn excludes(one: &str, other: &str) -> Misuse {
    Misuse(format!(
        "{one} already says which namespaces are watched: leave out {one} or {other}"
    ))
}

fn sources(args: &ScopeArgs) -> Result<Vec<SourceKind>, Misuse> {
    let watched = |kind: &SourceKind| match kind {
        SourceKind::SecretProviderClass => args.enable_csi_integration,
        kind => !args.resources_to_ignore.contains(kind),
    };
    let kept: Vec<_> = SourceKind::all().filter(watched).collect();
    if kept.is_empty() {
        let text =
            "--resources-to-ignore leaves nothing to watch: ignore configmaps or secrets, not both";
        return Err(Misuse(text.to_owned()));
    }
    Ok(kept)
}

pub(super) fn kinds(args: &KindArgs) -> Result<Kinds, Misuse> {
    let wanted = |kind: &&Kind| match kind.watched {
        Watched::Always => true,
        Watched::OnDemand(_) => args.on_demand.0.contains(kind),
        Watched::Told => false,
    };
    let of_file = args.custom_workloads_file.iter().flat_map(|rows| &rows.0);
    let custom = args.custom_workloads.iter().chain(of_file).copied();
    let kinds = KINDS.iter().filter(wanted).chain(custom);
    let kinds = Kinds::new(kinds.filter(|kind| !args.ignored_workload_types.contains(kind)));
    if kinds.iter().next().is_none() {
        let text = "--ignored-workload-types leaves nothing to roll";
        return Err(Misuse(text.to_owned()));
    }
    Ok(kinds)
}

fn strategy(args: &RuleArgs) -> ReloadStrategy {
    let usual = match args.compat {
        Compat::Safe => ReloadStrategy::Default,
        Compat::Strict => ReloadStrategy::EnvVars,
    };
    args.reload_strategy.unwrap_or(usual)
}

fn vocabulary(args: &RuleArgs) -> Result<Arc<Vocabulary>, Misuse> {
    let all = &args.names.0;
    let one = |(key, other): &(&'static str, String)| Vocabulary::new([(*key, other.clone())]);
    let wrong = all.iter().zip(&RENAMES).find_map(|(name, rename)| {
        let said = one(name).err()?;
        Some(Misuse(format!("--{}: {said}", rename.option)))
    });
    let vocabulary = Vocabulary::new(all.iter().cloned());
    let mut vocabulary = vocabulary.map_err(|said| wrong.unwrap_or(Misuse(said)))?;
    vocabulary.sees_pods = args.rules().goes_pod_by_pod();
    Ok(vocabulary.into())
}

/// The namespace of the records and the Lease.
pub(crate) fn own_namespace(args: &HomeArgs, around: &Surroundings) -> Name {
    let chosen = args.own_namespace.as_deref().map(Name::from);
    let chosen = chosen.or_else(|| around.pod_namespace.clone());
    chosen.unwrap_or_else(|| "tidings".into())
}
