//! What an installation was told, validated.
//!
//! Two steps: [`args`] reads each word of the command line by itself; here the
//! words become [`ControllerSettings`] and [`WhySettings`], which hold only what
//! makes sense together. The error is one sentence on what to change; the
//! program then ends with exit code 2. Where the program runs is
//! [`surroundings`]; the only I/O is there.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidings_core::decide::Rules;
use tidings_core::kinds::{KINDS, Kind, Kinds, Watched};
use tidings_core::object::Seconds;
use tidings_core::policy::Defaults;
use tidings_core::refs::{Name, SourceKind};
use tidings_core::vocabulary::{RENAMES, Vocabulary};

use crate::scope::Filter;

pub mod args;
mod lint;
pub mod notify;
pub mod selector;
pub mod streams;
pub mod surroundings;
pub mod values;

use args::{ControllerArgs, HomeArgs, KindArgs, RuleArgs, ScopeArgs, TakeOverArgs, WhyArgs};
pub use lint::LintSettings;
pub use notify::NotifySettings;
use selector::Selector;
pub use surroundings::Surroundings;
use surroundings::{
    KUBERNETES_NAMESPACE, METRICS_COUNT_BY_NAMESPACE, RELOADER_DEPLOYMENT_NAME, RELOADER_NAMESPACE,
};
use values::{Compat, Listen, LogFormat, LogLevel, Output, ReloadStrategy};

/// The port of the admin server where none is chosen.
const ADMIN_PORT: u16 = 9090;

/// What the command line asks for cannot be done. The text says what to change.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(String);

/// Something to say at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether a person should look at it.
    pub warning: bool,
    /// A sentence.
    pub text: String,
}

impl Note {
    fn info(text: impl Into<String>) -> Self {
        Self {
            warning: false,
            text: text.into(),
        }
    }

    fn warning(text: impl Into<String>) -> Self {
        Self {
            warning: true,
            text: text.into(),
        }
    }
}

/// Which cluster to speak to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterSettings {
    /// The kubeconfig file, where one is chosen.
    pub kubeconfig: Option<PathBuf>,
    /// The context, where one is chosen.
    pub context: Option<String>,
}

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

/// The form and amount of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Its form.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// The times of the Lease. `duration` > `renew_deadline` > `retry_period` > 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// How long it holds unrenewed; whole seconds.
    pub duration: Duration,
    /// A leader that could not renew for this long stops writing.
    pub renew_deadline: Duration,
    /// Between two attempts.
    pub retry_period: Duration,
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
    /// The namespace of the records and the Lease.
    pub own_namespace: Name,
}

impl Installation {
    fn new(scope: &ScopeArgs, rules: &RuleArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Ok(Self {
            namespaces: namespaces(scope, around)?,
            kinds: kinds(&scope.kinds)?,
            sources: sources(scope)?,
            source_labels: selector::all_of(&scope.resource_label_selector),
            vocabulary: vocabulary(rules)?,
            defaults: Defaults {
                auto_reload_all: rules.auto_reload_all,
            },
            rules: rules_of(rules),
            strategy: strategy(rules),
            own_namespace: own_namespace(&rules.home, around),
        })
    }

    /// Which sources are watched, and how objects are read.
    pub fn filter(&self) -> Filter {
        Filter {
            labels: self.source_labels.clone().unwrap_or_default(),
            vocabulary: Arc::clone(&self.vocabulary),
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

/// What `--reloader-observables` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Whether rolls are counted by namespace.
    pub by_namespace: bool,
    /// The namespace of the ConfigMap that says what runs.
    pub namespace: Name,
    /// The Deployment that is named there; may be empty.
    pub deployment: String,
}

/// All that a controller needs to know.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// Which cluster.
    pub cluster: ClusterSettings,
    /// What is watched, and on which terms.
    pub installation: Installation,
    /// The quiet time where no annotation sets one; zero is off.
    pub settle: Duration,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// Writes under way at the same time.
    pub max_in_flight: usize,
    /// Where the admin server listens; `None` is nowhere.
    pub listen: Option<SocketAddr>,
    /// The log.
    pub log: LogSettings,
    /// The Lease.
    pub lease: LeaseSettings,
    /// What of Reloader's is shown.
    pub observed: Option<Observed>,
    /// Who is told.
    pub notify: NotifySettings,
    /// What to say at the start.
    pub notes: Vec<Note>,
}

impl ControllerSettings {
    /// Checks the options of `tidings controller` together.
    pub fn new(args: &ControllerArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let run = &args.run;
        let mut notes = notes(args, around);
        Ok(Self {
            cluster: cluster(&args.cluster),
            installation: Installation::new(&args.scope, &args.rules, around)?,
            settle: run.settle,
            dry_run: run.dry_run,
            max_in_flight: usize::from(run.max_in_flight),
            listen: listen(run.listen, around),
            log: LogSettings {
                format: run.log_format,
                level: run.log_level,
            },
            lease: lease(run)?,
            observed: observed(args, around)?,
            notify: NotifySettings::new(&args.notify, around, &mut notes)?,
            notes,
        })
    }
}

/// All that `tidings why` needs to know.
#[derive(Clone, Debug)]
pub struct WhySettings {
    /// Which cluster.
    pub cluster: ClusterSettings,
    /// The installation that is asked about.
    pub installation: Installation,
    /// Which workloads.
    pub target: Target,
    /// The form of the report.
    pub output: Output,
}

/// The workloads that `tidings why` is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All that the controller watches.
    All,
    /// One.
    One {
        /// Its kind.
        kind: &'static Kind,
        /// Its name.
        name: Name,
        /// Its namespace; `None` is that of the kubeconfig's context.
        namespace: Option<Name>,
    },
}

impl WhySettings {
    /// Checks the options of `tidings why` together.
    pub fn new(args: &WhyArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let installation = Installation::new(&args.scope, &args.rules, around)?;
        Ok(Self {
            cluster: cluster(&args.cluster),
            target: target(args, &installation.kinds)?,
            installation,
            output: args.output,
        })
    }
}

fn cluster(args: &args::ClusterArgs) -> ClusterSettings {
    ClusterSettings {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
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

fn kinds(args: &KindArgs) -> Result<Kinds, Misuse> {
    let wanted = |kind: &&Kind| match kind.word {
        "rollout" => args.is_argo_rollouts,
        "deploymentconfig" => args.is_openshift,
        _ => kind.watched == Watched::Always,
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
    vocabulary
        .map(Arc::new)
        .map_err(|said| wrong.unwrap_or(Misuse(said)))
}

/// Rounded up: an interval is not to be cut short.
fn seconds(time: Duration) -> Seconds {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    Seconds::try_from(whole).unwrap_or(Seconds::MAX)
}

fn rules_of(args: &RuleArgs) -> Rules {
    Rules {
        instance: args.home.instance.as_str().into(),
        on_create: args.reload_on_create,
        on_delete: args.reload_on_delete,
        catch_up: args.catch_up,
        strict: args.compat == Compat::Strict,
        min_interval: seconds(args.min_interval),
        fuse: args.storm_fuse,
        one_etcd: args.absorb_by_version,
    }
}

fn own_namespace(args: &HomeArgs, around: &Surroundings) -> Name {
    let chosen = args.own_namespace.as_deref().map(Name::from);
    let chosen = chosen.or_else(|| around.pod_namespace.clone());
    chosen.unwrap_or_else(|| "tidings".into())
}

/// In a pod the kubelet and Prometheus must reach it; on a laptop nobody else
/// should.
fn listen(chosen: Option<Listen>, around: &Surroundings) -> Option<SocketAddr> {
    let address = match around.pod_namespace {
        Some(_) => Ipv4Addr::UNSPECIFIED,
        None => Ipv4Addr::LOCALHOST,
    };
    match chosen {
        Some(Listen::Off) => None,
        Some(Listen::At(address)) => Some(address),
        None => Some(SocketAddr::from((address, ADMIN_PORT))),
    }
}

fn lease(args: &args::RunArgs) -> Result<LeaseSettings, Misuse> {
    let lease = LeaseSettings {
        duration: args.lease_duration,
        renew_deadline: args.lease_renew_deadline,
        retry_period: args.lease_retry_period,
    };
    let ordered = lease.duration > lease.renew_deadline
        && lease.renew_deadline > lease.retry_period
        && !lease.retry_period.is_zero();
    let whole = lease.duration.subsec_nanos() == 0;
    if ordered && whole {
        return Ok(lease);
    }
    let text = "--lease-duration, whole seconds, must be longer than --lease-renew-deadline, \
                and that longer than --lease-retry-period, which must not be 0";
    Err(Misuse(text.to_owned()))
}

fn observed(args: &ControllerArgs, around: &Surroundings) -> Result<Option<Observed>, Misuse> {
    if !args.run.reloader_observables {
        return Ok(None);
    }
    let text = |name| around.variable(name).unwrap_or_default().to_owned();
    let namespace = around.variable(RELOADER_NAMESPACE).map(values::dns_label);
    let namespace = namespace.transpose();
    let namespace = namespace.map_err(|e| Misuse(format!("{RELOADER_NAMESPACE}: {e}")))?;
    let own = || own_namespace(&args.rules.home, around);
    Ok(Some(Observed {
        by_namespace: text(METRICS_COUNT_BY_NAMESPACE) == "enabled",
        namespace: namespace.map_or_else(own, |name| name.as_str().into()),
        deployment: text(RELOADER_DEPLOYMENT_NAME),
    }))
}

/// What becomes of options that are taken for Reloader's sake.
fn notes(args: &ControllerArgs, around: &Surroundings) -> Vec<Note> {
    let (reloader, scope) = (&args.reloader, &args.scope);
    let mut notes = Vec::new();
    if reloader.sync_after_restart {
        notes.push(Note::info(
            "--sync-after-restart: what changed while no controller ran is always found, here without it",
        ));
    }
    if reloader.enable_ha {
        notes.push(Note::info(
            "--enable-ha: replicas always take turns by a Lease, here without it",
        ));
    }
    if reloader.enable_pprof {
        notes.push(Note::warning(
            "--enable-pprof: there is no profiler here, and nothing listens for it; see /metrics",
        ));
    }
    let narrowed = !(scope.namespaces_to_ignore.is_empty() && scope.namespace_selector.is_empty());
    let one = scope.namespaces.is_empty() && around.variable(KUBERNETES_NAMESPACE).is_some();
    if narrowed && one {
        notes.push(Note::warning(format!(
            "{KUBERNETES_NAMESPACE} names the one namespace that is watched: \
             --namespaces-to-ignore and --namespace-selector mean nothing beside it"
        )));
    }
    notes
}

fn target(args: &WhyArgs, kinds: &Kinds) -> Result<Target, Misuse> {
    let Some(text) = &args.workload else {
        return Ok(Target::All);
    };
    let (kind, name) = workload(kinds, text)?;
    let namespace = args.namespace.as_deref().map(Name::from);
    Ok(Target::One {
        kind,
        name,
        namespace,
    })
}

fn workload(kinds: &Kinds, text: &str) -> Result<(&'static Kind, Name), Misuse> {
    let parsed = text.split_once('/').and_then(|(kind, name)| {
        let kind = kinds.parse(kind)?;
        (!name.is_empty()).then(|| (kind, name.into()))
    });
    parsed.ok_or_else(|| {
        Misuse(format!(
            "{text:?} is not a workload such as deploy/web, sts/db or ds/agent"
        ))
    })
}

/// All that `tidings take-over` needs to know.
#[derive(Clone, Debug)]
pub struct TakeOverSettings {
    /// Which cluster.
    pub cluster: ClusterSettings,
    /// The kind of the workload.
    pub kind: &'static Kind,
    /// Its name.
    pub name: Name,
    /// Its namespace; `None` is that of the kubeconfig's context.
    pub namespace: Option<Name>,
    /// The installation that takes it over.
    pub instance: Name,
    /// The namespace of its records.
    pub own_namespace: Name,
}

impl TakeOverSettings {
    /// Checks the options of `tidings take-over`.
    pub fn new(args: &TakeOverArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let (kind, name) = workload(&kinds(&args.kinds)?, &args.workload)?;
        Ok(Self {
            cluster: cluster(&args.cluster),
            kind,
            name,
            namespace: args.namespace.as_deref().map(Name::from),
            instance: args.home.instance.as_str().into(),
            own_namespace: own_namespace(&args.home, around),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
