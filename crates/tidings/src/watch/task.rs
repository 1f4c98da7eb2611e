//! One stream, followed for ever: list, watch, and again.
//!
//! A list is asked for as a stream of events; where the server does not know
//! that, in pages. Then the watch goes on from version to version, over as many
//! connections as it takes. A new list is made for a version that is forgotten (410), and
//! where it is doubted that the watch tells all ([`Doubt`]). Where versions have gone back
//! all that was told is of another time, and that is told: after an outage the version is
//! asked before the watch goes on, since one from a later version would be silent until it
//! comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use kube::client::Body;
use serde_json::value::RawValue;
use tidings_core::index::{Fact, How};
use tidings_core::object::Version;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::News;
use super::doubt::Doubt;
use super::event::{Event, Kind, bookmark, decode};
use super::lines::Lines;
use super::order::Turn;
use super::patience::{LONG, Patience};
use super::query::Query;
use super::scrub::Scrub;
use crate::api::page::{self, Page, Pages};
use crate::api::{self, ApiClient, ApiError, Call};
use crate::metrics::Metrics;
use crate::metrics::reloader::Happened;

/// After this long without a line a list will not end: the server does not know
/// of streaming lists and waits for changes.
const UNENDING: Duration = Duration::from_secs(30);
/// A watch that lived this long was a good one.
const GOOD: Duration = Duration::from_secs(5);
/// A version that went back is asked for again after this long.
const AGAIN: Duration = Duration::from_secs(1);
/// Why a watch is no good that ends at once each time.
const HOLLOW: &str = "the watch ends at once and tells nothing; is there something between Tidings and the API server that cuts or changes it? It is listed once a minute meanwhile";

/// Why it is not known what is there while nothing is answered.
const UNANSWERED: &str =
    "no answer for ten seconds; the API server, or what stands before it, does not answer this";

/// Why a round is over.
pub(super) enum End {
    /// The list is complete, or the connection has old bytes to get rid of.
    GoOn,
    /// The connection ended.
    Closed,
    /// Nothing was heard for so long that what is there has to be listed.
    Doubted,
    /// What is there now is older than what was told: this version.
    PutBack(Version),
    /// The server does not know of streaming lists.
    Unending,
    /// The server does not serve it.
    NotServed,
    /// The server said so.
    Failed(ApiError),
}

impl End {
    /// Whether the server was not there.
    fn is_outage(&self) -> bool {
        matches!(self, Self::Failed(error) if error.is_transient())
    }

    /// Whether other credentials are all that is lacking.
    fn is_for_credentials(&self) -> bool {
        matches!(self, Self::Failed(ApiError::Unauthenticated(_)))
    }
}

impl<E: Into<ApiError>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The follower of one stream.
pub(super) struct Task {
    api: ApiClient,
    query: Query,
    facts: Sender<News>,
    /// Whether the server has been found not to know of streaming lists.
    whole_lists_only: Arc<AtomicBool>,
    /// Everything up to here has been told.
    at: Option<Version>,
    /// The highest version that was told.
    highest: Version,
    /// Whether the server was away since.
    away: bool,
    patience: Patience,
    doubt: Doubt,
    /// When the present round began.
    round: Instant,
    /// When the present watch was opened.
    opened: Option<Instant>,
    /// Whether it has gone forward since.
    forward: bool,
    /// Streaming lists of it do not end.
    in_pages: bool,
    turn: Turn,
    metrics: Metrics,
    served: Served,
}

/// Whether the server serves the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    NotKnown,
    Yes,
    No,
}

impl Task {
    pub(super) fn new(
        api: ApiClient,
        query: Query,
        facts: Sender<News>,
        whole_lists_only: Arc<AtomicBool>,
        metrics: Metrics,
    ) -> Self {
        Self {
            api,
            query,
            facts,
            whole_lists_only,
            at: None,
            highest: 0,
            away: false,
            patience: Patience::default(),
            doubt: Doubt::default(),
            round: Instant::now(),
            opened: None,
            forward: false,
            in_pages: false,
            turn: Turn::Over,
            metrics,
            served: Served::NotKnown,
        }
    }

    /// Follows the stream from its turn on, until nobody listens.
    pub(super) async fn run(mut self, turn: Turn) {
        self.turn = turn;
        let facts = self.facts.clone();
        tokio::select! {
            () = facts.closed() => {}
            () = self.follow_for_ever() => {}
        }
    }

    async fn follow_for_ever(&mut self) {
        self.turn.come().await;
        self.doubt.overcome();
        loop {
            (self.round, self.opened, self.forward) = (Instant::now(), None, false);
            let end = match self.round().await {
                Ok(()) => End::GoOn,
                Err(End::Failed(ApiError::NotServed(_))) if self.may_be_lacking() => End::NotServed,
                Err(end) => end,
            };
            if self.lived_well() {
                self.patience.restore();
            } else if self.forward {
                self.patience.was_brief();
            }
            self.learn(&end).await;
            self.away |= end.is_outage();
            let pause = sleep(self.patience.pause(&end));
            tokio::select! {
                () = pause => {}
                () = self.api.credentials_renewed(), if end.is_for_credentials() => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), End> {
        if self.away && self.at.is_some() {
            self.goes_on_from(self.highest).await?;
            self.away = false;
        }
        match self.at {
            Some(_) if self.doubt.due() <= Instant::now() => self.list_for_doubt().await,
            Some(version) => self.watch(version).await,
            None if self.in_pages || self.whole_lists_only.load(Relaxed) => {
                self.list_in_pages().await
            }
            None => self.list_as_stream().await,
        }
    }

    /// Asks for the newest version, which is not older than this one, unless etcd was put
    /// back to an older copy. That is believed when it is said again.
    async fn goes_on_from(&self, version: Version) -> Result<(), End> {
        let mut newest = self.newest().await?;
        if newest < version {
            sleep(AGAIN).await;
            newest = self.newest().await?;
        }
        if newest < version {
            return Err(End::PutBack(newest));
        }
        Ok(())
    }

    async fn newest(&self) -> Result<Version, End> {
        let json = self.api.list(&self.query.newest()).await?;
        Ok(Page::read(&json)?.version()?)
    }

    /// Whether the watch that has just ended stood for a while.
    fn lived_well(&self) -> bool {
        let opened = self.opened.filter(|_| self.at.is_some());
        opened.is_some_and(|opened| opened.elapsed() >= GOOD)
    }

    /// Whether it was opened, and has ended without being of any use.
    fn was_hollow(&self) -> bool {
        self.opened.is_some() && !self.forward && !self.lived_well()
    }

    /// Takes in what the end of a round means for the next one.
    async fn learn(&mut self, end: &End) {
        if !matches!(end, End::Unending) {
            self.turn.end();
        }
        let stream = &self.query.stream;
        match end {
            End::NotServed => self.not_served().await,
            End::Closed if self.was_hollow() => {
                self.failed(HOLLOW.to_owned(), Duration::ZERO).await;
            }
            End::Closed => tracing::debug!(%stream, "the watch ended"),
            End::Doubted if self.doubt.is_new() => tracing::warn!(
                %stream,
                "nothing was heard of it for more than two minutes, not even a bookmark: it is listed anew, and again every few minutes until something is"
            ),
            End::GoOn | End::Doubted => {}
            End::PutBack(now) => {
                let news = News::PutBack(stream.clone(), self.highest, *now);
                (self.at, self.highest) = (None, 0);
                self.tell(news).await;
            }
            End::Unending => {
                if !self.whole_lists_only.swap(true, Relaxed) {
                    tracing::info!("the API server knows no streaming lists; listing in pages");
                }
            }
            End::Failed(error) => {
                if matches!(error, ApiError::Expired | ApiError::NotAsked) {
                    self.at = None;
                }
                match error.refusal() {
                    Some(refusal) if self.patience.is_news(refusal) => {
                        tracing::warn!(%stream, %error, "refused");
                        let news = News::Refused(stream.clone(), refusal.clone());
                        self.tell(news).await;
                    }
                    Some(_) => {}
                    None => {
                        let pause = error.retry_after().unwrap_or_default();
                        self.failed(error.to_string(), pause).await;
                    }
                }
            }
        }
    }

    /// Waits for an answer. That it takes long is told before it comes.
    async fn asked<T>(&mut self, asking: impl Future<Output = T>) -> T {
        let began = Instant::now();
        tokio::pin!(asking);
        if let Ok(answer) = timeout(LONG, &mut asking).await {
            return answer;
        }
        if let Some(since) = self.patience.is_late(began) {
            self.tell_failing(since, UNANSWERED.to_owned()).await;
        }
        asking.await
    }

    /// Once is a connection that was renewed. More often, or for long, is told; what opens
    /// and tells nothing is listed in its stead.
    async fn failed(&mut self, error: String, pause: Duration) {
        let stream = self.query.stream.clone();
        tracing::debug!(%stream, error, "the watch failed");
        // What stood open was well until now.
        let began = self.opened.map_or(self.round, |_| Instant::now());
        let is_news = self.patience.is_trouble(began, pause);
        if self.was_hollow() && self.patience.is_troubled() {
            self.in_pages = true;
            self.doubt.is_hollow();
        }
        if let Some(since) = is_news {
            self.tell_failing(since, error).await;
        }
    }

    async fn tell_failing(&self, since: Instant, why: String) {
        let stream = self.query.stream.clone();
        self.tell(News::Failing(stream, since.into_std(), why))
            .await;
    }

    fn may_be_lacking(&self) -> bool {
        self.query.stream.of.may_be_lacking()
    }

    /// What is not served holds nothing. Where it was served just now, that is
    /// believed when it is found again: the server may be starting.
    async fn not_served(&mut self) {
        self.at = None;
        self.is_well().await;
        let stream = self.query.stream.clone();
        match self.served {
            Served::Yes => self.served = Served::NotKnown,
            Served::No => {}
            Served::NotKnown => {
                self.served = Served::No;
                tracing::info!(%stream, "the API server does not serve this; looking again later");
                self.tell(News::Fact(Fact::ListBegan(stream.clone()))).await;
                self.tell(News::Fact(Fact::ListEnded(stream, 0))).await;
            }
        }
    }

    // --- lists -----------------------------------------------------------

    /// A list as events. 403 may mean this way of listing only, so the other one
    /// has to say what is not allowed.
    async fn list_as_stream(&mut self) -> Result<(), End> {
        let call = self.query.list_and_watch();
        let api = self.api.clone();
        match self.asked(api.open(&call)).await {
            Ok(body) => {
                self.is_open().await;
                self.tell(News::Fact(Fact::ListBegan(self.query.stream.clone())))
                    .await;
                self.follow(body, &call, true).await
            }
            Err(ApiError::Invalid(..)) => Err(End::Unending),
            Err(ApiError::Forbidden(_)) => self.list_in_pages().await,
            Err(error) => Err(error.into()),
        }
    }

    async fn list_in_pages(&mut self) -> Result<(), End> {
        self.list().await?;
        // That its watch is of no use is not over with that.
        if !self.doubt.hollow() {
            self.doubt.overcome();
            self.is_well().await;
        }
        Ok(())
    }

    /// A list in pages.
    async fn list(&mut self) -> Result<(), End> {
        let mut pages = Pages::of(self.query.list(), self.query.stream.of);
        let api = self.api.clone();
        loop {
            let json = match self.asked(api.list(&pages.call())).await {
                Err(error) if pages.shrink(&error) => continue,
                answer => answer?,
            };
            if pages.is_first() {
                // What began is to be brought to its end.
                self.at = None;
                self.tell(News::Fact(Fact::ListBegan(self.query.stream.clone())))
                    .await;
            }
            let page = Page::read(&json)?;
            for object in &page.items {
                self.object(Kind::Added, object, How::Listed).await;
            }
            if !pages.turn(&page)? {
                return self.list_ended(page.version()?).await;
            }
        }
    }

    /// A list because the watch is doubted. Where it cannot be had the watch goes on.
    async fn list_for_doubt(&mut self) -> Result<(), End> {
        self.doubt.listed();
        self.list().await
    }

    async fn list_ended(&mut self, version: Version) -> Result<(), End> {
        if version < self.highest {
            self.goes_on_from(self.highest).await?;
        }
        self.at = Some(version);
        self.highest = self.highest.max(version);
        self.served = Served::Yes;
        let fact = Fact::ListEnded(self.query.stream.clone(), version);
        self.tell(News::Fact(fact)).await;
        self.turn.end();
        Ok(())
    }

    // --- watches ---------------------------------------------------------

    async fn watch(&mut self, version: Version) -> Result<(), End> {
        let call = self.query.watch(version);
        let api = self.api.clone();
        let body = self.asked(api.open(&call)).await?;
        self.is_open().await;
        self.follow(body, &call, false).await
    }

    /// It is permitted; whether it is of any use is to be seen.
    async fn is_open(&mut self) {
        self.opened = Some(Instant::now());
        if self.patience.is_permitted() && !self.patience.is_troubled() {
            self.recovered().await;
        }
    }

    /// It tells what it should, or stands open as it should.
    async fn is_well(&mut self) {
        if self.patience.is_over() {
            self.recovered().await;
        }
    }

    async fn recovered(&self) {
        tracing::debug!(stream = %self.query.stream, "open again");
        self.tell(News::Recovered(self.query.stream.clone())).await;
    }

    /// It told of this version: that is news, or the same again, or an older one, which
    /// shows nothing.
    async fn told(&mut self, version: Option<Version>) {
        let newer = version.filter(|version| self.at.is_none_or(|at| *version > at));
        if let Some(newer) = newer {
            self.at = Some(newer);
            self.highest = self.highest.max(newer);
            self.goes_forward().await;
        }
    }

    async fn goes_forward(&mut self) {
        self.forward = true;
        if self.doubt.overcome() {
            tracing::info!(stream = %self.query.stream, "the watch tells what happens again");
        }
        self.is_well().await;
    }

    /// Until when a watch may be silent, or has to be looked after.
    fn patient_until(&self, listing: bool, due: Option<Instant>) -> Instant {
        let silent = if listing {
            Instant::now() + UNENDING
        } else {
            self.doubt.due()
        };
        let proves_good = self.opened.map(|opened| opened + GOOD);
        let proves_good = proves_good.filter(|_| !listing && self.patience.is_tried());
        [due, proves_good]
            .into_iter()
            .flatten()
            .fold(silent, Instant::min)
    }

    /// Tells what a watch says, until it ends; while `listing`, what it says is
    /// the list.
    async fn follow(&mut self, body: Body, call: &Call, mut listing: bool) -> Result<(), End> {
        let mut lines = Lines::new(body);
        let mut scrub = Scrub::default();
        loop {
            let due = scrub.due().filter(|_| !listing);
            if due.is_some_and(|due| due <= Instant::now()) {
                return Ok(());
            }
            let until = self.patient_until(listing, due);
            let Ok(line) = timeout_at(until, lines.next()).await else {
                match listing {
                    true => return Err(End::Unending),
                    false if self.doubt.due() <= Instant::now() => return Err(End::Doubted),
                    false if self.lived_well() => self.is_well().await,
                    false => {}
                }
                continue;
            };
            let line = line.ok_or(End::Closed)??;
            if self.query.is_of_secrets() {
                scrub.see(&line);
            }
            listing = self.line(&line, call, listing).await?;
        }
    }

    /// Tells what one line says. Returns whether the list goes on. Only a watch
    /// that says something is a good one: a list may break off each time.
    async fn line(&mut self, line: &[u8], call: &Call, listing: bool) -> Result<bool, End> {
        let Event { kind, object } = Event::read(line)?;
        match kind {
            Kind::Error => Err(api::of_event(call, object.get().as_bytes()).into()),
            Kind::Bookmark => self.bookmark(object, listing).await.map(|()| false),
            // What changed cannot be told: only a list does.
            _ if !api::is_told_of(call, object.get().as_bytes()) => Err(ApiError::NotAsked.into()),
            _ if listing => {
                let version = self.object(kind, object, How::Listed).await;
                is_versioned(version, object).map(|()| true)
            }
            _ => {
                let how = match kind {
                    Kind::Added => How::Made,
                    _ => How::Event,
                };
                let version = self.object(kind, object, how).await;
                is_versioned(version, object)?;
                self.told(version).await;
                Ok(false)
            }
        }
    }

    async fn bookmark(&mut self, object: &RawValue, listing: bool) -> Result<(), End> {
        let (version, ends_list) = bookmark(object)?;
        match (listing, ends_list) {
            (true, false) => return Err(End::Unending),
            (true, true) => {
                self.list_ended(version).await?;
                self.goes_forward().await;
            }
            (false, _) => self.told(Some(version)).await,
        }
        Ok(())
    }

    /// Tells of one object. Returns its version.
    async fn object(&mut self, kind: Kind, object: &RawValue, how: How) -> Option<Version> {
        self.turn.goes_on();
        let Query { stream, filter, .. } = &self.query;
        let read = decode(stream.of, kind, object, how, filter);
        self.metrics.heard(stream.of, happened(kind), read.is_ok());
        if let Ok((fact, version)) = read {
            if let Some(fact) = fact {
                self.tell(News::Fact(fact)).await;
            }
            return Some(version);
        }
        let meta = page::meta(object).unwrap_or_default();
        let (namespace, name) = (&meta.namespace, &meta.name);
        tracing::warn!(%stream, %namespace, %name, "skipped an object of an unexpected shape");
        self.tell(News::Unreadable(stream.clone())).await;
        meta.version().ok()
    }

    /// Where nobody listens, `run` ends this.
    async fn tell(&self, news: News) {
        let _ = self.facts.send(news).await;
    }
}

/// What has no version at all, and could not be read, is none of an API server.
fn is_versioned(version: Option<Version>, object: &RawValue) -> Result<(), End> {
    if version.is_some() || api::has_version(object.get().as_bytes()) {
        Ok(())
    } else {
        Err(ApiError::NotAsked.into())
    }
}

fn happened(kind: Kind) -> Happened {
    match kind {
        Kind::Added => Happened::Add,
        Kind::Deleted => Happened::Delete,
        Kind::Modified | Kind::Bookmark | Kind::Error => Happened::Update,
    }
}
