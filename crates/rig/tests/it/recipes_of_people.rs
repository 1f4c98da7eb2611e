//! The manifests of docs/people.md are what they say: nothing of them is a mistake, and each
//! makes a change wait as its recipe promises.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rig::fixtures::{config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::{Cluster, manifests, secs, wait_until};
use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/people.md");

/// Each recipe, and the reason for which a change then waits; none where that is a matter of
/// the time of day or year.
const RECIPES: [(&str, &str, Option<&str>); 7] = [
    ("Approve in production", "web", Some("NeedsApproval")),
    ("A maintenance window", "web", None),
    ("A canary", "canary", Some("NeedsApproval")),
    ("A freeze over the holidays", "web", None),
    ("Many teams in one cluster", "web", Some("NeedsApproval")),
    ("GitOps", "web", Some("NeedsApproval")),
    ("Told, and nothing more", "web", Some("Notified")),
];

/// What a Deployment of a recipe has besides.
const SPEC: &str = "
spec:
  replicas: 0
  selector: {matchLabels: {app: recipe}}
  template:
    metadata: {labels: {app: recipe}}
    spec:
      containers:
        - {name: app, image: app, envFrom: [{configMapRef: {name: app}}]}
";

/// The manifests below the beginning of a recipe, made for this namespace.
fn manifests_of(recipe: &str, namespace: &str) -> Result<String> {
    let page = std::fs::read_to_string(Path::new(PAGE))?;
    let (_, rest) = page
        .split_once(&format!("\n**{recipe}"))
        .with_context(|| recipe.to_owned())?;
    let (_, rest) = rest.split_once("```yaml\n").context("no manifest")?;
    let (block, _) = rest.split_once("```").context("it has no end")?;
    let made = block.split("---\n").map(|document| {
        let document = document.trim_end();
        if document.contains("kind: Namespace") {
            let name = document.lines().find(|line| line.starts_with("  name: "));
            return document.replace(name.unwrap_or_default(), &format!("  name: {namespace}"));
        }
        let within = format!("\nmetadata:\n  namespace: {namespace}\n");
        let document = document.replace("\nmetadata:\n", &within);
        let spec = document.contains("kind: Deployment").then_some(SPEC);
        document + spec.unwrap_or_default()
    });
    Ok(made.collect::<Vec<_>>().join("\n---\n"))
}

#[tokio::test]
async fn each_recipe_does_what_it_says() -> Result<()> {
    let cluster = Cluster::shared().await?;
    for (n, (recipe, name, reason)) in RECIPES.into_iter().enumerate() {
        let lab = Installed::new(cluster, &format!("recipe-{n}")).await?;
        let done = plays(&lab, recipe, name, reason).await;
        done.with_context(|| recipe.to_owned())?;
    }
    Ok(())
}

async fn plays(lab: &Installed, recipe: &str, name: &str, reason: Option<&str>) -> Result<()> {
    let app = |value| config_map("app", &[("a", value)]);
    lab.ns().apply(app("1")).await?;
    let all = manifests_of(recipe, lab.ns().name())?;
    for document in manifests::read(&all)? {
        document.apply(lab.ns().client()).await?;
    }
    if !all.contains(&format!("\n  name: {name}\n")) {
        let web = deployment(name).replicas(0).env_from("configmap/app");
        lab.ns().apply(web.annotate(RELOAD, "auto")).await?;
    }
    let _tidings = lab.controller(&[]).await?;
    let workload = format!("deployment/{name}");
    lab.adopted(&workload).await?;
    lab.ns().apply(app("2")).await?;
    wait_until("the reason", secs(40), async || {
        let why = lab.why(&[&workload, "-o", "json"]).await?;
        let why: Value = serde_json::from_slice(&why.stdout)?;
        let found = &why["workloads"][0];
        ensure!(found["problems"] == Value::Array(Vec::new()), "{found}");
        ensure!(reason.is_none_or(|it| found["reason"] == it), "{found}");
        Ok(())
    })
    .await
}
