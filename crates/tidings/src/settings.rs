//! What an installation was told, validated.
//!
//! Two steps: [`args`] reads each word of the command line by itself; here the
//! words become [`ControllerSettings`] and [`WhySettings`], which hold only what
//! makes sense together. The error is one sentence on what to change; the
//! program then ends with exit code 2. The only I/O: [`surroundings`] looks where
//! the program runs, and a word that names a file of rows is read with it.

use std::net::{Ipv4Addr, SocketAddr};

use tidings_core::kinds::{Kind, Kinds};
use tidings_core::refs::Name;

pub mod args;
mod dashboard;
pub mod given;
mod history;
mod impact;
mod inject;
mod installation;
mod lint;
mod notes;
pub mod notify;
mod people;
pub mod selector;
mod stale;
mod status;
pub mod streams;
pub mod surroundings;
pub mod told;
pub mod values;
mod wait;

use crate::agents::AgentsBy;
use crate::api::connect::Connect;
use crate::lease::Timings;
use crate::report::log::{LogSettings, Note};
use crate::rights::Extent;
use args::{ControllerArgs, PlainArgs, TakeOverArgs, WhyArgs};
pub use dashboard::DashboardSettings;
pub use history::HistorySettings;
pub use impact::{ImpactSettings, Supposed, SupposedSource};
pub use inject::InjectSettings;
use installation::kinds;
pub(crate) use installation::own_namespace;
pub use installation::{Installation, Namespaces};
pub use lint::LintSettings;
use notes::notes;
pub use notify::NotifySettings;
pub use people::{Manner, PauseExtent, PauseSettings, Span, WordSettings};
use selector::Selector;
pub use stale::StaleSettings;
pub use status::StatusSettings;
pub use surroundings::Surroundings;
use surroundings::{METRICS_COUNT_BY_NAMESPACE, RELOADER_DEPLOYMENT_NAME, RELOADER_NAMESPACE};
use values::{ListForm, Listen};
pub use wait::WaitSettings;

/// The port of the admin server where none is chosen.
const ADMIN_PORT: u16 = 9090;

/// What the command line asks for cannot be done. The text says what to change.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(String);

impl Misuse {
    /// With this text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
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
    pub cluster: Connect,
    /// What is watched, and on which terms.
    pub installation: Installation,
    /// What each option says by itself.
    pub plain: PlainArgs,
    /// Where the admin server listens; `None` is nowhere.
    pub listen: Option<SocketAddr>,
    /// The log.
    pub log: LogSettings,
    /// The Lease.
    pub lease: Timings,
    /// What of Reloader's is shown.
    pub observed: Option<Observed>,
    /// Who is told.
    pub notify: NotifySettings,
    /// What to say at the start.
    pub notes: Vec<Note>,
    /// What the commands are told of the options ([`told::words`]).
    pub told: Vec<String>,
}

impl ControllerSettings {
    /// What it needs rights for.
    pub fn extent(&self) -> Extent {
        let installation = &self.installation;
        let own = &installation.own_namespace;
        Extent {
            namespaces: installation.named(),
            kinds: installation.kinds.clone(),
            sources: installation.sources.clone(),
            own_namespace: own.clone(),
            methods: installation.rules.enabled,
            proxied: installation.agents_by == AgentsBy::Proxy,
            dry_run: self.plain.dry_run,
        }
    }

    /// Checks the options of `tidings controller` together.
    pub fn new(args: &ControllerArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let run = &args.run;
        let mut notes = notes(args, around);
        let notify = NotifySettings::new(&args.notify, around, &mut notes)?;
        let mut installation = Installation::new(&args.scope, &args.rules, around)?;
        installation.rules.writes = !run.plain.dry_run && notify.webhook.is_none();
        Ok(Self {
            cluster: of_kubeconfig(&args.cluster),
            installation,
            plain: run.plain.clone(),
            listen: listen(run.listen, around),
            log: LogSettings {
                format: run.log_format,
                level: run.log_level,
            },
            lease: lease(run)?,
            observed: observed(args, around)?,
            notify,
            notes,
            told: Vec::new(),
        })
    }
}

/// All that `tidings why` needs to know.
#[derive(Clone, Debug)]
pub struct WhySettings {
    /// The installation that is asked about.
    pub installation: Installation,
    /// Which workloads.
    pub target: Target,
    /// Which of several, in the API server's words; all where it is empty.
    pub labels: String,
    /// The form of the report.
    pub output: ListForm,
    /// Whether only rows are printed, where there is one for each workload.
    pub bare: bool,
}

/// The workloads that `tidings why` is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All that the controller watches.
    All,
    /// All of a namespace; `None` is that of the kubeconfig's context.
    Within(Option<Name>),
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
        let installation = Installation::asked(&args.installation, around)?;
        Ok(Self {
            target: target(args, &installation.kinds)?,
            labels: labels(args.selector.as_ref()),
            installation,
            output: args.output,
            bare: args.no_headers,
        })
    }
}

fn of_kubeconfig(args: &args::KubeconfigArgs) -> Connect {
    Connect {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        ..Connect::default()
    }
}

/// Which cluster a command speaks to.
pub(crate) fn cluster(args: &args::ClusterArgs) -> Connect {
    Connect {
        cluster: args.cluster.clone(),
        user: args.user.clone(),
        as_user: args.as_user.clone(),
        as_groups: args.as_groups.clone(),
        answer: Some(args.request_timeout).filter(|time| !time.is_zero()),
        ..of_kubeconfig(&args.kubeconfig)
    }
}

fn labels(selector: Option<&Selector>) -> String {
    selector.map(ToString::to_string).unwrap_or_default()
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

fn lease(args: &args::RunArgs) -> Result<Timings, Misuse> {
    let lease = Timings {
        duration: args.lease_duration,
        renew: args.lease_renew_deadline,
        retry: args.lease_retry_period,
    };
    let ordered =
        lease.duration > lease.renew && lease.renew > lease.retry && !lease.retry.is_zero();
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

fn target(args: &WhyArgs, kinds: &Kinds) -> Result<Target, Misuse> {
    let namespace = args.namespace.as_deref();
    let Some(text) = &args.workload else {
        return Ok(Target::of(args.all_namespaces, namespace));
    };
    let (kind, name) = rolled(kinds, text)?;
    Ok(Target::One {
        kind,
        name,
        namespace: namespace.map(Name::from),
    })
}

/// A workload of a kind that an installation with these options rolls.
fn rolled(kinds: &Kinds, text: &str) -> Result<(&'static Kind, Name), Misuse> {
    let (kind, name) = workload(kinds, text)?;
    if kinds.iter().any(|rolled| rolled == kind) {
        return Ok((kind, name));
    }
    let options = Kind::on_demand().map(|(_, demand)| format!(", --{}", demand.option));
    Err(Misuse(format!(
        "an installation with these options does not roll {}: give the options of the \
         controller (--ignored-workload-types{})",
        kind.plural,
        options.collect::<String>()
    )))
}

impl Target {
    /// All of all namespaces, or of this one.
    fn of(all: bool, namespace: Option<&str>) -> Self {
        if all {
            Self::All
        } else {
            Self::Within(namespace.map(Name::from))
        }
    }
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
    /// The kinds that the controller rolls: its records are of these.
    pub kinds: Kinds,
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
        let kinds = kinds(&args.kinds)?;
        let (kind, name) = workload(&kinds, &args.workload)?;
        Ok(Self {
            kinds,
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
