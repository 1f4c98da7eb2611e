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

use tidings_core::decide::Decided;
use tidings_core::evidence::{Finding, Question};
use tidings_core::method::Method;
use tidings_core::object::Workload;
use tidings_core::pauses::Pauses;
use tidings_core::refs::WorkloadRef;
use tidings_core::reloader::rewrite::Words;
use tidings_core::settle::Millis;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use crate::act::saved::{self, Saved};
use crate::act::{self, ActContext, Author};
use crate::admin::Health;
use crate::agents::Agents;
use crate::api::{ApiClient, ApiError, Term};
use crate::control::{
    Answer, Control, Effect, Input, Lookup, NewTerm, Outcome, Patch, PodAnswer, PodErrand, PodTask,
    RollError, Together, Unpause,
};
use crate::fetch;
use crate::fetch::ContentList;
use crate::installed::tell::OwnWord;
use crate::metrics::{Metrics, RollResult};
use crate::notify::RollMessage;
use crate::notify::webhook::Webhook;
use crate::records::cluster;
use crate::records::cluster::Home;
use crate::records::memory::{Shard, Stored, Versions, Write};
use crate::report::Report;
use crate::watch::News;
use crate::watch::scope::Filter;

/// The pauses before the state is asked for again.
const STATE_PAUSES: Pauses = Pauses::new(Duration::from_millis(200), Duration::from_secs(10));

/// What carries effects out, each in a task of its own.
#[derive(Clone)]
pub(crate) struct Executor {
    pub(crate) api: ApiClient,
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) filter: Filter,
    pub(crate) home: Home,
    /// What rolls write besides our marks.
    pub(crate) words: Words,
    pub(crate) identity: String,
    pub(crate) metrics: Metrics,
    /// Who is told whether the records can be read.
    pub(crate) health: Arc<Health>,
    /// Called instead of rolling.
    pub(crate) webhook: Option<Webhook>,
    pub(crate) dry_run: bool,
    /// The way to the agents in pods.
    pub(crate) agents: Agents,
    /// What the commands are told of the installation.
    pub(crate) told: Option<Arc<OwnWord>>,
}

/// The hands of the controller.
pub(crate) struct Effects {
    executor: Arc<Executor>,
    report: Report,
    term: Option<Term>,
    /// Asks the candidate to leave it to another replica.
    resign: Arc<Notify>,
}

impl Effects {
    pub(crate) fn new(executor: Executor, report: Report, resign: Arc<Notify>) -> Self {
        Self {
            executor: Arc::new(executor),
            report,
            term: None,
            resign,
        }
    }

    pub(crate) fn carry_out(&mut self, effect: Effect, started: Instant) {
        let executor = Arc::clone(&self.executor);
        match effect {
            Effect::Say(notice) => self.report.say(&notice),
            Effect::StandBy => {
                self.end_term();
                self.resign.notify_one();
            }
            Effect::Fetch(source, told, sha1) => spawn(async move {
                let reading = fetch::source(&executor.api, &source, &executor.filter, sha1);
                let result = executor.api.counted("read_source", reading).await;
                executor.tell(Input::Fetched(source, told, result)).await;
            }),
            Effect::FetchTogether(asked) => spawn(executor.fetch_together(asked)),
            Effect::LookUp(lookup) => spawn(executor.look_up(lookup)),
            Effect::List(kind, namespace) => spawn(async move {
                let listing = fetch::metas(&executor.api, kind, &namespace, &executor.filter);
                let result = executor.api.counted("list_sources", listing).await;
                executor.tell(Input::Listed(kind, namespace, result)).await;
            }),
            Effect::Return(key, at) => spawn(async move {
                let result = executor.read_workload(&key, until(started, at)).await;
                executor.tell(Input::Returned(key, result)).await;
            }),
            Effect::LookFor(key, at) => {
                let wait = until(started, at);
                self.in_term(|executor, term| executor.look_for(term, key, wait));
            }
            Effect::Ask(key, questions) => {
                self.in_term(|executor, term| executor.ask(term, key, questions));
            }
            Effect::Write(write) => self.in_term(|executor, term| executor.write(term, write)),
            Effect::Patch(patch) => self.in_term(|executor, term| executor.patch(term, patch)),
            Effect::Remake(patch, at) => {
                let wait = until(started, at);
                self.in_term(|executor, term| executor.remake(term, patch, wait));
            }
            Effect::Unpause(unpause) => {
                self.in_term(|executor, term| executor.unpause(term, unpause));
            }
            Effect::Pods(errand) => self.in_term(|executor, term| executor.visit(term, errand)),
            Effect::ReadState(shard, at) => {
                let wait = until(started, at);
                self.in_term(|executor, term| executor.read_state(term, shard, wait));
            }
        }
    }

    /// Answers go to another controller from now on, which knows nothing yet. While we lead
    /// it takes over as at the beginning of a term.
    pub(crate) fn begin_anew(&mut self, inbox: mpsc::Sender<Input>) {
        let executor = Executor::clone(&self.executor);
        self.executor = Arc::new(Executor { inbox, ..executor });
        self.report.begin_anew();
        if let Some(term) = self.term.take() {
            self.begin_term(term);
        }
    }

    /// A term begins: the state is taken over, then the controller leads.
    pub(crate) fn begin_term(&mut self, term: Term) {
        self.report.lead(Some(term.clone()));
        self.term = Some(term);
        self.in_term(Executor::take_over);
    }

    /// Tells the commands what runs here, as long as the term lasts.
    pub(crate) fn tell_what_runs(&self) {
        self.in_term(Executor::tell_what_runs);
    }

    pub(crate) fn end_term(&mut self) {
        self.term = None;
        self.report.lead(None);
    }

    /// What the term leaves to the next one, if it ended now.
    pub(crate) fn leave_unrecorded(&self, since: Option<i64>) {
        if let Some(term) = &self.term {
            term.leave_unrecorded(since);
        }
    }

    /// Looks whether the state's objects are as we left them.
    pub(crate) fn look_after_state(&self, asked: Versions) {
        if !self.executor.dry_run {
            self.in_term(|executor, term| executor.list_state(term, asked));
        }
    }

    /// Whether this is our present term.
    pub(crate) fn is_in_term(&self, number: u64) -> bool {
        self.term.as_ref().is_some_and(|term| term.number == number)
    }

    /// Counts what was decided within so much time.
    pub(crate) fn decided(&self, decisions: &[Decided], took: Duration) {
        self.executor.metrics.decisions(decisions, took);
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

    fn in_term<F>(&self, task: impl FnOnce(Arc<Executor>, Term) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(term) = self.term.clone() {
            spawn(task(Arc::clone(&self.executor), term));
        }
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

fn until(started: Instant, at: Millis) -> Duration {
    (started + Duration::from_millis(at)).saturating_duration_since(Instant::now())
}

impl Executor {
    /// A closed inbox means that the loop has ended, and nobody wants to know.
    async fn tell(&self, input: Input) {
        let _ = self.inbox.send(input).await;
    }

    async fn answer(&self, term: &Term, answer: Answer) {
        if !was_not_sent(&answer) {
            self.tell(Input::Answer(term.number, answer)).await;
        }
    }

    async fn read_workload(
        &self,
        key: &WorkloadRef,
        wait: Duration,
    ) -> Result<Option<Box<Workload>>, ApiError> {
        sleep(wait).await;
        let reading = fetch::workload(&self.api, key, &self.filter);
        let read = self.api.counted("read_workload", reading).await?;
        Ok(read.map(Box::new))
    }

    async fn look_for(self: Arc<Self>, term: Term, key: WorkloadRef, wait: Duration) {
        let result = self.read_workload(&key, wait).await;
        self.answer(&term, Answer::LookedFor(key, result)).await;
    }

    /// What a list does not show is read by itself, and tells there what is wrong.
    async fn fetch_together(self: Arc<Self>, mut left: Together) {
        let reading = self.read_together(&mut left);
        if let Err(error) = self.api.counted("list_sources", reading).await {
            tracing::debug!(namespace = %left.namespace, %error, "sources are read one by one");
        }
        self.tell(Input::FetchedTogether(left)).await;
    }

    async fn read_together(&self, left: &mut Together) -> Result<(), ApiError> {
        let Together {
            kind,
            namespace,
            asked,
        } = left;
        let mut list = ContentList::of(*kind, namespace, asked, &self.filter);
        while let Some(page) = list.next(&self.api).await? {
            for (source, told, fetched) in page {
                self.tell(Input::Fetched(source, told, Ok(fetched))).await;
            }
        }
        Ok(())
    }

    async fn look_up(self: Arc<Self>, lookup: Lookup) {
        let asked = lookup.asked.iter().map(|(name, _)| name.clone()).collect();
        let asking = fetch::which(&self.api, lookup.kind, &lookup.namespace, &asked);
        let result = self.api.counted("list_sources", asking).await;
        self.tell(Input::LookedUp(lookup, result)).await;
    }

    async fn write(self: Arc<Self>, term: Term, write: Write) {
        let writing = cluster::write(self.api.within(&term), &self.home, &write);
        let result = self.api.counted("write_state", writing).await;
        self.answer(&term, Answer::Wrote(write, result)).await;
    }

    async fn patch(self: Arc<Self>, term: Term, patch: Box<Patch>) {
        let done = match &self.webhook {
            None => self.roll(&term, &patch).await,
            Some(webhook) => {
                let roll = || RollMessage::new(&patch.roll, &self.home.instance);
                let namespace = &patch.roll.key.namespace;
                webhook
                    .roll(&term, namespace, roll)
                    .await
                    .map(|()| Outcome::Done)
            }
        };
        self.patched(&term, patch, done).await;
    }

    async fn roll(&self, term: &Term, patch: &Patch) -> Result<Outcome, RollError> {
        Ok(act::carry_out(&self.acting(term), patch).await?)
    }

    /// Does more of what was begun, perhaps by an earlier term.
    async fn remake(self: Arc<Self>, term: Term, patch: Box<Patch>, wait: Duration) {
        sleep(wait).await;
        let done = Box::pin(act::go_on(&self.acting(&term), &patch)).await;
        let done = done.map_err(RollError::from);
        self.patched(&term, patch, done).await;
    }

    async fn patched(&self, term: &Term, patch: Box<Patch>, done: Result<Outcome, RollError>) {
        self.count(&patch, &done);
        self.answer(term, Answer::Patched(patch, done)).await;
    }

    fn acting<'a>(&'a self, term: &'a Term) -> ActContext<'a> {
        ActContext {
            api: self.api.within(term),
            author: Author {
                instance: &self.home.instance,
                vocabulary: &self.filter.vocabulary,
                words: self.words,
            },
            home: &self.home,
        }
    }

    async fn unpause(self: Arc<Self>, term: Term, unpause: Box<Unpause>) {
        let acting = self.acting(&term);
        let done = act::unpause(&acting, &unpause);
        let result = self.api.counted("unpause", done).await;
        let answer = Answer::Unpaused(unpause.key, result);
        self.answer(&term, answer).await;
    }

    /// Does something about pods of a workload.
    async fn visit(self: Arc<Self>, term: Term, errand: Box<PodErrand>) {
        let PodErrand { climber, task } = *errand;
        let answer = match task {
            PodTask::List(mut roster) => {
                let listing = roster.list(&self.api);
                let listed = self.api.counted("list_pods", listing).await;
                PodAnswer::Listed(roster, listed)
            }
            PodTask::Poke(poking) => {
                let poked = act::poke(self.api.within(&term), &poking);
                let poked = self.api.counted("poke", poked).await;
                PodAnswer::Acted(poking.uid, poking.method, poked)
            }
            PodTask::Restart(restarting) => {
                let restarted = act::restart(self.api.within(&term), &restarting);
                let restarted = self.api.counted("restart_in_place", restarted).await;
                PodAnswer::Acted(restarting.uid, Method::RestartInPlace, restarted)
            }
            PodTask::Evict(evicting) => {
                let evicted = act::evict(self.api.within(&term), &evicting);
                let evicted = self.api.counted("evict", evicted).await;
                PodAnswer::Acted(evicting.uid, Method::Evict, evicted)
            }
            PodTask::Look(looking) => {
                let of = (&looking.namespace, &looking.pod, &looking.uid);
                let seen = fetch::pod(&self.api, of, &looking.users);
                let seen = self.api.counted("look_at_pod", seen).await;
                PodAnswer::Looked(looking.uid, seen)
            }
            PodTask::Ask {
                uid,
                pod,
                token,
                agents,
            } => PodAnswer::Asked(uid, self.agents.ask(&pod, &token, &agents).await),
        };
        self.answer(&term, Answer::Pods(climber, answer)).await;
    }

    fn count(&self, patch: &Patch, result: &Result<Outcome, RollError>) {
        let result = match result {
            Ok(Outcome::Done | Outcome::Made(_)) => RollResult::Done,
            Ok(Outcome::NoEffect) => RollResult::NoEffect,
            Ok(Outcome::Leaving(_)) => return,
            // Not refused: it had changed, and is looked at again.
            Err(RollError::Api(error)) if !error.is_failure() => return,
            Ok(Outcome::Unmade(_)) => return self.metrics.failed("roll"),
            Err(_) => {
                self.metrics.failed("roll");
                RollResult::Refused
            }
        };
        self.metrics.rolled(&patch.roll.key, result);
    }

    async fn read_state(self: Arc<Self>, term: Term, shard: Shard, wait: Duration) {
        sleep(wait).await;
        let reading = cluster::read(&self.api, &self.home, &shard);
        let result = self.api.counted("read_state", reading).await;
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
        let asking = fetch::find(&self.api, key, &question, &self.filter);
        let found = self.api.counted("read_past", asking).await?;
        Ok((question, found))
    }

    async fn list_state(self: Arc<Self>, term: Term, asked: Versions) {
        let listing = cluster::list(&self.api, &self.home);
        match self.api.counted("read_state", listing).await {
            Ok(found) => {
                self.health.records(None);
                let found = found.into_iter().collect();
                self.answer(&term, Answer::StateListed(asked, found)).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the records cannot be looked after");
                self.health.records(Some(error.to_string()));
            }
        }
    }

    /// Asks until it is answered or the term is over: without the state nothing
    /// can be decided.
    async fn take_over(self: Arc<Self>, term: Term) {
        let mut pauses = STATE_PAUSES;
        while term.is_valid() {
            match self.taken_over(&term).await {
                Ok((state, saved)) => {
                    self.health.records(None);
                    return self.begin(term, state, saved).await;
                }
                Err((_, ApiError::TermOver)) => return,
                Err((which, error)) => {
                    let why = match which {
                        Some(shard) => format!("{}: {error}", self.home.name_of(&shard)),
                        None => error.to_string(),
                    };
                    tracing::debug!(why, "the state cannot be taken over yet");
                    self.health.records(Some(why));
                }
            }
            sleep(pauses.grow()).await;
        }
    }

    async fn tell_what_runs(self: Arc<Self>, term: Term) {
        if let Some(told) = &self.told {
            told.tell(&self.api, &term).await;
        }
    }

    async fn taken_over(&self, term: &Term) -> Result<Left, NotTakenOver> {
        if self.dry_run {
            return Ok(Left::default());
        }
        let leader = format!("{}/{}", self.identity, term.number);
        let state = cluster::take_over(self.api.within(term), &self.home, &leader).await?;
        if state.iter().any(|(_, stored)| stored.is_newer()) {
            return Ok((state, Vec::new()));
        }
        let saved = saved::list(&self.api, &self.home).await;
        Ok((state, saved.map_err(|error| (None, error))?))
    }

    /// The controller leads; what an earlier term left half done is finished.
    async fn begin(self: Arc<Self>, term: Term, state: Vec<(Shard, Stored)>, saved: Vec<Saved>) {
        let leading = NewTerm {
            number: term.number,
            remaking: saved.iter().map(Saved::patch).collect(),
            unled_since: term.unled_since,
            state,
        };
        self.tell(Input::Leading(leading)).await;
    }
}

/// After the end of a term nobody waits for the answer to what was not sent for it.
fn was_not_sent(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Wrote(_, Err(ApiError::TermOver))
            | Answer::Patched(_, Err(RollError::Api(ApiError::TermOver)))
            | Answer::Unpaused(_, Err(ApiError::TermOver))
            | Answer::Pods(_, PodAnswer::Acted(_, _, Err(ApiError::TermOver)))
    )
}

/// Which object of the state it was, if it was one, and what was answered.
type NotTakenOver = (Option<Shard>, ApiError);

/// What an earlier term left: the state, and Jobs that are to be made again.
type Left = (Vec<(Shard, Stored)>, Vec<Saved>);
