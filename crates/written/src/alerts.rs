//! Alert rules: one row each. Tidings' own, and those over Reloader's metrics, for
//! who has learnt to be woken by these.

use serde_json::{Value, json};
use tidings::cli::yaml;

use crate::{File, ORIGIN, dashboard};

/// An alert.
struct Alert {
    name: &'static str,
    when: &'static str,
    /// For how long it must hold.
    during: &'static str,
    severity: &'static str,
    summary: &'static str,
    /// What it means and what to do.
    doc: &'static str,
}

const OWN: &[Alert] = &[
    Alert {
        name: "TidingsGone",
        when: "absent(tidings_build_info)",
        during: "10m",
        severity: "critical",
        summary: "No replica of Tidings is scraped.",
        doc: "Changed ConfigMaps and Secrets roll nothing. What changes meanwhile is rolled when it is back.",
    },
    Alert {
        name: "TidingsWithoutLeader",
        when: "sum by (namespace) (tidings_leader) == 0",
        during: "5m",
        severity: "critical",
        summary: "No replica of Tidings in {{ $labels.namespace }} holds the Lease.",
        doc: "Replicas run, but none may write. `/readyz` of each says who leads, or why nobody does; a dry run never leads.",
    },
    Alert {
        name: "TidingsBlind",
        when: "max by (namespace, pod) (tidings_blind_seconds) > 60",
        during: "5m",
        severity: "critical",
        summary: "{{ $labels.pod }} has not known for {{ $value }} s all that it should.",
        doc: "What changes meanwhile is rolled after it. `/readyz` and a line a minute of the log say what is not known and why; docs/when-things-fail.md says what to do.",
    },
    Alert {
        name: "TidingsSeesNotAll",
        when: "sum by (namespace, pod, stream) (tidings_streams_expected - tidings_streams_complete) > 0",
        during: "10m",
        severity: "critical",
        summary: "{{ $labels.pod }} has no complete list of {{ $labels.stream }}.",
        doc: "What it does not see it does not roll. Most often a right was taken away: the log names the rule.",
    },
    Alert {
        name: "TidingsRollsFail",
        when: r#"sum by (namespace, kind, result) (increase(tidings_rolls_total{result!="done"}[10m])) > 0"#,
        during: "20m",
        severity: "warning",
        summary: "Rolls of a {{ $labels.kind }} go on failing: {{ $labels.result }}.",
        doc: "They are tried again until they succeed. An Event on the workload says why; `tidings why -A` lists it.",
    },
    Alert {
        name: "TidingsSlow",
        when: "histogram_quantile(0.9, sum by (namespace, le) (rate(tidings_change_to_patch_seconds_bucket[15m]))) > 60",
        during: "15m",
        severity: "warning",
        summary: "It takes more than a minute until a change is rolled.",
        doc: "With the quiet time (`--settle`). Look at the queue and at what the API server answers.",
    },
    Alert {
        name: "TidingsQueueStands",
        when: "min_over_time(tidings_queue_depth[30m]) > 0 and on (namespace, pod) tidings_leader == 1",
        during: "5m",
        severity: "warning",
        summary: "Workloads have waited to be decided for half an hour.",
        doc: "Look at the log of {{ $labels.pod }}.",
    },
    Alert {
        name: "TidingsAlertsFail",
        when: "sum by (namespace) (increase(tidings_notifications_dropped_total[1h])) > 0",
        during: "5m",
        severity: "warning",
        summary: "Alerts about rolls were given up.",
        doc: "Whoever is told of rolls has not been. The log says what the receiver answers.",
    },
    Alert {
        name: "TidingsRejected",
        when: r#"max by (namespace, reason) (tidings_problems{reason=~"Rejected|Died"}) > 0"#,
        during: "2m",
        severity: "warning",
        summary: "{{ $value }} workloads refuse what their sources hold: {{ $labels.reason }}.",
        doc: "Their processes go on with what they had, but a pod that starts now starts with what is refused. Mend the source: it is then brought by itself. `tidings status -A --standing failed` names them and what the check says.",
    },
    Alert {
        name: "TidingsNotTaken",
        when: r#"max by (namespace, reason) (tidings_problems{reason=~"NotTaken|Notified"}) > 0"#,
        during: "10m",
        severity: "warning",
        summary: "{{ $value }} workloads are stale, and no method that is allowed brings the change: {{ $labels.reason }}.",
        doc: "`tidings status -A --standing stale` names them and why. Roll them once, or list a further method in `tidings.dev/method` (docs/methods.md).",
    },
    Alert {
        name: "TidingsUnproven",
        when: r#"sum by (namespace, method) (increase(tidings_methods_total{method!="poke", result=~"unproven|not_taken"}[1h])) > 0"#,
        during: "5m",
        severity: "info",
        summary: "Changes were not proven by {{ $labels.method }}, and went on to the next method or to nobody.",
        doc: "Events on the workloads say why: an agent that does not answer or cannot prove (`unverified`), a kubelet that is late. Nothing is lost where another method follows; docs/methods.md says what each needs.",
    },
    Alert {
        name: "TidingsWaitsForPeople",
        when: "max by (namespace) (tidings_waiting_seconds_max) > 86400",
        during: "5m",
        severity: "info",
        summary: "A roll has waited for people for {{ $value }} s.",
        doc: "It needs approval, or its window does not open. `tidings status -A` lists what waits, `tidings why` says the line that approves it.",
    },
    Alert {
        name: "TidingsProblems",
        when: r#"max by (namespace, reason) (tidings_problems{reason!~"Rejected|Died|NotTaken|Notified"}) > 0"#,
        during: "1h",
        severity: "info",
        summary: "{{ $value }} workloads have the problem {{ $labels.reason }}.",
        doc: "An Event on each says what is wrong; `tidings why -A` lists them.",
    },
];

/// Over Reloader's names; they are there with `--reloader-observables`.
const RELOADERS: &[Alert] = &[
    Alert {
        name: "ReloaderReloadsFail",
        when: r#"sum by (namespace) (increase(reloader_reload_executed_total{success="false"}[10m])) > 0"#,
        during: "20m",
        severity: "warning",
        summary: "Reloads go on failing.",
        doc: "They are tried again until they succeed. An Event on the workload says why.",
    },
    Alert {
        name: "ReloaderErrors",
        when: "sum by (namespace, type) (increase(reloader_errors_total[10m])) > 0",
        during: "20m",
        severity: "warning",
        summary: "Errors of the type {{ $labels.type }} go on.",
        doc: "The log says what the API server answers.",
    },
    Alert {
        name: "ReloaderSlow",
        when: "histogram_quantile(0.9, sum by (namespace, le) (rate(reloader_action_latency_seconds_bucket[15m]))) > 60",
        during: "15m",
        severity: "warning",
        summary: "It takes more than a minute until a change is acted on.",
        doc: "Here it counts from the change, with the quiet time.",
    },
    Alert {
        name: "ReloaderQueueStands",
        when: "min_over_time(reloader_workqueue_depth[30m]) > 0",
        during: "5m",
        severity: "warning",
        summary: "Work has waited for half an hour.",
        doc: "Look at the log.",
    },
];

/// Each file, with its group of rules.
const GROUPS: [(&str, &str, &[Alert]); 2] = [
    ("tidings-alerts", "tidings", OWN),
    ("reloader-alerts", "reloader", RELOADERS),
];

pub(crate) fn files() -> Vec<File> {
    let both = GROUPS.iter().flat_map(|(file, name, alerts)| {
        let text = text(name, alerts);
        ["dashboards", "chart/tidings/files"]
            .map(|folder| File::new(format!("{folder}/{file}.yaml"), text.clone()))
    });
    both.chain([queries()]).collect()
}

fn text(name: &str, alerts: &[Alert]) -> String {
    let rules: Vec<_> = alerts.iter().map(Alert::json).collect();
    document(&json!({"groups": [{"name": name, "rules": rules}]}))
}

/// The dashboard's queries as rules: `promtool` reads rules only.
fn queries() -> File {
    let rules = (1..).zip(dashboard::queries()).map(|(i, query)| {
        let query = query.replace("$__rate_interval", "5m");
        json!({"record": format!("dashboard:query{i}"), "expr": query})
    });
    let rules: Vec<_> = rules.collect();
    let text = document(&json!({"groups": [{"name": "dashboard", "rules": rules}]}));
    File::new("dashboards/tests/queries.yaml", text)
}

fn document(value: &Value) -> String {
    let text = yaml::documents(std::slice::from_ref(value));
    format!("# {ORIGIN}.\n{}", text.trim_start_matches("---\n"))
}

impl Alert {
    fn json(&self) -> Value {
        json!({
            "alert": self.name,
            "expr": self.when,
            "for": self.during,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.doc},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use tidings::metrics::METRICS;
    use tidings::metrics::reloader::OBSERVABLES;

    /// The metrics that a query names, without the endings of a histogram's series.
    fn metrics(query: &str) -> BTreeSet<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = query.split(|c| !is_name(c));
        let ours =
            words.filter(|word| word.starts_with("tidings_") || word.starts_with("reloader_"));
        ours.map(|word| word.trim_end_matches("_bucket").to_owned())
            .collect()
    }

    #[test]
    fn every_metric_that_is_asked_for_exists() {
        let alerts = GROUPS.iter().flat_map(|(_, _, alerts)| *alerts);
        let queries = alerts.map(|alert| alert.when.to_owned());
        for query in queries.chain(dashboard::queries()) {
            for name in metrics(&query) {
                let mut rows = METRICS.iter().chain(OBSERVABLES);
                assert!(rows.any(|row| row.name == name), "{name}");
            }
        }
    }
}
