//! Of a source that is used in part, only the used keys roll the workload.

use anyhow::Result;
use kube::core::DynamicObject;
use rig::Installed;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::RELOAD;

const APP: &str = "configmap/app";

fn app(used: &str, unused: &str) -> DynamicObject {
    config_map("app", &[("used", used), ("unused", unused)])
}

/// Workloads that use, or let count, the key `used` only.
fn users() -> [Workload; 6] {
    let user = |name: &str, reload: &str| deployment(name).replicas(0).annotate(RELOAD, reload);
    [
        user("items", "auto").mount_items(APP, &["used"]),
        user("reference", "auto").env_key(APP, "used"),
        user("sub-path", "auto").mount_sub_path(APP, "used"),
        user("glob", "configmap/app[use*]").env_from(APP),
        user("all-but", "auto, !configmap/app[un*]").env_from(APP),
        user("named", "configmap/a*[used, absent]"),
    ]
}

const NAMES: [&str; 6] = [
    "deployment/items",
    "deployment/reference",
    "deployment/sub-path",
    "deployment/glob",
    "deployment/all-but",
    "deployment/named",
];

#[tokio::test]
async fn only_the_keys_that_are_used_and_chosen_roll() -> Result<()> {
    let (lab, _tidings) = Installed::running("keys", &[]).await?;
    lab.ns().apply(app("1", "1")).await?;
    lab.adopt(users()).await?;
    lab.rolls_nothing(&NAMES, async || {
        lab.ns().apply(app("1", "2")).await?;
        Ok(())
    })
    .await?;

    lab.ns().apply(app("2", "2")).await?;
    for workload in NAMES {
        lab.numbered(workload, 1).await?;
        let because = lab.because(workload).await?;
        assert_eq!(
            because.as_deref(),
            Some("configmap/app (used)"),
            "{workload}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_further_key_rolls_what_uses_all_keys_and_nothing_else() -> Result<()> {
    let (lab, _tidings) = Installed::running("further-key", &[]).await?;
    lab.ns().apply(config_map("app", &[("used", "1")])).await?;
    let whole = |name: &str| deployment(name).replicas(0).annotate(RELOAD, "auto");
    let all = [whole("env-from").env_from(APP), whole("volume").mount(APP)];
    lab.adopt(all.into_iter().chain(users())).await?;

    lab.rolls_nothing(&NAMES, async || {
        lab.ns().apply(app("1", "1")).await?;
        for workload in ["deployment/env-from", "deployment/volume"] {
            lab.numbered(workload, 1).await?;
            let because = lab.because(workload).await?;
            assert_eq!(because.as_deref(), Some("configmap/app (unused)"));
        }
        Ok(())
    })
    .await
}
