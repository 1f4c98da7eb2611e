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
//! changed for its own duration, by our clock, is free; clocks are not compared. But no
//! duration is believed that is much longer than our own ([`Timings`]), and nothing that
//! stands on a Lease ([`LeaseObject`]) keeps it from being taken then.
//!
//! Who leads, and what keeps us from knowing it, is told to [`Health`].
//!
//! Error policy: whatever fails is told to [`Health`] and tried again after
//! [`Timings::retry`]; a term that could not be renewed ends.

mod forms;
mod object;
mod timings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tidings_core::refs::Name;
use tidings_core::state::FORM;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use crate::admin::{Health, Leads};
use crate::api::{ApiClient, ApiError, Call, Place, Term, Verb};
use forms::Forms;
pub(crate) use object::LeaseObject;
pub use timings::Timings;

/// For so many of a Lease's durations a replica's word of what it knows is fresh.
const FRESH: u32 = 4;
/// So often it is tried to write a Lease that others write too.
const ATTEMPTS: usize = 5;
/// How long it may take to let go of it.
const RELEASE: Duration = Duration::from_millis(1_200);
/// How long a replica stands by that has met what it does not know.
const STAND_BY: Duration = Duration::from_mins(1);
/// No Lease is longer than an object of the API server, which is 1.5 MiB, and escapes.
const LONGEST: usize = 4 << 20;

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

/// Where a Lease is.
pub(crate) fn leases(namespace: &Name) -> Place {
    Place::new("coordination.k8s.io", "v1", "leases").within(namespace.clone())
}

/// A candidate for one Lease.
pub struct Candidate {
    api: ApiClient,
    leases: Place,
    name: Name,
    identity: String,
    timings: Timings,
    /// How long the API server takes for an answer.
    answer: Duration,
    seen: Option<Seen>,
    /// When another's term, or an earlier one of ours, was last renewed.
    renewed: Option<i64>,
    terms: u64,
    term: Option<Term>,
    /// Whether the Lease may be ours, for all that is known of the last request.
    claims: bool,
    /// Who leads, as it was told last.
    leads: Option<Leads>,
    forms: Forms,
    /// What was told last.
    form: u8,
    /// When we said last what we know, while another leads.
    said: Option<Instant>,
    /// Somebody here asks to leave it to another replica.
    resign: Arc<Notify>,
    /// Whether the loop turns, for which we stand; and who is told what we know.
    health: Arc<Health>,
    stands_by_until: Option<Instant>,
}

/// The Lease as it was first seen with what its holder wrote.
struct Seen {
    lease: LeaseObject,
    at: Instant,
    time: Timestamp,
}

impl Seen {
    fn now(lease: LeaseObject) -> Self {
        Self {
            lease,
            at: Instant::now(),
            time: Timestamp::now(),
        }
    }

    /// When it was renewed last; not later than it was seen, whatever its holder's
    /// clock says.
    fn renewed(&self) -> Option<i64> {
        let renewed = self.lease.renewed().or(self.lease.since())?;
        Some(renewed.min(self.time).as_second())
    }
}

/// That the Lease is ours, as a request has made it that was sent then, for a term of
/// this length.
struct Held {
    asked: Instant,
    renew: Duration,
}

impl Candidate {
    /// A candidate of this identity for the Lease of this name.
    /// It resigns for a while whenever that is asked for, and claims nothing for a loop
    /// that hangs.
    pub fn new(
        api: ApiClient,
        (namespace, name): (&Name, &Name),
        identity: &str,
        timings: Timings,
        (resign, health): (Arc<Notify>, Arc<Health>),
    ) -> Self {
        health.stands_for(format!("{namespace}/{name}"));
        Self {
            api,
            leases: leases(namespace),
            name: name.clone(),
            identity: identity.to_owned(),
            timings,
            answer: Duration::ZERO,
            seen: None,
            renewed: None,
            terms: 0,
            term: None,
            claims: false,
            leads: None,
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
        let resign = self.resign.clone();
        loop {
            let round = async {
                self.round(&news).await;
                sleep(self.pause()).await;
            };
            tokio::select! {
                () = round => {}
                () = resign.notified() => self.stand_by(&news).await,
                () = &mut stop => break,
            }
        }
        if let Some(term) = self.term.take() {
            term.end();
        }
        if self.claims {
            self.release().await;
        }
    }

    /// Leaves it to another replica for a while.
    async fn stand_by(&mut self, news: &mpsc::Sender<Election>) {
        self.stands_by_until = Some(Instant::now() + STAND_BY);
        if self.term.is_some() {
            self.lose(news).await;
            self.release().await;
        }
    }

    fn stands_by(&self) -> bool {
        self.stands_by_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// Until the next look. Who waits looks as soon as the Lease may have run out.
    fn pause(&self) -> Duration {
        let retry = self.timings.retry;
        let other = self.seen.as_ref().filter(|_| self.term.is_none());
        let left = other.and_then(|seen| self.lasts(seen).checked_sub(seen.at.elapsed()));
        let left = left.filter(|left| !left.is_zero());
        left.map_or(retry, |left| left.min(retry))
    }

    fn lasts(&self, seen: &Seen) -> Duration {
        self.timings.believed(seen.lease.lasts())
    }

    // --- rounds ----------------------------------------------------------------

    async fn round(&mut self, news: &mpsc::Sender<Election>) {
        self.lose_what_is_over(news).await;
        let held = self.is_ours().await;
        self.tell_form(news).await;
        self.lose_what_is_over(news).await;
        match (held, &self.term) {
            (Some(held), Some(term)) => term.extend(held.asked, held.renew),
            (Some(held), None) => self.begin(held, news).await,
            (None, _) => {}
        }
    }

    async fn is_ours(&mut self) -> Option<Held> {
        if !self.health.is_alive() {
            tracing::debug!("the loop hangs: the Lease is not claimed");
            return None;
        }
        // The end of a term is to be told in time.
        let left = self.term.as_ref().map(Term::left);
        let claim = self.claim();
        let claimed = match left {
            Some(left) => timeout(left, claim)
                .await
                .unwrap_or_else(|_| Err(late(left))),
            None => claim.await,
        };
        claimed.unwrap_or_else(|error| {
            tracing::debug!(%error, "lease");
            self.health.lease_failed(error.to_string());
            None
        })
    }

    async fn tell_form(&mut self, news: &mpsc::Sender<Election>) {
        let lowest = self.forms.lowest();
        if lowest != self.form {
            self.form = lowest;
            let _ = news.send(Election::Form(lowest)).await;
        }
    }

    async fn begin(&mut self, held: Held, news: &mpsc::Sender<Election>) {
        self.terms += 1;
        let term = Term::new(self.terms, self.left());
        term.extend(held.asked, held.renew);
        self.term = Some(term.clone());
        let _ = news.send(Election::Won(term)).await;
    }

    async fn lose_what_is_over(&mut self, news: &mpsc::Sender<Election>) {
        let goes_on = self.term.as_ref().is_some_and(Term::is_valid);
        if !goes_on || self.is_anothers_now() {
            self.lose(news).await;
        }
    }

    async fn lose(&mut self, news: &mpsc::Sender<Election>) {
        if let Some(term) = self.term.take() {
            term.end();
            // Who leads is said anew.
            self.leads = None;
            if !self.is_anothers_now() && !self.stands_by() {
                tracing::warn!(
                    "the Lease could not be renewed in time: nothing is written until it can be"
                );
            }
            let _ = news.send(Election::Lost).await;
        }
    }

    fn is_anothers_now(&self) -> bool {
        let holder = self.seen.as_ref().and_then(|seen| seen.lease.holder());
        holder.is_some_and(|holder| holder != self.identity)
    }

    // --- the Lease ---------------------------------------------------------------

    /// Makes, takes or renews the Lease; `None`: it is another's.
    async fn claim(&mut self) -> Result<Option<Held>, ApiError> {
        for _ in 0..ATTEMPTS {
            let found = self.find().await?;
            if let Some(found) = &found
                && (self.is_anothers(found) || self.stands_by())
            {
                self.health.heard_of_lease();
                self.say_form(found).await;
                return Ok(None);
            }
            match self.take(found).await {
                Err(ApiError::Conflict) => {}
                taken => return taken.map(Some),
            }
        }
        Err(ApiError::Conflict)
    }

    /// The Lease as it is now, if it is there.
    async fn find(&mut self) -> Result<Option<LeaseObject>, ApiError> {
        let get = Call::new(Verb::Get, self.leases.clone().named(self.name.clone()));
        let found = match self.send(get).await {
            Err(ApiError::Gone) => None,
            json => Some(LeaseObject::read(&json?, &self.name)?),
        };
        if let Some(found) = &found {
            self.hear(found);
        }
        Ok(found)
    }

    async fn take(&mut self, found: Option<LeaseObject>) -> Result<Held, ApiError> {
        let timings = self.timings.in_weather(self.answer);
        let call = match &found {
            Some(_) => Call::new(Verb::Update, self.leases.clone().named(self.name.clone())),
            None => Call::new(Verb::Create, self.leases.clone()),
        };
        let mut lease = found.unwrap_or_else(|| LeaseObject::new(&self.name));
        lease.claim(&self.identity, Timestamp::now(), timings.duration);
        self.say_forms(&mut lease);
        lease.say_unrecorded(match &self.term {
            Some(term) => term.unrecorded_since(),
            None => self.left(),
        });
        let asked = Instant::now();
        self.claims = true;
        let json = self.send(call.body(lease.json())).await?;
        let made = LeaseObject::read(&json, &self.name)?;
        self.health.heard_of_lease();
        self.tell(Leads::Us, made.since());
        self.seen = Some(Seen::now(made));
        let renew = timings.renew;
        Ok(Held { asked, renew })
    }

    /// Since when a new term has to look for what the one before left unrecorded.
    fn left(&self) -> Option<i64> {
        let seen = self.seen.as_ref();
        let unrecorded = seen.and_then(|seen| seen.lease.unrecorded_since());
        self.renewed.into_iter().chain(unrecorded).min()
    }

    /// Sends a request, and learns how long that takes.
    async fn send(&mut self, call: Call) -> Result<Bytes, ApiError> {
        self.health.asks_for_lease();
        let (asked, patience) = (Instant::now(), self.timings.patience(self.answer));
        let call = call.at_most(LONGEST);
        let answer = timeout(patience, self.api.at_once(&call)).await;
        self.answer = asked.elapsed().max(self.answer / 2);
        answer.unwrap_or_else(|_| Err(late(patience)))
    }

    /// Takes note of what others write: who holds it, when he renewed it, what they know.
    fn hear(&mut self, found: &LeaseObject) {
        let is_new = |seen: &Seen| seen.lease.spec != found.spec;
        if self.seen.as_ref().is_none_or(is_new) {
            self.seen = Some(Seen::now(found.clone()));
        }
        let seen = self.seen.as_ref();
        self.renewed = seen.and_then(Seen::renewed).or(self.renewed);
        self.claims = found.holder() == Some(&self.identity);
        let renewed = found.renewed().map(|time| time.to_string());
        let renewed = renewed.unwrap_or_default();
        let holder = found.holder().map(|holder| (holder, &*renewed));
        self.forms.hear(found.forms(), holder, Instant::now());
    }

    /// Whether somebody else holds it and has renewed it lately, by our clock. What
    /// others write beside that renews nothing.
    fn is_anothers(&mut self, found: &LeaseObject) -> bool {
        let Some((seen, holder)) = self.seen.as_ref().zip(found.holder_shown()) else {
            self.tell_free();
            return false;
        };
        let (lasts, silent) = (self.lasts(seen), seen.at.elapsed());
        if found.holder() == Some(&self.identity) || silent >= lasts {
            self.tell_free();
            return false;
        }
        let leads = if silent < self.timings.duration {
            Leads::Other(holder)
        } else {
            Leads::Silent(holder, lasts)
        };
        self.tell(leads, found.since());
        true
    }

    fn tell_free(&mut self) {
        if self.stands_by() {
            let why = "the records are of a form that this version does not know, and it stands by for a newer one";
            self.tell(Leads::Nobody(why), None);
        }
    }

    /// Says who leads, in the log where it is another than before.
    fn tell(&mut self, leads: Leads, since: Option<Timestamp>) {
        if self.leads.as_ref() != Some(&leads) {
            let lease = &*self.name;
            let since = since.map(tracing::field::display);
            match &leads {
                Leads::Us => tracing::info!(lease, "this replica leads"),
                Leads::Other(leader) => {
                    tracing::info!(lease, leader, since, "another replica leads: waiting");
                }
                Leads::Silent(leader, lasts) => tracing::warn!(
                    lease,
                    leader,
                    since,
                    "nobody leads: who has the Lease does not renew it; this replica leads when that has lasted {} s",
                    lasts.as_secs()
                ),
                Leads::Nobody(why) => tracing::warn!(lease, "nobody leads: {why}"),
            }
            self.leads = Some(leads.clone());
        }
        self.health.led_by(leads, since);
    }

    /// Says what we know on another's Lease, now and then. If that comes to nothing,
    /// the next time is soon enough.
    async fn say_form(&mut self, found: &LeaseObject) {
        let every = self.timings.duration;
        if self.said.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        let mut lease = found.clone();
        self.say_forms(&mut lease);
        if self.update(&lease).await.is_ok() {
            self.health.heard_of_lease();
            self.said = Some(Instant::now());
        }
    }

    fn say_forms(&self, lease: &mut LeaseObject) {
        lease.say_forms(self.forms.annotation(Timestamp::now().as_second()));
    }

    async fn update(&mut self, lease: &LeaseObject) -> Result<Bytes, ApiError> {
        let update = Call::new(Verb::Update, self.leases.clone().named(self.name.clone()));
        self.send(update.body(lease.json())).await
    }

    async fn release(&mut self) {
        let released = timeout(RELEASE, self.let_go()).await;
        self.seen = None;
        let lease = &*self.name;
        match released {
            Ok(Ok(true)) => tracing::info!(lease, "released the Lease"),
            // It was another's.
            Ok(Ok(false)) => {}
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(lease, "could not release the Lease; it runs out by itself");
            }
        }
    }

    /// Others write on the Lease what they know, so it is read anew. Returns whether it
    /// was ours.
    async fn let_go(&mut self) -> Result<bool, ApiError> {
        for _ in 0..ATTEMPTS {
            let Some(mut lease) = self.find().await? else {
                return Ok(false);
            };
            if !self.claims {
                return Ok(false);
            }
            lease.let_go();
            match self.update(&lease).await {
                Err(ApiError::Conflict) => {}
                answer => return answer.map(|_| true),
            }
        }
        Err(ApiError::Conflict)
    }
}

fn late(limit: Duration) -> ApiError {
    ApiError::Unreachable(format!("no answer in {} s", limit.as_secs()))
}

#[cfg(test)]
mod tests;
