//! What is left of a past, and the history that follows.

use std::fmt::Write as _;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::digest::Digest;
use crate::kinds::{KINDS, Kind};
use crate::object::{Strategy, read_workload};
use crate::state::{Back, Epoch, Restart, Roll};
use crate::vocabulary::Vocabulary;

const UID: &str = "u";

/// A time of one morning, in seconds.
fn at(minute: Seconds) -> Seconds {
    1_795_905_000 + 60 * minute
}

fn time(seconds: Seconds) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

fn annotated(pairs: &[(&str, &str)]) -> Value {
    let pairs = pairs.iter().map(|(key, value)| (*key, *value));
    json!({"metadata": {"annotations": pairs.collect::<BTreeMap<_, _>>()}})
}

/// A ReplicaSet, made in this minute.
fn replica_set(number: u64, minute: Seconds, template: &[(&str, &str)]) -> Value {
    json!({
        "metadata": {
            "name": format!("web-{number}"),
            "creationTimestamp": time(at(minute)),
            "ownerReferences": [{"uid": UID}],
            "annotations": {"deployment.kubernetes.io/revision": number.to_string()},
        },
        "spec": {"template": annotated(template)},
    })
}

fn read(object: &Value) -> Option<TemplateRevision> {
    read_revision(object.to_string().as_bytes(), UID)
}

fn rolled(n: &'static str) -> [(&'static str, &'static str); 2] {
    let because = "configmap/app (level)";
    [("tidings.dev/config", n), ("tidings.dev/because", because)]
}

/// A workload with this template, of which so many of two pods are new and ready.
fn workload(kind: &'static Kind, template: &[(&str, &str)], updated: u32) -> Workload {
    let json = json!({
        "metadata": {"namespace": "ns", "name": "web", "uid": UID, "resourceVersion": "7",
            "generation": 2},
        "spec": {"replicas": 2, "template": annotated(template)},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": updated,
            "readyReplicas": 2},
    });
    read_workload(kind, json.to_string().as_bytes(), &Vocabulary::default()).unwrap()
}

/// The record of rolls in these minutes, which ended so.
fn record(rolls: &[(Seconds, End)]) -> Entry {
    let mut entry = Entry::new(UID.into(), Epoch::draw(1, UID), Digest::of_parts(&[]));
    let mut last = End::Done;
    for (n, (minute, end)) in (1..).zip(rolls) {
        let roll = Roll {
            n,
            method: Method::Rollout,
            at: at(*minute) - 1,
            end: End::Open,
            took: None,
            cause: "configmap/app (level)",
        };
        (entry.n, entry.rolls) = (n, entry.rolls.with(roll, last));
        last = *end;
    }
    entry
}

fn write(client: &str, minute: Seconds) -> TemplateWrite {
    let (client, at) = (client.into(), at(minute));
    TemplateWrite { client, at }
}

struct Past {
    record: Option<Entry>,
    told: Vec<ToldRoll>,
    revisions: Vec<TemplateRevision>,
    writes: Vec<TemplateWrite>,
    workload: Workload,
    ended: Option<RolloutEnd>,
}

/// One that was made a minute after the first, and nothing else.
fn past(workload: Workload) -> Past {
    Past {
        record: None,
        told: Vec::new(),
        revisions: vec![read(&replica_set(1, 0, &[])).unwrap()],
        writes: vec![write("kubectl", 0)],
        workload,
        ended: None,
    }
}

impl Past {
    fn then(mut self, revisions: &[Value]) -> Self {
        self.revisions.extend(revisions.iter().filter_map(read));
        self
    }

    fn steps(&self) -> Vec<PastStep> {
        history(&PastFacts {
            instance: "tidings",
            record: self.record.as_ref(),
            told: &self.told,
            revisions: &self.revisions,
            writes: &self.writes,
            workload: &self.workload,
            ended: self.ended.as_ref(),
        })
    }

    /// A line each: number, revision, minute, how, client, end and seconds, cause.
    fn lines(&self) -> String {
        let mut lines = String::new();
        for step in self.steps() {
            let shown = |number: Option<u64>| number.map_or("-".to_owned(), |n| n.to_string());
            let minute = step.at.map(|time| (time - at(0) + 30).div_euclid(60));
            let minute = minute.map_or("?".to_owned(), |minute| minute.to_string());
            let number = step.number.map(|number| number.to_string());
            let end = step.outcome.map_or("?", RollEnd::word);
            let took = step.took.map_or(String::new(), |took| format!(" {took}s"));
            let back = if step.undone { ", reverted later" } else { "" };
            let waits = step.waits_for.clone().unwrap_or_default();
            let _ = writeln!(
                lines,
                "{} r{} m{minute} {} {} {end}{back}{waits}{took} {}",
                number.unwrap_or_else(|| shown(step.roll)),
                shown(step.revision),
                step.how.word(),
                step.client.as_deref().unwrap_or("?"),
                step.because,
            );
        }
        lines
    }
}

#[test]
fn a_record_and_the_revisions_that_it_made_are_one_history() {
    let (two, three) = (rolled("tidings/2"), rolled("tidings/3"));
    let mut past = past(workload(&KINDS[0], &three, 2));
    past.record = Some(record(&[(5, End::Done), (9, End::Failed), (12, End::Done)]));
    past.ended = Some(of(4, at(12) + 14));
    // The revision of the first roll was cleaned up.
    let past = past.then(&[replica_set(3, 9, &two), replica_set(4, 12, &three)]);
    insta::assert_snapshot!(past.lines(), @r"
    - r1 m0 created kubectl ? 
    1-gvir r- m5 rollout tidings done configmap/app (level)
    2-gvir r3 m9 rollout tidings failed configmap/app (level)
    3-gvir r4 m12 rollout tidings done 15s configmap/app (level)
    ");
}

/// Whoever may not read the record has the templates, and Events for an hour.
#[test]
fn without_a_record_templates_and_events_tell() {
    let two = rolled("tidings/2");
    let mut past = past(workload(&KINDS[0], &two, 2)).then(&[replica_set(3, 9, &two)]);
    past.told = vec![ToldRoll {
        n: 1,
        at: at(5),
        cause: "secret/db (password)".to_owned(),
    }];
    insta::assert_snapshot!(past.lines(), @r"
    - r1 m0 created kubectl ? 
    1 r- m5 rollout tidings ? secret/db (password)
    2 r3 m9 rollout tidings done configmap/app (level)
    ");
}

/// An edit by others leaves the mark of the last roll on the template.
#[test]
fn what_others_did_is_no_roll() {
    const AT: &str = "kubectl.kubernetes.io/restartedAt";
    let (one, when) = (rolled("tidings/1"), time(at(20)));
    let restarted = [one[0], one[1], (AT, when.as_str())];
    let other = [("tidings.dev/config", "blue/7"), (AT, &when)];
    let mut past = past(workload(&KINDS[0], &other, 1)).then(&[
        replica_set(2, 5, &one),
        replica_set(3, 12, &one),
        replica_set(4, 20, &restarted),
        replica_set(5, 30, &restarted),
        replica_set(6, 40, &other),
    ]);
    past.writes = vec![
        write("kubectl", 12),
        write("kubectl-rollout", 20),
        write("tidings", 40),
    ];
    insta::assert_snapshot!(past.lines(), @r"
    - r1 m0 created ? ? 
    1 r2 m5 rollout tidings ? configmap/app (level)
    - r3 m12 edit kubectl ? 
    - r4 m20 restart kubectl-rollout ? 
    - r5 m30 edit ? ? 
    - r6 m40 rollout tidings rolling 
    ");
}

/// What is told where somebody went back to the first roll, with the second so far through.
fn gone_back(so_far: Back) -> String {
    let (one, two) = (rolled("tidings/1"), rolled("tidings/2"));
    let mut back = replica_set(4, 5, &one);
    let kept = &mut back["metadata"]["annotations"];
    kept["deployment.kubernetes.io/revision-history"] = "2".into();
    let mut past = past(workload(&KINDS[0], &one, 2));
    past.record = Some(Entry {
        back: Some(so_far),
        ..record(&[(5, End::Done), (8, End::Open)])
    });
    past.writes = vec![write("kubectl-rollout", 9)];
    past.then(&[replica_set(3, 8, &two), back]).lines()
}

/// It has a new number then, but its time, and what it was, are those of the first.
#[test]
fn what_was_gone_back_to_is_told_as_that() {
    insta::assert_snapshot!(gone_back(Back::Partly), @r"
    - r1 m0 created ? ? 
    1-gvir r- m5 rollout tidings done configmap/app (level)
    2-gvir r3 m8 rollout tidings reverted configmap/app (level)
    - r4 m? undo kubectl-rollout done 
    ");
}

/// All pods had been replaced when somebody went back: it is no less done.
#[test]
fn what_was_through_is_done_and_reverted_later() {
    insta::assert_snapshot!(gone_back(Back::Whole), @r"
    - r1 m0 created ? ? 
    1-gvir r- m5 rollout tidings done configmap/app (level)
    2-gvir r3 m8 rollout tidings done, reverted later configmap/app (level)
    - r4 m? undo kubectl-rollout done 
    ");
}

/// To the first roll, to the second, to the first, and then Tidings rolls again.
#[test]
fn what_was_gone_back_to_again_and_again_is_told_each_time() {
    let (one, two, three) = (
        rolled("tidings/1"),
        rolled("tidings/2"),
        rolled("tidings/3"),
    );
    let kept = |number: u64, minute, template: &[_], earlier: &str| {
        let mut set = replica_set(number, minute, template);
        set["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] =
            earlier.into();
        set
    };
    let sets = [
        kept(5, 8, &two, "3"),
        kept(6, 5, &one, "2,4"),
        replica_set(7, 20, &three),
    ];
    let mut all = past(workload(&KINDS[0], &three, 2)).then(&sets);
    all.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Done), (8, End::Done), (20, End::Open)])
    });
    all.writes = vec![write("kubectl-rollout", 12), write("tidings", 20)];
    insta::assert_snapshot!(all.lines(), @r"
    - r1 m0 created ? ? 
    1-gvir r- m5 rollout tidings done configmap/app (level)
    2-gvir r- m8 rollout tidings done, reverted later configmap/app (level)
    - r- m? undo ? ? 
    - r5 m? undo ? ? 
    - r6 m? undo kubectl-rollout ? 
    3-gvir r7 m20 rollout tidings done configmap/app (level)
    ");
    // Before that roll, and after its controller ended a pause that an earlier one began.
    let mut all = past(workload(&KINDS[0], &one, 2)).then(&sets[..2]);
    all.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Done), (8, End::Done)])
    });
    all.writes = vec![write("kubectl-rollout", 12), write("tidings", 14)];
    insta::assert_snapshot!(all.lines(), @r"
    - r1 m0 created ? ? 
    1-gvir r- m5 rollout tidings done configmap/app (level)
    2-gvir r- m8 rollout tidings ? configmap/app (level)
    - r- m? undo ? ? 
    - r5 m? undo ? ? 
    - r6 m? undo kubectl-rollout done 
    ");
}

/// A record notes it when it sees it, and the template may be the roll's again.
#[test]
fn how_a_roll_ended_that_was_taken_back_stays_known() {
    let (one, two) = (rolled("tidings/1"), rolled("tidings/2"));
    let mut back = replica_set(5, 8, &two);
    back["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "3".into();
    let mut past = past(workload(&KINDS[0], &two, 2)).then(&[replica_set(4, 5, &one), back]);
    let entry = record(&[(5, End::Done), (8, End::Open)]);
    past.record = Some(Entry {
        done: true,
        rolls: entry.rolls.ended(2, End::Reverted),
        ..entry
    });
    let outcome = |roll| past.steps().iter().find(|step| step.roll == roll)?.outcome;
    assert_eq!(outcome(Some(2)), Some(RollEnd::Reverted));
}

/// Revisions of a StatefulSet come in the order of their names.
#[rstest]
#[case(&[0, 1])]
#[case(&[1, 0])]
fn in_whatever_order_they_are_listed(#[case] order: &[usize]) {
    let revision = |number: u64, made, written| {
        json!({
            "metadata": {"creationTimestamp": time(at(made)), "ownerReferences": [{"uid": UID}],
                "managedFields": [{"manager": "kube-controller-manager", "time": time(at(written))}]},
            "revision": number, "data": {"spec": {"template": annotated(&[])}},
        })
    };
    let all = [revision(3, 0, 8), revision(4, 5, 9)];
    let mut past = past(workload(&KINDS[1], &[], 2));
    past.revisions.clear();
    let past = past.then(&order.iter().map(|i| all[*i].clone()).collect::<Vec<_>>());
    insta::allow_duplicates! {
        insta::assert_snapshot!(past.lines(), @r"
        - r- m0 created kubectl ? 
        - r- m5 edit ? ? 
        - r3 m8 undo ? ? 
        - r4 m9 undo ? done
        ");
    }
}

/// That of the revision with this number.
fn of(number: u64, at: Seconds) -> RolloutEnd {
    let of = Some(format!("web-{number}").as_str().into());
    RolloutEnd { at, of }
}

/// A pod that is not ready later is no rollout; that of before may still be told of.
#[rstest]
#[case::this_one_ended(of(2, at(6)), RollEnd::Done)]
#[case::in_its_first_second(of(2, at(5)), RollEnd::Done)]
#[case::the_one_before_did(of(2, at(4)), RollEnd::Rolling)]
#[case::when_it_began(of(1, at(5)), RollEnd::Rolling)]
#[case::whose_is_not_told(RolloutEnd { at: at(6), of: None }, RollEnd::Done)]
fn what_was_through_stays_so(#[case] ended: RolloutEnd, #[case] expected: RollEnd) {
    let one = rolled("tidings/1");
    let mut past = past(workload(&KINDS[0], &one, 2)).then(&[replica_set(2, 5, &one)]);
    past.ended = Some(ended);
    past.workload.progress.ready = 1;
    past.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Open)])
    });
    assert_eq!(past.steps().pop().unwrap().outcome, Some(expected));
}

/// Nobody replaces the other pods by itself.
#[rstest]
#[case::on_delete(Strategy::OnDelete, false, 1, "waiting OnDelete, 1 of 2 pods")]
#[case::on_delete_and_through(Strategy::OnDelete, false, 2, "done")]
#[case::partition(Strategy::Partition(1), false, 1, "waiting partition 1, 1 of 2 pods")]
#[case::not_as_far_yet(Strategy::Partition(1), false, 0, "rolling")]
#[case::paused(Strategy::Rolling, true, 0, "waiting it is paused, 0 of 2 pods")]
fn what_a_rollout_waits_for_is_told(
    #[case] strategy: Strategy,
    #[case] paused: bool,
    #[case] updated: u32,
    #[case] expected: &str,
) {
    let one = rolled("tidings/1");
    let mut past = past(workload(&KINDS[1], &one, updated)).then(&[replica_set(2, 5, &one)]);
    (past.workload.strategy, past.workload.paused) = (strategy, paused);
    past.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Open)])
    });
    let last = past.steps().pop().unwrap();
    let end = last.outcome.map(RollEnd::word).into_iter();
    let said: Vec<_> = end.chain(last.waits_for.as_deref()).collect();
    assert_eq!(said.join(" "), expected);
}

/// A ControllerRevision is written again only when it becomes the current one.
#[test]
fn of_a_stateful_set_it_is_known_when() {
    let revision = |number: u64, made, written| {
        json!({
            "metadata": {"creationTimestamp": time(at(made)), "ownerReferences": [{"uid": UID}],
                "managedFields": [{"manager": "kube-controller-manager", "time": time(at(written))}]},
            "revision": number, "data": {"spec": {"template": annotated(&[])}},
        })
    };
    let mut past = past(workload(&KINDS[1], &[], 2));
    past.revisions.clear();
    let past = past.then(&[revision(3, 0, 8), revision(2, 5, 5)]);
    insta::assert_snapshot!(past.lines(), @r"
    - r- m0 created kubectl ? 
    - r2 m5 edit ? ? 
    - r3 m8 undo ? done 
    ");
}

/// Kubernetes' times are whole seconds.
#[test]
fn of_two_clients_in_one_second_none_is_named() {
    let mut past = past(workload(&KINDS[0], &[], 2));
    past.writes.push(write("helm", 0));
    let steps = past.steps();
    assert_eq!(steps[0].client, None);
}

#[test]
fn a_roll_by_the_time_of_a_restart_is_found_by_it() {
    const AT: &str = "kubectl.kubernetes.io/restartedAt";
    let when = time(at(5));
    let restarted = [(AT, when.as_str())];
    let mut past = past(workload(&KINDS[0], &restarted, 2));
    past.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Open)])
    });
    let past = past.then(&[replica_set(2, 5, &restarted)]);
    insta::assert_snapshot!(past.lines(), @r"
    - r1 m0 created kubectl ? 
    1-gvir r2 m5 rollout tidings done configmap/app (level)
    ");
}

/// The record leaves the last one open: the workload tells.
#[rstest]
#[case::all_pods_are_new(2, json!([]), true, Some(RollEnd::Done))]
#[case::not_all_yet(1, json!([]), true, Some(RollEnd::Rolling))]
#[case::late(1, json!([late()]), true, Some(RollEnd::Failed))]
#[case::written_down(2, json!([]), false, Some(RollEnd::Pending))]
fn how_the_last_one_is(
    #[case] updated: u32,
    #[case] conditions: Value,
    #[case] reached: bool,
    #[case] expected: Option<RollEnd>,
) {
    let one = rolled("tidings/1");
    let template = if reached { &one[..] } else { &[] };
    let mut past = past(workload(&KINDS[0], template, updated));
    past.workload.progress.failed = conditions != json!([]);
    past.record = Some(Entry {
        done: false,
        ..record(&[(5, End::Open)])
    });
    if reached {
        past = past.then(&[replica_set(2, 5, &one)]);
    }
    let ended = json!({"metadata": {}, "status": {"conditions": conditions}});
    past.ended = ended_of(&ended);
    let last = past.steps().pop().unwrap();
    assert_eq!(last.outcome, expected);
    let is_late = expected == Some(RollEnd::Failed);
    assert_eq!(last.took, is_late.then_some(121));
}

/// The workload was read before its pods were replaced, its revisions afterwards.
#[test]
fn one_that_begins_while_all_is_read_is_not_done() {
    let mut past = past(workload(&KINDS[0], &[], 2));
    past.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Open)])
    });
    let past = past.then(&[replica_set(2, 5, &rolled("tidings/1"))]);
    let last = past.steps().pop().unwrap();
    assert_eq!(last.outcome, Some(RollEnd::Rolling));
}

fn late() -> Value {
    json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": r#"ReplicaSet "web-2" has timed out progressing."#,
        "lastUpdateTime": time(at(7))})
}

fn ended_of(workload: &Value) -> Option<RolloutEnd> {
    ended(workload.to_string().as_bytes())
}

/// Whether it was through before somebody edited the template is not known.
#[test]
fn a_later_edit_leaves_open_how_a_roll_ended() {
    let one = rolled("tidings/1");
    let mut past = past(workload(&KINDS[0], &one, 2));
    past.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Open)])
    });
    let past = past.then(&[replica_set(2, 5, &one), replica_set(3, 9, &one)]);
    let outcomes: Vec<_> = past.steps().iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [None, None, Some(RollEnd::Done)]);
}

#[test]
fn kinds_without_revisions_have_their_record() {
    let cron_job = KINDS.iter().find(|kind| kind.word == "cronjob").unwrap();
    let mut past = past(workload(cron_job, &[], 0));
    past.revisions.clear();
    past.record = Some(Entry {
        done: true,
        ..record(&[(5, End::Done), (9, End::Open)])
    });
    insta::assert_snapshot!(past.lines(), @r"
    1-gvir r- m5 rollout tidings done configmap/app (level)
    2-gvir r- m9 rollout tidings done configmap/app (level)
    ");
}

/// Of a workload that waits for its roll by the time of a restart.
#[test]
fn a_restart_that_is_not_there_yet_is_pending() {
    let mut past = past(workload(&KINDS[0], &[], 2));
    past.record = Some(Entry {
        done: false,
        restart: Some(Box::new(Restart {
            at: time(at(5)).into(),
            before: std::collections::BTreeSet::new(),
            bare: Digest::of_parts(&[]),
            generation: 2,
        })),
        ..record(&[(5, End::Open)])
    });
    let last = past.steps().pop().unwrap();
    assert_eq!((last.roll, last.outcome), (Some(1), Some(RollEnd::Pending)));
}

#[test]
fn no_more_rolls_than_a_record_keeps() {
    let mut past = past(workload(&KINDS[0], &[], 2));
    let told = |n: u64| ToldRoll {
        n,
        at: at(0),
        cause: String::new(),
    };
    past.told = (1..=24).map(told).collect();
    let rolls: Vec<_> = past.steps().iter().filter_map(|step| step.roll).collect();
    assert_eq!(rolls, (15..=24).collect::<Vec<_>>());
}

#[test]
fn what_is_not_his_or_has_another_shape_is_no_revision() {
    let mut other = replica_set(1, 0, &[]);
    other["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    assert_eq!(read(&other), None);
    assert_eq!(read_revision(b"[]", UID), None);
    let none = json!({"metadata": {"creationTimestamp": time(0), "ownerReferences": [{"uid": UID}]},
        "data": {"spec": {"template": {}}}});
    assert_eq!(read(&none), None);
}

#[test]
fn who_holds_something_of_the_template_wrote_it() {
    let entry = |manager: &str, fields: Value, subresource: &str| {
        json!({"manager": manager, "time": time(at(1)), "subresource": subresource,
            "fieldsV1": fields})
    };
    let template = json!({"f:spec": {"f:template": {"f:metadata": {}}}});
    let json = json!({"metadata": {"managedFields": [
        entry("kubectl", template.clone(), ""),
        entry("autoscaler", json!({"f:spec": {"f:replicas": {}}}), ""),
        entry("kube-controller-manager", template, "status"),
    ]}});
    let writes = writes(json.to_string().as_bytes(), KINDS[0].template);
    assert_eq!(writes, [write("kubectl", 1)]);
    assert!(super::writes(b"{}", KINDS[0].template).is_empty());
}

#[test]
fn what_went_pod_by_pod_tells_how_long_it_took() {
    let mut it = past(workload(&KINDS[0], &[], 3));
    let mut entry = record(&[(1, End::Done), (2, End::Open)]);
    entry.rolls = entry.rolls.by(1, Method::Hot).told(1, at(1) + 2);
    entry.rolls = entry.rolls.by(2, Method::Hot).told(2, at(2) + 40);
    entry.done = true;
    it.record = Some(entry);
    let took: Vec<_> = it
        .steps()
        .iter()
        .map(|step| (step.roll, step.took))
        .collect();
    assert_eq!(took[1..], [(Some(1), Some(3)), (Some(2), Some(41))]);
}
