//! Starts the controller and brings it to its end.
//!
//! Goes in: validated settings. Comes out: success after a signal to stop, or
//! one sentence on what is missing. Nothing is written before all that is
//! needed is there.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tidings_core::refs::Name;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::admin::{self, Health};
use crate::agents::Agents;
use crate::api::{ApiClient, ApiError, Call, Place, Term, Verb};
use crate::control::{Control, Plan};
use crate::installed::tell::OwnWord;
use crate::lease::{Candidate, Election};
use crate::metrics::Metrics;
use crate::metrics::reloader::Observables;
use crate::notify::sender::AlertSender;
use crate::notify::webhook::Webhook;
use crate::records::cluster;
use crate::reloader::meta_info;
use crate::report::allowance::Allowance;
use crate::report::outage::Outage;
use crate::report::sender::EventSender;
use crate::report::{Report, log};
use crate::run::chance::chance;
use crate::run::effects::{Effects, Executor};
use crate::run::ending::{self, FAREWELL, PATIENCE};
use crate::run::turning::{Ended, Loop};
use crate::settings::streams::{read_one_by_one, streams};
use crate::settings::{ControllerSettings, Namespaces, NotifySettings};
use crate::watch::{News, Watching, namespaces};
use crate::{notify, rights};

/// Inputs that may wait to be taken in; then the watches wait.
const INBOX: usize = 1_024;
/// Runs the controller until a signal to stop.
pub async fn controller(settings: ControllerSettings) -> Result<()> {
    // Before anything that takes long, so that a signal is never missed.
    ending::at_the_latest()?;
    let stop = ending::stop_signal()?;
    tokio::pin!(stop);
    let lines = log::init(settings.log)?;
    settings.notes.iter().for_each(log::note);
    let metrics = metrics(&settings);
    let api = tokio::select! {
        ready = prepared(&settings, &metrics) => ready?,
        why = &mut stop => {
            tracing::info!("{why}: nothing is under way yet");
            return Ok(());
        }
    };

    let told = Listeners::new(&settings.notify, &metrics)?;
    tokio::spawn(meta_info::publish(api.clone(), settings.clone()));
    let health = Arc::new(Health::default());
    let admin = Admin::start(&settings, &metrics, &health).await?;
    let instance = settings.installation.rules.instance.clone();
    let events = EventSender::new(
        api.clone(),
        metrics.clone(),
        instance.clone(),
        settings.plain.dry_run,
    );
    let identity = identity();
    let resign = Arc::new(Notify::new());
    let (elections, candidate, release) =
        stand(&api, &settings, &identity, (resign.clone(), health.clone()));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %instance, "watching");
    let report = Report {
        metrics,
        events: Some(events),
        told: Allowance::default(),
        lines,
        alerts: told.alerts,
        health,
        instance,
        shown: None,
        outage: Outage::default(),
    };
    let way = (identity, told.webhook, report, resign);
    let (tell, told_to_stop) = oneshot::channel();
    let running = tokio::spawn(run(settings, api, elections, way, async {
        let _ = told_to_stop.await;
    }));
    let stop = async {
        let why = stop.await;
        tracing::info!("{why}: finishing what is under way");
    };
    let ended = ending::ended(running, stop, tell, PATIENCE).await;
    let _ = release.send(());
    farewell(ended, candidate, admin).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Whatever the loop is at: the next leader need not wait for it, nor for what is only
/// told.
async fn farewell(
    mut ended: Result<Effects>,
    candidate: JoinHandle<()>,
    admin: Admin,
) -> Result<()> {
    let told = async {
        if let Ok(effects) = &mut ended {
            effects.close(FAREWELL).await;
        }
    };
    let _ = tokio::join!(timeout(FAREWELL, candidate), told, admin.stop());
    ended.map(drop)
}

/// The way to the API server, and what has to be there before anything begins.
async fn prepared(settings: &ControllerSettings, metrics: &Metrics) -> Result<ApiClient> {
    let writes = settings.plain.max_in_flight.into();
    let api = ApiClient::connect(&settings.cluster, writes, metrics).await?;
    check_rights(&api, settings).await?;
    own_namespace(&api, settings).await?;
    Ok(api)
}

/// Watches and acts until `stop`, and finishes what is under way then. What is to
/// be told of it may still wait in the effects.
async fn run(
    settings: ControllerSettings,
    api: ApiClient,
    elections: mpsc::Receiver<Election>,
    (identity, webhook, report, resign): (String, Option<Webhook>, Report, Arc<Notify>),
    stop: impl Future<Output = ()>,
) -> Effects {
    let installation = &settings.installation;
    let metrics = report.metrics().clone();
    let (answers, inbox) = mpsc::channel(INBOX);
    let (mut watches, facts) = watch(&settings, &api, &metrics);
    let executor = Executor {
        api: api.clone(),
        inbox: answers,
        filter: installation.filter(),
        home: cluster::Home {
            namespace: installation.own_namespace.to_string(),
            instance: installation.rules.instance.to_string(),
        },
        words: installation.strategy.words(),
        identity,
        metrics: metrics.clone(),
        health: report.health.clone(),
        webhook,
        dry_run: settings.plain.dry_run,
        agents: Agents::new(api.clone(), installation.agents_by),
        told: OwnWord::new(&settings).map(Arc::new),
    };
    let mut turning = Loop {
        control: Control::new(plan(&settings)),
        effects: Effects::new(executor, report, resign),
        inbox,
        facts,
        elections,
        started: Instant::now(),
        show_again: None,
        form: None,
        put_back: false,
    };
    tokio::pin!(stop);
    while turning.run(stop.as_mut()).await == Ended::PutBack {
        watches.abort_all();
        let (answers, inbox) = mpsc::channel(INBOX);
        let (again, facts) = watch(&settings, &api, &metrics);
        watches = again;
        let control = Control::new(plan(&settings));
        turning.begin_anew(control, (inbox, facts), answers);
    }
    turning.effects
}

/// Watches all that there is to be watched, until the set is dropped.
fn watch(
    settings: &ControllerSettings,
    api: &ApiClient,
    metrics: &Metrics,
) -> (JoinSet<()>, mpsc::Receiver<News>) {
    let installation = &settings.installation;
    let (told, facts) = mpsc::channel(INBOX);
    let watching = Watching {
        api: api.clone(),
        filter: installation.filter(),
        ignored: ignored(settings),
        metrics: metrics.clone(),
    };
    let mut watches = watching.start(streams(installation), &told);
    let (alone, own) = (read_one_by_one(installation), &installation.own_namespace);
    namespaces::follow(&mut watches, api, alone, own, &told);
    (watches, facts)
}

/// Who is told of rolls, or rolls in our place.
struct Listeners {
    alerts: Option<AlertSender>,
    webhook: Option<Webhook>,
}

impl Listeners {
    fn new(settings: &NotifySettings, metrics: &Metrics) -> Result<Self> {
        let NotifySettings {
            webhook,
            alerts,
            ca_file,
        } = settings.clone();
        if webhook.is_none() && alerts.is_none() {
            return Ok(Self {
                alerts: None,
                webhook: None,
            });
        }
        let client = notify::http::Client::new(ca_file.as_deref())?;
        let alerts = alerts.map(|to| AlertSender::new(client.clone(), to, metrics.clone()));
        let webhook = webhook.map(|url| Webhook::new(client, url, metrics.clone()));
        Ok(Self { alerts, webhook })
    }
}

fn metrics(settings: &ControllerSettings) -> Metrics {
    let ours = Metrics::default();
    match &settings.observed {
        Some(observed) => ours.with(Observables::new(observed.by_namespace)),
        None => ours,
    }
}

async fn check_rights(api: &ApiClient, settings: &ControllerSettings) -> Result<()> {
    let missing = rights::missing(api, &settings.extent()).await?;
    for sentence in &missing.partial {
        tracing::warn!("{sentence}; this namespace is left out until then");
    }
    for sentence in &missing.of_methods {
        tracing::warn!(
            "{sentence}; until then methods that go pod by pod (--methods) cannot be taken"
        );
    }
    match missing.fatal {
        Some(sentence) => bail!(sentence),
        None => Ok(()),
    }
}

/// Makes the namespace of the records, where it is missing and may be made.
async fn own_namespace(api: &ApiClient, settings: &ControllerSettings) -> Result<()> {
    let name = &settings.installation.own_namespace;
    if settings.plain.dry_run {
        return Ok(());
    }
    let place = Place::core("namespaces");
    match api.get(place.clone().named(name.clone())).await {
        Err(ApiError::Gone) => {}
        // Who may not look for it may still write in it.
        Ok(_) | Err(_) => return Ok(()),
    }
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": &**name, "labels": { "app.kubernetes.io/managed-by": "tidings" } },
    });
    let create = Call::new(Verb::Create, place);
    let made = api
        .within(&Term::endless())
        .write(&create, || namespace.to_string())
        .await;
    match made {
        Ok(_) | Err(ApiError::Conflict) => Ok(()),
        Err(error) => Err(error).with_context(|| {
            format!("the namespace {name} for the records does not exist; make it, or choose another by --own-namespace")
        }),
    }
}

/// A replica of its own, also where several run on one host.
fn identity() -> String {
    let host = std::env::var("POD_NAME").or_else(|_| std::env::var("HOSTNAME"));
    let started = jiff::Timestamp::now().as_microsecond();
    format!(
        "{}_{}_{started:x}",
        host.unwrap_or_else(|_| "tidings".to_owned()),
        std::process::id()
    )
}

fn ignored(settings: &ControllerSettings) -> Vec<Name> {
    match &settings.installation.namespaces {
        Namespaces::All { ignored, .. } => ignored.iter().cloned().collect(),
        Namespaces::Only(_) => Vec::new(),
    }
}

fn plan(settings: &ControllerSettings) -> Plan {
    let installation = &settings.installation;
    let watched = installation.clone();
    Plan {
        covers: Box::new(move |namespace| watched.covers(namespace)),
        rules: installation.rules.clone(),
        defaults: installation.defaults,
        streams: streams(installation),
        home: installation.own_namespace.clone(),
        settle: u64::try_from(settings.plain.settle.as_millis()).unwrap_or(u64::MAX),
        dry_run: settings.plain.dry_run,
        kinds: installation.kinds.clone(),
        started: jiff::Timestamp::now().as_second(),
        seed: chance(),
    }
}

type Stand = (
    mpsc::Receiver<Election>,
    JoinHandle<()>,
    oneshot::Sender<()>,
);

/// Stands for election. A dry run writes nothing, so it needs no Lease.
fn stand(
    api: &ApiClient,
    settings: &ControllerSettings,
    identity: &str,
    heeds: (Arc<Notify>, Arc<Health>),
) -> Stand {
    let (news, elections) = mpsc::channel(4);
    let (release, released) = oneshot::channel();
    let stop = async {
        let _ = released.await;
    };
    if settings.plain.dry_run {
        let task = tokio::spawn(async move {
            let _ = news.send(Election::Won(Term::endless())).await;
            stop.await;
        });
        return (elections, task, release);
    }
    let installation = &settings.installation;
    let lease = (&installation.own_namespace, &installation.rules.instance);
    let candidate = Candidate::new(api.clone(), lease, identity, settings.lease, heeds);
    (elections, tokio::spawn(candidate.run(news, stop)), release)
}

/// The admin server, if there is to be one.
struct Admin(Option<(JoinHandle<()>, oneshot::Sender<()>)>);

impl Admin {
    async fn start(
        settings: &ControllerSettings,
        metrics: &Metrics,
        health: &Arc<Health>,
    ) -> Result<Self> {
        let Some(address) = settings.listen else {
            return Ok(Self(None));
        };
        let listener = admin::bind(address).await?;
        let (stop, stopped) = oneshot::channel();
        let (metrics, health) = (metrics.clone(), health.clone());
        let stopped = async {
            let _ = stopped.await;
        };
        let serving = admin::serve(listener, metrics, health, stopped);
        Ok(Self(Some((tokio::spawn(serving), stop))))
    }

    async fn stop(self) {
        if let Some((task, stop)) = self.0 {
            let _ = stop.send(());
            let _ = timeout(FAREWELL, task).await;
        }
    }
}
