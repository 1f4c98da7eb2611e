//! What the controller says, brought to the log, the metrics and the Events.
//!
//! Goes in: [`Notice`], gauges, the index. Comes out: nothing that anybody waits
//! for. Of what is no roll, a namespace's Events are as many as somebody may read; what
//! is left out is counted and summed up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tidings_core::method::Method;
use tidings_core::reason::{Problem, Reason};
use tidings_core::refs::{Name, WorkloadRef};

use super::allowance::{Allowance, LeftOut};
use super::events::{self, EventFact};
use super::lines::LogLines;
use super::log;
use super::outage::Outage;
use super::sender::EventSender;
use crate::admin::Health;
use crate::api::Term;
use crate::control::{ClimbResult, Control, Notice, NoticeKind, Roll};
use crate::metrics::{Metrics, gauge, gauge_of};
use crate::notify::RollMessage;
use crate::notify::sender::AlertSender;
use crate::rights;
use crate::watch::News;

/// Gauges are shown this often at most.
const ROUND: Duration = Duration::from_millis(500);

/// A workload and its uid.
type Subject = (WorkloadRef, Name);

/// Where everything is told.
pub(crate) struct Report {
    pub(crate) metrics: Metrics,
    pub(crate) events: Option<EventSender>,
    /// What is told by Events, and of which workload it was left out last.
    pub(crate) told: Allowance<Subject>,
    /// What the log says.
    pub(crate) lines: LogLines,
    /// Who else is told of rolls.
    pub(crate) alerts: Option<AlertSender>,
    pub(crate) health: Arc<Health>,
    pub(crate) instance: Name,
    /// When gauges were last shown.
    pub(crate) shown: Option<Instant>,
    /// What the log says of outages.
    pub(crate) outage: Outage,
}

impl Report {
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn say(&mut self, notice: &Notice) {
        match &notice.kind {
            NoticeKind::Decision => self.decision(notice),
            NoticeKind::Problem => self.problem(notice),
            NoticeKind::Rolled(roll, since) => self.rolled(notice, roll, *since),
            NoticeKind::Climbed(roll, method, result, since) => {
                self.climbed(notice, roll, *method, result);
                self.proven(*method, result, *since);
            }
        }
    }

    fn decision(&mut self, notice: &Notice) {
        let decisions = &self.metrics.of.tidings_decisions_total;
        decisions.of([notice.reason.word()]).inc();
        log::decision(notice);
        if notice.reason.row().event {
            self.event(notice, &events::decision(notice));
        }
    }

    fn problem(&mut self, notice: &Notice) {
        log::problem(&notice.key, notice.reason, &notice.text);
        let problem = Problem {
            reason: notice.reason,
            text: notice.text.clone(),
        };
        self.event(notice, &events::problem(&problem));
        if self.speaks_as_reloader() && notice.reason == Reason::Failed {
            self.send(EventFact::not_reloaded(notice));
        }
    }

    fn rolled(&mut self, notice: &Notice, roll: &Arc<Roll>, since: Option<u64>) {
        log::rolled(&roll.key, roll.n, &roll.because, since);
        if let Some(millis) = since {
            let took = Duration::from_millis(millis);
            self.metrics.change_to_patch(&roll.key, took);
        }
        self.event(notice, &events::rolled(roll.reason, roll.n, &roll.because));
        let message = RollMessage::new(roll, &self.instance);
        if self.speaks_as_reloader() {
            for source in message.sources() {
                self.send(EventFact::reloaded(notice, source, roll.n));
            }
        }
        if let Some(alerts) = &self.alerts {
            alerts.send(message);
        }
    }

    /// What a pod refuses is told by the decision that follows.
    fn climbed(&mut self, notice: &Notice, roll: &Roll, method: Method, result: &ClimbResult) {
        self.metrics.climbed(method, result.word());
        if let Some(text) = events::climbed(roll, method, result) {
            log::climbed(&roll.key, roll.n, method, &text);
            self.event(notice, &text);
        }
    }

    fn proven(&self, method: Method, result: &ClimbResult, since: Option<u64>) {
        if let (ClimbResult::Proven, Some(millis)) = (result, since) {
            let took = Duration::from_millis(millis);
            self.metrics.change_to_proof(method, took);
        }
    }

    fn event(&mut self, notice: &Notice, message: &str) {
        self.send(EventFact::ours(notice, message));
    }

    fn send(&mut self, fact: EventFact) {
        let workload = || (fact.workload.clone(), fact.uid.clone());
        let name = fact.workload.to_string();
        let namespace = &fact.workload.namespace;
        let now = Instant::now();
        if fact.is_roll || self.told.ask(now, namespace, Some(&name), workload) {
            self.post(fact);
        } else {
            self.metrics.of.tidings_left_out_total.of(["event"]).inc();
        }
    }

    fn post(&self, fact: EventFact) {
        if let Some(events) = &self.events {
            events.send(fact);
        }
    }

    /// Says how much was left out.
    fn sum_up(&self, lines: Vec<(Name, u64)>, told: Vec<(Name, LeftOut<Subject>)>) {
        for (namespace, count) in lines {
            self.metrics
                .of
                .tidings_left_out_total
                .of(["line"])
                .inc_by(count);
            log::left_out(&namespace, count);
        }
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
        for (_, left_out) in told {
            self.post(EventFact::left_out(left_out.last, left_out.count, now));
        }
    }

    /// Whether what Reloader tells is told beside ours.
    fn speaks_as_reloader(&self) -> bool {
        self.metrics.observables().is_some()
    }

    /// What the API server refuses, or does not answer, is seen in readiness.
    pub(crate) fn heard(&self, news: &News) {
        match news {
            News::Refused(stream, refusal) => {
                let namespace = refusal.namespace.as_deref();
                let advice = rights::advice(refusal.verb, &refusal.resource, namespace);
                self.health.refused(stream, advice);
            }
            News::Failing(stream, began, error) => {
                self.health.fails(stream, *began, error.clone());
            }
            News::Recovered(stream) => self.health.recovered(stream),
            _ => {}
        }
    }

    /// Whether patches are under way, which go before Events.
    pub(crate) fn patching(&self, under_way: bool) {
        if let Some(events) = &self.events {
            events.patching(under_way);
        }
    }

    /// Shows how the controller is. Returns when to show it again, if it is too
    /// soon now.
    pub(crate) fn show(&mut self, control: &Control) -> Option<Instant> {
        self.health.turn();
        let gauges = control.gauges();
        self.patching(gauges.busy > 0);
        if let Some(again) = self
            .shown
            .map(|at| at + ROUND)
            .filter(|at| *at > Instant::now())
        {
            return Some(again);
        }
        let now = Instant::now();
        self.shown = Some(now);
        let told = self.told.due(now);
        self.sum_up(self.lines.due(now), told);
        let index = control.index();
        self.health.streams(index.streams());
        self.metrics.streams(index.streams());
        self.metrics.queue(gauges.queue, gauges.begun);
        let sources = gauge(gauges.sources);
        self.metrics.of.tidings_sources.set(sources);
        self.metrics.of.tidings_leader.set(gauges.leading.into());
        self.metrics.of.tidings_paused.set(gauges.paused.into());
        self.metrics.leadership(self.health.leadership());
        self.look_for_outage(now);
        self.metrics
            .workloads(index.workloads().map(|(key, _)| key.kind));
        self.metrics.standing(control.standing());
        let time = Timestamp::now().as_second();
        self.metrics.waiting(control.waiting(), time);
        self.metrics.problems(control.problems());
        None
    }

    /// What is not known is said in one line for all, and not of each request.
    fn look_for_outage(&mut self, now: Instant) {
        let blind = self.health.blind();
        let since = blind.as_ref().map(|blind| blind.since);
        let lasted = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.metrics.of.tidings_blind_seconds.set(gauge_of(lasted));
        if let Some(say) = self.outage.look(now, since) {
            let left_out = self.lines.left_out_of_outage();
            log::outage(say, blind.as_ref(), left_out);
        }
        self.lines.outage(self.outage.lasts());
    }

    /// What was said of streams is over.
    pub(crate) fn begin_anew(&self) {
        self.health.begin_anew();
    }

    /// A term begins, in which Events are told, or there is none.
    pub(crate) fn lead(&self, term: Option<Term>) {
        if let Some(events) = &self.events {
            events.lead(term);
        }
        self.health.records(None);
    }

    pub(crate) async fn close(&mut self, within: Duration) {
        let told = self.told.rest();
        self.sum_up(self.lines.rest(), told);
        let (events, alerts) = (self.events.take(), self.alerts.take());
        let events = async {
            if let Some(events) = events {
                events.close(within).await;
            }
        };
        let alerts = async {
            if let Some(alerts) = alerts {
                alerts.close(within).await;
            }
        };
        tokio::join!(events, alerts);
    }
}
