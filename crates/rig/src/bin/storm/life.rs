//! One life: all is well, then its plan is played, then all is well again and judged.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rig::fixtures::TestNamespace;
use rig::installed::text_of;
use rig::proxy::Proxy;
use rig::{Cluster, Installed, holds, process, secs, wait_until};
use tokio::time::sleep;

use crate::plan::{Deed, Moments, Plan};
use crate::replicas::Replicas;
use crate::tenant;
use crate::watched::{APPS, Watched};
use crate::weather::Stroke;

/// The neighbour's workloads.
const NEIGHBOURS: usize = 1;
/// How long it may take after the faults until nothing waits for its roll: a watch that
/// is silent is doubted after 140 s, and a Lease may run for 60 s.
const RECOVERY: Duration = secs(300);
/// How long a change may take when all is well: on a machine that is busy.
const WELL: Duration = secs(60);
/// How long nothing must happen in the end.
const QUIET: Duration = secs(3);

/// What happened in a life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) lives: usize,
    pub(crate) strokes: usize,
    /// Requests and connections that they struck.
    pub(crate) struck: usize,
    pub(crate) blows: usize,
    pub(crate) changes: usize,
    pub(crate) rolls: usize,
    pub(crate) lost: usize,
    pub(crate) twice: usize,
    /// From when all was well until nothing waited for its roll, at the longest.
    pub(crate) recovery: Duration,
    /// A change of the neighbour's when all was well again, until it was rolled.
    pub(crate) neighbour: Duration,
}

pub(crate) struct Life<'a> {
    plan: &'a Plan,
    proxy: Proxy<'a>,
    home: Watched,
    neighbour: Watched,
    tenant: TestNamespace,
    /// Tidings' own.
    installed: Installed,
    admin: &'a Path,
    pub(crate) tally: Tally,
}

impl<'a> Life<'a> {
    pub(crate) async fn new(cluster: &'a Cluster, plan: &'a Plan) -> Result<Self> {
        let proxy = Proxy::start(cluster).await?;
        let home = TestNamespace::new(cluster, "home").await?;
        let neighbour = TestNamespace::new(cluster, "neighbour").await?;
        Ok(Self {
            installed: Installed::behind(&proxy, cluster, "storm").await?,
            home: Watched::make(home, APPS).await?,
            neighbour: Watched::make(neighbour, NEIGHBOURS).await?,
            tenant: TestNamespace::new(cluster, "tenant").await?,
            admin: cluster.kubeconfig(),
            tally: Tally {
                lives: 1,
                ..Tally::default()
            },
            proxy,
            plan,
        })
    }

    /// Lives it, and is judged; the logs are written where that says no.
    pub(crate) async fn live(&mut self, logs: &Path) -> Result<()> {
        let mut replicas = Replicas::start(&self.installed).await?;
        let lived = self.play_and_judge(&mut replicas).await;
        self.count();
        if lived.is_err() {
            std::fs::create_dir_all(logs)?;
            replicas.write_logs(logs, self.plan.seed)?;
        }
        lived
    }

    async fn play_and_judge(&mut self, replicas: &mut Replicas) -> Result<()> {
        for watched in [&self.home, &self.neighbour] {
            watched.recorded(self.installed.own()).await?;
        }
        let (_, act) = tenant::TABLE[self.plan.tenant];
        let (struck, judged) = tokio::select! {
            lived = self.play_to_the_end(replicas) => lived?,
            ended = act(&self.tenant) => {
                ended.context("the tenant")?;
                anyhow::bail!("the tenant ended");
            }
        };
        self.tally.strokes = struck.iter().filter(|hits| **hits > 0).count();
        self.tally.struck = struck.iter().sum();
        self.tally.blows = self.plan.blows.len();
        (self.tally.recovery, self.tally.neighbour) = judged;
        Ok(())
    }

    /// Gives how often each fault struck, and what the judgement gives.
    async fn play_to_the_end(
        &self,
        replicas: &mut Replicas,
    ) -> Result<(Vec<usize>, (Duration, Duration))> {
        let struck = self.play(replicas).await?;
        if self.plan.cut_at_the_end {
            self.proxy.cut();
        }
        let end = Instant::now() + RECOVERY + 4 * WELL;
        tokio::select! {
            judged = self.judge() => Ok((struck, judged?)),
            tended = replicas.tend_until(end) => {
                tended?;
                anyhow::bail!("not judged in time");
            }
        }
    }

    /// Gives how long it took until nothing was owed any more, and how long the
    /// neighbour's next change took then, beside the tenant.
    async fn judge(&self) -> Result<(Duration, Duration)> {
        let well = Instant::now();
        self.none_owed(RECOVERY).await?;
        let recovery = well.elapsed();
        let change = Instant::now();
        self.neighbour.change(0, "well").await?;
        self.none_owed(WELL).await.context("when all was well")?;
        let neighbour = change.elapsed();
        self.goes_on().await?;
        self.is_in_step().await?;
        Ok((recovery, neighbour))
    }

    /// Plays the plan to its end; gives how often each fault struck.
    async fn play(&self, replicas: &mut Replicas) -> Result<Vec<usize>> {
        let begin = Instant::now();
        let weather = self.plan.weather.iter().map(|one| self.weather(begin, one));
        let all = async {
            let (blows, deeds) = (self.blows(begin, replicas), self.deeds(begin));
            tokio::try_join!(try_join_all(weather), blows, deeds, self.births(begin))
        };
        let (struck, (), (), ()) = tokio::select! {
            played = all => played?,
            error = self.touch_records(), if self.plan.records_touched => {
                return Err(error.context("who touches the records"));
            }
        };
        Ok(struck.concat())
    }

    /// Goes on until it is dropped, or fails.
    async fn touch_records(&self) -> anyhow::Error {
        let own = self.installed.own();
        for n in 0_usize.. {
            if let Err(error) = tenant::touch(own, n).await {
                return error;
            }
        }
        anyhow::anyhow!("touched too often")
    }

    async fn weather(&self, begin: Instant, strokes: &Moments<Stroke>) -> Result<Vec<usize>> {
        let mut struck = Vec::new();
        for (at, stroke) in strokes {
            until(begin + *at).await;
            struck.push(stroke.strike(&self.proxy).await?);
        }
        Ok(struck)
    }

    async fn blows(&self, begin: Instant, replicas: &mut Replicas) -> Result<()> {
        for (at, blow) in &self.plan.blows {
            replicas.tend_until(begin + *at).await?;
            replicas.suffer(*blow).await?;
        }
        Ok(())
    }

    async fn deeds(&self, begin: Instant) -> Result<()> {
        for (n, (at, deed)) in self.plan.deeds.iter().enumerate() {
            until(begin + *at).await;
            self.do_it(n, *deed).await?;
        }
        Ok(())
    }

    async fn births(&self, begin: Instant) -> Result<()> {
        for (n, (at, soon)) in self.plan.births.iter().enumerate() {
            until(begin + *at).await;
            self.home.bear(APPS + n, *soon).await?;
        }
        Ok(())
    }

    async fn do_it(&self, n: usize, deed: Deed) -> Result<()> {
        let value = n.to_string();
        match deed {
            Deed::Change(app) => self.home.change(app, &value).await,
            Deed::ChangeShared => self.home.change_shared(&value).await,
            Deed::ChangeNeighbours => self.neighbour.change(0, &value).await,
            Deed::Annotate(app) => self.home.annotate(app, &value).await,
            Deed::EditSpec(app) => self.home.edit_spec(app, n).await,
            Deed::EditTemplate(app) => self.home.edit_template(app, &value).await,
        }
    }

    async fn none_owed(&self, limit: Duration) -> Result<()> {
        wait_until("all to be rolled", limit, async || {
            self.neighbour.none_lost()?;
            self.home.none_lost()
        })
        .await
    }

    /// A change of all is rolled: nothing is forgotten.
    async fn goes_on(&self) -> Result<()> {
        let all = APPS + self.plan.births.len();
        self.home.change_all(all, "well").await?;
        self.none_owed(WELL).await.context("when all was well")
    }

    /// All is as it should be, says `why`, and so say the workloads; and it stays so.
    async fn is_in_step(&self) -> Result<()> {
        try_join_all([&self.home, &self.neighbour].map(|one| self.why(one))).await?;
        holds("no roll", QUIET, async || {
            self.home.none_twice()?;
            self.neighbour.none_twice()
        })
        .await
    }

    async fn why(&self, watched: &Watched) -> Result<()> {
        let own = format!("--own-namespace={}", self.installed.own().name());
        wait_until("why to say that all is in step", WELL, async || {
            let args = ["why", &own, "-n", watched.ns.name()];
            let said = process::run(self.admin, &args).await?;
            ensure!(said.status.success(), "{}", text_of(&said));
            Ok(())
        })
        .await
    }

    fn count(&mut self) {
        for account in [self.home.account(), self.neighbour.account()] {
            self.tally.changes += account.changes();
            self.tally.rolls += account.rolls();
            self.tally.lost += account.lost().len();
            self.tally.twice += account.twice().len();
        }
    }
}

async fn until(at: Instant) {
    sleep(at.saturating_duration_since(Instant::now())).await;
}

impl Tally {
    pub(crate) fn add(&mut self, life: Self) {
        self.lives += life.lives;
        self.strokes += life.strokes;
        self.struck += life.struck;
        self.blows += life.blows;
        self.changes += life.changes;
        self.rolls += life.rolls;
        self.lost += life.lost;
        self.twice += life.twice;
        self.recovery = self.recovery.max(life.recovery);
        self.neighbour = self.neighbour.max(life.neighbour);
    }
}
