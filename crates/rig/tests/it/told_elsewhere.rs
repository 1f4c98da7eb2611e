//! Each roll is told where Reloader's variables say; who does not answer delays no
//! roll; and a webhook takes the place of rolls.

use anyhow::{Result, ensure};
use rig::fixtures::{config_map, deployment};
use rig::installed::RELOAD;
use rig::process::Tidings;
use rig::receiver::Receiver;
use rig::{Installed, secs, wait_until};
use rustix::process::Signal;

const WEB: &str = "deployment/web";
const LIMIT: std::time::Duration = secs(30);

/// A Deployment that uses a ConfigMap, under a controller with these variables
/// besides the alerts' own.
async fn web(lab: &Installed, variables: &[(&str, &str)]) -> Result<Tidings> {
    let mut launch = lab.launch(&[])?.env("ALERT_ON_RELOAD", "true");
    for (name, value) in variables {
        launch = launch.env(name, value);
    }
    let tidings = launch.start()?;
    tidings.ready(LIMIT).await?;
    adopt(lab).await?;
    Ok(tidings)
}

async fn adopt(lab: &Installed) -> Result<()> {
    change(lab, "1").await?;
    let web = deployment("web").env_from("configmap/app");
    lab.adopt([web.annotate(RELOAD, "auto")]).await
}

async fn change(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(config_map("app", &[("key", value)])).await?;
    Ok(())
}

async fn new_lab(about: &str) -> Result<Installed> {
    Installed::new(rig::Cluster::shared().await?, about).await
}

/// The address of a receiver is nowhere that others can read.
async fn is_kept_secret(lab: &Installed, tidings: &Tidings) -> Result<()> {
    let log = tidings.lines()?.join("\n");
    let events = format!("{:?}", lab.events(WEB).await?);
    for seen in [log, tidings.metrics().await?, events] {
        ensure!(!seen.contains("token-of-the-rig"), "{seen}");
    }
    Ok(())
}

#[tokio::test]
async fn a_roll_is_told_to_slack_by_reloaders_variables() -> Result<()> {
    let lab = new_lab("slack").await?;
    // The first attempt is lost.
    let slack = Receiver::answering(&[503]).await?;
    let variables = [
        ("ALERT_SINK", "slack"),
        ("ALERT_WEBHOOK_URL", &slack.url()),
        ("ALERT_ADDITIONAL_INFO", "the rig"),
    ];
    let tidings = web(&lab, &variables).await?;
    change(&lab, "2").await?;
    let bodies = slack.received(2, LIMIT).await?;
    let told: serde_json::Value = serde_json::from_str(&bodies[1])?;
    let ns = lab.ns().name();
    assert_eq!(
        told["attachments"][0]["text"],
        format!(
            "the rig : Reloader detected changes in *app* of type *CONFIGMAP* in namespace *{ns}*. \
             Hence reloaded *web* of type *Deployment* in namespace *{ns}*"
        )
    );
    lab.rolled_no_further(WEB, 1).await?;
    // The canary of the rig was rolled since.
    let about_web = slack.bodies().into_iter().filter(|b| b.contains("*web*"));
    assert_eq!(about_web.count(), 2);
    is_kept_secret(&lab, &tidings).await
}

#[tokio::test]
async fn programs_are_told_what_changed_and_who_changed_it() -> Result<()> {
    let lab = new_lab("structured").await?;
    let server = Receiver::answering(&[]).await?;
    let variables = [
        ("TIDINGS_ALERT_STRUCTURED", "true"),
        ("ALERT_WEBHOOK_URL", &server.url()),
    ];
    let _tidings = web(&lab, &variables).await?;
    change(&lab, "2").await?;
    let told = server.first(LIMIT).await?;
    assert_eq!(
        (&told["roll"], &told["reason"]),
        (&1.into(), &"Changed".into())
    );
    assert_eq!(told["workload"]["name"], "web");
    let change = &told["changes"][0];
    assert_eq!(
        (&change["name"], &change["keys"][0]),
        (&"app".into(), &"key".into())
    );
    assert_eq!(change["by"], "rig");
    Ok(())
}

#[tokio::test]
async fn who_never_answers_delays_no_roll() -> Result<()> {
    let lab = new_lab("hang").await?;
    let silent = Receiver::silent().await?;
    let tidings = web(&lab, &[("ALERT_WEBHOOK_URL", &silent.url())]).await?;
    for n in 1..3_u64 {
        change(&lab, &format!("new {n}")).await?;
        lab.numbered(WEB, n).await?;
    }
    // Nobody has been answered: the first alert still waits.
    assert_eq!(silent.bodies().len(), 1);
    // Nor does it hold up the end.
    tidings.signal(Signal::TERM)?;
    ensure!(tidings.exit(LIMIT).await?.success());
    Ok(())
}

#[tokio::test]
async fn a_webhook_is_called_instead_of_a_roll_until_it_takes_it() -> Result<()> {
    let lab = new_lab("webhook").await?;
    let webhook = Receiver::answering(&[500, 503]).await?;
    let url = format!("--webhook-url={}", webhook.url());
    let tidings = lab.controller(&[&url]).await?;
    adopt(&lab).await?;
    let before = lab.ns().get(WEB).await?;
    lab.ns()
        .apply(config_map("unused", &[("key", "1")]))
        .await?;
    change(&lab, "2").await?;
    let bodies = webhook.received(3, LIMIT).await?;
    let told: serde_json::Value = serde_json::from_str(&bodies[2])?;
    assert_eq!(told["webhook"], "update successful");
    assert_eq!(told["changes"][0]["name"], "app");
    lab.in_step(WEB, "configmap/app").await?;
    wait_until("the record to be done", LIMIT, async || {
        let entry = lab.entry(WEB).await?;
        ensure!(
            entry.as_ref().is_some_and(|e| e["done"] != false),
            "{entry:?}"
        );
        Ok(())
    })
    .await?;
    lab.stay(&[(WEB, before)]).await?;
    // For what would have rolled it, and nothing else.
    let ours = webhook.bodies();
    let ours = ours.iter().filter(|body| body.contains(r#""name":"web""#));
    assert_eq!(ours.count(), 3);
    is_kept_secret(&lab, &tidings).await
}
