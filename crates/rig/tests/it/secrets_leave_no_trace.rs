//! The bytes of a Secret are hashed and gone: a few seconds after use they are
//! nowhere in the process, nor in anything that it says.
//!
//! The Secret is one that `kubectl apply` made, so that its values are in its
//! annotations as well, which come with its metadata.

use anyhow::{Context, Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{Workload, deployment, secret};
use rig::installed::{Installed, RELOAD, encoded, text_of};
use rig::memory::{Needles, token};
use rig::process::Tidings;
use rig::{Cluster, secs, wait_until};
use serde_json::json;

const WEB: &str = "deployment/web";
/// More than are read one by one.
const MANY: usize = 400;
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn web() -> Workload {
    let web = deployment("web").env_key("secret/db", "password");
    web.mount("secret/db").annotate(RELOAD, "auto")
}

/// As `kubectl apply` leaves it: what was applied is an annotation.
fn applied(name: &str, password: &str) -> DynamicObject {
    let plain = json!({"password": password});
    let configuration = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": plain,
        "data": {"copy": encoded(password)},
    });
    let mut object = secret(name, &[("password", password), ("copy", password)]);
    let annotations = object.metadata.annotations.get_or_insert_default();
    annotations.insert(LAST_APPLIED.to_owned(), configuration.to_string());
    object
}

#[tokio::test]
async fn a_used_secret_is_nowhere_after_use() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "trace").await?;
    let passwords = [token(), token(), token(), token()];
    let needles = Needles::new(&passwords.each_ref().map(String::as_str))?;
    home.ns().apply(applied("db", &passwords[0])).await?;
    let tidings = home.controller(&["--log-level=trace"]).await?;
    home.adopt([web()]).await?;
    for (n, password) in (1..).zip(&passwords[1..]) {
        home.ns().apply(applied("db", password)).await?;
        home.rolled_exactly(WEB, n).await?;
    }
    is_gone_from_memory(&tidings, &needles).await?;
    is_in_nothing_that_is_said(&home, &tidings, &needles).await
}

/// So many that they are read by a list.
#[tokio::test]
async fn hundreds_are_nowhere_after_they_were_listed() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "listed").await?;
    let password = token();
    let needles = Needles::new(&[&password])?;
    let names: Vec<_> = (0..MANY).map(|n| format!("db-{n}")).collect();
    for name in &names {
        home.ns().apply(applied(name, &password)).await?;
    }
    let tidings = home.controller(&["--log-level=trace"]).await?;
    let all = names.iter().map(|name| format!("secret/{name}"));
    let web = all.fold(deployment("web"), |web, secret| web.mount(&secret));
    home.adopt([web.annotate(RELOAD, "auto")]).await?;
    is_gone_from_memory(&tidings, &needles).await?;
    is_in_nothing_that_is_said(&home, &tidings, &needles).await
}

/// One that nothing uses is not read; its annotations come with a watch's events.
#[tokio::test]
async fn an_unused_secret_is_nowhere_after_its_events() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "unused").await?;
    let passwords = [token(), token()];
    let needles = Needles::new(&passwords.each_ref().map(String::as_str))?;
    home.ns().apply(applied("unused", &passwords[0])).await?;
    let tidings = home.controller(&["--log-level=trace"]).await?;
    home.ns().apply(applied("unused", &passwords[1])).await?;
    home.caught_up().await?;
    is_gone_from_memory(&tidings, &needles).await?;
    is_in_nothing_that_is_said(&home, &tidings, &needles).await
}

async fn is_gone_from_memory(tidings: &Tidings, needles: &Needles) -> Result<()> {
    wait_until("the secret to be gone from memory", secs(20), async || {
        let found = needles.in_memory_of(tidings.pid())?;
        ensure!(found.is_empty(), "{} pieces: {found:#x?}", found.len());
        Ok(())
    })
    .await
}

async fn is_in_nothing_that_is_said(
    home: &Installed,
    tidings: &Tidings,
    needles: &Needles,
) -> Result<()> {
    let mut said = vec![
        ("the log", tidings.lines()?.join("\n")),
        ("the metrics", tidings.metrics().await?),
        (
            "the records",
            format!("{:?}", home.own().list("secret").await?),
        ),
        (
            "Tidings' own namespace",
            format!("{:?}", home.own().list("configmap").await?),
        ),
    ];
    for (_, entry) in home.records().await? {
        said.push(("a record", String::from_utf8(entry)?));
    }
    for args in [&["-A"][..], &["-A", "-o", "json"]] {
        said.push(("tidings why", text_of(&home.why(args).await?)));
    }
    if home.ns().get(WEB).await.is_ok() {
        said.push(("an Event", format!("{:?}", home.events(WEB).await?)));
        said.push(("the workload", format!("{:?}", home.ns().get(WEB).await?)));
        said.push(("tidings why", text_of(&home.why(&["deploy/web"]).await?)));
    }
    for (what, text) in said {
        ensure!(
            !needles.is_in(text.as_bytes()),
            "the secret is in {what}: {text}"
        );
    }
    Ok(())
}

/// The search finds what is there: a process that holds a token in its environment.
#[tokio::test]
async fn the_search_would_find_it() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "found").await?;
    let token = token();
    let launch = home.launch(&[])?.env("NOT_A_SECRET", &token);
    let tidings = launch.start()?;
    tidings.ready(secs(30)).await?;
    let found = Needles::new(&[&token])?.in_memory_of(tidings.pid())?;
    found.first().context("nothing is found")?;
    Ok(())
}
