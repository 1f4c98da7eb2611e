//! One workload, what it uses, and what is applied: what is said of it.

mod oracle;

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use rstest::rstest;
use serde_json::{Value, json};

use super::ApplyOrder::{AfterSources, BeforeSources};
use super::*;
use crate::annotations::RELOAD;
use crate::decide::{Act, Moment, Rules, Verdict, decide};
use crate::digest::Digest;
use crate::evidence::{Evidence, PodsSince};
use crate::index::{Content, Rare, Stream, StreamOf};
use crate::kinds::{KINDS, Kind};
use crate::object::{SourceFlags, SourceMeta, read_workload};
use crate::policy::Defaults;
use crate::refs::SourceKind;
use crate::restless::Restless;
use crate::train::Trains;
use crate::vocabulary::Vocabulary;

/// 2026-11-29T20:00:00Z.
const NOW: i64 = 1_795_982_400;

fn app() -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", "app")
}

fn fetched(version: Version, data: &str, ignore: bool) -> Fetched {
    if data == "-" {
        return Fetched::Absent;
    }
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap();
        (
            Name::from(key),
            Digest::of_key(&app(), key, value.as_bytes()),
        )
    };
    let keys: Vec<_> = data.split_whitespace().map(pair).collect();
    let meta = SourceMeta {
        key: app(),
        version,
        marks: Some(SourceFlags {
            urgent: false,
            ignore,
            matched: false,
        }),
        written: Some(NOW - 1_000),
        rewritten: false,
        by: None,
        only_data: false,
        problem: None,
    };
    Fetched::Present(meta, Content::new(version, keys))
}

fn kind(word: &str) -> &'static Kind {
    Kind::parse(word).unwrap()
}

/// As the API server would send it, with an environment of `app`.
fn manifest(word: &str, reload: &str, spec: &Value) -> Value {
    let container = json!({"name": "c", "envFrom": [{"configMapRef": {"name": "app"}}]});
    let template = json!({"spec": {"containers": [container]}});
    let mut object = json!({
        "metadata": {"namespace": "ns", "name": "web", "uid": "u", "resourceVersion": "5",
            "generation": 1, "creationTimestamp": "2026-11-01T00:00:00Z", "annotations": {}},
        "spec": {"replicas": 3, "template": template},
        "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3},
    });
    if kind(word).renewal == crate::kinds::Renewal::Run {
        object["spec"] = json!({"jobTemplate": {"spec": {"template": template}}});
    }
    if !reload.is_empty() {
        object["metadata"]["annotations"] = json!({"tidings.dev/reload": reload});
    }
    merge(&mut object["spec"], spec);
    object
}

fn merge(at: &mut Value, over: &Value) {
    match (at, over) {
        (Value::Object(at), Value::Object(over)) => {
            for (key, value) in over {
                merge(at.entry(key).or_insert(Value::Null), value);
            }
        }
        (at, over) => *at = over.clone(),
    }
}

fn workload(word: &str, manifest: &Value) -> Workload {
    let vocabulary = Vocabulary::default();
    read_workload(kind(word), manifest.to_string().as_bytes(), &vocabulary).unwrap()
}

struct Scene {
    index: Index,
    key: WorkloadRef,
    hypothesis: Hypothesis,
    record: Option<Entry>,
}

impl Scene {
    fn new(word: &str, manifest: &Value, before: Fetched, after: Fetched) -> Self {
        Self::of(Defaults::default(), word, manifest, before, after)
    }

    fn of(
        defaults: Defaults,
        word: &str,
        manifest: &Value,
        before: Fetched,
        after: Fetched,
    ) -> Self {
        let kinds = KINDS.iter().map(StreamOf::Workloads);
        let sources = [SourceKind::ConfigMap, SourceKind::Secret].map(StreamOf::Sources);
        let of = kinds.chain(sources);
        let streams = of.map(|of| Stream {
            of,
            namespace: None,
        });
        let streams: Vec<_> = streams.collect();
        let mut index = Index::new(defaults, streams.clone());
        for stream in streams {
            index.apply(Fact::ListBegan(stream));
        }
        let workload = workload(word, manifest);
        let key = workload.key.clone();
        index.apply(Fact::Workload(Box::new(workload), How::Listed));
        let mut hypothesis = Hypothesis::default();
        hypothesis.source(app(), before, after);
        Self {
            index,
            key,
            hypothesis,
            record: None,
        }
    }

    /// The same is applied to the workload itself.
    fn with(self, word: &str, manifest: &Value) -> Self {
        self.with_at(word, manifest, ApplyOrder::AfterSources)
    }

    fn with_at(mut self, word: &str, manifest: &Value, turn: ApplyOrder) -> Self {
        let mut manifest = manifest.clone();
        let before = self.index.get(&self.key).unwrap().workload.clone();
        let is_edited = workload(word, &manifest).template != before.template;
        manifest["metadata"]["generation"] = json!(1 + i64::from(is_edited));
        self.hypothesis
            .workload(&before, workload(word, &manifest), turn);
        self
    }

    fn verdict(&mut self, entry: Option<&Entry>) -> Option<Verdict> {
        let mut evidence = Evidence::default();
        evidence.forget(APPLIED - 2);
        for _ in 0..8 {
            self.index.work_out(&self.key);
            let moment = Moment {
                trains: &Trains::default(),
                now: NOW,
                seed: 0,
                restless: &Restless::new(NOW),
                evidence: &evidence,
                unled_since: None,
            };
            let rules = Rules {
                fuse: true,
                ..Rules::default()
            };
            let verdict = decide(&self.key, &self.index, entry, moment, &rules)?;
            match &verdict.act {
                Act::Read(_) => return None,
                Act::Ask(questions) => {
                    let known = self.index.get(&self.key)?;
                    for question in questions {
                        let found = self.hypothesis.answer(known, question);
                        let of_old = Finding::Pods(PodsSince::At(NOW - 100, None));
                        let found = found.unwrap_or(match question {
                            Question::Pods => of_old,
                            _ => Finding::NotTold,
                        });
                        evidence.add(question.clone(), found);
                    }
                }
                _ => return Some(verdict),
            }
        }
        None
    }

    fn judged(mut self) -> (Impact, Vec<Touch>, Option<String>) {
        self.happens()
    }

    fn turn(mut self) -> Option<TrainTurn> {
        let (found, touched, _) = self.happens();
        turn(self.index.get(&self.key).unwrap(), &touched, &found)
    }

    fn happens(&mut self) -> (Impact, Vec<Touch>, Option<String>) {
        self.hypothesis.begin(&mut self.index);
        let record = self.record.clone();
        let now = self.verdict(record.as_ref());
        let base = now.as_ref().and_then(|now| base(record.as_ref(), now));
        self.hypothesis.happen(&mut self.index);
        let mut verdict = self.verdict(base.as_ref());
        let first = verdict.as_ref().and_then(|first| first_record(first, NOW));
        if let Some(first) = &first {
            verdict = self.verdict(Some(first));
        }
        let base = first.or(base);
        let known = self.index.get(&self.key).unwrap();
        let touched = touches(known, &self.index, base.as_ref(), &self.hypothesis);
        let found = judge(known, &touched, verdict.as_ref(), &self.hypothesis);
        let line = opt_in(&mut self.index, &self.key, &touched, &self.hypothesis);
        (found, touched, line)
    }

    fn said(self) -> String {
        let (found, touched, line) = self.judged();
        let Some(touch) = touched.first() else {
            return "nothing".to_owned();
        };
        let keys = touch.keys.join(",");
        let reason = found.reason.map_or("-", Reason::word);
        let line = line.filter(|_| found.outcome == Outcome::Stays);
        let line = line.map(|line| format!(" [{line}]")).unwrap_or_default();
        format!("{:?} {reason} ({keys}){line}", found.outcome)
    }
}

use crate::reason::Reason;

#[rstest]
#[case::a_key("deploy", "auto", json!({}), "a=1 b=1 > a=2 b=1", "Rolls Changed (a)")]
#[case::the_same("deploy", "auto", json!({}), "a=1 > a=1", "nothing")]
#[case::a_key_more("deploy", "auto", json!({}), "a=1 > a=1 b=1", "Rolls Changed (b)")]
#[case::a_key_less("deploy", "auto", json!({}), "a=1 b=1 > a=1", "Rolls Changed (b)")]
#[case::made_for_pods_that_run_without("deploy", "auto", json!({}), "- > a=1", "Rolls Changed ()")]
#[case::nobody_asks("deploy", "", json!({}), "a=1 > a=2", "Stays NotOptedIn (a) [auto]")]
#[case::off("deploy", "off", json!({}), "a=1 > a=2", "Stays NotOptedIn (a) [auto]")]
#[case::for_another("deploy", "secret/db", json!({}), "a=1 > a=2", "Stays - (a) [secret/db, configmap/app]")]
#[case::excluded("deploy", "!configmap/app", json!({}), "a=1 > a=2", "Stays - (a) [auto]")]
#[case::other_keys("deploy", "configmap/app[b]", json!({}), "a=1 b=1 > a=2 b=1", "Stays - (a) [configmap/app[b], configmap/app]")]
#[case::paused("deploy", "auto", json!({"paused": true}), "a=1 > a=2", "Waits Paused (a)")]
#[case::on_delete("sts", "auto", json!({"updateStrategy": {"type": "OnDelete"}}), "a=1 > a=2", "Waits WaitsForDelete (a)")]
#[case::partition("sts", "auto", json!({"updateStrategy": {"rollingUpdate": {"partition": 2}}}), "a=1 > a=2", "Rolls PartlyRolled (a)")]
#[case::a_partition_that_keeps_all("sts", "auto", json!({"updateStrategy": {"rollingUpdate": {"partition": 3}}}), "a=1 > a=2", "Waits PartlyRolled (a)")]
#[case::no_pods("sts", "auto", json!({"replicas": 0}), "a=1 > a=2", "Rolls Changed (a)")]
#[case::a_run("cj", "auto", json!({}), "a=1 > a=2", "Rolls Changed (a)")]
#[case::no_run("cj", "auto", json!({"suspend": true}), "a=1 > a=2", "Stays Suspended (a)")]
fn one_workload(
    #[case] word: &str,
    #[case] reload: &str,
    #[case] spec: Value,
    #[case] change: &str,
    #[case] expect: &str,
) {
    let (before, after) = change.split_once(" > ").unwrap();
    let (before, after) = (fetched(10, before, false), fetched(APPLIED, after, false));
    let scene = Scene::new(word, &manifest(word, reload, &spec), before, after);
    assert_eq!(scene.said(), expect);
}

#[rstest]
#[case::all(json!({}), Some(3))]
#[case::above_the_partition(json!({"updateStrategy": {"rollingUpdate": {"partition": 2}}}), Some(1))]
#[case::none_above_it(json!({"updateStrategy": {"rollingUpdate": {"partition": 5}}}), Some(0))]
#[case::none_but_who_is_deleted(json!({"updateStrategy": {"type": "OnDelete"}}), Some(0))]
#[case::none_there(json!({"replicas": 0, "updateStrategy": {"type": "OnDelete"}}), Some(0))]
fn how_many_pods_are_replaced_now(#[case] spec: Value, #[case] expect: Option<u32>) {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let scene = Scene::new("sts", &manifest("sts", "auto", &spec), before, after);
    assert_eq!(scene.judged().0.replaced, expect);
}

#[test]
fn what_is_marked_to_be_ignored_has_no_line_that_would_help() {
    let (before, after) = (fetched(10, "a=1", true), fetched(APPLIED, "a=2", true));
    for reload in ["", "auto"] {
        let marked = manifest("deploy", reload, &json!({}));
        let scene = Scene::new("deploy", &marked, before.clone(), after.clone());
        let (found, touched, line) = scene.judged();
        assert_eq!((found.outcome, line), (Outcome::Stays, None));
        assert!(touched[0].ignored && !touched[0].counts);
    }
}

/// Its pods wait for the ConfigMap, and start when it is there.
#[test]
fn what_its_pods_wait_for_rolls_nothing() {
    let mut waits = manifest("deploy", "auto", &json!({}));
    waits["status"]["readyReplicas"] = json!(0);
    let (before, after) = (fetched(10, "-", false), fetched(APPLIED, "a=1", false));
    let scene = Scene::new("deploy", &waits, before, after);
    assert_eq!(scene.said(), "Stays Recorded ()");
}

#[test]
fn an_edit_of_its_own_restarts_it_once() {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let image = json!({"template": {"metadata": {"labels": {"version": "2"}}}});
    for reload in ["auto", ""] {
        let scene = Scene::new(
            "deploy",
            &manifest("deploy", reload, &json!({})),
            before.clone(),
            after.clone(),
        );
        let scene = scene.with("deploy", &manifest("deploy", reload, &image));
        let said = scene.said();
        assert!(said.starts_with("Restarts"), "{said}");
    }
}

/// As `kubectl apply` takes the documents of a file, one after the other.
#[test]
fn an_edit_that_comes_before_its_source_does_not_bring_it() {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let image = json!({"template": {"metadata": {"labels": {"version": "2"}}}});
    let said = |turn| {
        let now = manifest("deploy", "auto", &json!({}));
        let scene = Scene::new("deploy", &now, before.clone(), after.clone());
        let scene = scene.with_at("deploy", &manifest("deploy", "auto", &image), turn);
        scene.judged().0
    };
    assert_eq!(said(ApplyOrder::AfterSources).outcome, Outcome::Restarts);
    let early = said(ApplyOrder::BeforeSources);
    assert_eq!(early.outcome, Outcome::Rolls);
    assert!(early.text.contains("before the source"), "{early:?}");
}

/// What a namespace of the same files says counts for what is applied with it.
#[rstest]
#[case::opted_out("auto", "", true, BeforeSources, "Stays NotOptedIn (a)")]
#[case::nothing("auto", "", false, BeforeSources, "Rolls Changed (a)")]
#[case::opted_in_before("", "auto", false, BeforeSources, "Rolls Changed (a)")]
#[case::opted_in_after("", "auto", false, AfterSources, "Stays MaybeStale (a)")]
fn what_a_namespace_says_counts(
    #[case] own: &str,
    #[case] namespace: &str,
    #[case] left_out: bool,
    #[case] turn: ApplyOrder,
    #[case] expect: &str,
) {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let now = manifest("deploy", own, &json!({}));
    let mut scene = Scene::new("deploy", &now, before, after);
    let says = [(RELOAD.to_owned(), namespace.to_owned())];
    let says = says.into_iter().filter(|(_, value)| !value.is_empty());
    let hypothesis = &mut scene.hypothesis;
    hypothesis.namespace("ns".into(), says.collect(), left_out, turn);
    let said = scene.said();
    assert!(said.starts_with(expect), "{said}");
}

/// What is there when it is opted in is what its pods are taken to have; what comes after
/// that rolls it.
#[rstest]
#[case::before(BeforeSources, "Rolls Changed (a)")]
#[case::after(AfterSources, "Stays MaybeStale (a)")]
fn what_opts_it_in_comes_with_the_change(#[case] turn: ApplyOrder, #[case] expect: &str) {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let now = manifest("deploy", "", &json!({}));
    let scene = Scene::new("deploy", &now, before, after);
    let scene = scene.with_at("deploy", &manifest("deploy", "auto", &json!({})), turn);
    assert_eq!(scene.said(), expect);
}

/// Its new pods wait for what is made after it.
#[rstest]
#[case::required(false, "Restarts - ()")]
#[case::optional(true, "Restarts - ()")]
fn a_source_that_is_new_comes_after_the_edit_that_uses_it(
    #[case] optional: bool,
    #[case] expect: &str,
) {
    let (before, after) = (fetched(10, "-", false), fetched(APPLIED, "a=1", false));
    let mut now = manifest("deploy", "auto", &json!({}));
    now["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([]);
    let from = json!([{"configMapRef": {"name": "app", "optional": optional}}]);
    let mut edited = now.clone();
    edited["spec"]["template"]["spec"]["containers"][0]["envFrom"] = from;
    let scene = Scene::new("deploy", &now, before, after);
    let scene = scene.with_at("deploy", &edited, BeforeSources);
    assert_eq!(scene.said(), expect);
}

/// It names itself to whoever searches, from now on or no more.
#[test]
fn what_a_source_says_of_whom_it_concerns_counts() {
    let with = |fetched: Fetched, matched: bool| match fetched {
        Fetched::Present(mut meta, content) => {
            let ignore = false;
            meta.marks = Some(SourceFlags {
                ignore,
                matched,
                ..SourceFlags::default()
            });
            Fetched::Present(meta, content)
        }
        fetched => fetched,
    };
    let said = |was: bool, is: bool| {
        let before = with(fetched(10, "a=1", false), was);
        let after = with(fetched(APPLIED, "a=2", false), is);
        let mut searches = manifest("deploy", "", &json!({}));
        searches["metadata"]["annotations"] = json!({"reloader.stakater.com/search": "true"});
        Scene::new("deploy", &searches, before, after).said()
    };
    assert_eq!(said(true, true), "Rolls Changed (a)");
    assert!(said(true, false).starts_with("Stays - (a)"));
    assert_eq!(said(false, true), "Stays MaybeStale (a)");
}

#[test]
fn an_edit_of_one_that_is_paused_restarts_nothing() {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let paused = json!({"paused": true});
    let edited = json!({"paused": true, "template": {"metadata": {"labels": {"v": "2"}}}});
    let scene = Scene::new(
        "deploy",
        &manifest("deploy", "auto", &paused),
        before,
        after,
    );
    let scene = scene.with("deploy", &manifest("deploy", "auto", &edited));
    assert_eq!(scene.said(), "Waits Paused (a)");
}

/// As the record has it: five restarts within ten minutes.
#[test]
fn what_was_restarted_too_often_waits() {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let mut scene = Scene::new(
        "deploy",
        &manifest("deploy", "auto", &json!({})),
        before,
        after,
    );
    scene.hypothesis.begin(&mut scene.index);
    let now = scene.verdict(None).unwrap();
    let mut entry = base(None, &now).unwrap();
    for at in (1..=5).rev() {
        entry.restarts = entry.restarts.with(NOW - at);
    }
    scene.record = Some(entry);
    let (found, ..) = scene.judged();
    assert_eq!(found.outcome, Outcome::Waits);
    assert_eq!(found.reason, Some(Reason::Fused));
    assert!(found.until.is_some());
}

/// Whether it has a turn, proves anything to others, and holds who is of a later wave.
#[rstest]
#[case::well(json!({}), Some((true, true)))]
#[case::without_pods(json!({"replicas": 0}), Some((false, false)))]
#[case::paused(json!({"paused": true}), Some((false, false)))]
fn its_turn(#[case] spec: Value, #[case] expect: Option<(bool, bool)>) {
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let mut now = manifest("deploy", "auto", &spec);
    now["metadata"]["annotations"]["tidings.dev/wave"] = json!("3");
    for at_once in [None, NonZeroU32::new(5)] {
        let defaults = Defaults {
            at_once,
            ..Defaults::default()
        };
        let scene = Scene::of(defaults, "deploy", &now, before.clone(), after.clone());
        let turn = scene.turn();
        let said = turn.as_ref().map(|turn| (turn.proves, turn.holds));
        assert_eq!(said, expect.filter(|_| at_once.is_some()));
        assert!(turn.is_none_or(|turn| turn.wave == 3 && turn.sources == [app()]));
    }
}

#[test]
fn as_if_all_or_some_of_it_changed() {
    let now = fetched(10, "a=1 b=1", false);
    let keys = |keys: &[&str]| {
        keys.iter()
            .map(|key| Name::from(*key))
            .collect::<BTreeSet<_>>()
    };
    let scene = |asked: &[&str]| {
        let after = as_if(&now, &keys(asked)).unwrap();
        Scene::new(
            "deploy",
            &manifest("deploy", "auto", &json!({})),
            now.clone(),
            after,
        )
    };
    assert_eq!(scene(&[]).said(), "Rolls Changed (a,b)");
    assert_eq!(scene(&["b"]).said(), "Rolls Changed (b)");
    assert_eq!(scene(&["new"]).said(), "Rolls Changed (new)");
    assert_eq!(as_if(&Fetched::Absent, &keys(&[])), None);
}

/// Of a Secret nothing is known, and the ConfigMap's impact can be told.
#[test]
fn what_may_not_be_read_is_taken_to_be_as_it_was() {
    let secret = json!({"name": "S", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k"}}});
    let container =
        json!({"name": "c", "env": [secret], "envFrom": [{"configMapRef": {"name": "app"}}]});
    let spec = json!({"template": {"spec": {"containers": [container]}}});
    let (before, after) = (fetched(10, "a=1", false), fetched(APPLIED, "a=2", false));
    let mut scene = Scene::new("deploy", &manifest("deploy", "auto", &spec), before, after);
    let db = SourceRef::new(SourceKind::Secret, "ns", "db");
    stand_in(&mut scene.index, &db);
    scene.hypothesis.begin(&mut scene.index);
    let mut entry = base(None, &scene.verdict(None).unwrap()).unwrap();
    for seen in entry.seen.keys().cloned().collect::<Vec<_>>() {
        if seen.kind == SourceKind::Secret {
            entry.seen.get_mut(&seen).unwrap().rv = 700;
        }
    }
    let known = scene.index.get(&scene.key).unwrap();
    scene.record = Some(as_recorded(entry, known, &scene.index, [&db]));
    assert_eq!(scene.said(), "Rolls Changed (a)");
}

#[test]
fn a_source_that_may_not_be_changed_is_no_less_compared() {
    let with = |fetched: Fetched| match fetched {
        Fetched::Present(meta, content) => {
            let rare = Rare {
                immutable: true,
                ..Rare::default()
            };
            Fetched::Present(meta, content.with(rare))
        }
        fetched => fetched,
    };
    let mut hypothesis = Hypothesis::default();
    let (a, b) = (
        with(fetched(10, "a=1", false)),
        with(fetched(APPLIED, "a=2", false)),
    );
    assert!(!hypothesis.source(app(), a.clone(), a.clone()));
    assert!(hypothesis.source(app(), a, b));
}
