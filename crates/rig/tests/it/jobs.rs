//! CronJobs and Jobs: a run for each change, and no run that nobody asked for.

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::fixtures::{Workload, config_map, cron_job, job};
use rig::installed::{BECAUSE, CONFIG, Installed, RELOAD, SHORT_LEASE, text_of};
use rig::kubelet::DONE;
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

const REPORT: &str = "cronjob/report";
const IMPORT: &str = "job/import";

async fn write(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(config_map("app", &[("key", value)])).await?;
    Ok(())
}

fn opted_in(workload: Workload) -> Workload {
    workload.env_from("configmap/app").annotate(RELOAD, "auto")
}

/// A CronJob on record.
async fn scheduled(lab: &Installed, report: Workload, spec: &Value) -> Result<()> {
    write(lab, "1").await?;
    lab.adopt([opted_in(report).spec(spec)]).await
}

/// Waits until there are so many runs; gives them in their order.
async fn runs(lab: &Installed, count: usize) -> Result<Vec<DynamicObject>> {
    wait_until(&format!("{count} runs"), secs(30), async || {
        let mut jobs = lab.ns().list("job").await?;
        jobs.sort_by_key(ResourceExt::name_any);
        let names: Vec<_> = jobs.iter().map(ResourceExt::name_any).collect();
        ensure!(jobs.len() == count, "{names:?}");
        Ok(jobs)
    })
    .await
}

/// Waits until the controller has seen everything, and counts the runs then.
async fn runs_stay(lab: &Installed, count: usize) -> Result<()> {
    lab.caught_up().await?;
    runs(lab, count).await?;
    Ok(())
}

/// Lets the pods of a Job end.
async fn end(lab: &Installed, name: &str) -> Result<()> {
    for pod in lab.ns().list("pod").await? {
        if pod.labels().get("job-name").is_some_and(|of| of == name) {
            let done = json!({"metadata": {"annotations": {DONE: "0"}}});
            lab.ns()
                .edit(&format!("pod/{}", pod.name_any()), done)
                .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_cronjob_is_run_once_for_each_change() -> Result<()> {
    let (lab, tidings) = Installed::running("runs", &[]).await?;
    scheduled(&lab, cron_job("report"), &json!({})).await?;
    for n in 1..=2 {
        write(&lab, &format!("changed {n}")).await?;
        let job = runs(&lab, n).await?.pop().context("no run")?;
        let name = job.name_any();
        ensure!(
            name.starts_with("report-") && name.ends_with(&format!("-{n}")),
            "{name}"
        );
        is_a_run_of(&lab, &job).await?;
        let marks = &job.data["spec"]["template"]["metadata"]["annotations"];
        ensure!(
            marks[CONFIG] == format!("tidings/{n}") && marks[BECAUSE] == "configmap/app (key)",
            "{marks}"
        );
    }
    lab.told(REPORT, "Changed", "configmap/app").await?;
    runs_stay(&lab, 2).await?;

    lab.stop(tidings).await?;
    let _next = lab.controller(&[]).await?;
    runs_stay(&lab, 2).await?;
    let report = lab.ns().get(REPORT).await?;
    ensure!(
        report.metadata.generation == Some(1),
        "the CronJob was written"
    );
    Ok(())
}

/// As its own controller would have made it.
async fn is_a_run_of(lab: &Installed, job: &DynamicObject) -> Result<()> {
    let report = lab.ns().get(REPORT).await?;
    let owner = job.owner_references().first().context("no owner")?;
    ensure!(
        Some(&owner.uid) == report.uid().as_ref() && owner.controller == Some(true),
        "{owner:?}"
    );
    let by = &job.annotations()["cronjob.kubernetes.io/instantiate"];
    ensure!(by == "manual", "{by}");
    let containers = |spec: &Value| spec.pointer("/template/spec/containers").cloned();
    let wanted = containers(&report.data["spec"]["jobTemplate"]["spec"]);
    ensure!(containers(&job.data["spec"]) == wanted, "{}", job.data);
    Ok(())
}

#[tokio::test]
async fn a_suspended_cronjob_is_not_run_for_what_changed_meanwhile() -> Result<()> {
    let (lab, _tidings) = Installed::running("suspended", &[]).await?;
    scheduled(&lab, cron_job("report"), &json!({"suspend": true})).await?;
    write(&lab, "2").await?;
    lab.in_step(REPORT, "configmap/app").await?;
    lab.ns()
        .edit(REPORT, json!({"spec": {"suspend": false}}))
        .await?;
    runs_stay(&lab, 0).await?;
    write(&lab, "3").await?;
    runs(&lab, 1).await?;
    Ok(())
}

#[tokio::test]
async fn where_runs_must_not_overlap_the_next_one_waits() -> Result<()> {
    let (lab, _tidings) = Installed::running("forbid", &[]).await?;
    let report = cron_job("report").annotate_pods(DONE, "never");
    scheduled(&lab, report, &json!({"concurrencyPolicy": "Forbid"})).await?;
    write(&lab, "2").await?;
    let first = runs(&lab, 1).await?.pop().context("no run")?;
    write(&lab, "3").await?;
    write(&lab, "4").await?;
    runs_stay(&lab, 1).await?;
    let why = text_of(&lab.why(&[REPORT]).await?);
    ensure!(why.contains("Running"), "{why}");
    wait_until("its pod to end", secs(30), async || {
        end(&lab, &first.name_any()).await?;
        let job = lab.ns().get(&format!("job/{}", first.name_any())).await?;
        let succeeded = &job.data["status"]["succeeded"];
        ensure!(*succeeded == 1, "{}", job.data["status"]);
        Ok(())
    })
    .await?;
    runs(&lab, 2).await?;
    runs_stay(&lab, 2).await
}

#[tokio::test]
async fn where_runs_replace_each_other_the_former_one_goes() -> Result<()> {
    let (lab, _tidings) = Installed::running("replace", &[]).await?;
    let report = cron_job("report").annotate_pods(DONE, "never");
    scheduled(&lab, report, &json!({"concurrencyPolicy": "Replace"})).await?;
    write(&lab, "2").await?;
    runs(&lab, 1).await?;
    write(&lab, "3").await?;
    wait_until("the second run alone", secs(30), async || {
        let jobs = lab.ns().list("job").await?;
        let names: Vec<_> = jobs.iter().map(ResourceExt::name_any).collect();
        ensure!(names.len() == 1 && names[0].ends_with("-2"), "{names:?}");
        Ok(())
    })
    .await
}

/// A Job that runs until a test ends it, on record.
async fn running(lab: &Installed) -> Result<DynamicObject> {
    write(lab, "1").await?;
    lab.adopt([opted_in(job("import").annotate_pods(DONE, "never"))])
        .await?;
    has_pods(lab, 1).await?;
    lab.ns().get(IMPORT).await
}

async fn has_pods(lab: &Installed, count: usize) -> Result<()> {
    wait_until(&format!("{count} pods"), secs(30), async || {
        let pods = lab.ns().pods(IMPORT).await?;
        ensure!(pods.len() == count, "{} pods", pods.len());
        Ok(())
    })
    .await
}

/// Waits until the Job has been made again, by this roll.
async fn made_again(lab: &Installed, former: &DynamicObject, n: u64) -> Result<DynamicObject> {
    let job = wait_until("the Job to be made again", secs(30), async || {
        let job = lab.ns().get(IMPORT).await?;
        ensure!(job.uid() != former.uid(), "it is the former one");
        Ok(job)
    })
    .await?;
    lab.numbered(IMPORT, n).await?;
    wait_until("the record", secs(30), async || {
        let entry = lab.entry(IMPORT).await?.context("no record")?;
        let uid = job.uid().unwrap_or_default();
        ensure!(
            entry["n"] == n && entry["done"] == true && entry["uid"] == uid,
            "{entry}"
        );
        Ok(())
    })
    .await?;
    nothing_is_kept(lab).await?;
    Ok(job)
}

async fn nothing_is_kept(lab: &Installed) -> Result<()> {
    wait_until("its manifest to be gone", secs(30), async || {
        let kept = kept(lab).await?;
        ensure!(kept.is_empty(), "{kept:?}");
        Ok(())
    })
    .await
}

/// The manifests of Jobs that are to be made again.
async fn kept(lab: &Installed) -> Result<Vec<String>> {
    let secrets = lab.own().list("secret").await?.into_iter();
    let names = secrets.map(|secret| secret.name_any());
    Ok(names
        .filter(|name| name.starts_with("tidings-job."))
        .collect())
}

async fn is_the_last(lab: &Installed, job: &DynamicObject) -> Result<()> {
    lab.caught_up().await?;
    let now = lab.ns().get(IMPORT).await?;
    ensure!(now.uid() == job.uid(), "it was made once more");
    Ok(())
}

#[tokio::test]
async fn a_running_job_is_made_again_once_for_each_change() -> Result<()> {
    let (lab, tidings) = Installed::running("again", &[]).await?;
    let mut job = running(&lab).await?;
    for n in 1..=2 {
        write(&lab, &format!("changed {n}")).await?;
        job = made_again(&lab, &job, n).await?;
        has_pods(&lab, 1).await?;
        lab.told(IMPORT, "Changed", "configmap/app").await?;
    }
    is_the_last(&lab, &job).await?;
    let labels = job.labels();
    ensure!(labels.get("app").is_some_and(|app| app == "import"));
    lab.stop(tidings).await?;
    let _next = lab.controller(&[]).await?;
    is_the_last(&lab, &job).await
}

#[tokio::test]
async fn a_job_that_has_ended_is_left_alone() -> Result<()> {
    let (lab, _tidings) = Installed::running("ended", &[]).await?;
    write(&lab, "1").await?;
    lab.ns().apply(opted_in(job("import"))).await?;
    let ended = wait_until("the Job to end", secs(30), async || {
        let job = lab.ns().get(IMPORT).await?;
        let status = job.data.get("status").context("no status")?;
        ensure!(status.get("completionTime").is_some(), "{status}");
        Ok(job)
    })
    .await?;
    lab.adopted(IMPORT).await?;
    write(&lab, "2").await?;
    lab.in_step(IMPORT, "configmap/app").await?;
    is_the_last(&lab, &ended).await
}

#[tokio::test]
async fn a_job_that_would_be_refused_is_not_deleted() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let lab = Installed::behind(&proxy, cluster, "refused").await?;
    let _tidings = lab.controller(&[]).await?;
    let job = running(&lab).await?;
    let refused = proxy.inject(Fault::status(422).on("POST", "/jobs.*dryRun=All"))?;
    write(&lab, "2").await?;
    refused.wait_for_hits(2, secs(30)).await?;
    lab.told(IMPORT, "Failed", "the rig answers 422").await?;
    is_the_last(&lab, &job).await?;
    ensure!(kept(&lab).await?.is_empty());
    refused.withdraw();
    made_again(&lab, &job, 1).await?;
    Ok(())
}

/// A change on the way, and this request disturbed.
async fn interrupted(
    lab: &Installed,
    proxy: &Proxy<'_>,
    fault: Fault,
) -> Result<(Tidings, DynamicObject)> {
    let tidings = lab.controller(SHORT_LEASE).await?;
    let job = running(lab).await?;
    let fault = proxy.inject(fault)?;
    write(lab, "2").await?;
    fault.wait_for_hits(1, secs(30)).await?;
    fault.withdraw();
    Ok((tidings, job))
}

/// All but the dry run.
const CREATE: &str = "/jobs\\?fieldManager=tidings$";

#[tokio::test]
async fn killed_while_the_job_is_gone() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let lab = Installed::behind(&proxy, cluster, "gone").await?;
    let create = Fault::delay(secs(600)).on("POST", CREATE);
    let (tidings, job) = interrupted(&lab, &proxy, create).await?;
    tidings.kill();
    ensure!(lab.ns().get(IMPORT).await.is_err(), "it is not gone");
    ensure!(kept(&lab).await?.len() == 1);
    proxy.forget();
    let _next = lab.controller(SHORT_LEASE).await?;
    let again = made_again(&lab, &job, 1).await?;
    is_the_last(&lab, &again).await?;
    ensure!(proxy.count("POST", CREATE)? == 1);
    has_pods(&lab, 1).await
}

#[tokio::test]
async fn killed_before_the_job_is_deleted() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let lab = Installed::behind(&proxy, cluster, "before").await?;
    let delete = Fault::delay(secs(600)).on("DELETE", "/jobs/import$");
    let (tidings, job) = interrupted(&lab, &proxy, delete).await?;
    tidings.kill();
    is_the_last_of_nobody(&lab, &job).await?;
    let _next = lab.controller(SHORT_LEASE).await?;
    let again = made_again(&lab, &job, 1).await?;
    is_the_last(&lab, &again).await
}

async fn is_the_last_of_nobody(lab: &Installed, job: &DynamicObject) -> Result<()> {
    let now = lab.ns().get(IMPORT).await?;
    ensure!(now.uid() == job.uid() && kept(lab).await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn the_answers_to_the_deletion_and_the_creation_are_lost() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let lab = Installed::behind(&proxy, cluster, "lost").await?;
    let create = proxy.inject(Fault::lose_answer().on("POST", CREATE).times(1))?;
    let delete = Fault::lose_answer().on("DELETE", "/jobs/import$");
    let (_tidings, job) = interrupted(&lab, &proxy, delete).await?;
    let again = made_again(&lab, &job, 1).await?;
    ensure!(create.hits() == 1);
    is_the_last(&lab, &again).await
}
