//! Workloads from their JSON. Whoever may write custom resources decides on their shape,
//! so what has another than expected reads as absent.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::unavailable::unavailable;
use super::{Mark, Meta, Overlap, Progress, Runs, Strategy, Unreadable, Workload, seconds};
use crate::annotations::{BECAUSE, CONFIG, RESTARTED_AT};
use crate::bounds;
use crate::digest::Digest;
use crate::kinds::{KINDS, Kind, Renewal};
use crate::refs::{Name, WorkloadRef};
use crate::reloader::traces::{Trace, take_traces};
use crate::uses::{Layout, PodTemplate, Use, drop_nulls, uses_of};
use crate::vocabulary::Vocabulary;

#[derive(Deserialize)]
struct Object<'a> {
    metadata: Meta,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

/// A part of the object; none where it is larger than what is looked into, for looking
/// takes twenty times its size in memory.
pub(super) fn part<T: Default + DeserializeOwned>(part: Option<&RawValue>) -> Option<T> {
    let text = part.map_or("null", RawValue::get);
    let small = text.len() <= bounds::PART;
    small.then(|| serde_json::from_str(text).unwrap_or_default())
}

/// What is read of `spec` besides the pod template. Custom resources may have
/// fields of these names that mean something else: those are not read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(deserialize_with = "lenient")]
    paused: bool,
    #[serde(deserialize_with = "lenient")]
    replicas: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    update_strategy: UpdateStrategy,
    #[serde(deserialize_with = "lenient")]
    strategy: UpdateStrategy,
    #[serde(deserialize_with = "lenient")]
    suspend: bool,
    #[serde(deserialize_with = "lenient")]
    concurrency_policy: Overlap,
    #[serde(deserialize_with = "lenient")]
    restart_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    workload_ref: Option<WorkloadReference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkloadReference {
    api_version: String,
    kind: String,
    name: String,
}

impl Spec {
    fn lender(&self, kind: &Kind, namespace: &str) -> Option<Box<WorkloadRef>> {
        if kind.renewal != Renewal::TemplateOrRestartAt {
            return None;
        }
        let of = self.workload_ref.as_ref()?;
        let named = |k: &&Kind| {
            let same = k.api_kind == of.kind && k.api_version() == of.api_version;
            same && k.renewal == Renewal::Template
        };
        let kind = KINDS.iter().find(named)?;
        Some(WorkloadRef::new(kind, namespace, of.name.as_str()).into())
    }

    /// Each kind has it in one of these places, a Rollout of Argo in the last one.
    fn unavailable(&self, progress: Progress) -> u32 {
        let places = [
            &self.update_strategy.rolling_update,
            &self.strategy.rolling_update,
            &self.strategy.canary,
        ];
        let told = places.into_iter().flatten().map(|of| &of.max_unavailable);
        unavailable(told, progress)
    }
}

/// What has another shape than expected reads as its default.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Lenient<T: Default + DeserializeOwned>(#[serde(deserialize_with = "lenient")] T);

/// What has another shape than expected reads as absent.
fn lenient<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    let mut value = Value::deserialize(input)?;
    drop_nulls(&mut value);
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UpdateStrategy {
    r#type: String,
    rolling_update: Option<RollingUpdate>,
    canary: Option<RollingUpdate>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RollingUpdate {
    partition: Option<u32>,
    max_unavailable: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    #[serde(deserialize_with = "lenient")]
    observed_generation: Option<Generation>,
    #[serde(deserialize_with = "lenient")]
    updated_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    updated_number_scheduled: u32,
    #[serde(deserialize_with = "lenient")]
    desired_number_scheduled: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    replicas: u32,
    #[serde(deserialize_with = "lenient")]
    ready_replicas: u32,
    #[serde(deserialize_with = "lenient")]
    number_ready: u32,
    #[serde(deserialize_with = "lenient")]
    current_number_scheduled: u32,
    #[serde(deserialize_with = "lenient")]
    number_misscheduled: u32,
    #[serde(deserialize_with = "lenient")]
    active: Running,
    #[serde(deserialize_with = "lenient")]
    ready: u32,
    #[serde(deserialize_with = "lenient")]
    terminating: u32,
    #[serde(deserialize_with = "lenient")]
    succeeded: u32,
    #[serde(deserialize_with = "lenient")]
    failed: u32,
    #[serde(deserialize_with = "lenient")]
    start_time: Option<String>,
    #[serde(deserialize_with = "lenient")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "lenient")]
    phase: String,
}

/// Argo's Rollouts have it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Generation {
    Number(i64),
    Text(String),
}

impl Generation {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// What runs: a Job counts its pods, a CronJob names its Jobs.
#[derive(Deserialize)]
#[serde(untagged)]
enum Running {
    Pods(u32),
    Jobs(Vec<Active>),
}

impl Default for Running {
    fn default() -> Self {
        Self::Pods(0)
    }
}

/// A CronJob's reference to a Job that is not finished.
#[derive(Deserialize)]
struct Active {
    name: String,
    uid: String,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    status: String,
    #[serde(default)]
    reason: String,
}

/// Reads a workload from its JSON. Whoever may write custom resources decides on
/// their shape, so only metadata without a version is an error.
pub fn read_workload(
    kind: &'static Kind,
    json: &[u8],
    vocabulary: &Vocabulary,
) -> Result<Workload, Unreadable> {
    let Object {
        metadata,
        spec: text,
        status,
    } = serde_json::from_slice(json).map_err(|_| Unreadable)?;
    let status = part::<Lenient<Status>>(status).unwrap_or_default().0;
    let read = part::<Value>(text);
    let too_large = read.is_none();
    let mut whole = read.unwrap_or_default();
    let mut template = take_template(kind, &mut whole);
    let has_spec = whole.is_object() || whole.is_null();
    let spec = Option::<Spec>::deserialize(whole).ok().flatten();
    let spec = spec.unwrap_or_default();
    let lender = spec.lender(kind, &metadata.namespace);
    let runs = kind.ends().then(|| runs(&metadata, &spec, &status).into());
    let (strategy, restart_at) = (spec.update_strategy.read(), spec.restart_at.as_deref());
    let progress = status.progress(metadata.generation, spec.replicas);
    let reloaded = take_traces(&mut template);
    let (mark, written) = take_mark(&mut template);
    let restarted = take_annotation(&mut template, RESTARTED_AT);
    let restarted = restarted.as_ref().and_then(Value::as_str).map(Name::from);
    let bare = bare_of(text.filter(|_| too_large), &template);
    let digest = template_with(bare, restarted.as_ref());
    let whole = digest_whole(digest, &written, &reloaded);
    let layout = layout_of(&template, vocabulary);
    let template = PodTemplate::read(template);
    let unread = template.is_err() || !has_spec || too_large;
    let template = template.unwrap_or_default();
    let (uses, uses_more) = first_sources(uses_of(&template));
    Ok(Workload {
        version: metadata.version()?,
        generation: metadata.generation,
        created: metadata.created().unwrap_or(0),
        uses,
        uses_more,
        unread,
        too_large,
        template: digest,
        whole,
        bare,
        mark,
        restarted,
        controlled: metadata.controller().is_some(),
        going: metadata.is_going(),
        orphans: metadata.orphans(),
        paused: spec.paused,
        strategy,
        unavailable: spec.unavailable(progress),
        progress,
        runs,
        restart_at: restart_at.and_then(seconds),
        lender,
        lent: None,
        reloaded: reloaded.into(),
        layout,
        template_annotations: vocabulary.read(template.metadata.annotations).into(),
        annotations: metadata.annotations(vocabulary)?.into(),
        uid: metadata.uid.into(),
        key: WorkloadRef::new(kind, metadata.namespace, metadata.name),
    })
}

/// How pods see what they use, where that is to be read.
fn layout_of(template: &Value, vocabulary: &Vocabulary) -> Option<Box<Layout>> {
    let sees = vocabulary.sees_pods;
    sees.then(|| Layout::read(template.clone()).into())
}

/// The digest of a template; of a spec that is too large that of its text.
fn bare_of(too_large: Option<&RawValue>, template: &Value) -> Digest {
    match too_large {
        Some(text) => digest_of(text.get()),
        None => digest_of(&template.to_string()),
    }
}

fn digest_of(text: &str) -> Digest {
    Digest::of_parts(&[text.as_bytes()])
}

/// What is used of the first sources, and whether there are more.
fn first_sources(mut uses: Vec<Use>) -> (Box<[Use]>, bool) {
    let source = |used: &Use| (used.kind, used.name.clone());
    let sources: BTreeSet<_> = uses.iter().map(source).collect();
    let next = sources.iter().nth(bounds::SOURCES);
    if let Some(next) = next {
        uses.truncate(uses.partition_point(|used| source(used) < *next));
    }
    (uses.into(), next.is_some())
}

/// Takes the pod template out of a workload's spec.
fn take_template(kind: &Kind, spec: &mut Value) -> Value {
    let mut below_spec = kind.template.iter().skip(1);
    let found = below_spec.try_fold(spec, |at, field| at.get_mut(*field));
    found.map(Value::take).unwrap_or_default()
}

fn runs(metadata: &Meta, spec: &Spec, status: &Status) -> Runs {
    let finished =
        |c: &Condition| c.status == "True" && ["Complete", "Failed"].contains(&&*c.r#type);
    let (active, pods) = match &status.active {
        Running::Jobs(jobs) => (jobs.as_slice(), 0),
        Running::Pods(pods) => (Default::default(), *pods),
    };
    let steady = pods > 0 && status.ready == pods && status.terminating == 0;
    let pods = pods + status.terminating + status.succeeded + status.failed;
    Runs {
        held_by: metadata.held_by(),
        steady,
        none: status.start_time.is_some() && pods == 0,
        suspended: spec.suspend,
        overlap: spec.concurrency_policy,
        active: active
            .iter()
            .map(|job| (job.name.as_str().into(), job.uid.as_str().into()))
            .collect(),
        ended: status.conditions.iter().any(finished),
        controller: metadata.controller(),
    }
}

/// Takes off the template what Tidings wrote there: the mark, and the text of all
/// that was taken off.
fn take_mark(template: &mut Value) -> (Option<Mark>, String) {
    let config = take_annotation(template, CONFIG);
    let because = take_annotation(template, BECAUSE);
    let written = match (&config, &because) {
        (None, None) => String::new(),
        both => json!([both.0, both.1]).to_string(),
    };
    let text = config.as_ref().and_then(Value::as_str);
    (text.and_then(Mark::parse), written)
}

/// Takes an annotation off the template, and what is empty then.
fn take_annotation(template: &mut Value, key: &str) -> Option<Value> {
    let empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    let meta = template.get_mut("metadata")?.as_object_mut()?;
    let annotations = meta.get_mut("annotations").and_then(Value::as_object_mut);
    let taken = annotations.and_then(|annotations| annotations.remove(key));
    if meta.get("annotations").is_some_and(empty) {
        meta.remove("annotations");
    }
    if meta.is_empty()
        && let Some(template) = template.as_object_mut()
    {
        template.remove("metadata");
    }
    taken
}

/// The digest of a pod template that has this time of a restart, or none. serde_json
/// keeps object keys sorted, so equal templates give equal text.
pub fn template_with(bare: Digest, restarted: Option<&Name>) -> Digest {
    let Some(time) = restarted else { return bare };
    Digest::of_parts(&[bare.to_string().as_bytes(), time.as_bytes()])
}

/// The digest of the whole template, of what is left of it and what was taken off.
fn digest_whole(left: Digest, written: &str, reloaded: &[Trace]) -> Digest {
    let left = left.to_string();
    let traces = reloaded.iter();
    let traces = traces.flat_map(|trace| [trace.variable.as_bytes(), &trace.hash.0]);
    let parts = [left.as_bytes(), written.as_bytes()];
    Digest::of_parts(&parts.into_iter().chain(traces).collect::<Vec<_>>())
}

impl UpdateStrategy {
    fn read(&self) -> Strategy {
        let partition = self.rolling_update.as_ref().and_then(|r| r.partition);
        match (self.r#type.as_str(), partition) {
            ("OnDelete", _) => Strategy::OnDelete,
            (_, Some(p)) if p > 0 => Strategy::Partition(p),
            _ => Strategy::Rolling,
        }
    }
}

impl Status {
    fn progress(&self, generation: i64, replicas: Option<u32>) -> Progress {
        let observed = self.observed_generation.as_ref();
        let observed = observed.and_then(Generation::number);
        let current = observed.unwrap_or(0) >= generation;
        let scheduled = self.desired_number_scheduled.filter(|_| current);
        let desired = scheduled.or(replicas).unwrap_or(1);
        let updated = self.updated_replicas.max(self.updated_number_scheduled);
        let scheduled = self.current_number_scheduled + self.number_misscheduled;
        let pods = self.replicas + scheduled;
        Progress {
            updated: if current { updated } else { 0 },
            desired,
            asked: replicas.is_some(),
            alone: current && updated == pods,
            pods: current.then_some(pods),
            ready: self.ready_replicas.max(self.number_ready),
            told: observed.is_some(),
            failed: current && self.has_failed(),
        }
    }

    /// A Deployment, or a Rollout of Argo, that gives up.
    fn has_failed(&self) -> bool {
        let late = |c: &Condition| {
            let progressing = c.r#type == "Progressing" && c.status == "False";
            progressing && c.reason == "ProgressDeadlineExceeded"
        };
        self.phase == "Degraded" || self.conditions.iter().any(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(template: &Value) -> Workload {
        let json = json!({
            "metadata": {"namespace": "ns", "name": "web", "uid": "u", "resourceVersion": "7",
                "generation": 2, "creationTimestamp": "2026-11-23T11:44:00Z",
                "annotations": {"tidings.dev/reload": "auto", "other": "secret text"}},
            "spec": {"replicas": 3, "template": template},
            "status": {"observedGeneration": 2, "updatedReplicas": 1, "replicas": 3},
        });
        let json = json.to_string();
        read_workload(&KINDS[0], json.as_bytes(), &Vocabulary::default()).unwrap()
    }

    #[test]
    fn our_own_writing_is_no_edit_of_the_template() {
        let plain = deployment(&json!({"metadata": {"labels": {"a": "b"}}, "spec": {}}));
        let marked = deployment(&json!({"metadata": {"labels": {"a": "b"}, "annotations": {
            "tidings.dev/config": "tidings/3", "tidings.dev/because": "configmap/c (k)"}}, "spec": {}}));
        assert_eq!(plain.template, marked.template);
        assert_eq!(marked.mark.unwrap().to_string(), "tidings/3");
        let edited = deployment(&json!({"metadata": {"labels": {"a": "c"}}, "spec": {}}));
        assert_ne!(plain.template, edited.template);
        assert_ne!(plain.whole, marked.whole, "its pods are others");
    }

    #[test]
    fn nor_is_what_reloader_writes() {
        let hash = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let plain = deployment(&json!({"spec": {"containers": [{"name": "app"}]}}));
        let env = json!([{"name": "STAKATER_APP_CONFIGMAP", "value": hash}]);
        let last = json!({"reloader.stakater.com/last-reloaded-from": "{}"});
        let rolled = deployment(&json!({"metadata": {"annotations": last},
            "spec": {"containers": [{"name": "app", "env": env}]}}));
        assert_eq!(rolled.template, plain.template);
        assert_ne!(rolled.whole, plain.whole);
        assert_eq!(rolled.reloaded.len(), 1);
        let env = json!([{"name": "STAKATER_APP_CONFIGMAP", "value": "by hand"}]);
        let edited = deployment(&json!({"spec": {"containers": [{"name": "app", "env": env}]}}));
        assert_ne!(edited.template, plain.template);
    }

    #[test]
    fn only_annotations_that_tidings_reads_are_kept() {
        let workload = deployment(&json!({}));
        assert_eq!(workload.annotations.len(), 1);
        assert_eq!(
            workload.progress,
            Progress {
                updated: 1,
                desired: 3,
                asked: true,
                alone: false,
                told: true,
                failed: false,
                pods: Some(3),
                ready: 0,
            }
        );
        assert_eq!(workload.created, 1_795_434_240);
    }

    #[test]
    fn strategies_that_wait_are_told_apart() {
        let read = |json| {
            serde_json::from_value::<UpdateStrategy>(json)
                .unwrap()
                .read()
        };
        assert_eq!(read(json!({"type": "OnDelete"})), Strategy::OnDelete);
        let partition =
            |p: u32| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": p}});
        assert_eq!(read(partition(2)), Strategy::Partition(2));
        assert_eq!(read(partition(0)), Strategy::Rolling);
    }

    #[test]
    fn how_many_may_be_unavailable_is_read_where_its_kind_has_it() {
        let read = |kind: &str, spec: Value, status: Value| {
            let kind = KINDS.iter().find(|row| row.api_kind == kind).unwrap();
            let meta = json!({"namespace": "ns", "name": "a", "uid": "u", "resourceVersion": "7"});
            let json = json!({"metadata": meta, "spec": spec, "status": status}).to_string();
            let vocabulary = Vocabulary::default();
            read_workload(kind, json.as_bytes(), &vocabulary)
                .unwrap()
                .unavailable
        };
        let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}});
        let spec = json!({"replicas": 7, "strategy": rolling});
        assert_eq!(read("Deployment", spec, json!({})), 1);
        let spec = json!({"replicas": 7, "strategy": {"canary": {"maxUnavailable": 3}}});
        assert_eq!(read("Rollout", spec, json!({})), 3);
        let spec = json!({"updateStrategy": rolling});
        let status = json!({"desiredNumberScheduled": 7});
        assert_eq!(read("DaemonSet", spec, status), 2);
        let spec = json!({"replicas": 7, "updateStrategy": {"type": "OnDelete"}});
        assert_eq!(read("StatefulSet", spec, json!({})), 1);
    }

    /// It stays known, with its metadata: who disappears loses its record.
    #[test]
    fn a_spec_that_is_very_large_is_not_looked_into() {
        let json = |env: &str, status: &str| {
            let spec = json!({"template": {"spec": {"containers": [{"env": [{"value": env}]}]}}});
            json!({"metadata": {"resourceVersion": "1"}, "spec": spec, "status": {"x": status, "observedGeneration": 7}})
        };
        let read = |json: Value| {
            read_workload(
                &KINDS[0],
                json.to_string().as_bytes(),
                &Vocabulary::default(),
            )
            .unwrap()
        };
        let large = "a".repeat(bounds::PART);
        let (small, other) = (read(json("a", &large)), read(json(&large, "")));
        assert!(!small.unread && !small.progress.told);
        assert!(other.unread && other.too_large && other.progress.told);
        assert_ne!(
            other.template,
            read(json(&format!("{large}b"), "")).template
        );
    }

    #[test]
    fn a_spec_of_another_shape_is_unread() {
        for spec in [
            json!("text"),
            json!([]),
            json!({"template": "text"}),
            json!({"template": {"spec": {"volumes": {}}}}),
            json!({"template": {"spec": {"containers": [{"volumeMounts": [{"subPath": 5}]}]}}}),
            json!({"template": {"metadata": {"annotations": {"a": 1}}}}),
        ] {
            let whole = json!({"metadata": {"name": "w", "resourceVersion": "7"}, "spec": spec});
            let json = whole.to_string();
            let read = read_workload(&KINDS[0], json.as_bytes(), &Vocabulary::default());
            assert!(read.unwrap().unread, "{spec}");
        }
    }

    #[test]
    fn null_is_no_other_shape() {
        for nothing in [
            json!({"spec": null, "status": null}),
            json!({"spec": {"template": null, "replicas": null}, "status": "text"}),
            json!({"spec": {"template": {"metadata": null, "spec": null}}}),
            json!({"status": {"conditions": [null], "active": [null], "replicas": null}}),
        ] {
            let mut whole = json!({"metadata": {"name": "w", "resourceVersion": "7"}});
            let fields = nothing.as_object().unwrap().clone();
            whole.as_object_mut().unwrap().extend(fields);
            let json = whole.to_string();
            let read = read_workload(&KINDS[0], json.as_bytes(), &Vocabulary::default());
            assert!(!read.unwrap().unread, "{nothing}");
        }
    }

    #[test]
    fn errors_quote_nothing() {
        let json = b"{\"metadata\": \"hunter2\"}";
        let error = read_workload(&KINDS[0], json, &Vocabulary::default());
        assert!(!error.unwrap_err().to_string().contains("hunter2"));
    }
}
