//! A record of a form that this version does not know is another's: it stands by,
//! says so, touches nothing, and goes on when the record is one that it knows.

use anyhow::{Context, Result, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use rig::fixtures::deployment;
use rig::installed::{INSTANCE, Installed, RELOAD};
use rig::{Cluster, secs, wait_until};
use serde_json::json;

use crate::one_source::app;

const WEB: &str = "deployment/web";

/// Puts another text in the place of one, in all records.
async fn rewrite(home: &Installed, from: &str, to: &str) -> Result<()> {
    let records: Api<Secret> = home.own().api();
    let name = format!("{INSTANCE}-state.{}", home.ns().name());
    let mut data = records.get(&name).await?.data.context("no records")?;
    for ByteString(entry) in data.values_mut() {
        let text = String::from_utf8(std::mem::take(entry))?;
        ensure!(text.contains(from), "{text}");
        *entry = text.replace(from, to).into_bytes();
    }
    let patch = Patch::Merge(json!({ "data": data }));
    records
        .patch(&name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

#[tokio::test]
async fn are_left_alone_and_said() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "newer").await?;
    app(&home, "1").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([deployment("web")
        .replicas(0)
        .env_from("configmap/app")
        .annotate(RELOAD, "auto")])
        .await?;
    home.stop(tidings).await?;
    rewrite(&home, r#""f":2"#, r#""f":9"#).await?;
    let newer = home.records().await?;
    app(&home, "2").await?;

    let tidings = home.launch(&[])?.start()?;
    let said = |line: &str| line.contains("form 9 is newer") && line.contains("stands by");
    tidings
        .wait_for_line("why it stands by", secs(30), said)
        .await?;
    wait_until("/readyz to say that nobody leads", secs(30), async || {
        let (status, text) = tidings.get("/readyz").await?;
        ensure!(status == 503 && text.contains("nobody leads"), "{text}");
        Ok(())
    })
    .await?;
    home.is_rolled_exactly(WEB, 0).await?;
    ensure!(home.records().await? == newer, "it wrote in the records");
    let leader = home.leader().await?;
    ensure!(leader.is_none(), "{leader:?} holds the Lease");
    home.stop(tidings).await?;

    rewrite(&home, r#""f":9"#, r#""f":2"#).await?;
    let _tidings = home.controller(&[]).await?;
    home.rolled_exactly(WEB, 1).await
}
