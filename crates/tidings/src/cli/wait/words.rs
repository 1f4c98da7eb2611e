//! What `tidings wait` says, on the way and in the end.
//!
//! Goes in: reports on the workloads. Comes out: text, a line for each thing that
//! changed, and one line for how it ended. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use tidings_core::refs::Name;
use tidings_core::standing::Word;
use tidings_shared::plain::plain;

use crate::cli::why::report::{OlderReport, WorkloadReport};
use crate::cli::why::table::how_far;

/// What has been said on the way.
#[derive(Debug, Default)]
pub struct Progress {
    workloads: BTreeMap<(&'static str, Name), String>,
    beside: Option<String>,
}

impl Progress {
    /// A line for each workload of which there is something new.
    pub fn news(&mut self, reports: &[WorkloadReport]) -> String {
        let mut text = String::new();
        for report in reports {
            let line = line(report);
            let key = (report.kind, report.name.clone());
            if self.workloads.get(&key) != Some(&line) {
                text += &line;
                self.workloads.insert(key, line);
            }
        }
        text
    }

    /// What is wrong beside them, or that nothing is any more, where it is new.
    pub fn beside(&mut self, problem: Option<&str>) -> String {
        if self.beside.as_deref() == problem {
            return String::new();
        }
        self.beside = problem.map(str::to_owned);
        problem.map_or_else(String::new, |problem| format!("{problem}\n"))
    }
}

fn line(report: &WorkloadReport) -> String {
    let why = match (report.standing.0, report.reason) {
        (Some(Word::InStep | Word::Rolling), _) | (_, None) => String::new(),
        (Some(Word::Failed), _) if !report.due => String::new(),
        (_, Some(reason)) if report.text.is_empty() => format!(": {reason}"),
        (_, Some(reason)) => format!(": {reason}: {}", plain(&report.text)),
    };
    let number = number(report);
    let (standing, far) = (report.standing_text(), how_far(report));
    let but = but(report);
    format!("{}: {standing}{far}{number}{why}{but}\n", name(report))
}

/// What some of its pods have instead of what is recorded of all.
fn but(report: &WorkloadReport) -> String {
    let older = report.older.iter().map(OlderReport::text);
    let older = older.map(|text| format!(", but {}", plain(&text)));
    older.collect()
}

/// What could not be seen of pods that may have something else.
pub fn unseen(gaps: &[String]) -> Option<String> {
    let all = gaps.join(", ");
    (!all.is_empty()).then(|| {
        format!(
            "whether a container was started while a source was another is not known: needs {all}"
        )
    })
}

fn name(report: &WorkloadReport) -> String {
    format!("{}/{}", report.kind, report.name)
}

/// Of the roll that brought it, or is bringing it. What is due has none yet.
fn number(report: &WorkloadReport) -> String {
    let brings = [Word::InStep, Word::Rolling, Word::Failed].map(Some);
    let is_told = report.last.is_some() && brings.contains(&report.standing.0);
    let number = report.number.as_ref().filter(|_| is_told);
    number.map_or_else(String::new, |number| format!(" ({number})"))
}

/// All of them are in step.
pub fn in_step(reports: &[WorkloadReport]) -> String {
    let each = reports.iter().map(|r| name(r) + &number(r) + &but(r));
    format!("in step: {}\n", joined(each))
}

/// Some of them have failed.
pub fn failed(reports: &[WorkloadReport]) -> String {
    let failed = |report: &&WorkloadReport| report.standing.0 == Some(Word::Failed);
    let each = reports.iter().filter(failed);
    let each = each.map(|r| format!("{}{}{}{}", name(r), number(r), how_far(r), refusal(r)));
    format!("failed: {}\n", joined(each))
}

/// What a pod says of content that it refuses.
fn refusal(report: &WorkloadReport) -> String {
    let reason = report.reason.filter(|_| report.is_left());
    reason.map_or_else(String::new, |reason| {
        format!(": {reason}: {}", plain(&report.text))
    })
}

/// Some of them may have older content, and nothing will roll them.
pub fn stays_stale(reports: &[WorkloadReport]) -> String {
    let stale =
        |report: &&WorkloadReport| report.standing.0 == Some(Word::Stale) && !report.is_coming();
    let each = reports.iter().filter(stale);
    let each = each.map(|r| format!("{}: {}{}", name(r), r.reason.unwrap_or("unknown"), but(r)));
    format!(
        "stale, and nothing is due that would roll it: {}\n",
        joined(each)
    )
}

/// Some of them are in step no more than before.
pub fn timed_out(reports: &[WorkloadReport], after: Duration) -> String {
    let late = |report: &&WorkloadReport| report.standing.0 != Some(Word::InStep);
    let each = reports.iter().filter(late);
    let each = each.map(|r| format!("{} {}{}", name(r), r.standing_text(), how_far(r)));
    let after = SignedDuration::try_from(after).unwrap_or_default();
    format!("timed out after {after:#}: {}\n", joined(each))
}

fn joined(each: impl Iterator<Item = String>) -> String {
    each.collect::<Vec<_>>().join(", ")
}

/// What to do about a workload of which nobody waits for anything.
pub fn not_opted_in(report: &WorkloadReport) -> String {
    let (name, namespace) = (name(report), &report.namespace);
    match report.standing_text() {
        "not opted in" => format!(
            "{name} in {namespace} is not opted in, so nothing rolls it: annotate it \
             (tidings.dev/reload: auto), or see `tidings why {name} -n {namespace}`"
        ),
        other => format!(
            "{name} in {namespace} is {other}, so there is nothing to wait for; \
             `tidings why {name} -n {namespace}` says more"
        ),
    }
}

/// Why it is not known how one stands, and what that needs.
pub fn unknown(report: &WorkloadReport) -> String {
    let (name, namespace) = (name(report), &report.namespace);
    let why = match (report.unknown.as_slice(), report.reason) {
        ([], Some(reason)) => format!("{reason}: {}", plain(&report.text)),
        (needs, _) => plain(&needs.join("; ")).into_owned(),
    };
    format!("how {name} in {namespace} stands is not known: {why}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidings_core::reason::Reason;
    use tidings_core::refs::SourceKind;

    use super::*;
    use crate::cli::why::report::{Pods, Standing};
    use crate::cli::why::tests::{Cluster, seed, source};

    fn stands(word: Word, pods: Option<Pods>) -> WorkloadReport {
        WorkloadReport {
            standing: Standing(Some(word)),
            pods,
            ..seed().recorded().report()
        }
    }

    const SOME: Option<Pods> = Some(Pods {
        updated: 1,
        desired: 3,
    });

    #[test]
    fn each_change_is_a_line() {
        let nginx = source(SourceKind::ConfigMap, "nginx-config");
        let changed = seed().recorded();
        let changed = changed.with(&nginx, 9, &[("nginx.conf", "new")]).report();
        let mut said = Progress::default();
        let looks = [
            changed.clone(),
            changed,
            stands(Word::Rolling, SOME),
            stands(Word::InStep, None),
        ];
        let text: String = looks.into_iter().map(|look| said.news(&[look])).collect();
        insta::assert_snapshot!(text, @r"
        deployment/web: stale: Changed: configmap/nginx-config (mime, x, nginx.conf)
        deployment/web: rolling, 1 of 3 pods
        deployment/web: in step
        ");
        assert_eq!(said.beside(Some("nobody leads")), "nobody leads\n");
        assert_eq!(said.beside(Some("nobody leads")), "");
    }

    #[test]
    fn how_it_ended_is_one_line() {
        let reports = [stands(Word::Failed, SOME), stands(Word::InStep, None)];
        let lines = [
            in_step(&reports[1..]),
            failed(&reports),
            timed_out(&reports, Duration::from_mins(5)),
        ];
        insta::assert_snapshot!(lines.concat(), @r"
        in step: deployment/web
        failed: deployment/web, 1 of 3 pods
        timed out after 5m: deployment/web failed, 1 of 3 pods
        ");
    }

    /// It is due for ever, and nobody brings it.
    #[test]
    fn what_is_refused_or_not_taken_is_waited_for_by_nobody() {
        let left = |word, reason: Reason| WorkloadReport {
            due: true,
            reason: Some(reason.word()),
            text: "configmap/app (a): web-0: line 3".to_owned(),
            ..stands(word, None)
        };
        let refused = left(Word::Failed, Reason::Rejected);
        let not_taken = left(Word::Stale, Reason::NotTaken);
        let changed = left(Word::Stale, Reason::Changed);
        assert!(changed.is_coming() && !refused.is_coming() && !not_taken.is_coming());
        let lines = [failed(&[refused]), stays_stale(&[not_taken, changed])];
        insta::assert_snapshot!(lines.concat(), @r"
        failed: deployment/web: Rejected: configmap/app (a): web-0: line 3
        stale, and nothing is due that would roll it: deployment/web: NotTaken
        ");
    }

    #[test]
    fn who_asks_for_nothing_is_told_what_to_do() {
        let silent = Cluster::new(&json!({}), &json!({"containers": []})).report();
        insta::assert_snapshot!(not_opted_in(&silent), @r"
        deployment/web in stage is not opted in, so nothing rolls it: annotate it (tidings.dev/reload: auto), or see `tidings why deployment/web -n stage`
        ");
    }
}
