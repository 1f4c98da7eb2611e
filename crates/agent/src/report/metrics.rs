//! The facts as metrics (Prometheus text format 0.0.4), under our own names and
//! those of the programs that the agent can stand in for. Pure.

use crate::report::journal::{Called, Facts, MetricNames};
use crate::watch::Mount;
use std::collections::BTreeSet;
use std::fmt::Write;
use tidings_supervise::action::Outcome;

/// One page, written line by line.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(&format!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn rows(&mut self, rows: &[MetricRow], facts: &Facts) {
        for (name, kind, help, value) in rows {
            self.family(name, kind, help);
            self.line(&format!("{name} {}", value(facts)));
        }
    }

    fn labelled(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let label = |(key, text): &(&str, &str)| format!("{key}=\"{}\"", escape(text));
        let labels: Vec<String> = labels.iter().map(label).collect();
        self.line(&format!("{name}{{{}}} {value}", labels.join(",")));
    }

    fn line(&mut self, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{text}");
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// The page.
pub(crate) fn render(facts: &Facts, names: MetricNames) -> String {
    let mut page = Exposition::default();
    page.rows(OWN, facts);
    outcomes(&mut page, facts);
    mounts(&mut page, facts);
    match names {
        MetricNames::Own => {}
        MetricNames::ConfigmapReload => configmap_reload(&mut page, facts),
        MetricNames::Prometheus => page.rows(PROMETHEUS, facts),
    }
    page.0
}

/// A metric without labels: name, kind, help, value.
type MetricRow = (&'static str, &'static str, &'static str, fn(&Facts) -> f64);

const OWN: &[MetricRow] = &[
    (
        "tidings_agent_changes_total",
        "counter",
        "Times the watched content became another one.",
        |f| as_float(f.changes),
    ),
    (
        "tidings_agent_last_change_timestamp_seconds",
        "gauge",
        "When it last did.",
        |f| f.changed_at,
    ),
    (
        "tidings_agent_last_applied_timestamp_seconds",
        "gauge",
        "When the process last proved that it took a change.",
        |f| f.applied_at,
    ),
    (
        "tidings_agent_owed",
        "gauge",
        "1 while the newest content is not taken.",
        |f| flag(f.owed),
    ),
    (
        "tidings_agent_frozen_places",
        "gauge",
        "Places that are mounted by subPath, and so never follow a change.",
        |f| as_float(f.frozen.len() as u64),
    ),
    (
        "tidings_agent_unread_entries",
        "gauge",
        "What lies in watched places and cannot be read.",
        |f| as_float(f.mounts.iter().map(|mount| mount.unread.len() as u64).sum()),
    ),
    (
        "tidings_agent_watch_problems_total",
        "counter",
        "Times watching was not possible as it should be.",
        |f| as_float(f.watch_problems),
    ),
];

/// thanos, pkg/reloader/reloader.go.
const PROMETHEUS: &[MetricRow] = &[
    (
        "reloader_reloads_total",
        "counter",
        "Total number of reload requests.",
        |f| as_float(f.attempts.values().sum()),
    ),
    (
        "reloader_reloads_failed_total",
        "counter",
        "Total number of reload requests that failed.",
        |f| as_float(failed(f)),
    ),
    (
        "reloader_last_reload_successful",
        "gauge",
        "Whether the last reload attempt was successful.",
        |f| {
            flag(
                f.last
                    .as_ref()
                    .is_none_or(|last| last.outcome == Outcome::Applied),
            )
        },
    ),
    (
        "reloader_last_reload_success_timestamp_seconds",
        "gauge",
        "Timestamp of the last successful reload.",
        |f| f.applied_at,
    ),
    (
        "reloader_config_apply_operations_total",
        "counter",
        "Total number of config apply operations.",
        |f| as_float(f.changes),
    ),
    (
        "reloader_config_apply_operations_failed_total",
        "counter",
        "Total number of config apply operations that failed.",
        |f| as_float(failed(f)),
    ),
    (
        "reloader_config_environment_variable_expansion_errors",
        "gauge",
        "Number of environment variable expansions that failed during the last operation.",
        |f| as_float(f.unset.values().sum()),
    ),
    (
        "reloader_watches",
        "gauge",
        "Number of resources watched by the reloader.",
        |f| as_float(f.mounts.len() as u64),
    ),
    (
        "reloader_watch_events_total",
        "counter",
        "Total number of events received by the reloader from the watcher.",
        |f| as_float(f.changes),
    ),
    (
        "reloader_watch_errors_total",
        "counter",
        "Total number of errors received by the reloader from the watcher.",
        |f| as_float(f.watch_problems),
    ),
];

const OUTCOMES: [Outcome; 3] = [Outcome::Applied, Outcome::Rejected, Outcome::Unverified];

fn failed(facts: &Facts) -> u64 {
    let of = |outcome| facts.attempts.get(&outcome).copied().unwrap_or_default();
    of(Outcome::Rejected) + of(Outcome::Unverified)
}

fn outcomes(page: &mut Exposition, facts: &Facts) {
    let (total, last) = ("tidings_agent_attempts_total", "tidings_agent_last_outcome");
    page.family(total, "counter", "Attempts by how they ended.");
    for outcome in OUTCOMES {
        let count = facts.attempts.get(&outcome).copied().unwrap_or_default();
        page.labelled(total, &[("outcome", outcome.word())], as_float(count));
    }
    page.family(last, "gauge", "1 for the outcome of the last attempt.");
    for outcome in OUTCOMES {
        let is = facts
            .last
            .as_ref()
            .is_some_and(|last| last.outcome == outcome);
        page.labelled(last, &[("outcome", outcome.word())], flag(is));
    }
}

fn mounts(page: &mut Exposition, facts: &Facts) {
    let name = "tidings_agent_mount_info";
    page.family(
        name,
        "gauge",
        "Watched places: their generation, and how they are watched.",
    );
    // Several files of one directory are one mount.
    let info = |mount: &Mount| {
        (
            mount.dir.clone(),
            mount.generation.clone(),
            mount.watched_by,
        )
    };
    let mounts: BTreeSet<_> = facts.mounts.iter().map(info).collect();
    for (dir, generation, watched_by) in &mounts {
        let labels = [
            ("dir", dir.as_str()),
            ("generation", generation.as_deref().unwrap_or_default()),
            ("watched_by", watched_by),
        ];
        page.labelled(name, &labels, 1.0);
    }
}

/// A metric for each address.
type CalledRow = (&'static str, &'static str, &'static str, fn(&Called) -> f64);

/// configmap-reload, configmap-reload.go.
const CALLED: &[CalledRow] = &[
    (
        "configmap_reload_last_reload_error",
        "gauge",
        "Whether the last reload resulted in an error (1 for error, 0 for success)",
        |called| flag(called.failed),
    ),
    (
        "configmap_reload_last_request_duration_seconds",
        "gauge",
        "Duration of last webhook request",
        |called| called.seconds,
    ),
    (
        "configmap_reload_success_reloads_total",
        "counter",
        "Total success reload calls",
        |called| as_float(called.successes),
    ),
];

const WATCHER: &[MetricRow] = &[(
    "configmap_reload_watcher_errors_total",
    "counter",
    "Total filesystem watcher errors",
    |f| as_float(f.watch_problems),
)];

fn configmap_reload(page: &mut Exposition, facts: &Facts) {
    for (name, kind, help, value) in CALLED {
        page.family(name, kind, help);
        for (url, called) in &facts.calls {
            page.labelled(name, &[("webhook", url)], value(called));
        }
    }
    page.rows(WATCHER, facts);
    requests(page, facts);
    request_errors(page, facts);
}

/// Status 0 stands for a call that nobody answered.
fn requests(page: &mut Exposition, facts: &Facts) {
    let name = "configmap_reload_requests_total";
    page.family(name, "counter", "Total requests by response status code");
    for (url, called) in &facts.calls {
        for (status, count) in called.statuses.iter().filter(|(status, _)| **status != 0) {
            let code = status.to_string();
            page.labelled(
                name,
                &[("webhook", url), ("status_code", &code)],
                as_float(*count),
            );
        }
    }
}

fn request_errors(page: &mut Exposition, facts: &Facts) {
    let name = "configmap_reload_request_errors_total";
    page.family(name, "counter", "Total request errors by reason");
    for (url, called) in &facts.calls {
        let unanswered = called.statuses.get(&0).copied().unwrap_or_default();
        let answered: u64 = called.statuses.values().sum::<u64>() - unanswered;
        for (reason, count) in [
            ("client_request_do", unanswered),
            ("client_response", answered - called.successes),
        ] {
            if count > 0 {
                page.labelled(
                    name,
                    &[("webhook", url), ("reason", reason)],
                    as_float(count),
                );
            }
        }
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn as_float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn files_of_one_directory_are_one_series() {
        let mount = Mount {
            dir: "/etc/app".into(),
            generation: None,
            files: Vec::new(),
            file_count: 0,
            watched_by: "inotify",
            unread: Vec::new(),
        };
        let facts = Facts {
            mounts: vec![mount.clone(), mount],
            ..Facts::default()
        };
        let page = render(&facts, MetricNames::Own);
        assert_eq!(page.matches("mount_info{dir=\"/etc/app\"").count(), 1);
    }

    #[test]
    fn families_are_described_once_and_every_line_has_a_value() {
        let mut facts = Facts::default();
        facts.calls.insert("http://x/".into(), Called::default());
        for names in [
            MetricNames::Own,
            MetricNames::ConfigmapReload,
            MetricNames::Prometheus,
        ] {
            let page = render(&facts, names);
            let mut described: Vec<_> = page
                .lines()
                .filter(|line| line.starts_with("# TYPE"))
                .collect();
            let count = described.len();
            described.dedup();
            assert_eq!(described.len(), count);
            for line in page.lines().filter(|line| !line.starts_with('#')) {
                let value = line.rsplit(' ').next().unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }
}
