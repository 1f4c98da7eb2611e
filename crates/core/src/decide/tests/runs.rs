//! CronJobs and Jobs, and Rollouts that use another's template: what is decided
//! when `configmap/c` changes.

use rstest::rstest;
use serde_json::{Value, json};

use super::lab::{Lab, merge};
use super::show;
use crate::index::Fact;
use crate::kinds::Kind;
use crate::standing::Word;

const ROLLS: &str = "Roll Changed configmap/c (k)";

#[rstest]
#[case("cronjob", json!({}), ROLLS, ROLLS)]
#[case("cronjob", json!({"spec": {"suspend": true}}), "Record Suspended configmap/c (k)", ROLLS)]
#[case("cronjob", json!({"spec": {"concurrencyPolicy": "Forbid"}}), ROLLS, ROLLS)]
#[case("cronjob", json!({"spec": {"concurrencyPolicy": "Forbid"},
    "status": {"active": [{"name": "w-1", "uid": "1"}]}}), "Nothing Running configmap/c (k)", ROLLS)]
#[case("job", json!({"status": {"active": 1}}), ROLLS, ROLLS)]
#[case("job", json!({"spec": {"suspend": true}}), "Record Suspended configmap/c (k)", ROLLS)]
#[case("job", json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
    "Record Ended configmap/c (k)", ROLLS)]
#[case("job", json!({"status": {"conditions": [{"type": "Failed", "status": "True"}]}}),
    "Record Ended configmap/c (k)", ROLLS)]
#[case("job", json!({"status": {"conditions": [{"type": "Suspended", "status": "False"}]}}), ROLLS, ROLLS)]
fn runs(#[case] kind: &str, #[case] is: Value, #[case] safe: &str, #[case] strict: &str) {
    for (mode, expect) in [(false, safe), (true, strict)] {
        let mut lab = Lab::new(kind);
        lab.rules.strict = mode;
        lab.is(&is);
        lab.adopted();
        lab.content("2");
        assert_eq!(show(&lab.decide()), expect, "{kind} {is} strict: {mode}");
    }
}

#[test]
fn what_cannot_be_read_keeps_its_record() {
    let mut lab = Lab::new("deployment");
    lab.is(&json!({}));
    lab.adopted();
    lab.is(&json!({"spec": {"template": {"spec": {"volumes": "none"}}}}));
    assert_eq!(show(&lab.decide()), "Nothing Unreadable");
    lab.is(&json!({}));
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
}

/// Its end may take long, and what is there then is what the next one reads.
#[test]
fn what_changes_before_a_job_is_made_again_is_brought_by_that() {
    let mut lab = Lab::new("job");
    lab.is(&json!({}));
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    lab.content("3");
    let again = json!({"metadata": {"uid": "v"}, "spec": {"template": {"metadata":
        {"annotations": {"tidings.dev/config": "t/1"}}}}});
    lab.is(&again);
    assert_eq!(show(&lab.decide()), "Record Absorbed configmap/c (k)");
    lab.content("4");
    assert_eq!(show(&lab.decide()), ROLLS);
}

#[test]
fn a_job_of_a_cronjob_is_left_to_it() {
    let owned = json!({"metadata": {"ownerReferences": [{"controller": true, "uid": "x"}]}});
    let mut lab = Lab::new("job");
    lab.is(&owned);
    lab.content("1");
    assert_eq!(show(&lab.decide()), "Nothing LeftToOwner");
    lab.rules.strict = true;
    assert_eq!(show(&lab.decide()), "Record Adopted");
}

/// Its pods may take long to end, and nothing makes others.
#[rstest]
#[case("deployment")]
#[case("statefulset")]
#[case("daemonset")]
#[case("cronjob")]
#[case("job")]
fn what_is_being_deleted_is_left_alone(#[case] kind: &str) {
    let mut lab = Lab::new(kind);
    lab.is(&json!({}));
    lab.adopted();
    lab.is(&json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    lab.content("2");
    let verdict = lab.decide();
    assert_eq!(show(&verdict), "Nothing BeingDeleted");
    assert_eq!(verdict.standing, None);
}

#[rstest]
#[case(json!(["foregroundDeletion"]), "waits for its pods")]
#[case(
    json!(["t.dev/hold", "foregroundDeletion"]),
    "waits for its pods and the finalizer t.dev/hold"
)]
#[case(json!(["t.dev/hold"]), "waits for the finalizer t.dev/hold")]
fn a_job_that_is_deleted_to_be_made_again_is_not_in_step(
    #[case] finalizers: Value,
    #[case] held_by: &str,
) {
    let mut lab = Lab::new("job");
    lab.is(&json!({}));
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    lab.is(
        &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": finalizers}}),
    );
    let verdict = lab.decide();
    let expected = format!("Nothing BeingRemade configmap/c (k); {held_by}");
    assert_eq!(show(&verdict), expected);
    let standing = verdict.standing.map(|standing| standing.word);
    assert_eq!(standing, Some(Word::Waiting));
}

#[test]
fn what_is_wrong_in_a_namespace_that_is_left_out_is_not_told() {
    let mut lab = Lab::new("deployment");
    lab.is(&json!({"metadata": {"annotations": {"tidings.dev/settle": "bad"}}}));
    lab.adopted();
    assert_eq!(lab.decide().problems.len(), 1);
    lab.index.apply(Fact::Namespace {
        name: "ns".into(),
        annotations: [].into(),
        left_out: true,
        since: None,
    });
    assert!(lab.decide().problems.is_empty());
}

/// Its status names the runs of its schedule only.
#[test]
fn a_run_that_was_made_by_hand_counts_as_active() {
    let mut lab = Lab::new("cronjob");
    let job = Kind::parse("job").unwrap();
    let run = json!({"metadata": {"uid": "r", "annotations": null,
        "ownerReferences": [{"controller": true, "uid": "u"}]}});
    lab.is(&json!({"spec": {"concurrencyPolicy": "Forbid"}}));
    lab.write(job, "by-hand", &run);
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), "Nothing Running configmap/c (k)");
    let known = lab.index.get(&lab.key).unwrap();
    assert_eq!(
        lab.index.active_runs(known),
        [("by-hand".into(), "r".into())]
    );
    let mut ended = run;
    merge(
        &mut ended,
        &json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
    );
    let concerned = lab.write(job, "by-hand", &ended);
    assert!(concerned.contains(&lab.key), "{concerned:?}");
    assert_eq!(show(&lab.decide()), ROLLS);
}

#[test]
fn a_job_that_ended_before_its_roll_was_carried_out_is_not_run_again() {
    let mut lab = Lab::new("job");
    lab.is(&json!({}));
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    lab.is(&json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}));
    assert_eq!(show(&lab.decide()), "Record Ended configmap/c (k)");
    assert_eq!(show(&lab.decide()), "Nothing UpToDate");
}

#[test]
fn an_edit_of_a_cronjob_is_no_run() {
    let mut lab = Lab::new("cronjob");
    lab.is(&json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}}));
    assert_eq!(show(&lab.decide()), "Nothing UsesNothing");
    lab.is(&json!({}));
    lab.adopted();
    lab.is(&json!({"metadata": {"generation": 2},
        "spec": {"jobTemplate": {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}}}));
    assert_eq!(show(&lab.decide()), "Note UpToDate");
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS, "no pod is newer by it");
}

#[test]
fn the_next_life_of_a_job_goes_on_counting() {
    let mut lab = Lab::new("job");
    lab.rules.fuse = true;
    lab.is(&json!({}));
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    lab.is(&json!({"metadata": {"uid": "another"}}));
    assert_eq!(show(&lab.decide()), "Record Adopted");
    let entry = lab.entry.clone().unwrap();
    assert_eq!((entry.n, entry.at), (1, Some(1_000)));
    assert_eq!(entry.rolls.iter().count(), 1);
}

#[test]
fn a_rollout_uses_the_template_that_it_refers_to() {
    let refers = json!({"spec": {"template": null, "workloadRef":
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "base"}}});
    let base = Kind::parse("deploy").unwrap();
    let mut lab = Lab::new("rollout");
    lab.is(&refers);
    lab.content("1");
    assert_eq!(show(&lab.decide()), "Nothing UsesNothing");
    lab.write(
        base,
        "base",
        &json!({"metadata": {"annotations": {"tidings.dev/reload": "off"}}}),
    );
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    let known = lab.index.get(&lab.key).unwrap();
    assert!(!known.workload.lent.as_ref().unwrap().opted_in);
    lab.write(base, "base", &json!({}));
    assert_eq!(
        show(&lab.decide()),
        "Record LeftToOwner",
        "the Deployment is rolled itself"
    );
}

#[test]
fn a_rollout_that_restarts_by_time_has_got_it_when_it_carries_it() {
    let mut lab = Lab::new("rollout");
    let restart =
        json!({"metadata": {"annotations": {"reloader.stakater.com/rollout-strategy": "restart"}}});
    lab.is(&restart);
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    assert_eq!(show(&lab.decide()), "Resume Resumed configmap/c (k)");
    let mut restarted = restart;
    merge(
        &mut restarted,
        &json!({"spec": {"restartAt": "1970-01-01T00:16:40Z"}}),
    );
    lab.is(&restarted);
    assert_eq!(show(&lab.decide()), "Note UpToDate");
}

#[test]
fn a_roll_that_was_written_down_waits_for_the_run_that_began_since() {
    let forbids = json!({"spec": {"concurrencyPolicy": "Forbid"}});
    let mut lab = Lab::new("cronjob");
    lab.is(&forbids);
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    let mut running = forbids.clone();
    merge(
        &mut running,
        &json!({"status": {"active": [{"name": "w-1", "uid": "1"}]}}),
    );
    lab.is(&running);
    assert_eq!(show(&lab.decide()), "Nothing Running configmap/c (k)");
    lab.is(&forbids);
    assert_eq!(show(&lab.decide()), "Resume Resumed configmap/c (k)");
}

/// The controller may have died before it noted that the roll was done, and the
/// content may have changed again since.
#[test]
fn a_job_that_a_roll_made_has_what_that_roll_brought() {
    let mut lab = Lab::new("job");
    lab.is(&json!({}));
    lab.adopted();
    lab.content("2");
    assert_eq!(show(&lab.decide()), ROLLS);
    let marked = json!({"tidings.dev/config": "t/1"});
    lab.is(&json!({"metadata": {"uid": "another"},
        "spec": {"template": {"metadata": {"annotations": marked}}}}));
    lab.content("3");
    assert_eq!(show(&lab.decide()), ROLLS);
    assert_eq!(lab.entry.unwrap().n, 2);
}
