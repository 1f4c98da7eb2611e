//! Rolls in Reloader's words: its variables or its annotation beside our marks,
//! one roll each; and what it left goes with the next roll, never by one of its
//! own.

use anyhow::{Context, Result, ensure};
use rig::Installed;
use rig::fixtures::{Workload, config_map, deployment, secret};
use rig::installed::RELOAD;
use serde_json::{Value, json};

const WEB: &str = "deployment/web";
const HASH: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

/// Two containers: the second uses a Secret, the first a ConfigMap.
fn web() -> Workload {
    let web = deployment("web").replicas(0).env_from("configmap/my.app");
    let web = web.container("second").env_from("secret/db");
    web.annotate(RELOAD, "auto")
}

async fn write(lab: &Installed, value: &str) -> Result<()> {
    lab.ns()
        .apply(config_map("my.app", &[("a", value)]))
        .await?;
    Ok(())
}

async fn lab(strategy: &str) -> Result<(Installed, rig::process::Tidings)> {
    let option = format!("--reload-strategy={strategy}");
    let (lab, tidings) = Installed::running(&format!("by-{strategy}"), &[&option]).await?;
    write(&lab, "1").await?;
    lab.ns().apply(secret("db", &[("a", "1")])).await?;
    Ok((lab, tidings))
}

async fn template(lab: &Installed) -> Result<Value> {
    let web = lab.ns().get(WEB).await?;
    Ok(web.data["spec"]["template"].clone())
}

/// Names and values of a container's variables.
fn variables(template: &Value, container: usize) -> Vec<(String, String)> {
    let env = &template["spec"]["containers"][container]["env"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let env = env.as_array().into_iter().flatten();
    env.map(|one| (text(&one["name"]), text(&one["value"])))
        .collect()
}

#[tokio::test]
async fn variables_are_set_in_one_container_and_go_when_nothing_uses_their_source() -> Result<()> {
    let (lab, _tidings) = lab("env-vars").await?;
    lab.adopt([web()]).await?;
    write(&lab, "2").await?;
    lab.ns().apply(secret("db", &[("a", "2")])).await?;
    lab.caught_up().await?;
    let now = template(&lab).await?;
    let [first, second] = [variables(&now, 0), variables(&now, 1)];
    ensure!(
        first.len() == 1 && first[0].0 == "STAKATER_MY_APP_CONFIGMAP",
        "{first:?}"
    );
    ensure!(
        second.len() == 1 && second[0].0 == "STAKATER_DB_SECRET",
        "{second:?}"
    );
    ensure!(first[0].1.len() == 40, "{first:?}");

    let number = lab.number(WEB).await?.context("no mark")?;
    write(&lab, "3").await?;
    lab.rolled_no_further(WEB, number + 1).await?;
    let again = template(&lab).await?;
    ensure!(variables(&again, 0)[0].1 != first[0].1, "the same value");
    ensure!(
        variables(&again, 1) == second,
        "another variable was touched"
    );
    Ok(())
}

#[tokio::test]
async fn the_annotation_names_the_last_source() -> Result<()> {
    let (lab, _tidings) = lab("annotations").await?;
    lab.adopt([web()]).await?;
    lab.ns().apply(secret("db", &[("a", "2")])).await?;
    lab.rolled_no_further(WEB, 1).await?;
    let key = "reloader.stakater.com/last-reloaded-from";
    let last = lab.ns().template_annotation(WEB, key).await?;
    let last: Value = serde_json::from_str(&last.context("no annotation")?)?;
    ensure!(last["type"] == "SECRET" && last["name"] == "db", "{last}");
    ensure!(last["containerRefs"] == json!(["second"]), "{last}");
    Ok(())
}

#[tokio::test]
async fn what_reloader_left_goes_with_the_next_roll() -> Result<()> {
    let (lab, _tidings) = lab("default").await?;
    let env = json!([
        {"name": "OWN", "value": "1"},
        {"name": "STAKATER_MY_APP_CONFIGMAP", "value": HASH},
        {"name": "STAKATER_GONE_SECRET", "value": HASH},
    ]);
    let left = deployment("web").replicas(0).env_from("configmap/my.app");
    let mut left = kube::core::DynamicObject::from(left.annotate(RELOAD, "auto"));
    left.data["spec"]["template"]["spec"]["containers"][0]["env"] = env;
    lab.rolls_nothing(&[], async || lab.adopt([left.clone()]).await)
        .await?;
    let untouched = template(&lab).await?;
    ensure!(variables(&untouched, 0).len() == 3, "{untouched}");
    write(&lab, "2").await?;
    lab.rolled_no_further(WEB, 1).await?;
    let own = vec![("OWN".to_owned(), "1".to_owned())];
    ensure!(
        variables(&template(&lab).await?, 0) == own,
        "{}",
        template(&lab).await?
    );
    Ok(())
}
