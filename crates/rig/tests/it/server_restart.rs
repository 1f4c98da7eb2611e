//! An API server that is killed and started again costs nothing but the time that
//! it was away: each change is rolled once.

use anyhow::{Result, ensure};
use rig::installed::Installed;
use rig::{Cluster, Options, secs, wait_until};

use crate::one_source::{app, idle};

const WORKLOADS: usize = 60;

async fn some_are_rolled(home: &Installed) -> Result<()> {
    wait_until("the fan-out to have begun", secs(30), async || {
        let all = home.ns().list("deployment").await?;
        let rolled = |object: &&kube::core::DynamicObject| object.metadata.generation > Some(1);
        ensure!(all.iter().any(|object| rolled(&object)), "none is rolled");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn killed_in_the_middle_of_a_fan_out_the_api_server_comes_back() -> Result<()> {
    // One write at once, so that the fan-out lasts until the server is killed;
    // by default: `api_outage`, at rest.
    let options = Options {
        nodes: 0,
        ..Options::default()
    };
    let cluster = Cluster::start(options).await?;
    let home = Installed::new(&cluster, "restart").await?;
    app(&home, "first").await?;
    let tidings = home.controller(&["--max-in-flight=1"]).await?;
    home.adopt((0..WORKLOADS).map(|i| idle(&format!("web-{i}"))))
        .await?;

    app(&home, "before").await?;
    some_are_rolled(&home).await?;
    cluster.stop_api().await?;
    wait_until("the controller to miss it", secs(60), async || {
        let (status, text) = tidings.get("/readyz").await?;
        ensure!(status != 200, "{text}");
        Ok(())
    })
    .await?;
    cluster.start_api().await?;
    tidings.ready(secs(60)).await?;
    for i in 0..WORKLOADS {
        home.rolled_exactly(&format!("deployment/web-{i}"), 1)
            .await?;
    }
    app(&home, "after").await?;
    for i in 0..WORKLOADS {
        home.rolled_exactly(&format!("deployment/web-{i}"), 2)
            .await?;
    }
    home.stays_rolled("deployment/web-0", 2).await
}
