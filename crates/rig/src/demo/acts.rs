//! The steps of the demo: each does something, waits for what should follow,
//! tells it, and fails when it does not follow.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kube::ResourceExt;
use kube::core::DynamicObject;

use super::moments::{self, BECAUSE, CONFIG, of_template};
use super::objects::{self, WORKLOAD};
use super::page::Page;
use super::scene::{OWN_NAMESPACE, Scene};
use crate::process;
use crate::wait::{holds, secs};

/// How long anything may take that should happen.
const LIMIT: Duration = secs(20);
/// How long nothing must happen: the quiet time of the controller and more.
const NOTHING: Duration = Duration::from_millis(3500);

/// An edit of a ConfigMap, and what should come of it.
pub(super) struct Change {
    pub(super) title: &'static str,
    pub(super) source: &'static str,
    /// A JSON merge patch.
    pub(super) patch: &'static str,
    pub(super) effect: Effect,
}

/// What a change does to the Deployment.
pub(super) enum Effect {
    /// It rolls, because of this.
    Rolls(&'static str),
    Nothing,
}

/// Applies the example and waits until it runs.
pub(super) async fn apply(page: &Page, scene: &Scene) -> Result<()> {
    page.step("The example");
    page.quote(objects::ESSENTIALS.trim_start());
    let start = Instant::now();
    for source in objects::sources() {
        scene.stage.apply(source).await?;
    }
    scene.stage.apply(objects::deployment()?).await?;
    scene.stage.rolled_out(WORKLOAD, LIMIT).await?;
    let took = start.elapsed().as_secs_f64();
    page.say(&format!(
        "Applied with its two ConfigMaps; its pod is ready after {took:.1} s."
    ));
    Ok(())
}

/// Starts the controller and waits until it has recorded the Deployment.
pub(super) async fn start_controller(page: &Page, scene: &mut Scene) -> Result<()> {
    page.step("The controller");
    page.quote("$ tidings controller");
    let before = scene.generation().await?;
    let start = Instant::now();
    scene.start_controller().await?;
    let (took, record) = scene.first_record(start, LIMIT).await?;
    page.say(&format!(
        "It has recorded after {:.1} s what the Deployment uses now, in its own secret\n\
         {OWN_NAMESPACE}/{}, and has written nothing on the Deployment.",
        took.as_secs_f64(),
        record.name_any(),
    ));
    ensure!(
        scene.generation().await? == before,
        "the Deployment was changed"
    );
    Ok(())
}

/// Prints what `tidings why` says, and what its exit code means.
pub(super) async fn why(page: &Page, scene: &Scene) -> Result<()> {
    let args = ["why", "-n", objects::NAMESPACE, "deploy/demo-deployment"];
    let output = process::run(scene.cluster.kubeconfig(), &args).await?;
    let code = output.status.code();
    page.quote(&format!("$ tidings {}", args.join(" ")));
    page.quote(&String::from_utf8_lossy(&output.stdout));
    match code {
        Some(0) => page.say("Exit code 0: in step."),
        Some(1) => page.say("Exit code 1: stale."),
        _ => bail!(
            "tidings why: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ),
    }
    Ok(())
}

/// Makes a change while the controller runs; with `asking`, asks why before and
/// after the roll.
pub(super) async fn change(
    page: &Page,
    scene: &Scene,
    change: &Change,
    asking: bool,
) -> Result<()> {
    page.step(change.title);
    page.quote(&format!("{} {}", change.source, change.patch));
    let Effect::Rolls(because) = change.effect else {
        return nothing(page, scene, change).await;
    };
    let roll = scene.last_roll().await? + 1;
    let start = Instant::now();
    edit(scene, change).await?;
    let accepted = start.elapsed();
    if asking {
        page.say("At once, while the controller waits for further changes (--settle 2s):");
        why(page, scene).await?;
        page.say("Then, in seconds since the change was sent:");
    }
    page.at(accepted, "the API server has accepted the change");
    follow(page, scene, roll, start, because).await?;
    if asking {
        why(page, scene).await?;
    }
    Ok(())
}

async fn edit(scene: &Scene, change: &Change) -> Result<()> {
    let patch = serde_json::from_str(change.patch)?;
    scene.stage.edit(change.source, patch).await?;
    Ok(())
}

async fn nothing(page: &Page, scene: &Scene, change: &Change) -> Result<()> {
    let before = scene.generation().await?;
    edit(scene, change).await?;
    holds("the Deployment as it was", NOTHING, async || {
        let now = scene.generation().await?;
        ensure!(now == before, "generation {now} instead of {before}");
        Ok(())
    })
    .await?;
    let time = NOTHING.as_secs_f64();
    page.say(&format!(
        "Nothing happens: after {time} s the Deployment is still generation {before}."
    ));
    Ok(())
}

/// Stops the controller, makes a change, starts it again.
pub(super) async fn missed(page: &Page, scene: &mut Scene, change: &Change) -> Result<()> {
    let Effect::Rolls(because) = change.effect else {
        bail!("what was missed must roll");
    };
    page.step(change.title);
    scene.stop_controller().await?;
    page.say("The controller got SIGTERM and has ended with exit code 0.");
    page.quote(&format!("{} {}", change.source, change.patch));
    edit(scene, change).await?;
    let roll = scene.last_roll().await? + 1;
    let start = Instant::now();
    scene.start_controller().await?;
    page.say("Started again; in seconds since the start:");
    follow(page, scene, roll, start, because).await
}

/// Tells the moments of a roll as they come, and why it was.
async fn follow(
    page: &Page,
    scene: &Scene,
    roll: u64,
    start: Instant,
    because: &str,
) -> Result<()> {
    type Test = fn(&DynamicObject, u64) -> bool;
    let moments: [(&str, Test); 5] = [
        (
            "the roll is written down in the record, before it is done",
            moments::recorded,
        ),
        ("the Deployment is patched", moments::patched),
        ("a new ReplicaSet", moments::replica_set),
        ("its pod is ready", moments::ready),
        ("the old pod is gone: rolled out", moments::complete),
    ];
    let mut workload = None;
    for (what, test) in moments {
        let seen = scene.witness.first(what, start, LIMIT, |o| test(o, roll));
        let (time, object) = seen.await.with_context(|| scene.log())?;
        page.at(time, what);
        workload = Some(object);
    }
    let workload = workload.context("no workload")?;
    let told = scene
        .witness
        .first("the Event", start, LIMIT, |o| moments::told(o, roll));
    let (_, event) = told.await.with_context(|| scene.log())?;
    tell_why(page, &workload, &event, because)
}

fn tell_why(
    page: &Page,
    workload: &DynamicObject,
    event: &DynamicObject,
    because: &str,
) -> Result<()> {
    let said = |field: &str| event.data[field].as_str().unwrap_or_default().to_owned();
    let reason = of_template(workload, BECAUSE).context("no reason on the template")?;
    let mark = of_template(workload, CONFIG).context("no mark on the template")?;
    page.say("Why, on the pod template and as an Event on the Deployment:");
    page.quote(&format!("{CONFIG}: {mark}\n{BECAUSE}: {reason}"));
    page.quote(&format!(
        "{} {}: {}",
        said("type"),
        said("reason"),
        said("message")
    ));
    ensure!(
        reason == because,
        "rolled because of {reason}, not of {because}"
    );
    Ok(())
}

/// Counts what happened.
pub(super) async fn summary(page: &Page, scene: &Scene, took: Duration) -> Result<()> {
    let rolls = scene.last_roll().await?;
    let revisions = scene.stage.revision_count(WORKLOAD).await?;
    ensure!(
        (rolls, revisions) == (3, 4),
        "{rolls} rolls and {revisions} ReplicaSets"
    );
    page.step("That was all");
    page.say(&format!(
        "5 changes: 3 of what the Deployment uses, 3 rolls; 2 of what it does not use, 0 rolls.\n\
         One ReplicaSet each, nothing twice, nothing missed. It took {:.0} s.",
        took.as_secs_f64()
    ));
    Ok(())
}
