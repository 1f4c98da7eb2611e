//! This version beside the one before forms of records had numbers of their own:
//! both orders of an upgrade, and a downgrade. Run by `make test-upgrade`, which
//! builds the former one; `TIDINGS_FORMER_BIN` names it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD, SHORT_LEASE};
use rig::process::Tidings;
use rig::{Cluster, secs};

const WEB: &str = "deployment/web";

fn web() -> Workload {
    let web = deployment("web").replicas(0).env_from("configmap/app");
    web.annotate(RELOAD, "auto")
}

/// Two versions of the program, of which either may run.
struct Versions {
    home: Installed,
    former: PathBuf,
    content: u32,
}

impl Versions {
    async fn new(about: &str) -> Result<Self> {
        let former =
            std::env::var_os("TIDINGS_FORMER_BIN").context("run it by make test-upgrade")?;
        let mut versions = Self {
            home: Installed::new(Cluster::shared().await?, about).await?,
            former: former.into(),
            content: 0,
        };
        versions.change().await?;
        Ok(versions)
    }

    async fn start(&self, former: bool, options: &[&str]) -> Result<Tidings> {
        let mut launch = self.home.launch(options)?;
        if former {
            launch = launch.program(&self.former);
        }
        let tidings = launch.start()?;
        tidings.ready(secs(30)).await?;
        Ok(tidings)
    }

    async fn change(&mut self) -> Result<()> {
        self.content += 1;
        let content = self.content.to_string();
        let app = config_map("app", &[("a", &content)]);
        self.home.ns().apply(app).await?;
        Ok(())
    }

    /// Changes what it uses, and ends the one that leads in the same moment; the
    /// other one must roll it, once.
    async fn hand_over(&mut self, from: Tidings, n: u64, kill: bool) -> Result<()> {
        self.change().await?;
        if kill {
            from.kill();
        } else {
            self.home.stop(from).await?;
        }
        self.home.rolled_exactly(WEB, n).await?;
        self.home.stays_rolled(WEB, n).await
    }
}

#[tokio::test]
async fn nothing_is_lost_or_rolled_twice_in_either_order() -> Result<()> {
    // The fuse of the former version would hold what is rolled in a row here, and three
    // Leases would have to run out. With the defaults: the two tests below.
    let options = [SHORT_LEASE, &["--storm-fuse=false"]].concat();
    for kill in [false, true] {
        let mut versions = Versions::new("upgrade").await?;
        let former = versions.start(true, &options).await?;
        versions.home.adopt([web()]).await?;
        let this = versions.start(false, &options).await?;
        versions.hand_over(former, 1, kill).await?;
        this.wait_for_line("a sentence", secs(30), |line| line.contains("form 1"))
            .await?;

        let former = versions.start(true, &options).await?;
        versions.hand_over(this, 2, kill).await?;
        let this = versions.start(false, &options).await?;
        versions.hand_over(former, 3, kill).await?;
        let entry = versions.home.entry(WEB).await?.context("no record")?;
        ensure!(entry["epoch"].is_string(), "{entry}");
        drop(this);
    }
    Ok(())
}

#[tokio::test]
async fn an_upgrade_as_they_ship_loses_nothing() -> Result<()> {
    let mut versions = Versions::new("upgrade-shipped").await?;
    let former = versions.start(true, &[]).await?;
    versions.home.adopt([web()]).await?;
    let _this = versions.start(false, &[]).await?;
    versions.hand_over(former, 1, true).await
}

/// Everything was written by this version alone before the former one comes back.
#[tokio::test]
async fn a_downgrade_loses_nothing() -> Result<()> {
    let mut versions = Versions::new("downgrade").await?;
    let this = versions.start(false, &[]).await?;
    versions.home.adopt([web()]).await?;
    versions.change().await?;
    versions.home.rolled_exactly(WEB, 1).await?;
    versions.home.stop(this).await?;
    versions.change().await?;
    let _former = versions.start(true, &[]).await?;
    versions.home.rolled_exactly(WEB, 2).await?;
    versions.home.stays_rolled(WEB, 2).await
}
