//! Run from a laptop, Tidings makes the namespace of its records; two installations
//! that meet on a workload do not fight over it.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use rig::fixtures::rbac;
use rig::installed::{CONFIG, Installed};
use rig::{Cluster, process, secs, wait_until};

use crate::one_source::{app, idle};

const WEB: &str = "deployment/web";

#[tokio::test]
async fn a_missing_namespace_is_made() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let home = Installed::new(cluster, "laptop").await?;
    app(&home, "first").await?;
    home.ns().apply(idle("web")).await?;
    let fresh = format!("{}-fresh", home.own().name());
    let options = ["--namespaces", home.ns().name(), "--own-namespace", &fresh];
    let admin = cluster.kubeconfig_for("admin").await?;
    let tidings = process::controller(&admin)?.args(&options).start()?;
    tidings.ready(secs(30)).await?;

    let records: Api<Secret> = Api::namespaced(home.ns().client().clone(), &fresh);
    let recorded = wait_until("a record in it", secs(30), async || {
        let all = records.list(&ListParams::default()).await?.items;
        all.into_iter().next().context("no record")
    });
    let recorded = recorded.await.map(drop);
    drop(tidings);
    let namespaces: Api<Namespace> = Api::all(home.ns().client().clone());
    namespaces.delete(&fresh, &DeleteParams::default()).await?;
    recorded
}

#[tokio::test]
async fn a_namespace_that_may_not_be_made_is_said() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let home = Installed::new(cluster, "may-not").await?;
    let rules = [
        rbac::rule("get,list,watch", "", "configmaps,secrets"),
        rbac::rule(
            "get,list,watch,patch",
            "apps",
            "deployments,statefulsets,daemonsets",
        ),
        rbac::rule("get,list,watch", "batch", "cronjobs"),
        rbac::rule("get,list,watch,create,delete", "batch", "jobs"),
        rbac::rule("get,list", "apps", "replicasets,controllerrevisions"),
        rbac::rule("get", "", "namespaces"),
        rbac::rule("create", "", "events"),
    ];
    let user = home.ns().service_account("laptop", &rules).await?;
    let kubeconfig = cluster.kubeconfig_for(&user).await?;
    let fresh = format!("{}-fresh", home.own().name());
    let options = ["--namespaces", home.ns().name(), "--own-namespace", &fresh];
    let tidings = process::controller(&kubeconfig)?.args(&options).start()?;
    let status = tidings.exit(secs(30)).await?;
    ensure!(!status.success());
    let said = tidings.lines()?.join("\n");
    ensure!(said.contains(&fresh) && said.contains("error:"), "{said}");
    Ok(())
}

#[tokio::test]
async fn of_two_installations_one_rolls_and_the_other_says_so() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "both").await?;
    app(&home, "first").await?;
    home.ns().apply(idle("web")).await?;
    let _blue = home.controller(&["--instance=blue"]).await?;
    let _green = home.controller(&["--instance=green"]).await?;
    both_have_a_record(&home).await?;

    app(&home, "second").await?;
    home.told(WEB, "OwnedByOther", "").await?;
    let first = rolled_by(&home, 2).await?;
    app(&home, "third").await?;
    let second = wait_until("the second roll", secs(30), async || {
        rolled_by(&home, 3).await
    });
    ensure!(second.await? == first, "{first} did not keep it");
    Ok(())
}

async fn both_have_a_record(home: &Installed) -> Result<()> {
    wait_until("a record of each", secs(30), async || {
        let secrets = home.own().list("secret").await?;
        ensure!(secrets.len() == 2, "{} records", secrets.len());
        Ok(())
    })
    .await
}

/// Whose mark the workload has, which was written so often in all.
async fn rolled_by(home: &Installed, generation: i64) -> Result<String> {
    let now = home.ns().get(WEB).await?.metadata.generation;
    ensure!(now == Some(generation), "generation {now:?}");
    let mark = home.ns().template_annotation(WEB, CONFIG).await?;
    let mark = mark.context("no mark")?;
    let (instance, _) = mark.split_once('/').context("no number")?;
    Ok(instance.to_owned())
}
