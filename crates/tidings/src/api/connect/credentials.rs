//! By what the API server knows us, and we know it, as it is now.
//!
//! Goes in: which kubeconfig, if any. Comes out: an [`Access`], and other ones later:
//! files are looked at every [`LOOK`] and when the API server refuses us, a plugin is
//! asked before its word runs out, and when it is refused.
//!
//! Error policy: what cannot be read at the start is an error. Later, what was read
//! before goes on being used (a file may be half written), it is said once, and tried
//! again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};
use tower::{BoxError, ServiceExt};

use super::bounded::FileAccess;
use super::origin::{CredentialsOrigin, ReadCredentials};
use super::{Connect, ConnectError, Idle, Pools};
use crate::metrics::reloader::Observables;

/// How often it is looked whether files have changed.
const LOOK: Duration = Duration::from_secs(1);
/// A plugin is not asked again sooner, whatever it said.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// So long before its word runs out a plugin is asked for another one.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// The way to the API server with the credentials of one moment.
pub(super) struct Access {
    pools: Pools,
    number: u64,
    until: Option<Timestamp>,
}

impl Access {
    pub(super) async fn send(
        &self,
        idle: Idle,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, BoxError> {
        self.pools.of_idle(idle).oneshot(request).await
    }

    /// Whether it lasts for less than this.
    fn ends_within(&self, time: SignedDuration) -> bool {
        self.until
            .is_some_and(|until| until.duration_since(Timestamp::now()) < time)
    }
}

/// The credentials, read again when they are others.
pub(crate) struct Credentials {
    current: watch::Sender<Arc<Access>>,
    reader: Mutex<CredentialsReader>,
    started: Instant,
    /// Milliseconds from the start to the last look.
    looked: AtomicU64,
}

/// Who reads them.
struct CredentialsReader {
    origin: CredentialsOrigin,
    files: FileAccess,
    last: ReadCredentials,
    /// When a plugin was last asked.
    asked: Instant,
    /// What was said last of why they cannot be read.
    complaint: Option<String>,
    observables: Option<Observables>,
}

impl Credentials {
    /// Reads them for the first time, and says of which namespace they are.
    pub(super) async fn read(
        from: &Connect,
        observables: Option<Observables>,
    ) -> Result<(Arc<Self>, String), ConnectError> {
        let files = FileAccess::default();
        let mut origin = CredentialsOrigin::new(from.clone());
        let last = origin.read(&files).await?;
        let namespace = last.config.default_namespace.clone();
        let pools = Pools::new(&last.config, &files, observables.as_ref()).await?;
        let first = Access {
            pools,
            number: 0,
            until: last.until,
        };
        let reader = CredentialsReader {
            origin,
            files,
            last,
            asked: Instant::now(),
            complaint: None,
            observables,
        };
        let credentials = Self {
            current: watch::Sender::new(Arc::new(first)),
            reader: Mutex::new(reader),
            started: Instant::now(),
            looked: AtomicU64::new(0),
        };
        Ok((Arc::new(credentials), namespace))
    }

    /// What to use now. Nobody waits for a plugin whose word still holds.
    pub(super) async fn now(self: &Arc<Self>) -> Arc<Access> {
        let access = self.current();
        if self.is_time_to_look() {
            let looking = tokio::spawn(Arc::clone(self).look(access.number, false));
            if access.ends_within(SignedDuration::ZERO) {
                let _ = looking.await;
            }
        }
        self.current()
    }

    /// What to use instead of what was refused, if there is anything. It is looked for
    /// also when nobody waits any more.
    pub(super) async fn other_than(self: &Arc<Self>, refused: &Access) -> Option<Arc<Access>> {
        let _ = tokio::spawn(Arc::clone(self).look(refused.number, true)).await;
        Some(self.current()).filter(|access| access.number != refused.number)
    }

    /// Waits until there are others than now.
    pub(crate) async fn renewed(self: &Arc<Self>) {
        let mut current = self.current.subscribe();
        loop {
            tokio::select! {
                _ = current.changed() => return,
                () = sleep(LOOK) => drop(self.now().await),
            }
        }
    }

    fn current(&self) -> Arc<Access> {
        self.current.borrow().clone()
    }

    /// Of those who ask at the same time one is told to.
    fn is_time_to_look(&self) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = millis(self.started.elapsed());
        let due = |last: u64| (now >= last.saturating_add(millis(LOOK))).then_some(now);
        let order = Ordering::Relaxed;
        self.looked.fetch_update(order, order, due).is_ok()
    }

    /// Looks whether there are others than those of this number.
    async fn look(self: Arc<Self>, known: u64, refused: bool) {
        let mut reader = self.reader.lock().await;
        let access = self.current();
        if access.number != known {
            return;
        }
        match reader.read_if_due(&access, refused).await {
            Ok(None) => {}
            Ok(Some(access)) => {
                tracing::info!("the credentials have changed and were read again");
                self.current.send_replace(Arc::new(access));
            }
            Err(error) => reader.complain(&error),
        }
    }
}

impl CredentialsReader {
    async fn read_if_due(
        &mut self,
        access: &Access,
        refused: bool,
    ) -> Result<Option<Access>, ConnectError> {
        let last = self.last.files.clone();
        let are_others = self.files.allow(move || last.is_past()).await?;
        let runs_out = self.last.is_of_plugin && (refused || access.ends_within(AHEAD));
        if are_others || runs_out && self.asked.elapsed() >= ASK_AGAIN {
            return self.read(access.number + 1).await.map(Some);
        }
        Ok(None)
    }

    async fn read(&mut self, number: u64) -> Result<Access, ConnectError> {
        self.asked = Instant::now();
        let read = self.origin.read(&self.files).await?;
        let pools = Pools::new(&read.config, &self.files, self.observables.as_ref()).await?;
        let until = read.until;
        self.last = read;
        self.complaint = None;
        Ok(Access {
            pools,
            number,
            until,
        })
    }

    fn complain(&mut self, error: &ConnectError) {
        let complaint = error.to_string();
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!(%error, "the credentials cannot be read again; those from before are used");
            self.complaint = Some(complaint);
        }
    }
}
