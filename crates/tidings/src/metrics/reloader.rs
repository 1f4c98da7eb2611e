//! What Reloader counts and measures, under its names, for the dashboards and
//! alerts that look at them.
//!
//! Goes in: what [`super::Metrics`] is told. Comes out: the metrics of
//! [`OBSERVABLES`]. Where Reloader's meaning cannot be ours (it looks at every
//! workload for every event, and we do not) the row says what is counted. What is
//! about Go and its process has no counterpart.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tidings_core::decide::Decided;
use tidings_core::index::StreamOf;
use tidings_core::reason::Reason;
use tidings_core::refs::WorkloadRef;

use super::table::{Handle, Labelled, MetricRow, Show, buckets, handle, metrics, word};

metrics! {
    /// Reloader's metrics, served with `--reloader-observables`.
    OBSERVABLES
    /// What they are counted by.
    Handles
    reloader_reload_executed_total counter [success] "Attempts to roll a workload, by whether they brought it new pods: true or false."
    reloader_reload_executed_total_by_namespace misnamed_counter [success namespace] "The same by namespace, with METRICS_COUNT_BY_NAMESPACE=enabled only: this label grows with the cluster."
    reloader_reconcile_total counter [result] "Decisions about a workload (success), and requests for one that failed (error)."
    reloader_reconcile_duration_seconds histogram(DECIDING) [result] "Time that a decision took, in seconds."
    reloader_action_total counter [workload_kind result] "Attempts to roll a workload, by its kind and by result: success or error."
    reloader_action_latency_seconds histogram(ROLLING) [workload_kind] "Time from seeing a change to the workload being rolled, in seconds, with the quiet time."
    reloader_skipped_total counter [reason] "Decisions not to roll, by reason: no_data_change or ignored_or_not_selected; and rolls that changed nothing: strategy_not_updated."
    reloader_workqueue_depth gauge [] "Workloads that wait to be decided."
    reloader_workqueue_adds_total counter [] "Times that a workload began to wait for a decision."
    reloader_workqueue_latency_seconds histogram(WAITING) [] "Time from when a decision was due to when it was made, in seconds."
    reloader_errors_total counter [type] "Requests for a workload that failed, by what they were to do."
    reloader_retries_total counter [] "Requests that will be tried again, as all that fail are."
    reloader_events_received_total counter [event_type resource_type] "Objects that the watches told of, by what happened (add, update or delete) and by resource. A list tells of each as added."
    reloader_events_processed_total counter [event_type resource_type result] "The same when they were taken in, by result: success, or error where one cannot be read."
    reloader_workloads_scanned_total counter [kind] "Decisions, by the kind of the workload."
    reloader_workloads_matched_total counter [kind] "Decisions to roll, by the kind of the workload."
    rest_client_requests_total counter [code method host] "Requests to the API server, by HTTP status, method and host."
    rest_client_request_duration_seconds histogram(ASKING) [verb host] "Time from a request to the API server to the head of its answer, in seconds."
}

/// The bounds of the buckets are Reloader's.
const DECIDING: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
const ROLLING: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const WAITING: [f64; 11] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
const ASKING: [f64; 9] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

/// What happened to an object, in Reloader's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It is there, for the first time or in a list.
    Add,
    /// It is another.
    Update,
    /// It is gone.
    Delete,
}

impl Happened {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Reloader's metrics. Clones count into the same.
#[derive(Clone, Debug)]
pub struct Observables {
    of: Arc<Handles>,
    by_namespace: bool,
    pub(super) registry: Arc<Registry>,
}

impl Observables {
    /// All at zero; by namespace only where that is asked for.
    pub fn new(by_namespace: bool) -> Self {
        let is_wanted = |row: &MetricRow| by_namespace || !row.name.ends_with("_by_namespace");
        let (of, registry) = Handles::registered(is_wanted);
        // So that the first failure is an increase, as it is in Reloader's.
        for success in ["true", "false"] {
            drop(of.reloader_reload_executed_total.of([success]));
        }
        Self {
            of: Arc::new(of),
            by_namespace,
            registry: Arc::new(registry),
        }
    }

    /// A workload was rolled, or not.
    pub(super) fn rolled(&self, workload: &WorkloadRef, success: bool) {
        let word = if success { "true" } else { "false" };
        self.of.reloader_reload_executed_total.of([word]).inc();
        if self.by_namespace {
            let family = &self.of.reloader_reload_executed_total_by_namespace;
            let labels = [word.to_owned(), workload.namespace.to_string()];
            family.of(labels).inc();
        }
        let result = if success { "success" } else { "error" };
        let labels = [workload.kind.api_kind, result];
        self.of.reloader_action_total.of(labels).inc();
    }

    /// A roll was accepted without changing anything.
    pub(super) fn no_effect(&self) {
        self.skip("strategy_not_updated");
    }

    /// So long after the change.
    pub(super) fn change_to_patch(&self, workload: &WorkloadRef, took: Duration) {
        let family = &self.of.reloader_action_latency_seconds;
        let latency = family.of([workload.kind.api_kind]);
        latency.observe(took.as_secs_f64());
    }

    /// Decisions that were made within so much time.
    pub(super) fn decided(&self, decisions: &[Decided], took: Duration) {
        let each =
            took.as_secs_f64() / f64::from(u32::try_from(decisions.len()).unwrap_or(1).max(1));
        let of = &self.of;
        for decision in decisions {
            of.reloader_reconcile_total.of(["success"]).inc();
            let deciding = of.reloader_reconcile_duration_seconds.of(["success"]);
            deciding.observe(each);
            let waited = Duration::from_millis(decision.waited).as_secs_f64();
            of.reloader_workqueue_latency_seconds.observe(waited);
            let kind = [decision.kind.api_kind];
            of.reloader_workloads_scanned_total.of(kind).inc();
            if decision.rolls {
                of.reloader_workloads_matched_total.of(kind).inc();
            } else if let Some(reason) = skipped(decision.reason) {
                self.skip(reason);
            }
        }
    }

    fn skip(&self, reason: &'static str) {
        self.of.reloader_skipped_total.of([reason]).inc();
    }

    /// So many wait, and so many have begun to.
    pub(super) fn queue(&self, waiting: i64, begun: u64) {
        self.of.reloader_workqueue_depth.set(waiting);
        let queued = &self.of.reloader_workqueue_adds_total;
        queued.inc_by(begun.saturating_sub(queued.get()));
    }

    /// A request for a workload failed.
    pub(super) fn failed(&self, doing: &'static str) {
        self.of.reloader_errors_total.of([doing]).inc();
        self.of.reloader_retries_total.inc();
        self.of.reloader_reconcile_total.of(["error"]).inc();
    }

    /// A watch told of an object, which could be read or not.
    pub(super) fn heard(&self, of: StreamOf, happened: Happened, readable: bool) {
        let resource = match of {
            StreamOf::Sources(kind) => kind.row().watched,
            StreamOf::Namespaces => "namespaces",
            // Reloader does not watch these.
            StreamOf::Workloads(_) => return,
        };
        let event = happened.word();
        let result = if readable { "success" } else { "error" };
        let received = &self.of.reloader_events_received_total;
        received.of([event, resource]).inc();
        let processed = &self.of.reloader_events_processed_total;
        processed.of([event, resource, result]).inc();
    }

    /// The API server was asked; `None` is no answer.
    pub(crate) fn asked(
        &self,
        method: &Method,
        host: &str,
        status: Option<StatusCode>,
        took: Duration,
    ) {
        let code = status.map_or("<error>".to_owned(), |s| s.as_u16().to_string());
        let (method, host) = (method.to_string(), host.to_owned());
        let labels = [code, method.clone(), host.clone()];
        self.of.rest_client_requests_total.of(labels).inc();
        let family = &self.of.rest_client_request_duration_seconds;
        family.of([method, host]).observe(took.as_secs_f64());
    }
}

/// Reloader's word for why nothing was rolled, where it has one.
fn skipped(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::UpToDate
        | Reason::InDoubt
        | Reason::Absorbed
        | Reason::Recorded
        | Reason::Withdrawn => Some("no_data_change"),
        Reason::NotOptedIn | Reason::OwnedByOther => Some("ignored_or_not_selected"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tidings_core::index::StreamOf;
    use tidings_core::kinds::KINDS;
    use tidings_core::refs::SourceKind;

    use super::*;
    use crate::metrics::{Metrics, RollResult};

    fn reported(by_namespace: bool) -> Metrics {
        let metrics = Metrics::default().with(Observables::new(by_namespace));
        let web = WorkloadRef::new(&KINDS[0], "stage", "web");
        let decision = |reason, rolls| Decided {
            kind: &KINDS[0],
            reason,
            rolls,
            waited: 20,
        };
        let decisions = [
            decision(Reason::Changed, true),
            decision(Reason::UpToDate, false),
            decision(Reason::NotOptedIn, false),
            decision(Reason::Missing, false),
        ];
        metrics.decisions(&decisions, Duration::from_millis(4));
        metrics.rolled(&web, RollResult::Done);
        metrics.rolled(&web, RollResult::NoEffect);
        metrics.change_to_patch(&web, Duration::from_millis(40));
        metrics.queue(2, 5);
        metrics.queue(1, 6);
        metrics.failed("roll");
        let secrets = StreamOf::Sources(SourceKind::Secret);
        metrics.heard(secrets, Happened::Update, true);
        metrics.heard(secrets, Happened::Delete, false);
        metrics.heard(StreamOf::Workloads(&KINDS[0]), Happened::Add, true);
        let asked = metrics.observables().unwrap();
        let took = Duration::from_millis(5);
        asked.asked(&Method::GET, "api:443", Some(StatusCode::OK), took);
        asked.asked(&Method::GET, "api:443", None, took);
        metrics
    }

    #[test]
    fn reloaders_names_count_what_they_say() {
        let text = reported(true).text();
        let ours = |line: &&str| line.starts_with("reloader_") || line.starts_with("rest_client_");
        let values = text.lines().filter(ours).filter(|l| !l.contains("_bucket"));
        let mut values: Vec<_> = values.collect();
        values.sort_unstable();
        insta::assert_snapshot!(values.join("\n"), @r#"
        reloader_action_latency_seconds_count{workload_kind="Deployment"} 1
        reloader_action_latency_seconds_sum{workload_kind="Deployment"} 0.04
        reloader_action_total{workload_kind="Deployment",result="error"} 1
        reloader_action_total{workload_kind="Deployment",result="success"} 1
        reloader_errors_total{type="roll"} 1
        reloader_events_processed_total{event_type="delete",resource_type="secrets",result="error"} 1
        reloader_events_processed_total{event_type="update",resource_type="secrets",result="success"} 1
        reloader_events_received_total{event_type="delete",resource_type="secrets"} 1
        reloader_events_received_total{event_type="update",resource_type="secrets"} 1
        reloader_reconcile_duration_seconds_count{result="success"} 4
        reloader_reconcile_duration_seconds_sum{result="success"} 0.004
        reloader_reconcile_total{result="error"} 1
        reloader_reconcile_total{result="success"} 4
        reloader_reload_executed_total_by_namespace{success="false",namespace="stage"} 1
        reloader_reload_executed_total_by_namespace{success="true",namespace="stage"} 1
        reloader_reload_executed_total{success="false"} 1
        reloader_reload_executed_total{success="true"} 1
        reloader_retries_total 1
        reloader_skipped_total{reason="ignored_or_not_selected"} 1
        reloader_skipped_total{reason="no_data_change"} 1
        reloader_skipped_total{reason="strategy_not_updated"} 1
        reloader_workloads_matched_total{kind="Deployment"} 1
        reloader_workloads_scanned_total{kind="Deployment"} 4
        reloader_workqueue_adds_total 6
        reloader_workqueue_depth 1
        reloader_workqueue_latency_seconds_count 4
        reloader_workqueue_latency_seconds_sum 0.08
        rest_client_request_duration_seconds_count{verb="GET",host="api:443"} 2
        rest_client_request_duration_seconds_sum{verb="GET",host="api:443"} 0.01
        rest_client_requests_total{code="200",method="GET",host="api:443"} 1
        rest_client_requests_total{code="<error>",method="GET",host="api:443"} 1
        "#);
    }

    #[test]
    fn the_older_format_has_the_tables_names_and_types() {
        let metrics = reported(true);
        let text = metrics.classic_text();
        let types = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
        let types: Vec<_> = types.collect();
        assert!(types.contains(&"tidings_build_info gauge"));
        for row in OBSERVABLES {
            let line = format!("{} {}", row.name, row.kind);
            assert!(types.contains(&line.as_str()), "{line}");
        }
        let samples = |text: &str| {
            let lines = text.lines().filter(|l| !l.starts_with('#'));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(samples(&text), samples(&metrics.text()));
    }

    #[test]
    fn namespaces_are_counted_only_if_asked_for() {
        assert!(!reported(false).text().contains("by_namespace"));
        assert!(!Metrics::default().text().contains("reloader_"));
    }
}
