//! Carries effects out: every request that the controller makes starts here.
//!
//! Goes in: [`Effect`]s. Comes out: [`Input`]s, by the inbox. Each effect is a
//! task of its own; how many wait for the API server at once is bounded, for
//! reads and writes apart.
//!
//! Error policy: none of its own. Every result goes back as it is; only a write
//! for which our term no longer lasts is not sent, and then nobody waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use tidings_core::decide::Decided;
use tidings_core::evidence::{Finding, Question};
use tidings_core::pauses::Pauses;
use tidings_core::refs::{SourceKind, WorkloadRef};
use tidings_core::rewrite::Words;
use tidings_core::settle::Millis;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use crate::act::saved::{self, Saved};
use crate::act::{self, Hand, Hands, Undone};
use crate::api::ApiError;
use crate::api::pace::Pace;
use crate::control::{Answer, Control, Deed, Effect, Input, Outcome, Patch, Unpause};
use crate::fetch;
use crate::lease::Term;
use crate::metrics::{Metrics, RollResult};
use crate::notify::Roll;
use crate::notify::webhook::Webhook;
use crate::records::cluster;
use crate::records::cluster::Home;
use crate::records::memory::{Shard, Stored, Versions, Write};
use crate::report::Report;
use crate::watch::News;
use crate::watch::scope::Filter;

/// Reads under way at once.
const READS: usize = 16;
/// Writes of the state under way at once: each is long, and in memory as a whole.
const STATE_WRITES: usize = 4;
/// Calls of the webhook under way at once. They hold up no write.
const CALLS: usize = 16;
/// Jobs that are made again at once. Each waits for its pods to end; a manifest is
/// in memory meanwhile.
const REMAKES: usize = 64;
/// The pauses before the state is asked for again.
const STATE_PAUSES: Pauses = Pauses::new(Duration::from_millis(200), Duration::from_secs(10));

/// What every request needs.
struct Shared {
    client: Client,
    /// For what may carry bytes of a Secret.
    brief: Client,
    inbox: mpsc::Sender<Input>,
    filter: Filter,
    place: Home,
    words: Words,
    identity: String,
    metrics: Metrics,
    reads: Pace,
    writes: Pace,
    state_writes: Pace,
    /// Called instead of rolling.
    webhook: Option<Webhook>,
    calls: Pace,
    remakes: Pace,
}

/// The hands of the controller.
pub(crate) struct Effects {
    shared: Arc<Shared>,
    report: Report,
    term: Option<Term>,
    dry_run: bool,
    resign: Arc<Notify>,
}

/// What [`Effects::new`] takes.
pub(crate) struct Means {
    pub(crate) client: Client,
    /// For what may carry bytes of a Secret: its connections do not stay open.
    pub(crate) brief: Client,
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) filter: Filter,
    pub(crate) place: Home,
    pub(crate) identity: String,
    pub(crate) writes: usize,
    pub(crate) report: Report,
    /// Called instead of rolling.
    pub(crate) webhook: Option<Webhook>,
    /// What rolls write besides our marks.
    pub(crate) words: Words,
    pub(crate) dry_run: bool,
    /// Asks the candidate to leave it to another replica.
    pub(crate) resign: Arc<Notify>,
}

impl Effects {
    pub(crate) fn new(means: Means) -> Self {
        let shared = Shared {
            client: means.client,
            brief: means.brief,
            inbox: means.inbox,
            filter: means.filter,
            place: means.place,
            words: means.words,
            identity: means.identity,
            metrics: means.report.metrics().clone(),
            reads: Pace::new(READS),
            writes: Pace::new(means.writes),
            state_writes: Pace::new(STATE_WRITES),
            webhook: means.webhook,
            calls: Pace::new(CALLS),
            remakes: Pace::new(REMAKES),
        };
        Self {
            shared: Arc::new(shared),
            report: means.report,
            term: None,
            dry_run: means.dry_run,
            resign: means.resign,
        }
    }

    pub(crate) fn carry_out(&mut self, effect: Effect, started: Instant) {
        let shared = Arc::clone(&self.shared);
        match effect {
            Effect::Say(said) => self.report.say(&said),
            Effect::StandBy => {
                self.end_term();
                self.resign.notify_one();
            }
            Effect::Fetch(source, told, sha1) => spawn(async move {
                let client = shared.for_source(source.kind);
                let reading = || fetch::source(client, &source, &shared.filter, sha1);
                let result = shared.reading("read_source", reading).await;
                shared.tell(Input::Fetched(source, told, result)).await;
            }),
            Effect::List(kind, namespace, at) => spawn(async move {
                sleep(until(started, at)).await;
                let client = shared.for_source(kind);
                let listing = || fetch::metas(client, kind, &namespace, &shared.filter);
                let result = shared.reading("list_sources", listing).await;
                shared.tell(Input::Listed(kind, namespace, result)).await;
            }),
            Effect::Ask(key, questions) => {
                self.in_term(|shared, term| shared.ask(term, key, questions));
            }
            Effect::Write(write) => self.in_term(|shared, term| shared.write(term, write)),
            Effect::Patch(patch) => self.in_term(|shared, term| shared.patch(term, patch)),
            Effect::Unpause(unpause) => {
                self.in_term(|shared, term| shared.unpause(term, unpause));
            }
            Effect::ReadState(shard, at) => {
                let wait = until(started, at);
                self.in_term(|shared, term| shared.read_state(term, shard, wait));
            }
        }
    }

    /// A term begins: the state is taken over, then the controller leads.
    pub(crate) fn begin_term(&mut self, term: Term) {
        self.term = Some(term);
        let dry_run = self.dry_run;
        self.in_term(|shared, term| shared.take_over(term, dry_run));
    }

    pub(crate) fn end_term(&mut self) {
        self.term = None;
    }

    /// Looks whether the state's objects are as we left them.
    pub(crate) fn look_after_state(&self, asked: Versions) {
        if !self.dry_run {
            self.in_term(|shared, term| shared.list_state(term, asked));
        }
    }

    /// Whether this is our present term.
    pub(crate) fn is_in_term(&self, number: u64) -> bool {
        self.term.as_ref().is_some_and(|term| term.number == number)
    }

    /// Counts what was decided within so much time.
    pub(crate) fn decided(&self, decisions: &[Decided], took: Duration) {
        self.shared.metrics.decisions(decisions, took);
    }

    /// What concerns the streams themselves goes past the controller.
    pub(crate) fn heard(&self, news: &News) {
        self.report.heard(news);
    }

    /// Sends the Events that still wait.
    pub(crate) async fn close(&mut self, within: Duration) {
        self.report.close(within).await;
    }

    /// Shows how the controller is. Returns when to do so again, if it is too
    /// soon now.
    pub(crate) fn show(&mut self, control: &Control) -> Option<Instant> {
        self.report.show(control)
    }

    fn in_term<F>(&self, task: impl FnOnce(Arc<Shared>, Term) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(term) = self.term.clone() {
            spawn(task(Arc::clone(&self.shared), term));
        }
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

fn until(started: Instant, at: Millis) -> Duration {
    (started + Duration::from_millis(at)).saturating_duration_since(Instant::now())
}

impl Shared {
    /// A closed inbox means that the loop has ended, and nobody wants to know.
    async fn tell(&self, input: Input) {
        let _ = self.inbox.send(input).await;
    }

    fn for_source(&self, kind: SourceKind) -> &Client {
        match kind {
            SourceKind::ConfigMap | SourceKind::SecretProviderClass => &self.client,
            SourceKind::Secret => &self.brief,
        }
    }

    async fn answer(&self, term: &Term, answer: Answer) {
        self.tell(Input::Answer(term.number, answer)).await;
    }

    /// A request in a box, here and below, so that the thousands that may wait for
    /// their turn do not each hold the room of one that is under way.
    async fn reading<T, F>(
        &self,
        what: &'static str,
        request: impl FnOnce() -> F,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let _permit = self.reads.enter().await;
        let result = Box::pin(request()).await;
        self.heed(&self.reads, what, &result);
        result
    }

    /// Whether it failed, and whether the API server wants a pause.
    fn heed<T>(&self, pace: &Pace, what: &'static str, result: &Result<T, ApiError>) {
        pace.heed(result);
        self.failed(what, result);
    }

    /// What had changed meanwhile is looked at again, and is no failure.
    fn failed<T>(&self, what: &'static str, result: &Result<T, ApiError>) {
        if !matches!(result, Ok(_) | Err(ApiError::Conflict | ApiError::Gone)) {
            self.metrics.failed(what);
        }
    }

    /// The answer to a deed. After the end of a term nobody waits for one.
    fn answered<T>(
        &self,
        what: &'static str,
        done: Result<T, Undone>,
    ) -> Option<Result<T, ApiError>> {
        let result = match done {
            Ok(done) => Ok(done),
            Err(Undone::Failed(error)) => Err(error),
            Err(Undone::Over) => return None,
        };
        self.failed(what, &result);
        Some(result)
    }

    async fn write(self: Arc<Self>, term: Term, write: Write) {
        let _turn = self.state_writes.enter().await;
        let _permit = self.writes.enter().await;
        if !term.is_valid() {
            return;
        }
        let result = Box::pin(cluster::write(&self.client, &self.place, &write)).await;
        self.heed(&self.writes, "write_state", &result);
        self.answer(&term, Answer::Wrote(write, result)).await;
    }

    async fn patch(self: Arc<Self>, term: Term, patch: Box<Patch>) {
        let done = match &self.webhook {
            None => self.roll(&term, &patch).await,
            Some(webhook) => self.call(&term, webhook, &patch).await,
        };
        self.patched(&term, patch, done).await;
    }

    async fn roll(&self, term: &Term, patch: &Patch) -> Result<Outcome, Undone> {
        let _turn = match patch.deed {
            Deed::Recreate => self.remakes.enter().await,
            _ => None,
        };
        act::carry_out(&self.hands(term), patch).await
    }

    /// Tells another server instead of rolling.
    async fn call(&self, term: &Term, at: &Webhook, patch: &Patch) -> Result<Outcome, Undone> {
        let _permit = self.calls.enter().await;
        if !term.is_valid() {
            return Err(Undone::Over);
        }
        let roll = Roll::to_do(patch, &self.place.instance);
        let called = Box::pin(at.post(&roll)).await;
        self.calls.heed(&called);
        Ok(called.map(|()| Outcome::Done)?)
    }

    /// Does the rest of what an earlier term began.
    async fn finish(self: Arc<Self>, term: Term, saved: Saved) {
        let _turn = self.remakes.enter().await;
        let done = Box::pin(act::finish(&self.hands(&term), &saved)).await;
        self.patched(&term, Box::new(saved.patch()), done).await;
    }

    async fn patched(&self, term: &Term, patch: Box<Patch>, done: Result<Outcome, Undone>) {
        let Some(result) = self.answered("roll", done) else {
            return;
        };
        self.count(&patch, &result);
        self.answer(term, Answer::Patched(patch, result)).await;
    }

    fn hands<'a>(&'a self, term: &'a Term) -> Hands<'a> {
        Hands {
            client: &self.client,
            hand: Hand {
                instance: &self.place.instance,
                vocabulary: &self.filter.vocabulary,
                words: self.words,
            },
            place: &self.place,
            term,
            reads: &self.reads,
            writes: &self.writes,
        }
    }

    async fn unpause(self: Arc<Self>, term: Term, unpause: Box<Unpause>) {
        let done = act::unpause(&self.hands(&term), &unpause).await;
        let Some(result) = self.answered("unpause", done) else {
            return;
        };
        let answer = Answer::Unpaused(unpause.key, result);
        self.answer(&term, answer).await;
    }

    fn count(&self, patch: &Patch, result: &Result<Outcome, ApiError>) {
        let result = match result {
            Ok(Outcome::Done | Outcome::Made(_)) => RollResult::Done,
            Ok(Outcome::NoEffect) => RollResult::NoEffect,
            // Not refused: it had changed, and is looked at again.
            Err(ApiError::Conflict | ApiError::Gone) => return,
            Err(_) => RollResult::Refused,
        };
        self.metrics.rolled(&patch.key, result);
    }

    async fn read_state(self: Arc<Self>, term: Term, shard: Shard, wait: Duration) {
        sleep(wait).await;
        let reading = || cluster::read(&self.client, &self.place, &shard);
        let result = self.reading("read_state", reading).await;
        self.answer(&term, Answer::StateRead(shard, result)).await;
    }

    async fn ask(self: Arc<Self>, term: Term, key: WorkloadRef, questions: Vec<Question>) {
        let asked = questions
            .into_iter()
            .map(|question| self.find(&key, question));
        let result = futures::future::try_join_all(asked).await;
        self.answer(&term, Answer::Found(key, result)).await;
    }

    async fn find(
        &self,
        key: &WorkloadRef,
        question: Question,
    ) -> Result<(Question, Finding), ApiError> {
        let client = match &question {
            Question::Source(source, _) => self.for_source(source.kind),
            Question::Workload(_) | Question::Pods => &self.client,
        };
        let asking = || fetch::find(client, key, &question, &self.filter);
        let found = self.reading("read_past", asking).await?;
        Ok((question, found))
    }

    async fn list_state(self: Arc<Self>, term: Term, asked: Versions) {
        let listing = || cluster::list(&self.client, &self.place);
        match self.reading("read_state", listing).await {
            Ok(found) => {
                let found = found.into_iter().collect();
                self.answer(&term, Answer::StateListed(asked, found)).await;
            }
            Err(error) => tracing::warn!(%error, "the records cannot be looked after"),
        }
    }

    /// Asks until it is answered or the term is over: without the state nothing
    /// can be decided.
    async fn take_over(self: Arc<Self>, term: Term, dry_run: bool) {
        let mut pauses = STATE_PAUSES;
        while term.is_valid() {
            let leader = format!("{}/{}", self.identity, term.number);
            match self.taken_over(&leader, dry_run).await {
                Ok((state, saved)) => return self.begin(term, state, saved).await,
                Err(error) => tracing::warn!(%error, "the state cannot be taken over yet"),
            }
            sleep(pauses.grow()).await;
        }
    }

    async fn taken_over(&self, leader: &str, dry_run: bool) -> Result<Left, ApiError> {
        if dry_run {
            return Ok(Left::default());
        }
        let state = cluster::take_over(&self.client, &self.place, leader).await?;
        if state.iter().any(|(_, stored)| stored.is_newer()) {
            return Ok((state, Vec::new()));
        }
        Ok((state, saved::list(&self.client, &self.place).await?))
    }

    /// The controller leads; what an earlier term left half done is finished.
    async fn begin(self: Arc<Self>, term: Term, state: Vec<(Shard, Stored)>, saved: Vec<Saved>) {
        let jobs = saved.iter().map(|job| (job.key.clone(), job.uid.clone()));
        let leading = Input::Leading(term.number, state, jobs.collect(), term.unled_since);
        self.tell(leading).await;
        for job in saved {
            spawn(Arc::clone(&self).finish(term.clone(), job));
        }
    }
}

/// What an earlier term left: the state, and Jobs that are to be made again.
type Left = (Vec<(Shard, Stored)>, Vec<Saved>);
