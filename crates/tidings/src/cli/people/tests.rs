//! What is shown before a word is said, and after.

use serde_json::to_value;
use tidings_core::number::Number;
use tidings_core::standing;
use tidings_core::word::Say;

use super::report::{EVERYTHING, NAMESPACE, PauseReport, Then, WORKLOAD, WordReport};
use super::sheet::{WordSheet, pause_question, paused, said};
use crate::cli::json_schema::check;
use crate::cli::why::report::{Pods, Standing, WorkloadReport};
use crate::cli::why::tests::seed;
use crate::cli::why::waits::WaitsReport;

fn waiting() -> WorkloadReport {
    WorkloadReport {
        standing: Standing(Some(standing::Word::Waiting)),
        in_step: Some(Pods {
            updated: 3,
            desired: 3,
        }),
        waits: Some(WaitsReport {
            number: "4-k7f2".to_owned(),
            because: "configmap/app (level)".to_owned(),
            since: "2026-11-30T11:44:00Z".parse().ok(),
            ruling: None,
            by: None,
            place: None,
        }),
        ..seed().recorded().report()
    }
}

fn number() -> Number {
    Number::parse("4-k7f2").unwrap()
}

fn shown(word: Say, then: &Then) -> String {
    let writers = ["configmap/app by client kubectl-edit".to_owned()];
    let sheet = WordSheet {
        why: &waiting(),
        word,
        number: number(),
        then,
        writers: &writers,
    };
    sheet.text() + &sheet.question()
}

#[test]
fn who_is_asked_sees_what_it_is_about_and_what_follows() {
    let brought = Then {
        method: Some("rollout"),
        ..Then::default()
    };
    insta::assert_snapshot!(shown(Say::Approve { at_once: true }, &brought), @r"
    deployment/web in stage: waiting
      4-k7f2 waits, since 2026-11-30T11:44:00Z
      brings   configmap/app (level)
      written  configmap/app by client kubectl-edit
      to       3 pods
      then     it is brought, by rollout
    Approve 4-k7f2, to be brought at once?
    ");
    let holds = Then {
        reason: Some("WindowClosed"),
        text: "configmap/app (level); not before 2026-12-05T02:00:00Z".to_owned(),
        ..Then::default()
    };
    let approve = shown(Say::Approve { at_once: false }, &holds);
    let then = "  then     WindowClosed: configmap/app (level); not before 2026-12-05T02:00:00Z\n";
    assert!(approve.contains(then), "{approve}");
    let reject = shown(Say::Reject, &Then::default());
    assert!(!reject.contains("  then"), "{reject}");
    assert!(reject.ends_with("Reject 4-k7f2?"), "{reject}");
}

#[test]
fn what_was_said_is_told_in_a_sentence_and_to_programs() {
    let report = WordReport {
        namespace: "stage".into(),
        kind: "deployment",
        name: "web".into(),
        word: "approve",
        number: number().to_string(),
        because: "configmap/app (level)".to_owned(),
        by: Some("ada@example.org".to_owned()),
        then: Then {
            method: Some("hot"),
            ..Then::default()
        },
    };
    let text = "deployment/web in stage: 4-k7f2 is approved, by ada@example.org\n";
    assert_eq!(said(&report), text);
    check("approve", &to_value(&report).unwrap());
    let nameless = WordReport {
        by: None,
        word: "reject",
        then: Then::default(),
        ..report
    };
    assert_eq!(
        said(&nameless),
        "deployment/web in stage: 4-k7f2 is rejected\n"
    );
    check("approve", &to_value(&nameless).unwrap());
}

#[test]
fn pauses_are_told_by_what_they_hold() {
    let report = |scope, paused| PauseReport {
        scope,
        namespace: "stage".into(),
        kind: (scope == WORKLOAD).then_some("deployment"),
        name: (scope == WORKLOAD).then(|| "web".into()),
        paused,
        until: None,
    };
    let all = [WORKLOAD, NAMESPACE, EVERYTHING].map(|scope| report(scope, true));
    let told: Vec<_> = all.iter().map(paused).collect();
    assert_eq!(
        told,
        [
            "deployment/web in stage: paused, until `tidings unpause`\n",
            "namespace/stage: paused, until `tidings unpause`\n",
            "everything that Tidings in stage rolls: paused, until `tidings unpause`\n",
        ]
    );
    for one in &all {
        check("pause", &to_value(one).unwrap());
    }
    let until = PauseReport {
        until: "2026-12-01T07:00:00Z".parse().ok(),
        ..report(NAMESPACE, true)
    };
    assert_eq!(
        pause_question(&until),
        "Pause namespace/stage, until 2026-12-01T07:00:00Z?"
    );
    check("pause", &to_value(&until).unwrap());
    let over = report(WORKLOAD, false);
    assert_eq!(paused(&over), "deployment/web in stage: not paused\n");
}
