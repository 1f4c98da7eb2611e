//! `tidings why` says what a workload uses, whether it is in step and why, to
//! people and to programs; never a content; and to whom may not see all, what
//! can be said and what is missing.

use anyhow::{Result, ensure};
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{config_map, deployment, secret};
use rig::installed::{RELOAD, text_of};
use rig::{Cluster, Installed, secs, wait_until};
use serde_json::{Value, json};

use crate::json_schema;

const WEB: &str = "deployment/web";
/// No content may be shown, neither plain nor as Secrets encode it.
const CONTENTS: [&str; 4] = [
    "plain-content",
    "cGxhaW4tY29udGVudA==",
    "hunter-two",
    "aHVudGVyLXR3bw==",
];

/// A workload in step, and none at work any more.
async fn adopted(about: &str) -> Result<Installed> {
    let (lab, tidings) = Installed::running(about, &[]).await?;
    lab.ns()
        .apply(config_map("app", &[("level", "plain-content")]))
        .await?;
    lab.ns()
        .apply(secret("db", &[("password", "hunter-two"), ("user", "1")]))
        .await?;
    let web = deployment("web").replicas(0).annotate(RELOAD, "auto");
    let web = web
        .env_from("configmap/app")
        .env_key("secret/db", "password");
    lab.adopt([web]).await?;
    lab.stop(tidings).await?;
    Ok(lab)
}

#[tokio::test]
async fn why_ends_with_0_in_step_1_stale_2_error() -> Result<()> {
    let lab = adopted("why").await?;
    let in_step = lab.why(&["deploy/web"]).await?;
    assert_eq!(in_step.status.code(), Some(0), "{}", text_of(&in_step));

    lab.ns().apply(config_map("app", &[("level", "2")])).await?;
    let stale = lab.why(&[WEB]).await?;
    let said = text_of(&stale);
    assert_eq!(stale.status.code(), Some(1), "{said}");
    assert!(
        said.contains("Changed") && said.contains("configmap/app (level)"),
        "{said}"
    );

    let absent = lab.why(&["deploy/absent"]).await?;
    let said = text_of(&absent);
    assert_eq!(absent.status.code(), Some(2), "{said}");
    assert!(said.contains("absent"), "{said}");
    let misspelled = lab.why(&["pod/web"]).await?;
    assert_eq!(
        misspelled.status.code(),
        Some(2),
        "{}",
        text_of(&misspelled)
    );
    Ok(())
}

/// The new pod is not available for long, and the old one may not go before.
#[tokio::test]
async fn why_says_that_a_rollout_is_not_through() -> Result<()> {
    let (lab, _tidings) = Installed::running("why-hangs", &[]).await?;
    lab.ns().apply(config_map("app", &[("level", "1")])).await?;
    let never_less = json!({"strategy": {"rollingUpdate": {"maxUnavailable": 0}}});
    let web = deployment("web").replicas(1).spec(&never_less);
    lab.adopt([web.env_from("configmap/app").annotate(RELOAD, "auto")])
        .await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    let ready_after = |seconds: u32| json!({"spec": {"minReadySeconds": seconds}});
    lab.ns().edit(WEB, ready_after(500)).await?;
    lab.ns().apply(config_map("app", &[("level", "2")])).await?;
    lab.numbered(WEB, 1).await?;
    stands(&lab, "rolling", 1).await?;
    lab.ns().edit(WEB, ready_after(0)).await?;
    stands(&lab, "in step", 0).await
}

async fn stands(lab: &Installed, word: &str, code: i32) -> Result<()> {
    wait_until(word, secs(60), async || {
        let why = lab.why(&[WEB]).await?;
        let said = text_of(&why);
        let first = said.lines().next().unwrap_or_default();
        ensure!(first.contains(&format!(": {word}")), "{said}");
        ensure!(why.status.code() == Some(code), "{said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn why_shows_every_use_and_never_a_content() -> Result<()> {
    let lab = adopted("why-shown").await?;
    let all = ["-A"].as_slice();
    let one = [WEB].as_slice();
    for args in [one, all, &[WEB, "-o", "json"], &["-A", "-o", "json"]] {
        let output = lab.why(args).await?;
        let said = text_of(&output);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
        for content in CONTENTS {
            assert!(!said.contains(content), "{args:?}: {said}");
        }
        assert!(
            said.contains("web") && said.contains("UpToDate"),
            "{args:?}: {said}"
        );
    }
    let said = text_of(&lab.why(one).await?);
    for shown in [
        "configmap/app",
        "envFrom",
        "level",
        "secret/db",
        "env",
        "password",
    ] {
        assert!(said.contains(shown), "{shown} is not in {said}");
    }
    let json = lab.why(&[WEB, "-o", "json"]).await?;
    let json: Value = serde_json::from_slice(&json.stdout)?;
    json_schema::check("why", &json);
    assert!(json.to_string().contains("configmap/app"), "{json}");
    Ok(())
}

#[tokio::test]
async fn why_of_all_is_stale_when_one_is() -> Result<()> {
    let lab = adopted("why-all").await?;
    lab.ns()
        .apply(secret("db", &[("password", "2"), ("user", "1")]))
        .await?;
    let all = lab.why(&["-A"]).await?;
    let said = text_of(&all);
    assert_eq!(all.status.code(), Some(1), "{said}");
    assert!(said.contains("Changed"), "{said}");
    Ok(())
}

#[tokio::test]
async fn who_may_not_read_a_secret_learns_the_rest() -> Result<()> {
    let lab = adopted("why-limited").await?;
    let reader = reader(&lab, "configmaps").await?;
    let records = [rule("get,list", "", "secrets")];
    let (client, own) = (lab.own().client(), lab.own().name());
    rbac::grant(client, Some(own), "reader", &reader, &records).await?;
    let said = refused(&lab, &reader).await?;
    assert!(
        said.contains("unknown: secret/db: needs get on secret db"),
        "{said}"
    );
    assert!(
        said.contains("configmap/app") && said.contains("envFrom"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn who_may_not_read_the_records_learns_the_uses() -> Result<()> {
    let lab = adopted("why-stateless").await?;
    let reader = reader(&lab, "configmaps,secrets").await?;
    let said = refused(&lab, &reader).await?;
    let record = format!("tidings-state.{}", lab.ns().name());
    assert!(
        said.contains(&format!(
            "unknown: the record: needs get on secret {record}"
        )),
        "{said}"
    );
    assert!(
        said.contains("configmap/app") && said.contains("secret/db"),
        "{said}"
    );
    Ok(())
}

/// A user who may read workloads, and these resources beside them.
async fn reader(lab: &Installed, resources: &str) -> Result<String> {
    let workloads = "deployments,statefulsets,daemonsets,replicasets,controllerrevisions";
    let rules = [
        rule("get,list", "apps", workloads),
        rule("get,list", "", resources),
    ];
    lab.ns().service_account("reader", &rules).await
}

/// What `why` says to a user who may not see all.
async fn refused(lab: &Installed, user: &str) -> Result<String> {
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(user).await?;
    let output = lab.why_as(&kubeconfig, &[WEB]).await?;
    let said = text_of(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    Ok(said)
}
