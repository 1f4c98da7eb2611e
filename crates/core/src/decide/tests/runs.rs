//! CronJobs and Jobs, and Rollouts that use another's template: what is decided
//! when `configmap/c` changes.

use rstest::rstest;
use serde_json::{Value, json};

use super::show;
use crate::decide::{Act, Moment, PodsSince, Rules, Verdict, decide};
use crate::digest::Digest;
use crate::index::{Content, Fetched, How, Index, Stream, StreamOf};
use crate::kinds::Kind;
use crate::object::{Meta, read_workload};
use crate::policy::Defaults;
use crate::refs::{SourceKind, SourceRef, WorkloadRef};
use crate::state::Entry;
use crate::vocabulary::Vocabulary;

struct Lab {
    index: Index,
    rules: Rules,
    key: WorkloadRef,
    entry: Option<Entry>,
    version: u64,
}

fn template() -> Value {
    let from = json!([{"configMapRef": {"name": "c"}}]);
    json!({"spec": {"containers": [{"name": "app", "envFrom": from}]}})
}

fn source() -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", "c")
}

impl Lab {
    fn new(kind: &str) -> Self {
        let kind = Kind::parse(kind).unwrap();
        let of = [
            StreamOf::Workloads(kind),
            StreamOf::Sources(SourceKind::ConfigMap),
        ];
        let stream = |of| Stream {
            of,
            namespace: None,
        };
        let streams = of.map(stream);
        let mut index = Index::new(Defaults::default(), streams.clone());
        for stream in &streams {
            index.begin_list(stream);
            index.end_list(stream, 1);
        }
        Self {
            index,
            rules: Rules {
                instance: "t".into(),
                on_create: false,
                on_delete: false,
                catch_up: false,
                strict: false,
                min_interval: 0,
                fuse: false,
                one_etcd: true,
            },
            key: WorkloadRef::new(kind, "ns", "w"),
            entry: None,
            version: 10,
        }
    }

    fn write(&mut self, kind: &'static Kind, name: &str, part: &Value) {
        self.version += 1;
        let mut object = json!({
            "metadata": {"namespace": "ns", "name": name, "uid": "u", "generation": 1,
                "resourceVersion": self.version.to_string(),
                "annotations": {"tidings.dev/reload": "auto"}},
            "spec": {"template": template(), "jobTemplate": {"spec": {"template": template()}}},
        });
        merge(&mut object, part);
        let workload =
            read_workload(kind, object.to_string().as_bytes(), &Vocabulary::default()).unwrap();
        self.index.apply_workload(workload, How::Event);
    }

    fn is(&mut self, part: &Value) {
        self.write(self.key.kind, "w", part);
    }

    fn content(&mut self, value: &str) {
        self.version += 1;
        let meta =
            json!({"namespace": "ns", "name": "c", "resourceVersion": self.version.to_string()});
        let meta: Meta = serde_json::from_value(meta).unwrap();
        let meta = meta
            .into_source(SourceKind::ConfigMap, &Vocabulary::default())
            .unwrap();
        self.index.apply_source(&meta);
        let Some(held) = self.index.source(&source()) else {
            return;
        };
        let told = held.told;
        let digest = Digest::of_key(&source(), "k", value.as_bytes());
        let content = Content {
            version: self.version,
            keys: [("k".into(), digest)].into(),
        };
        self.index
            .apply_fetched(&source(), told, Fetched::Present(meta, content));
    }

    fn decide(&mut self) -> Verdict {
        let moment = Moment {
            now: 1_000,
            pods: PodsSince::NotAsked,
        };
        let verdict = decide(
            &self.key,
            &self.index,
            self.entry.as_ref(),
            moment,
            &self.rules,
        );
        let verdict = verdict.unwrap();
        if let Act::Record(entry) | Act::Note(entry) | Act::Roll(entry, _) = &verdict.act {
            self.entry = Some(entry.clone());
        }
        verdict
    }

    fn adopted(&mut self) {
        self.content("1");
        assert_eq!(show(&self.decide()), "Record Adopted");
    }
}

fn merge(into: &mut Value, part: &Value) {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            for (key, value) in part {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, part) => *into = part.clone(),
    }
}

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
fn a_job_of_a_cronjob_is_left_to_it() {
    let owned = json!({"metadata": {"ownerReferences": [{"controller": true}]}});
    let mut lab = Lab::new("job");
    lab.is(&owned);
    lab.content("1");
    assert_eq!(show(&lab.decide()), "Nothing LeftToOwner");
    lab.rules.strict = true;
    assert_eq!(show(&lab.decide()), "Record Adopted");
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
    assert_eq!((entry.n, entry.at, entry.row), (1, Some(1_000), 1));
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
