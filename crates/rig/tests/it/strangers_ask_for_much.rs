//! Whatever a tenant writes on his own objects, as large as the API server takes it: a
//! neighbour's change is rolled meanwhile, and the tenant is told.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::RELOAD;
use rig::proxy::fault::Fault;
use rig::{secs, wait_until};

use super::street::Street;

/// With many more of them nobody looks into it.
const REFERENCES: usize = 3_000;
const NAMES: &str = "configmap.reloader.stakater.com/reload";

/// Waits until an Event tells the tenant so.
async fn is_told(street: &Street<'_>, reason: &str, part: &str) -> Result<()> {
    let what = format!("{reason} ({part}) to be told");
    let about = ListParams::default().fields(&format!("reason={reason}"));
    wait_until(&what, secs(30), async || {
        let events = street.tenant.api::<Event>().list(&about).await?;
        let mut messages = events.iter().filter_map(|event| event.message.as_deref());
        messages
            .find(|message| message.contains(part))
            .context("none")?;
        Ok(())
    })
    .await
}

fn listed(list: &[String]) -> Workload {
    deployment("greedy")
        .replicas(0)
        .annotate(NAMES, &list.join(","))
}

#[tokio::test]
async fn names() -> Result<()> {
    let (street, _tidings) = Street::with_neighbour("names").await?;
    let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect::<Vec<_>>();
    street.tenant_has([listed(&names(25_000))]).await?;
    is_told(&street, "LimitExceeded", "is longer than").await?;
    // None of them is asked for by itself.
    let one = street.of_tenant(Fault::delay(secs(0)), "GET", "configmaps/n");
    let one = street.proxy.inject(one)?;
    street.tenant_has([listed(&names(2_500))]).await?;
    street.neighbour_is_rolled().await?;
    is_told(&street, "LimitExceeded", "are not followed").await?;
    ensure!(one.hits() == 0, "{} requests", one.hits());
    Ok(())
}

#[tokio::test]
async fn patterns() -> Result<()> {
    let (street, tidings) = Street::with_neighbour("patterns").await?;
    let long = |i: usize| config_map(&format!("{}-{i}", "ab".repeat(120)), &[("k", "v")]);
    street.tenant_has((0..200).map(long)).await?;
    let blow_up = "[ab]*a[ab]{100}[c-z0-9][ab]*|".repeat(8) + "x";
    street.tenant_has([listed(&vec![blow_up; 60])]).await?;
    is_told(&street, "BadAnnotation", "too large a regular expression").await?;
    let globs = vec!["configmap/{*a,*b,*-*a*b*a*b*}*"; 100].join(",");
    let slow = deployment("slow").replicas(0).annotate(RELOAD, &globs);
    street.tenant_has([slow]).await?;
    is_told(&street, "LimitExceeded", "steps").await?;
    street.neighbour_is_rolled().await?;
    let (status, _) = tidings.get("/livez").await?;
    ensure!(status == 200, "{status}");
    Ok(())
}

/// Opted in and out, again and again.
#[tokio::test]
async fn references() -> Result<()> {
    let (street, _tidings) = Street::with_neighbour("references").await?;
    let greedy = |reload: &str| {
        let web = deployment("greedy").replicas(0).annotate(RELOAD, reload);
        (0..REFERENCES).fold(web, |web, i| {
            web.env_key(&format!("secret/absent-{i}"), &format!("K{i}"))
                .optional()
        })
    };
    street.tenant_has([greedy("auto")]).await?;
    is_told(&street, "LimitExceeded", "are not followed").await?;
    for reload in ["off", "auto", "off", "auto"] {
        street.tenant_has([greedy(reload)]).await?;
    }
    street.neighbour_is_rolled().await
}
