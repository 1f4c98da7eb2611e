//! Tidings at work in a namespace of a test's own, and the words to say what it did.
//!
//! [`Installed`] is two namespaces: one that is watched, with the test's objects,
//! and one for Tidings' records. A test says when a controller runs, with which
//! options, and how often; what was done is read from the cluster: revisions,
//! templates, Events, records.

mod exactly;
mod people;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::fixtures::{self, TestNamespace, config_map, deployment, secret};
use crate::process::{self, Launch, Tidings};
use crate::proxy::Proxy;
use crate::random;
use crate::wait::{holds, secs, wait_until};

pub use exactly::SHORT_LEASE;

/// What the controller writes on a pod template: `instance/number`.
pub const CONFIG: &str = "tidings.dev/config";
/// What the controller writes on a pod template: the sources and keys.
pub const BECAUSE: &str = "tidings.dev/because";
/// Tidings' own opt-in.
pub const RELOAD: &str = "tidings.dev/reload";
/// The name of the installation, unless options give another.
pub const INSTANCE: &str = "tidings";

/// How long anything may take. Generous: no test measures time.
const LIMIT: Duration = secs(30);
/// How long nothing must happen, after the controller is known to be up to date.
const QUIET: Duration = Duration::from_millis(400);

/// Two namespaces and a way to the API server.
pub struct Installed {
    ns: TestNamespace,
    own: TestNamespace,
    admin: PathBuf,
    kubeconfig: PathBuf,
}

/// An Event that Tidings wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `Normal` or `Warning`.
    pub class: String,
    /// Its reason.
    pub reason: String,
    /// Its text.
    pub text: String,
}

impl Installed {
    /// Makes both namespaces, named after the test and at random.
    pub async fn new(cluster: &Cluster, about: &str) -> Result<Self> {
        let ns = TestNamespace::new(cluster, about).await?;
        let own = TestNamespace::new(cluster, &format!("{about}-own")).await?;
        let admin = cluster.kubeconfig().to_owned();
        let kubeconfig = admin.clone();
        Ok(Self {
            ns,
            own,
            admin,
            kubeconfig,
        })
    }

    /// Namespaces of these very names, in a cluster of one's own.
    pub async fn named(cluster: &Cluster, name: &str) -> Result<Self> {
        Ok(Self {
            ns: TestNamespace::named(cluster, name.to_owned()).await?,
            own: TestNamespace::named(cluster, INSTANCE.to_owned()).await?,
            admin: cluster.kubeconfig().to_owned(),
            kubeconfig: cluster.kubeconfig().to_owned(),
        })
    }

    /// As [`Installed::new`], with the controller behind a proxy.
    pub async fn behind(proxy: &Proxy<'_>, cluster: &Cluster, about: &str) -> Result<Self> {
        let kubeconfig = proxy.kubeconfig_for("admin").await?;
        Ok(Self {
            kubeconfig,
            ..Self::new(cluster, about).await?
        })
    }

    /// Both namespaces in the shared cluster, and a controller with these options.
    pub async fn running(about: &str, options: &[&str]) -> Result<(Self, Tidings)> {
        let installed = Self::new(Cluster::shared().await?, about).await?;
        let tidings = installed.controller(options).await?;
        Ok((installed, tidings))
    }

    /// The namespace that is watched.
    pub fn ns(&self) -> &TestNamespace {
        &self.ns
    }

    /// Tidings' own namespace.
    pub fn own(&self) -> &TestNamespace {
        &self.own
    }

    // --- running it --------------------------------------------------------

    /// A controller for the watched namespace, to be started once or more often; as
    /// it ships, but for what the options say.
    pub fn launch(&self, options: &[&str]) -> Result<Launch> {
        self.launch_as(&self.kubeconfig, options)
    }

    /// As [`Installed::launch`], as this kubeconfig's user.
    pub fn launch_as(&self, kubeconfig: &Path, options: &[&str]) -> Result<Launch> {
        let launch = self.launch_everywhere_as(kubeconfig, options)?;
        Ok(launch.args(&["--namespaces", self.ns.name()]))
    }

    /// A controller for all namespaces but what the options leave out. The
    /// cluster is shared: the options must leave out what is not the test's.
    pub fn launch_everywhere(&self, options: &[&str]) -> Result<Launch> {
        self.launch_everywhere_as(&self.kubeconfig, options)
    }

    /// As [`Installed::launch_everywhere`], as this kubeconfig's user.
    pub fn launch_everywhere_as(&self, kubeconfig: &Path, options: &[&str]) -> Result<Launch> {
        let launch = process::controller(kubeconfig)?;
        Ok(launch
            .args(&["--own-namespace", self.own.name()])
            .args(options))
    }

    /// Starts a controller with these options and waits until it is ready.
    pub async fn controller(&self, options: &[&str]) -> Result<Tidings> {
        self.controller_as(&self.kubeconfig, options).await
    }

    /// As [`Installed::controller`], as this kubeconfig's user.
    pub async fn controller_as(&self, kubeconfig: &Path, options: &[&str]) -> Result<Tidings> {
        let tidings = self.launch_as(kubeconfig, options)?.start()?;
        tidings.ready(LIMIT).await?;
        Ok(tidings)
    }

    /// Has a controller end in order, so that the next one need not wait for its Lease.
    pub async fn stop(&self, tidings: Tidings) -> Result<()> {
        tidings.signal(rustix::process::Signal::TERM)?;
        let status = tidings.exit(LIMIT).await?;
        ensure!(status.success(), "{status}\n{}", tidings.tail());
        Ok(())
    }

    /// Runs `tidings why` as the administrator, about this installation.
    pub async fn why(&self, args: &[&str]) -> Result<Output> {
        self.why_as(&self.admin, args).await
    }

    /// Runs `tidings why` as the kubeconfig's user, about this installation.
    pub async fn why_as(&self, kubeconfig: &Path, args: &[&str]) -> Result<Output> {
        self.ask_as(kubeconfig, "why", args).await
    }

    /// Runs a command that looks at a cluster as the administrator, about this
    /// installation.
    pub async fn ask(&self, command: &str, args: &[&str]) -> Result<Output> {
        self.ask_as(&self.admin, command, args).await
    }

    /// As [`Installed::ask`], as the kubeconfig's user.
    pub async fn ask_as(&self, kubeconfig: &Path, command: &str, args: &[&str]) -> Result<Output> {
        process::run(kubeconfig, &self.words(command, args)).await
    }

    /// As [`Installed::ask`], of a command that goes on until it is told to stop.
    pub fn follow(&self, command: &str, args: &[&str]) -> Result<Tidings> {
        process::start(&self.admin, &self.words(command, args))
    }

    fn words<'a>(&'a self, command: &'a str, args: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec![command, "--own-namespace", self.own.name()];
        all.extend(["--namespaces", self.ns.name()]);
        if !args.contains(&"-A") {
            all.extend(["-n", self.ns.name()]);
        }
        all.extend(args);
        all
    }

    // --- what it did -------------------------------------------------------

    /// The record of a workload, if there is one.
    pub async fn entry(&self, workload: &str) -> Result<Option<Value>> {
        let key = entry_key(workload)?;
        for (stored, json) in self.records().await? {
            // What is too long for a key stands in the entry.
            if stored == key {
                return Ok(Some(serde_json::from_slice(&json)?));
            }
            if let Ok(entry) = serde_json::from_slice::<Value>(&json)
                && entry["of"] == key.as_str()
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// All records of the watched namespace, as they are stored.
    pub async fn records(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let first = format!("{INSTANCE}-state.{}", self.ns.name());
        let more = format!("{first}.");
        let secrets: Api<Secret> = self.own.api();
        let all = secrets.list(&ListParams::default()).await?.items;
        let is_of_it = |secret: &Secret| {
            let name = secret.name_any();
            name == first || name.starts_with(&more)
        };
        let of_it = all.into_iter().filter(is_of_it);
        let data = of_it.flat_map(|secret| secret.data.unwrap_or_default());
        Ok(data.map(|(key, value)| (key, value.0)).collect())
    }

    /// Waits until the workload that has this name now is on record; gives the record.
    pub async fn adopted(&self, workload: &str) -> Result<Value> {
        let what = format!("{workload} to be on record");
        wait_until(&what, LIMIT, async || {
            let uid = self.ns.get(workload).await?.uid().context("no uid")?;
            let entry = self.entry(workload).await?.context("no record")?;
            ensure!(entry["uid"] == uid.as_str(), "it is another's: {entry}");
            Ok(entry)
        })
        .await
    }

    /// Applies workloads and waits until all are on record.
    pub async fn adopt<W: Into<DynamicObject>>(
        &self,
        workloads: impl IntoIterator<Item = W>,
    ) -> Result<()> {
        let mut references = Vec::new();
        for workload in workloads {
            let applied = self.ns.apply(workload).await?;
            references.push(fixtures::reference_to(&applied));
        }
        for reference in &references {
            self.adopted(reference).await?;
        }
        Ok(())
    }

    /// How often the workload's pods were replaced, by whomever.
    pub async fn rolls(&self, workload: &str) -> Result<usize> {
        Ok(self.ns.revision_count(workload).await?.saturating_sub(1))
    }

    /// Waits until the workload's pods have been replaced so many times.
    pub async fn rolled(&self, workload: &str, times: usize) -> Result<()> {
        let what = format!("{workload} to be rolled {times} times");
        wait_until(&what, LIMIT, async || {
            let rolls = self.rolls(workload).await?;
            ensure!(rolls == times, "{rolls} rolls");
            Ok(())
        })
        .await
    }

    /// The number of the last roll by Tidings, as the pod template has it.
    pub async fn number(&self, workload: &str) -> Result<Option<u64>> {
        let config = self.ns.template_annotation(workload, CONFIG).await?;
        let number = config.and_then(|text| text.rsplit_once('/')?.1.parse().ok());
        Ok(number)
    }

    /// Waits until Tidings' last roll of the workload has this number.
    pub async fn numbered(&self, workload: &str, number: u64) -> Result<()> {
        let what = format!("roll {number} of {workload}");
        wait_until(&what, LIMIT, async || {
            let now = self.number(workload).await?;
            ensure!(now == Some(number), "the template has {now:?}");
            Ok(())
        })
        .await
    }

    /// Waits for Tidings' roll of this number, and checks that none follows it.
    pub async fn rolled_no_further(&self, workload: &str, number: u64) -> Result<()> {
        self.numbered(workload, number).await?;
        let rolled = self.ns.get(workload).await?;
        self.stay(&[(workload, rolled)]).await?;
        self.numbered(workload, number).await
    }

    /// Waits until the record says that the workload has the present version of a
    /// source, rolled for it or not.
    pub async fn in_step(&self, workload: &str, source: &str) -> Result<()> {
        let what = format!("{workload} to be in step with {source}");
        wait_until(&what, LIMIT, async || {
            self.is_in_step(workload, source).await
        })
        .await
    }

    /// Whether that is so now.
    pub async fn is_in_step(&self, workload: &str, source: &str) -> Result<()> {
        let version = self.ns.get(source).await?.resource_version();
        let entry = self.entry(workload).await?.context("no record")?;
        let seen = &entry["seen"][source]["rv"];
        ensure!(version == Some(seen.to_string()), "{version:?}; {entry}");
        Ok(())
    }

    /// What the last roll was for, as the pod template says.
    pub async fn because(&self, workload: &str) -> Result<Option<String>> {
        self.ns.template_annotation(workload, BECAUSE).await
    }

    /// The Events that Tidings wrote about a workload, of the workload that has
    /// this name now.
    pub async fn events(&self, workload: &str) -> Result<Vec<Told>> {
        let uid = self.ns.get(workload).await?.uid().context("no uid")?;
        let about = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        let events: Api<Event> = self.ns.api();
        let events = events.list(&about).await?.items.into_iter();
        Ok(events.filter(is_ours).map(told).collect())
    }

    /// Waits for an Event about a workload with this reason whose text contains this.
    pub async fn told(&self, workload: &str, reason: &str, text: &str) -> Result<Told> {
        let what = format!("an Event {reason} with {text:?} about {workload}");
        wait_until(&what, LIMIT, async || {
            let events = self.events(workload).await?;
            let found = events
                .iter()
                .find(|e| e.reason == reason && e.text.contains(text));
            found.cloned().with_context(|| format!("{events:?}"))
        })
        .await
    }

    // --- what it did not do ------------------------------------------------

    /// Waits until the controller has seen and decided all that was written before:
    /// of a workload of our own, a ConfigMap and a Secret are changed, and what was
    /// changed earlier comes earlier on the same streams, and has been quiet for
    /// longer. Each time it is another workload, since none is rolled for ever.
    pub async fn caught_up(&self) -> Result<()> {
        let canary = format!("canary-{}", random::word());
        self.change_canary(&canary, "first").await?;
        let bird = deployment(&canary).replicas(0).annotate(RELOAD, "auto");
        let [map, secret] = ["configmap", "secret"].map(|kind| format!("{kind}/{canary}"));
        self.adopt([bird.env_from(&map).env_from(&secret)]).await?;
        let versions = self.change_canary(&canary, "second").await?;
        let workload = format!("deployment/{canary}");
        wait_until("the controller to catch up", LIMIT, async || {
            let entry = self.entry(&workload).await?.context("no record")?;
            let seen =
                [&map, &secret].map(|source| entry["seen"][source.as_str()]["rv"].to_string());
            ensure!(seen == versions, "{entry}");
            Ok(())
        })
        .await?;
        self.ns.delete(&workload).await
    }

    async fn change_canary(&self, name: &str, content: &str) -> Result<[String; 2]> {
        let content = [("content", content)];
        let map = self.ns.apply(config_map(name, &content)).await?;
        let secret = self.ns.apply(secret(name, &content)).await?;
        Ok([map, secret].map(|source| source.resource_version().unwrap_or_default()))
    }

    /// Makes a change and checks that the controller, once it has seen it, leaves
    /// the specs of these workloads as they were before.
    pub async fn rolls_nothing(
        &self,
        workloads: &[&str],
        change: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut before = Vec::new();
        for workload in workloads {
            before.push((*workload, self.ns.get(workload).await?));
        }
        change().await?;
        self.stay(&before).await
    }

    /// Checks that the controller, once it has seen all, leaves the specs of these
    /// workloads as they were when they were got or written.
    pub async fn stay(&self, workloads: &[(&str, DynamicObject)]) -> Result<()> {
        self.caught_up().await?;
        holds("no roll", QUIET, async || {
            for (workload, then) in workloads {
                let now = self.ns.get(workload).await?.metadata.generation;
                let then = then.metadata.generation;
                ensure!(now == then, "{workload}: generation {then:?}, then {now:?}");
            }
            Ok(())
        })
        .await
    }
}

/// The key under which a workload's entry is stored.
fn entry_key(workload: &str) -> Result<String> {
    let (kind, name) = fixtures::parse(workload)?;
    Ok(format!("{}.{}_{name}", kind.plural, kind.group))
}

fn is_ours(event: &Event) -> bool {
    let component = event
        .source
        .as_ref()
        .and_then(|source| source.component.as_deref());
    [component, event.reporting_component.as_deref()]
        .into_iter()
        .flatten()
        .any(|name| name.starts_with("tidings"))
}

fn told(event: Event) -> Told {
    Told {
        class: event.type_.unwrap_or_default(),
        reason: event.reason.unwrap_or_default(),
        text: event.message.unwrap_or_default(),
    }
}

/// Both outputs of a command, for messages and searches.
pub fn text_of(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// Base64, as Secrets hold their values.
pub fn encoded(plain: &str) -> String {
    BASE64_STANDARD.encode(plain)
}
