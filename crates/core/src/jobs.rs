//! Jobs that Tidings makes: one more run of a CronJob, and a Job made again.
//!
//! Goes in: objects as the API server sends them. Comes out: manifests to
//! create, and what decides whether they may be. Nothing here fails: whether a
//! manifest is valid is the API server's to say.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::digest::Digest;

/// The longest name of a Job: its pods carry it in a label.
const LONGEST: usize = 63;

/// What `kubectl create job --from` and Reloader write on the runs that they
/// make, as the CronJob's own controller does not.
const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";

/// What the API server and the Job controller put on a Job and its pods, and
/// refuse in a manifest that names another Job's uid (`pkg/registry/batch/job`).
const GENERATED: [&str; 5] = [
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-tracking",
];

/// Finalizers of a deletion that is under way, and of the Job controller.
const FINALIZERS: [&str; 3] = [
    "foregroundDeletion",
    "orphan",
    "batch.kubernetes.io/job-tracking",
];

/// So many finalizers of others are named.
const NAMED: usize = 3;

/// The name of the run that a roll of this number makes. Nobody's but this
/// installation's, and the same whoever asks for it, so that it is made once.
pub fn run_name(instance: &str, cron_job: &str, uid: &str, n: u64) -> String {
    let digest = Digest::of_parts(&[instance.as_bytes(), uid.as_bytes()]).to_string();
    let tail = format!("-{}-{n}", &digest[..5]);
    let room = LONGEST.saturating_sub(tail.len());
    let head: String = cron_job.chars().take(room).collect();
    head.trim_end_matches(['-', '.']).to_owned() + &tail
}

/// One more run of a CronJob, as its own controller would make it: but for the
/// name, and the annotation that tells the two apart.
pub fn run(cron_job: &Value, name: &str) -> Value {
    let (meta, template) = (&cron_job["metadata"], &cron_job["spec"]["jobTemplate"]);
    let mut annotations = object(&template["metadata"]["annotations"]);
    annotations.insert(INSTANTIATE.to_owned(), "manual".into());
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "namespace": meta["namespace"],
            "name": name,
            "labels": object(&template["metadata"]["labels"]),
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": meta["name"],
                "uid": meta["uid"],
                "controller": true,
                // `true` needs the right to set finalizers on the CronJob
                // (OwnerReferencesPermissionEnforcement), and would only make who
                // deletes the CronJob in the foreground wait for this run.
                "blockOwnerDeletion": false,
            }],
        },
        "spec": template["spec"],
    })
}

/// A Job's manifest, so that it can be made again: without what only the one that
/// is there has.
pub fn again(mut job: Value) -> Value {
    let manual = job["spec"]["manualSelector"] == true;
    let of_the_object = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "selfLink",
    ];
    drop_from(&mut job, "", &["status"]);
    drop_from(&mut job, "/metadata", &of_the_object);
    drop_from(&mut job, "/metadata/annotations", &GENERATED);
    let finalizers = job.pointer_mut("/metadata/finalizers");
    if let Some(finalizers) = finalizers.and_then(Value::as_array_mut) {
        finalizers.retain(|name| !FINALIZERS.iter().any(|known| name == known));
    }
    if !manual {
        drop_from(&mut job, "/metadata/labels", &GENERATED);
        drop_from(&mut job, "/spec", &["selector"]);
        drop_from(&mut job, "/spec/template/metadata/labels", &GENERATED);
    }
    job
}

/// What keeps a Job there that is being deleted in the foreground, by its finalizers.
pub fn held_by<'a>(finalizers: impl IntoIterator<Item = &'a str>) -> String {
    let finalizers: BTreeSet<&str> = finalizers.into_iter().collect();
    let pods = finalizers
        .contains(FINALIZERS[0])
        .then(|| "its pods".to_owned());
    let others = finalizers.iter().filter(|name| !FINALIZERS.contains(name));
    let named = others.clone().take(NAMED);
    let named = named.map(|name| format!("the finalizer {name}"));
    let more = others.count().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    let all: Vec<_> = pods.into_iter().chain(named).chain(more).collect();
    match all.as_slice() {
        [] => "is about to be gone".to_owned(),
        all => format!("waits for {}", all.join(" and ")),
    }
}

/// Whether it has completed or failed.
pub fn has_ended(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| {
        let ends = ["Complete", "Failed"];
        condition["status"] == "True" && ends.iter().any(|end| condition["type"] == *end)
    })
}

/// Whether the object of this uid owns it as its controller.
pub fn is_controlled_by(job: &Value, uid: &str) -> bool {
    let owners = job["metadata"]["ownerReferences"].as_array();
    let mut owners = owners.into_iter().flatten();
    owners.any(|owner| owner["controller"] == true && owner["uid"] == uid)
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn drop_from(value: &mut Value, place: &str, fields: &[&str]) {
    let object = value.pointer_mut(place).and_then(Value::as_object_mut);
    if let Some(object) = object {
        object.retain(|field, _| !fields.contains(&field.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_name(text: &str) -> bool {
        let label = |label: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            let edges = !label.starts_with('-') && !label.ends_with('-');
            !label.is_empty() && edges && label.bytes().all(plain)
        };
        text.len() <= LONGEST && text.split('.').all(label)
    }

    proptest! {
        #[test]
        fn every_run_has_a_valid_name(cron in "[a-z]([-a-z.]{0,50}[a-z0-9])?", n: u64) {
            prop_assume!(is_name(&cron));
            let name = run_name("tidings", &cron, "6d3f", n);
            prop_assert!(is_name(&name), "{}", name);
        }
    }

    #[test]
    fn a_run_is_named_by_installation_cronjob_and_number() {
        let name = run_name("tidings", "backup", "6d3f", 7);
        assert_eq!(name, run_name("tidings", "backup", "6d3f", 7));
        assert!(
            name.starts_with("backup-") && name.ends_with("-7"),
            "{name}"
        );
        assert_ne!(name, run_name("tidings", "backup", "another", 7));
        assert_ne!(name, run_name("other", "backup", "6d3f", 7));
    }

    #[test]
    fn a_run_is_what_the_cronjob_would_make() {
        let spec = json!({"template": {"spec": {"containers": []}}, "backoffLimit": 3});
        let cron = json!({
            "metadata": {"namespace": "ns", "name": "backup", "uid": "6d3f", "labels": {"not": "this"}},
            "spec": {"schedule": "@daily", "jobTemplate": {
                "metadata": {"labels": {"app": "backup"}, "annotations": {"team": "a"}},
                "spec": spec,
            }},
        });
        let job = run(&cron, "backup-1");
        assert_eq!(job["spec"], spec);
        assert_eq!(job["metadata"]["labels"], json!({"app": "backup"}));
        let annotations = json!({"team": "a", "cronjob.kubernetes.io/instantiate": "manual"});
        assert_eq!(job["metadata"]["annotations"], annotations);
        assert!(is_controlled_by(&job, "6d3f") && !is_controlled_by(&job, "other"));
    }

    fn running() -> Value {
        let labels = |more: Value| {
            let mut labels = object(&more);
            for key in &GENERATED[..4] {
                labels.insert((*key).to_owned(), "x".into());
            }
            Value::Object(labels)
        };
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"namespace": "ns", "name": "j", "uid": "u", "resourceVersion": "5",
                "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [],
                "labels": labels(json!({"app": "j"})), "annotations": {"a": "b"},
                "ownerReferences": [{"uid": "o"}], "finalizers": ["orphan", "example.org/mine"]},
            "spec": {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
                "parallelism": 2,
                "template": {"metadata": {"labels": labels(json!({"app": "j"}))}, "spec": {}}},
            "status": {"active": 1},
        })
    }

    #[test]
    fn a_job_made_again_has_nothing_of_the_former_one() {
        let expected = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"namespace": "ns", "name": "j", "labels": {"app": "j"},
                "annotations": {"a": "b"}, "ownerReferences": [{"uid": "o"}],
                "finalizers": ["example.org/mine"]},
            "spec": {"parallelism": 2,
                "template": {"metadata": {"labels": {"app": "j"}}, "spec": {}}},
        });
        assert_eq!(again(running()), expected);
    }

    #[test]
    fn a_selector_of_its_owners_own_stays() {
        let mut job = running();
        job["spec"]["manualSelector"] = true.into();
        let again = again(job.clone());
        assert_eq!(again["spec"], job["spec"]);
        assert_eq!(again["metadata"]["labels"], job["metadata"]["labels"]);
    }

    #[test]
    fn what_has_ended_says_so() {
        let job = |kind: &str, status: &str| json!({"status": {"conditions": [{"type": kind, "status": status}]}});
        assert!(has_ended(&job("Complete", "True")) && has_ended(&job("Failed", "True")));
        assert!(!has_ended(&job("Complete", "False")) && !has_ended(&job("Suspended", "True")));
        assert!(!has_ended(&json!({})));
    }
}
