//! After a roll the pod template is its owners' again: `kubectl apply`, `replace`
//! and `rollout undo` cause no second roll, and the next change rolls as ever.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::RELOAD;
use rig::process::Tidings;
use rig::{Installed, secs, wait_until};
use serde_json::json;

const WEB: &str = "deployment/web";
const REVISION: &str = "deployment.kubernetes.io/revision";

fn app(value: &str) -> DynamicObject {
    config_map("app", &[("key", value)])
}

fn web() -> Workload {
    let web = deployment("web").env_from("configmap/app");
    web.annotate(RELOAD, "auto")
}

async fn rolled_once(about: &str) -> Result<(Installed, Tidings)> {
    let (lab, tidings) = Installed::running(about, &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web()]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    lab.ns().apply(app("2")).await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    Ok((lab, tidings))
}

async fn the_next_change_rolls(lab: &Installed) -> Result<()> {
    lab.ns().apply(app("3")).await?;
    lab.rolled_no_further(WEB, 2).await?;
    let because = lab.because(WEB).await?;
    assert_eq!(because.as_deref(), Some("configmap/app (key)"));
    lab.ns().rolled_out(WEB, secs(30)).await
}

/// What had a roll taken back is rolled by a time from then on.
async fn the_next_change_restarts(lab: &Installed, number: u64) -> Result<()> {
    const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
    lab.ns().apply(app("4")).await?;
    wait_until("a restart", secs(30), async || {
        let time = lab.ns().template_annotation(WEB, RESTARTED_AT).await?;
        ensure!(time.is_some());
        let entry = lab.entry(WEB).await?.context("no record")?;
        ensure!(entry["n"] == number && entry["done"] == true, "{entry}");
        Ok(())
    })
    .await?;
    let rolled = lab.ns().get(WEB).await?;
    lab.stay(&[(WEB, rolled)]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await
}

#[tokio::test]
async fn an_apply_after_a_roll_causes_no_second_one() -> Result<()> {
    let (lab, _tidings) = rolled_once("apply").await?;
    // Client-side apply sends what differs between two manifests.
    let image = json!([{"name": "main", "image": "rig.example/app:2"}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": image}}}});
    let deployments = lab.ns().api::<Deployment>();
    let by = PatchParams {
        field_manager: Some("kubectl-client-side-apply".into()),
        ..PatchParams::default()
    };
    deployments
        .patch("web", &by, &Patch::Strategic(patch))
        .await?;
    let applied = lab.ns().get(WEB).await?;
    lab.stay(&[(WEB, applied)]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    assert_eq!(
        (lab.rolls(WEB).await?, lab.number(WEB).await?),
        (2, Some(1))
    );
    the_next_change_rolls(&lab).await
}

#[tokio::test]
async fn a_replace_after_a_roll_causes_no_second_one() -> Result<()> {
    let (lab, _tidings) = rolled_once("replace").await?;
    let manifest = serde_json::to_value(DynamicObject::from(web()))?;
    let manifest: Deployment = serde_json::from_value(manifest)?;
    let deployments = lab.ns().api::<Deployment>();
    deployments
        .replace("web", &PostParams::default(), &manifest)
        .await?;
    let replaced = lab.ns().get(WEB).await?;
    lab.stay(&[(WEB, replaced)]).await?;
    assert_eq!(lab.number(WEB).await?, None);
    the_next_change_restarts(&lab, 2).await
}

#[tokio::test]
async fn a_rollout_undo_after_a_roll_causes_no_second_one() -> Result<()> {
    let (lab, _tidings) = rolled_once("undo").await?;
    undo(&lab, "1").await?;
    let undone = lab.ns().get(WEB).await?;
    lab.stay(&[(WEB, undone)]).await?;
    assert_eq!(lab.number(WEB).await?, None);
    the_next_change_restarts(&lab, 2).await
}

#[tokio::test]
async fn an_undo_to_an_earlier_roll_causes_no_further_one() -> Result<()> {
    let (lab, _tidings) = rolled_once("undo-twice").await?;
    lab.ns().apply(app("3")).await?;
    lab.rolled_no_further(WEB, 2).await?;
    undo(&lab, "2").await?;
    let undone = lab.ns().get(WEB).await?;
    lab.stay(&[(WEB, undone)]).await?;
    assert_eq!(lab.number(WEB).await?, Some(1));

    the_next_change_restarts(&lab, 3).await
}

/// As `kubectl rollout undo --to-revision` does: the whole template of the old
/// ReplicaSet, without its hash.
async fn undo(lab: &Installed, revision: &str) -> Result<()> {
    let sets = lab
        .ns()
        .api::<ReplicaSet>()
        .list(&ListParams::default())
        .await?;
    let annotated = |set: &&ReplicaSet| {
        let annotations = set.metadata.annotations.as_ref();
        annotations
            .and_then(|all| all.get(REVISION))
            .is_some_and(|text| text == revision)
    };
    let owned = |set: &&ReplicaSet| {
        let owners = set.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|owner| owner.name == "web")
    };
    let old = sets.items.iter().filter(owned).find(annotated);
    let old = old.context("no such revision")?.spec.as_ref();
    let mut template = serde_json::to_value(old.map(|spec| &spec.template))?;
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
    let patch: Patch<DynamicObject> = Patch::Json(serde_json::from_value(patch)?);
    let deployments = lab.ns().api::<Deployment>();
    deployments
        .patch("web", &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_use_added_after_a_roll_is_recorded_without_a_write_on_the_workload() -> Result<()> {
    let (lab, _tidings) = rolled_once("use-added").await?;
    lab.ns().apply(config_map("late", &[("key", "1")])).await?;
    lab.ns().apply(web().env_from("configmap/late")).await?;
    let edited = lab.ns().get(WEB).await?;
    lab.in_step(WEB, "configmap/late").await?;
    lab.stay(&[(WEB, edited)]).await?;
    assert_eq!(
        (lab.rolls(WEB).await?, lab.number(WEB).await?),
        (2, Some(1))
    );

    lab.ns().apply(config_map("late", &[("key", "2")])).await?;
    lab.rolled_no_further(WEB, 2).await?;
    let because = lab.because(WEB).await?;
    assert_eq!(because.as_deref(), Some("configmap/late (key)"));
    Ok(())
}
