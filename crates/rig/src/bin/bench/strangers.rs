//! `make bench-strangers`: what a neighbour has of what one tenant does.
//!
//! In: the program that `TIDINGS_BIN` names, of this version or an older one, with its
//! defaults and with just the rights that it prints. For each input a cluster of its own:
//! a tenant who may `edit` one namespace, and a neighbour whose sources change without
//! pause, each of them once, so that no fuse is in the way. Out: how long a change takes
//! to be rolled, without the tenant and beside him; memory, requests, lines of the log,
//! and whether `/livez` answers within its probe.

mod inputs;
mod neighbour;
mod tenant;
mod verdict;
mod watched;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rig::fixtures::{TestNamespace, rbac};
use rig::process::{self, Tidings};
use rig::{Cluster, Options, manifests, secs};
use tokio::time::{sleep, timeout};

use self::inputs::{INPUTS, Input};
use self::neighbour::Neighbour;
use self::tenant::Tenant;
use self::verdict::{Late, Row};
use super::lab::say;

const OWN: &str = "tidings";
const TENANT: &str = "tenant";
const USER: &str = "alice";
/// Changes of the neighbour without the tenant, and beside him.
const ALONE: usize = 20;
const BESIDE: usize = 40;
/// What the tenant makes beforehand, and what a change may take at most.
const LIMIT: Duration = secs(120);

/// Measures the inputs whose words contain one of these, or all.
#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
pub(crate) async fn run(wanted: &[String]) -> Result<()> {
    let is_wanted = |input: &&Input| {
        let named = |word: &String| input.word.contains(word.as_str());
        wanted.is_empty() || wanted.iter().any(named)
    };
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for input in INPUTS.iter().filter(is_wanted) {
        say(&format!("{}: {}", input.word, input.what));
        match measure(input).await {
            Ok(row) => rows.push(row),
            // The others are measured all the same.
            Err(error) => failed.push(format!("{}: {error:#}", input.word)),
        }
    }
    ensure!(
        !rows.is_empty() || !failed.is_empty(),
        "no input has such a word"
    );
    println!("{}", verdict::render(&rows));
    ensure!(failed.is_empty(), "not measured: {}", failed.join("; "));
    Ok(())
}

async fn measure(input: &'static Input) -> Result<Row> {
    let scratch = tempfile::tempdir()?;
    let audit = scratch.path().join("audit.log");
    let cluster = Cluster::start(options(scratch.path(), &audit)?).await?;
    let home = TestNamespace::named(&cluster, TENANT.to_owned()).await?;
    rbac::bind(home.client(), Some(home.name()), "edit", USER).await?;
    let tenant = Tenant::new(&cluster.kubeconfig_for(USER).await?, home.name()).await?;
    let neighbour = Neighbour::new(&cluster, input.neighbour, ALONE + BESIDE).await?;
    let tidings = installed(&cluster).await?;
    neighbour.recorded(OWN).await?;
    (input.prepare)(tenant.clone()).await?;
    sleep(secs(3)).await;

    let alone = neighbour.change(0..ALONE).await?;
    let mut acting = tokio::spawn((input.act)(tenant));
    let changing = neighbour.change(ALONE..ALONE + BESIDE);
    let (beside, seen) = watched::during(&tidings, &audit, changing).await?;
    // A tenant who fails would leave the neighbour in peace.
    match timeout(Duration::ZERO, &mut acting).await {
        Ok(acted) => acted??,
        Err(_) => acting.abort(),
    }
    let row = Row {
        input,
        alone: Late::of(&alone),
        beside: Late::of(&beside),
        seen,
    };
    say(&format!("  {}", row.text()));
    // A namespace that is deleted with the cluster need not be waited for.
    tidings.kill();
    Ok(row)
}

/// No nodes: Deployments of no replicas have rollouts all the same. Requests are counted
/// by the API server itself, so that nothing stands in their way.
fn options(folder: &Path, audit: &Path) -> Result<Options> {
    let policy = folder.join("audit.yaml");
    let rules = format!(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n\
         - {{level: Metadata, users: ['system:serviceaccount:{OWN}:tidings']}}\n\
         - {{level: None}}\n"
    );
    std::fs::write(&policy, rules)?;
    let flags = [("policy-file", policy.as_path()), ("log-path", audit)];
    let flags = flags.map(|(flag, path)| format!("--audit-{flag}={}", path.display()));
    Ok(Options {
        nodes: 0,
        api_flags: flags.into(),
        ..Options::default()
    })
}

/// The controller as its own manifests install it: its rights and no others.
async fn installed(cluster: &Cluster) -> Result<Tidings> {
    let client = cluster.client().await?;
    let own = format!("--own-namespace={OWN}");
    let documents = manifests::printed(cluster.kubeconfig(), &[&own]).await?;
    // The namespace first, if it is among them.
    let is_needed = |d: &&manifests::Document| d.kind == "Namespace" || d.is_about_rights();
    for document in documents.iter().filter(is_needed) {
        document.apply(&client).await?;
    }
    let account = format!("system:serviceaccount:{OWN}:tidings");
    let kubeconfig = cluster.kubeconfig_for(&account).await?;
    let tidings = process::controller(&kubeconfig)?.arg(&own).start()?;
    tidings.ready(LIMIT).await?;
    Ok(tidings)
}

/// Waits for something of the tenant's, for as long as may be.
async fn within<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(LIMIT, work)
        .await
        .with_context(|| what.to_owned())?
}
