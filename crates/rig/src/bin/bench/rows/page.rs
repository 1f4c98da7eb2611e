//! Row 13: the page in a real browser, beside many workloads; 10,000 with `--full`.
//!
//! What is there is there before it is measured. An update is a workload that is deleted:
//! from the API server's answer to the page's count being another one in the browser.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rig::dashboard::Dashboard;
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::{process, secs, wait_until};
use serde_json::json;

use super::memory::Taken;
use super::scale::CONTROLLER_QPS;
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{LIMIT, Lab, say};

const RUNS: usize = 10;

/// Notes when the counts on top are others than now, by the clock that programs share.
const NOTE: &str = "
    const counts = document.querySelector('#counts'), before = counts.innerText;
    window.rigAt = null;
    const watch = new MutationObserver(() => {
        if (counts.innerText === before) return;
        window.rigAt = performance.timeOrigin + performance.now();
        watch.disconnect();
    });
    watch.observe(counts, {subtree: true, childList: true, characterData: true});
";

pub(crate) async fn measure(full: bool) -> Result<Vec<Figure>> {
    let count = if full { 10_000 } else { 1_000 };
    say(&format!("row 13: the page beside {count} workloads"));
    let lab = Lab::start(CONTROLLER_QPS).await?;
    let stage = prepare(&lab, count).await?;
    say("  all is there");
    let args = ["dashboard", "--port=0", "-n", stage.name()];
    let page = Dashboard::open(process::start(lab.cluster.kubeconfig(), &args)?).await?;
    wait_until("the page to know them", LIMIT, async || {
        let text = page.browser.text("#counts").await?;
        ensure!(text.starts_with(&count.to_string()), "{text}");
        Ok(())
    })
    .await?;
    let (mut paints, mut updates) = (Vec::new(), Vec::new());
    for n in 0..RUNS {
        paints.push(paint(&page).await?);
        updates.push(update(&page, &stage, &format!("deployment/web-{n}")).await?);
    }
    let taken = Taken::now(&page.tidings)?;
    let of = |what, unit, samples: &[f64], bar| figure(count, what, unit, samples, bar);
    let memory = of("memory", Unit::Megabytes, &[taken.resting], 150.0);
    Ok(vec![
        of("first paint", Unit::Milliseconds, &paints, 1_000.0),
        of("an update", Unit::Milliseconds, &updates, 200.0),
        Figure {
            note: taken.note(),
            ..memory
        },
    ])
}

/// Each has a ConfigMap of its own.
async fn prepare(lab: &Lab, count: usize) -> Result<TestNamespace> {
    let stage = lab.namespace("stage").await?;
    let all = (0..count).flat_map(|n| {
        let web = deployment(&format!("web-{n}")).replicas(0);
        let web = web.annotate("tidings.dev/reload", "auto");
        let map = format!("app-{n}");
        let web = web.env_from(&format!("configmap/{map}"));
        [config_map(&map, &[("k", "old")]), web.into()]
    });
    lab.create(&stage, all).await?;
    lab.quiet(&stage).await?;
    Ok(stage)
}

/// From asking for the page to something of it being seen, in milliseconds.
async fn paint(page: &Dashboard) -> Result<f64> {
    page.go("/").await?;
    let script = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
    wait_until("a paint", secs(30), async || {
        let at = page.browser.run(script, &[]).await?;
        at.as_f64().context("nothing is painted")
    })
    .await
}

async fn update(page: &Dashboard, stage: &TestNamespace, workload: &str) -> Result<f64> {
    page.browser.run(NOTE, &[]).await?;
    stage.delete(workload).await?;
    let answered = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let at = wait_until("the page to change", LIMIT, async || {
        let at = page.browser.run("return window.rigAt", &[]).await?;
        at.as_f64().with_context(|| json!(at).to_string())
    });
    Ok((at.await? - answered.as_secs_f64() * 1_000.0).max(0.0))
}

fn figure(count: usize, what: &str, unit: Unit, samples: &[f64], bar: f64) -> Figure {
    Figure {
        row: 13,
        what: format!("the page beside {count} workloads: {what}"),
        peer: "–",
        unit,
        floor: None,
        tidings: Spread::of(samples),
        bar: Some(Bar::AtMost(bar)),
        note: String::new(),
    }
}
