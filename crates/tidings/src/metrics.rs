//! What is counted and measured, in OpenMetrics.
//!
//! Goes in: what the rooms report, by the handles of the rows ([`Metrics::of`]), or
//! by the methods of [`Metrics`] where a report counts in several. Comes out: the
//! text of `/metrics`. Labels are words of closed lists — reasons, kinds, verbs,
//! codes — and never names: a label's values do not grow with the cluster.
//! The reference page follows from [`METRICS`]. Nothing here fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tidings_core::decide::Decided;
use tidings_core::index::{Stream, StreamOf};
use tidings_core::kinds::{KINDS, Kind};
use tidings_core::method::Method;
use tidings_core::reason::{REASONS, Reason};
use tidings_core::refs::WorkloadRef;
use tidings_core::standing::{WORDS, Word};

pub mod reloader;
pub mod table;
pub mod text;

use reloader::{Happened, OBSERVABLES, Observables};
use table::{Handle, Labelled, MetricRow, Show, Version, buckets, handle, metrics, word};
use text::classic;

metrics! {
    /// All metrics, in the order of `/metrics`.
    METRICS
    /// What they are counted by.
    Handles
    tidings_build_info info [version] "The running version; always 1."
    tidings_leader gauge [] "Whether this replica holds the Lease: 1 or 0."
    tidings_leadership gauge [state] "1 for what this replica knows of the Lease: leads, follows (another leads), nobody (it is not renewed, or not taken), unknown (it cannot be read)."
    tidings_leader_since_seconds gauge [] "Since when who leads does, by his clock, in seconds since 1970; 0 where that is not known."
    tidings_blind_seconds gauge [] "For how long something has not been known that should be: the API server does not tell it; 0 where all is."
    tidings_decisions_total counter [reason] "Decisions, by reason."
    tidings_rolls_total counter [kind result] "Attempts to roll a workload, by its kind and by result: done, refused or no_effect."
    tidings_change_to_patch_seconds histogram(BUCKETS) [] "Time from seeing a change to the patch being accepted, in seconds, with the quiet time."
    tidings_methods_total counter [method result] "Ends of methods that go pod by pod on a workload, by method and by result: proven, unproven, rejected, died or not_taken."
    tidings_change_to_proof_seconds histogram(BUCKETS) [method] "Time from seeing a change to the proof that every pod has it, in seconds, with the quiet time, by method."
    tidings_queue_depth gauge [] "Workloads that wait to be decided."
    tidings_streams_expected gauge [stream] "Lists and watches that there should be, by what they carry."
    tidings_streams_complete gauge [stream] "Lists and watches that have been complete once, by what they carry."
    tidings_sources gauge [] "ConfigMaps and Secrets that are held because a workload uses or names them."
    tidings_workloads gauge [kind] "Workloads that are known, by kind."
    tidings_standing gauge [standing] "Workloads that are opted in, by how they stand: unknown, failed, rolling, waiting, stale, in step."
    tidings_waiting gauge [reason] "Workloads that wait, by what for: approval, a window, the end of a pause, and what else holds a roll."
    tidings_waiting_seconds_max gauge [] "For how long the one has waited that has longest, of those whose waiting is on record: where people have a say."
    tidings_paused gauge [] "1 while somebody wants nothing at all to be rolled (`tidings pause --all`)."
    tidings_problems gauge [reason] "Problems that a person should mend, as they are now, by reason."
    tidings_event_requests_total counter [code] "Attempts to send an Event, by the HTTP status of the answer; 0 is no answer."
    tidings_events_dropped_total counter [] "Events that were not sent: the queue was full or the API server refused them."
    tidings_left_out_total counter [what] "What was not said since so much was of its workload or namespace already, by what: an event, or a line of the log. It is summed up."
    tidings_notifications_total counter [sink result] "Attempts to send an alert or to call the webhook, by where to and by result: delivered, refused or failed."
    tidings_notifications_dropped_total counter [] "Alerts that were given up: the queue was full or no attempt was delivered."
}

/// In seconds, from 5 ms to 5 min.
const BUCKETS: [f64; 15] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// What holds a roll for longer than a moment.
const HOLDS: [Reason; 11] = [
    Reason::Paused,
    Reason::Missing,
    Reason::Running,
    Reason::NeedsApproval,
    Reason::WindowClosed,
    Reason::TrainWaits,
    Reason::TrainStopped,
    Reason::TooSoon,
    Reason::Fused,
    Reason::BeingRemade,
    Reason::Resumed,
];

/// How an attempt to roll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollResult {
    /// The API server took it.
    Done,
    /// It did not.
    Refused,
    /// It did, without changing anything.
    NoEffect,
}

impl RollResult {
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::NoEffect => "no_effect",
        }
    }
}

/// What became of one attempt to send an alert or to call the webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The server took it.
    Delivered,
    /// The server answered something else.
    Refused,
    /// There was no answer.
    Failed,
}

impl Delivery {
    fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// All metrics. Clones count into the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Ours, each under its own name.
    pub(crate) of: Arc<Handles>,
    registry: Arc<Registry>,
    reloaders: Option<Observables>,
}

impl Default for Metrics {
    fn default() -> Self {
        let (of, registry) = Handles::registered(|_| true);
        Self {
            of: Arc::new(of),
            registry: Arc::new(registry),
            reloaders: None,
        }
    }
}

impl Metrics {
    /// The same, and Reloader's beside them.
    #[must_use]
    pub fn with(mut self, observables: Observables) -> Self {
        self.reloaders = Some(observables);
        self
    }

    /// Reloader's, if they are wanted.
    pub fn observables(&self) -> Option<&Observables> {
        self.reloaders.as_ref()
    }

    /// Decisions were made within so much time.
    pub fn decisions(&self, decisions: &[Decided], took: Duration) {
        if let Some(reloaders) = self.observables() {
            reloaders.decided(decisions, took);
        }
    }

    /// A request for a workload failed; it is one of the words of the code.
    pub fn failed(&self, doing: &'static str) {
        if let Some(reloaders) = self.observables() {
            reloaders.failed(doing);
        }
    }

    /// A watch told of an object, which could be read or not.
    pub fn heard(&self, of: StreamOf, happened: Happened, readable: bool) {
        if let Some(reloaders) = self.observables() {
            reloaders.heard(of, happened, readable);
        }
    }

    /// A roll was attempted.
    pub fn rolled(&self, workload: &WorkloadRef, result: RollResult) {
        let rolls = &self.of.tidings_rolls_total;
        rolls.of([workload.kind.word, result.word()]).inc();
        if let Some(reloaders) = self.observables() {
            reloaders.rolled(workload, result == RollResult::Done);
            if result == RollResult::NoEffect {
                reloaders.no_effect();
            }
        }
    }

    /// A change of this workload that was seen this long ago has been patched.
    pub fn change_to_patch(&self, workload: &WorkloadRef, took: Duration) {
        let seconds = took.as_secs_f64();
        self.of.tidings_change_to_patch_seconds.observe(seconds);
        if let Some(reloaders) = self.observables() {
            reloaders.change_to_patch(workload, took);
        }
    }

    /// A method that goes pod by pod has ended so.
    pub fn climbed(&self, method: Method, result: &'static str) {
        let methods = &self.of.tidings_methods_total;
        methods.of([method.word(), result]).inc();
    }

    /// A change that was seen this long ago is proven in every pod.
    pub fn change_to_proof(&self, method: Method, took: Duration) {
        let proofs = &self.of.tidings_change_to_proof_seconds;
        proofs.of([method.word()]).observe(took.as_secs_f64());
    }

    /// So many workloads wait to be decided, and so many have begun to.
    pub fn queue(&self, waiting: usize, begun: u64) {
        self.of.tidings_queue_depth.set(gauge(waiting));
        if let Some(reloaders) = self.observables() {
            reloaders.queue(gauge(waiting), begun);
        }
    }

    /// Who leads, in a word of the table, and since when in Unix time.
    pub(crate) fn leadership(&self, (is, since): (&'static str, i64)) {
        for word in LEADERSHIP {
            let state = &self.of.tidings_leadership;
            state.of([word]).set((word == is).into());
        }
        self.of.tidings_leader_since_seconds.set(since);
    }

    /// The streams as they are: which there should be, and which are complete.
    pub fn streams<'a>(&self, streams: impl IntoIterator<Item = (&'a Stream, bool)>) {
        let mut counts: BTreeMap<&'static str, (i64, i64)> = BTreeMap::new();
        for (stream, complete) in streams {
            let (expected, ready) = counts.entry(carried(stream.of)).or_default();
            *expected += 1;
            *ready += i64::from(complete);
        }
        for (word, (expected, complete)) in counts {
            self.of.tidings_streams_expected.of([word]).set(expected);
            self.of.tidings_streams_complete.of([word]).set(complete);
        }
    }

    /// The workloads as they are: the kind of each.
    pub fn workloads<'a>(&self, kinds: impl IntoIterator<Item = &'a Kind>) {
        let mut counts: BTreeMap<_, i64> = KINDS.iter().map(|kind| (kind.word, 0)).collect();
        for kind in kinds {
            *counts.entry(kind.word).or_default() += 1;
        }
        for (word, count) in counts {
            self.of.tidings_workloads.of([word]).set(count);
        }
    }

    /// How the workloads stand that are opted in: the word of each.
    pub fn standing(&self, words: impl IntoIterator<Item = Word>) {
        let mut counts: BTreeMap<_, i64> = WORDS.iter().map(|row| (row.text, 0)).collect();
        for word in words {
            *counts.entry(word.row().text).or_default() += 1;
        }
        for (word, count) in counts {
            self.of.tidings_standing.of([word]).set(count);
        }
    }

    /// Who waits as it is: the reason of each, and since when.
    pub fn waiting(&self, all: impl IntoIterator<Item = (Reason, Option<i64>)>, now: i64) {
        let mut counts = HOLDS.map(|reason| (reason, 0));
        let mut longest = 0;
        for (reason, since) in all {
            longest = longest.max(since.map_or(0, |since| now.saturating_sub(since)));
            if let Some((_, count)) = counts.iter_mut().find(|(of, _)| *of == reason) {
                *count += 1;
            }
        }
        for (reason, count) in counts {
            self.of.tidings_waiting.of([reason.word()]).set(count);
        }
        self.of.tidings_waiting_seconds_max.set(longest);
    }

    /// The problems as they are: the reason of each.
    pub fn problems(&self, reasons: impl IntoIterator<Item = Reason>) {
        let possible = REASONS.iter().filter(|row| row.warning);
        let mut counts: BTreeMap<_, i64> = possible.map(|row| (row.word, 0)).collect();
        for reason in reasons {
            *counts.entry(reason.word()).or_default() += 1;
        }
        for (word, count) in counts {
            self.of.tidings_problems.of([word]).set(count);
        }
    }

    /// The API server answered an attempt to send an Event, or did not (0).
    pub fn event_request(&self, code: u16) {
        let requests = &self.of.tidings_event_requests_total;
        requests.of([code.to_string()]).inc();
    }

    /// An alert was sent, or the webhook called, with this result.
    pub fn notified(&self, sink: &'static str, result: Delivery) {
        let notifications = &self.of.tidings_notifications_total;
        notifications.of([sink, result.word()]).inc();
    }

    /// The text of `/metrics`, in OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let reloaders = self.reloaders.as_ref().map(|all| &all.registry);
        let registries = [Some(&self.registry), reloaders].into_iter();
        // Writing to a String cannot fail.
        for registry in registries.flatten() {
            let _ = encode_registry(&mut text, registry);
        }
        let _ = encode_eof(&mut text);
        text
    }

    /// The same in Prometheus' older format.
    pub fn classic_text(&self) -> String {
        classic(&self.text(), &[METRICS, OBSERVABLES])
    }
}

fn carried(of: StreamOf) -> &'static str {
    match of {
        StreamOf::Namespaces => "namespaces",
        StreamOf::Workloads(kind) => kind.plural,
        StreamOf::Sources(kind) => kind.row().plural,
    }
}

/// The words of what a replica knows of the Lease.
pub(crate) const LEADERSHIP: [&str; 4] = ["leads", "follows", "nobody", "unknown"];

/// A time, as a gauge shows it.
pub(crate) fn gauge_of(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// A number of things, as a gauge shows it.
pub(crate) fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported() -> String {
        let metrics = Metrics::default();
        let deployment = &KINDS[0];
        let stream = |namespace: &str| Stream {
            of: StreamOf::Workloads(deployment),
            namespace: Some(namespace.into()),
        };
        metrics.of.tidings_leader.set(1);
        metrics.leadership(("follows", 1_796_000_000));
        metrics.of.tidings_blind_seconds.set(12);
        let decisions = &metrics.of.tidings_decisions_total;
        decisions.of([Reason::Changed.word()]).inc();
        let web = WorkloadRef::new(deployment, "a", "web");
        metrics.rolled(&web, RollResult::Done);
        metrics.change_to_patch(&web, Duration::from_millis(30));
        metrics.climbed(Method::Hot, "proven");
        metrics.change_to_proof(Method::Hot, Duration::from_millis(400));
        metrics.queue(4, 9);
        metrics.streams([(&stream("a"), true), (&stream("b"), false)]);
        metrics.of.tidings_sources.set(7);
        metrics.workloads([deployment]);
        metrics.standing([Word::Waiting, Word::InStep, Word::InStep]);
        let waiting = [
            (Reason::NeedsApproval, Some(1_000)),
            (Reason::Missing, None),
        ];
        metrics.waiting(waiting, 1_600);
        metrics.problems([Reason::Missing]);
        metrics.problems([Reason::BadAnnotation, Reason::BadAnnotation]);
        metrics.event_request(201);
        metrics.of.tidings_events_dropped_total.inc();
        metrics.of.tidings_left_out_total.of(["line"]).inc_by(480);
        metrics.of.tidings_paused.set(1);
        metrics.notified("slack", Delivery::Delivered);
        metrics.of.tidings_notifications_dropped_total.inc();
        metrics.text()
    }

    /// Of these there is one for each row of a table, told of or not.
    fn is_untold(line: &str) -> bool {
        let of_a_table = ["tidings_problems", "tidings_waiting", "tidings_workloads"];
        of_a_table.iter().any(|name| line.starts_with(name)) && line.ends_with(" 0")
    }

    #[test]
    fn everything_that_is_reported_is_shown() {
        let text = reported();
        let values = text
            .lines()
            .filter(|l| !l.starts_with('#') && !l.contains("_bucket") && !is_untold(l));
        let mut values: Vec<_> = values.collect();
        values.sort_unstable();
        insta::assert_snapshot!(values.join("\n"), @r#"
        tidings_blind_seconds 12
        tidings_build_info{version="0.1.0"} 1
        tidings_change_to_patch_seconds_count 1
        tidings_change_to_patch_seconds_sum 0.03
        tidings_change_to_proof_seconds_count{method="hot"} 1
        tidings_change_to_proof_seconds_sum{method="hot"} 0.4
        tidings_decisions_total{reason="Changed"} 1
        tidings_event_requests_total{code="201"} 1
        tidings_events_dropped_total 1
        tidings_leader 1
        tidings_leader_since_seconds 1796000000
        tidings_leadership{state="follows"} 1
        tidings_leadership{state="leads"} 0
        tidings_leadership{state="nobody"} 0
        tidings_leadership{state="unknown"} 0
        tidings_left_out_total{what="line"} 480
        tidings_methods_total{method="hot",result="proven"} 1
        tidings_notifications_dropped_total 1
        tidings_notifications_total{sink="slack",result="delivered"} 1
        tidings_paused 1
        tidings_problems{reason="BadAnnotation"} 2
        tidings_queue_depth 4
        tidings_rolls_total{kind="deployment",result="done"} 1
        tidings_sources 7
        tidings_standing{standing="failed"} 0
        tidings_standing{standing="in step"} 2
        tidings_standing{standing="rolling"} 0
        tidings_standing{standing="stale"} 0
        tidings_standing{standing="unknown"} 0
        tidings_standing{standing="waiting"} 1
        tidings_streams_complete{stream="deployments"} 1
        tidings_streams_expected{stream="deployments"} 2
        tidings_waiting_seconds_max 600
        tidings_waiting{reason="Missing"} 1
        tidings_waiting{reason="NeedsApproval"} 1
        tidings_workloads{kind="deployment"} 1
        "#);
    }

    #[test]
    fn the_table_is_what_is_registered() {
        let text = reported();
        let shown = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
        let table = METRICS.iter().map(|row| {
            let name = row
                .name
                .trim_end_matches("_total")
                .trim_end_matches("_info");
            format!("{name} {}", row.kind)
        });
        assert_eq!(shown.collect::<Vec<_>>(), table.collect::<Vec<_>>());
    }
}
