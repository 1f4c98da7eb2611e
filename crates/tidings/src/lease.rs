//! One writer at a time: a Lease in Tidings' own namespace.
//!
//! Goes in: who we are. Comes out: the beginning and the end of our terms. A
//! term ends by our own clock before any other replica may begin one, whether
//! or not the API server can be reached, and also if this process was frozen
//! meanwhile; and for everybody who holds it before we let go of the Lease, and as
//! soon as we see it in other hands. While our loop hangs the Lease is not renewed, so
//! that another replica leads. Every write asks [`Term::is_valid`] first. What slips through
//! between that question and the server is fenced by the versions that writes
//! carry.
//!
//! The rules are client-go's (`tools/leaderelection`): a Lease that has not
//! changed for its own duration, by our clock, is free; clocks are not compared.
//!
//! Error policy: whatever fails is tried again after [`Timings::retry`]; a term
//! that could not be renewed ends.

mod forms;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::{Notify, mpsc};

use forms::{FORMS, Forms};
use tidings_core::state::FORM;

use crate::admin::Health;
use crate::api::Term;

/// For so many of a Lease's durations a replica's word of what it knows is fresh.
const FRESH: u32 = 4;
/// So often it is tried to let go of a Lease that others write too.
const ATTEMPTS: usize = 5;
/// How long that may take.
const RELEASE: Duration = Duration::from_millis(1_200);
/// How long a replica stands by that has met what it does not know.
const STAND_BY: Duration = Duration::from_mins(1);

/// Durations of an election: `duration` > `renew` > `retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// How long others leave an unrenewed Lease alone; whole seconds.
    pub duration: Duration,
    /// How long a term lasts after the request that last renewed it was sent. The
    /// difference to `duration` is for writes that are under way.
    pub renew: Duration,
    /// How often it is renewed, and looked at by those who wait.
    pub retry: Duration,
}

/// What happened to our leadership.
#[derive(Clone, Debug)]
pub enum Election {
    /// A term has begun.
    Won(Term),
    /// It has ended.
    Lost,
    /// The newest form of the records that all replicas know is another now.
    Form(u8),
}

/// A candidate for one Lease.
#[derive(Debug)]
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    timings: Timings,
    seen: Option<(Lease, Instant)>,
    /// When another's term, or an earlier one of ours, was last renewed.
    renewed: Option<i64>,
    terms: u64,
    forms: Forms,
    /// What was told last.
    form: u8,
    /// When we said last what we know, while another leads.
    said: Option<Instant>,
    /// Somebody here asks to leave it to another replica.
    resign: Arc<Notify>,
    /// Whether the loop turns, for which we stand.
    health: Arc<Health>,
    stands_by_until: Option<Instant>,
}

impl Candidate {
    /// A candidate of this identity for the Lease of this name.
    /// It resigns for a while whenever that is asked for, and claims nothing for a loop
    /// that hangs.
    pub fn new(
        api: Api<Lease>,
        name: &str,
        identity: &str,
        timings: Timings,
        (resign, health): (Arc<Notify>, Arc<Health>),
    ) -> Self {
        Self {
            api,
            name: name.to_owned(),
            identity: identity.to_owned(),
            timings,
            seen: None,
            renewed: None,
            terms: 0,
            forms: Forms::new(identity, timings.duration * FRESH),
            form: FORM,
            said: None,
            resign,
            health,
            stands_by_until: None,
        }
    }

    /// Wins and loses terms until `stop`, then lets go of the Lease, so that
    /// another replica need not wait for its end.
    pub async fn run(mut self, news: mpsc::Sender<Election>, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut term: Option<Term> = None;
        let resign = self.resign.clone();
        let claims = loop {
            tokio::select! {
                next = self.round(term.clone(), &news) => term = next,
                // Nobody knows what becomes of the request that is under way.
                () = &mut stop => break true,
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause(term.is_some())) => {}
                () = resign.notified() => self.stand_by(term.take(), &news).await,
                () = &mut stop => break term.is_some(),
            }
        };
        if let Some(term) = term {
            term.end();
        }
        if claims {
            self.release().await;
        }
    }

    /// Leaves it to another replica for a while.
    async fn stand_by(&mut self, term: Option<Term>, news: &mpsc::Sender<Election>) {
        self.stands_by_until = Some(Instant::now() + STAND_BY);
        if let Some(term) = term {
            term.end();
            let _ = news.send(Election::Lost).await;
            self.release().await;
        }
    }

    fn stands_by(&self) -> bool {
        self.stands_by_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// Until the next look. Who waits looks as soon as the Lease may have run out.
    fn pause(&self, leads: bool) -> Duration {
        let retry = self.timings.retry;
        let left = |(lease, at): &(Lease, Instant)| duration(lease).checked_sub(at.elapsed());
        let other = self.seen.as_ref().filter(|_| !leads);
        let left = other.and_then(left).filter(|left| !left.is_zero());
        left.map_or(retry, |left| left.min(retry))
    }

    async fn round(&mut self, term: Option<Term>, news: &mpsc::Sender<Election>) -> Option<Term> {
        let asked = Instant::now();
        let ours = self.is_ours().await;
        self.tell_form(news).await;
        match term {
            Some(term) if ours && term.is_valid() => {
                term.extend(asked, self.timings.renew);
                Some(term)
            }
            Some(term) if term.is_valid() && !self.lost_to_other() => Some(term),
            Some(term) => {
                term.end();
                let _ = news.send(Election::Lost).await;
                None
            }
            None if ours => Some(self.begin(asked, news).await),
            None => None,
        }
    }

    async fn is_ours(&mut self) -> bool {
        if !self.health.is_alive() {
            tracing::debug!("the loop hangs: the Lease is not claimed");
            return false;
        }
        let claiming = tokio::time::timeout(self.timings.duration / 2, self.claim());
        claiming.await.unwrap_or(Err(Unsure)).unwrap_or(false)
    }

    async fn tell_form(&mut self, news: &mpsc::Sender<Election>) {
        let lowest = self.forms.lowest();
        if lowest != self.form {
            self.form = lowest;
            let _ = news.send(Election::Form(lowest)).await;
        }
    }

    async fn begin(&mut self, asked: Instant, news: &mpsc::Sender<Election>) -> Term {
        self.terms += 1;
        let term = Term::new(self.terms, self.renewed);
        term.extend(asked, self.timings.renew);
        let _ = news.send(Election::Won(term.clone())).await;
        term
    }

    fn lost_to_other(&self) -> bool {
        let holder = self.seen.as_ref().and_then(|(lease, _)| holder(lease));
        holder.is_some_and(|holder| holder != self.identity)
    }

    /// One attempt to make or renew the Lease. `Ok(false)`: it is another's.
    async fn claim(&mut self) -> Result<bool, Unsure> {
        let Some(found) = self
            .api
            .get_opt(&self.name)
            .await
            .map_err(|error| said(&error))?
        else {
            let lease = self.claimed(None);
            let made = self
                .api
                .create(&PostParams::default(), &lease)
                .await
                .map_err(|error| said(&error))?;
            self.seen = Some((made, Instant::now()));
            return Ok(true);
        };
        self.hear(&found);
        if self.is_taken(&found) || self.stands_by() {
            self.say_form(&found).await;
            return Ok(false);
        }
        let lease = self.claimed(Some(&found));
        self.renewed = renewed(&found);
        let made = self
            .api
            .replace(&self.name, &PostParams::default(), &lease)
            .await;
        self.seen = Some((made.map_err(|error| said(&error))?, Instant::now()));
        Ok(true)
    }

    fn hear(&mut self, found: &Lease) {
        let annotations = found.metadata.annotations.as_ref();
        let said = annotations.and_then(|all| all.get(FORMS));
        let spec = found.spec.as_ref();
        let renewed = spec.and_then(|spec| spec.renew_time.as_ref());
        let renewed = renewed.map(|time| time.0.to_string()).unwrap_or_default();
        let holder = holder(found).map(|holder| (holder, &*renewed));
        let said = said.map_or("", String::as_str);
        self.forms.hear(said, holder, Instant::now());
    }

    /// Says what we know on another's Lease, now and then. If that comes to nothing,
    /// the next time is soon enough.
    async fn say_form(&mut self, found: &Lease) {
        let every = self.timings.duration;
        if self.said.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        let lease = Lease {
            metadata: self.metadata(Some(found)),
            spec: found.spec.clone(),
        };
        let params = PostParams::default();
        if self.api.replace(&self.name, &params, &lease).await.is_ok() {
            self.said = Some(Instant::now());
        }
    }

    /// Whether somebody else holds it and has renewed it lately, by our clock. What
    /// others write beside that renews nothing.
    fn is_taken(&mut self, found: &Lease) -> bool {
        let unchanged = |(seen, _): &(Lease, Instant)| seen.spec == found.spec;
        if !self.seen.as_ref().is_some_and(unchanged) {
            self.seen = Some((found.clone(), Instant::now()));
        }
        let since = self.seen.as_ref().map_or_else(Instant::now, |(_, at)| *at);
        holder(found).is_some_and(|h| h != self.identity) && since.elapsed() < duration(found)
    }

    fn claimed(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let spec = before
            .and_then(|lease| lease.spec.clone())
            .unwrap_or_default();
        let mine = spec.holder_identity.as_deref() == Some(&self.identity);
        let transitions =
            spec.lease_transitions.unwrap_or(0) + i32::from(!mine && before.is_some());
        Lease {
            metadata: self.metadata(before),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(self.timings.duration.as_secs()).ok(),
                acquire_time: if mine {
                    spec.acquire_time
                } else {
                    Some(now.clone())
                },
                renew_time: Some(now),
                lease_transitions: Some(transitions),
                ..LeaseSpec::default()
            }),
        }
    }

    fn metadata(&self, before: Option<&Lease>) -> ObjectMeta {
        let new = || ObjectMeta {
            name: Some(self.name.clone()),
            ..ObjectMeta::default()
        };
        let mut metadata = before.map_or_else(new, |lease| lease.metadata.clone());
        let forms = self.forms.annotation(Timestamp::now().as_second());
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.insert(FORMS.to_owned(), forms);
        metadata
    }

    async fn release(&mut self) {
        self.seen = None;
        let lease = &self.name;
        let released = tokio::time::timeout(RELEASE, self.let_go());
        match released.await {
            Ok(Ok(true)) => tracing::info!(lease, "released the Lease"),
            // It was another's.
            Ok(Ok(false)) => {}
            Ok(Err(Unsure)) | Err(_) => {
                tracing::warn!(lease, "could not release the Lease; it runs out by itself");
            }
        }
    }

    /// Others write on the Lease what they know, so it is read anew. Returns whether it
    /// was ours.
    async fn let_go(&self) -> Result<bool, Unsure> {
        for _ in 0..ATTEMPTS {
            let found = self.api.get(&self.name).await;
            let mut lease = found.map_err(|error| said(&error))?;
            if holder(&lease) != Some(&self.identity) {
                return Ok(false);
            }
            if let Some(spec) = lease.spec.as_mut() {
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
            }
            let params = PostParams::default();
            if self.api.replace(&self.name, &params, &lease).await.is_ok() {
                return Ok(true);
            }
        }
        Err(Unsure)
    }
}

/// Nobody knows whether the request was carried out.
struct Unsure;

fn said(error: &kube::Error) -> Unsure {
    tracing::debug!(%error, "lease");
    Unsure
}

/// How long the Lease holds without being renewed.
fn duration(lease: &Lease) -> Duration {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
    Duration::from_secs(seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(0))
}

fn renewed(lease: &Lease) -> Option<i64> {
    let spec = lease.spec.as_ref();
    let time = spec.and_then(|spec| spec.renew_time.as_ref());
    time.map(|time| time.0.as_second())
}

fn holder(lease: &Lease) -> Option<&str> {
    lease
        .spec
        .as_ref()?
        .holder_identity
        .as_deref()
        .filter(|holder| !holder.is_empty())
}

#[cfg(test)]
mod tests;
