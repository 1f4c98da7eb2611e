//! The chart: every set of values in its `ci` folder makes objects that the API server
//! takes, with the rights that `tidings manifests` prints for the same options;
//! installed, it rolls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::{Api, Client};
use rig::fixtures::TestNamespace;
use rig::manifests::{self, Document};
use rig::packages::{helm, tree};
use rig::process::{self, Tidings};
use rig::{Cluster, Installed, crds, secs};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::seed_example;

const CHART: &str = "chart/tidings";
/// What Helm is told that the cluster knows.
const SERVED: [&str; 2] = ["monitoring.coreos.com/v1", "autoscaling.k8s.io/v1"];

fn chart() -> String {
    tree(CHART).display().to_string()
}

/// Helm with these arguments, as the administrator.
async fn run(args: &[&str]) -> Result<String> {
    helm(Cluster::shared().await?.kubeconfig(), args).await
}

/// The files with values, by their names.
fn variants() -> Result<Vec<(String, PathBuf)>> {
    let files = std::fs::read_dir(tree(CHART).join("ci"))?;
    let named = files.map(|file| {
        let path = file?.path();
        let name = path.file_name().context("no name")?.to_string_lossy();
        Ok((name.trim_end_matches("-values.yaml").to_owned(), path))
    });
    named.collect()
}

#[tokio::test]
async fn every_variant_is_taken_and_has_the_least_rights() -> Result<()> {
    let client = Cluster::shared().await?.client().await?;
    crds::install(&client, &crds::operators()).await?;
    let mut namespaces = Namespaces::new();
    for (name, values) in variants()? {
        let values = values.display().to_string();
        let taken = is_taken(&client, &name, &values, &mut namespaces).await;
        taken.context(name)?;
    }
    Ok(())
}

/// Those that objects were in.
type Namespaces = BTreeMap<String, TestNamespace>;

async fn is_taken(
    client: &Client,
    name: &str,
    values: &str,
    namespaces: &mut Namespaces,
) -> Result<()> {
    let chart = chart();
    run(&["lint", "--strict", &chart, "--values", values]).await?;
    let release = format!("chart-{name}");
    let mut args = vec!["template", "chart", &chart, "--namespace", &release];
    args.extend(["--values", values]);
    for api in SERVED {
        args.extend(["--api-versions", api]);
    }
    let documents = manifests::read(&run(&args).await?)?;
    let theirs = checked(client, &documents, namespaces).await?;

    let mut options = options(&theirs)?;
    if !options.iter().any(|o| o.starts_with("--own-namespace")) {
        options.push(format!("--own-namespace={release}"));
    }
    options.extend(
        groups(&theirs)?
            .iter()
            .map(|group| format!("--approvers={group}")),
    );
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let admin = Cluster::shared().await?.kubeconfig();
    let documents = manifests::printed(admin, &options).await?;
    let ours = checked(client, &documents, namespaces).await?;
    let both = [&theirs, &ours].map(|objects| who_may_approve(objects));
    ensure!(both[0] == both[1], "{both:#?}");
    let (theirs, ours) = (rights(&theirs)?, rights(&ours)?);
    ensure!(theirs == ours, "the chart: {theirs:#?}\nprinted: {ours:#?}");
    Ok(())
}

/// The policy about who may approve, and where it holds; but for names, and the account.
fn who_may_approve(objects: &[Value]) -> Option<[Value; 5]> {
    let spec = |kind: &str| {
        let object = objects.iter().find(|object| object["kind"] == kind)?;
        Some(object["spec"].clone())
    };
    let policy = spec("ValidatingAdmissionPolicy")?;
    let mut binding = spec("ValidatingAdmissionPolicyBinding")?;
    let what = ["matchConstraints", "variables", "validations"].map(|part| policy[part].clone());
    let [kinds, names, rules] = what;
    let first = policy["matchConditions"][0].clone();
    Some([kinds, names, rules, first, binding["matchResources"].take()])
}

/// The groups that a policy among these names.
fn groups(objects: &[Value]) -> Result<Vec<String>> {
    let Some([_, names, ..]) = who_may_approve(objects) else {
        return Ok(Vec::new());
    };
    let groups = names[0]["expression"].as_str().context("no groups")?;
    Ok(serde_json::from_str(groups)?)
}

/// What the API server makes of the documents.
async fn checked(
    client: &Client,
    documents: &[Document],
    namespaces: &mut Namespaces,
) -> Result<Vec<Value>> {
    let mut made = Vec::new();
    for document in documents {
        if let Some(name) = &document.namespace
            && !namespaces.contains_key(name)
        {
            let namespace = TestNamespace::named(Cluster::shared().await?, name.clone()).await?;
            namespaces.insert(name.clone(), namespace);
        }
        made.push(document.dry_run(client).await?);
    }
    Ok(made)
}

/// The options of the controller in the Deployment among these.
fn options(objects: &[Value]) -> Result<Vec<String>> {
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
    let deployment = deployment.context("no Deployment")?;
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let mut args: Vec<String> = serde_json::from_value(args)?;
    ensure!(args.remove(0) == "controller", "{args:?}");
    Ok(args)
}

/// Where, and what may be done there: rules in any order.
type Rights = BTreeMap<(String, String), BTreeSet<String>>;

fn rights(objects: &[Value]) -> Result<Rights> {
    let mut rights = Rights::new();
    for role in objects.iter().filter(|object| object["rules"].is_array()) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&role["metadata"]["name"]);
        let use_of = if name.ends_with("-records") {
            "records"
        } else {
            "watch"
        };
        let place = (use_of.to_owned(), text(&role["metadata"]["namespace"]));
        for rule in role["rules"].as_array().context("no rules")? {
            let mut verbs: Vec<_> = rule["verbs"].as_array().context("no verbs")?.clone();
            verbs.sort_by_key(Value::to_string);
            let rule = format!("{} {} {verbs:?}", rule["apiGroups"], rule["resources"]);
            rights.entry(place.clone()).or_default().insert(rule);
        }
    }
    Ok(rights)
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_a_reason() -> Result<()> {
    let chart = chart();
    for (set, said) in [
        ("tidings.setle=5s", "setle"),
        ("tidings.notifications.sinks=slack", "sinks"),
        ("reloader.reloadStrategy=restart", "reloadStrategy"),
        (
            "reloader.namespaces={a,b}",
            "needs reloader.watchGlobally: false",
        ),
        (
            "reloader.ignoreSecrets=true,reloader.ignoreConfigMaps=true",
            "leave nothing to watch",
        ),
        (
            "image.repository=ghcr.io/stakater/reloader",
            "is Reloader's, which this chart cannot run",
        ),
        (
            "tidings.customWorkloads={Worker}",
            "is not group/version/Kind:path.to.template",
        ),
    ] {
        let refused = run(&["template", "chart", &chart, "--set", set]).await;
        let said_so = refused.as_ref().err().map(|error| format!("{error:#}"));
        let said_so = said_so.unwrap_or_default();
        ensure!(said_so.contains(said), "{set}: {said_so:?}");
    }
    Ok(())
}

#[tokio::test]
async fn installed_it_rolls_the_seeds_example() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "chart").await?;
    only_restricted_pods(home.own()).await?;
    let release = Release::install(&home).await?;
    let own = format!("deployment/{}", home.own().name());
    home.own().rolled_out(&own, secs(30)).await?;
    ensure!(
        release
            .said
            .contains("gomaxprocsOverride: Tidings is not a Go program"),
        "{}",
        release.said
    );
    let tidings = release.start().await?;
    seed_example::rolls_once_for_each_change(&home).await?;
    drop(tidings);
    release.uninstall().await
}

/// Has the API server refuse pods that ask for more than the least.
async fn only_restricted_pods(namespace: &TestNamespace) -> Result<()> {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let patch = json!({"metadata": {"labels": labels}});
    namespace.merge(&patch).await
}

/// A release of the chart for a test's namespaces.
struct Release<'a> {
    home: &'a Installed,
    /// What Helm printed.
    said: String,
}

impl<'a> Release<'a> {
    /// Installs it: cluster-wide, of which it heeds the test's namespace alone.
    async fn install(home: &'a Installed) -> Result<Self> {
        let selector = format!("kubernetes.io/metadata.name={}", home.ns().name());
        let settings = [
            format!("fullnameOverride={}", home.own().name()),
            format!("reloader.namespaceSelector={selector}"),
            "reloader.deployment.gomaxprocsOverride=2".to_owned(),
        ];
        let (chart, own) = (chart(), home.own().name());
        let mut args = vec!["install", "rig", &chart, "--namespace", own];
        for setting in &settings {
            args.extend(["--set", setting]);
        }
        let said = run(&args).await?;
        Ok(Self { home, said })
    }

    /// Starts the controller beside the cluster as the Deployment says, as the service
    /// account that it names: nodes of the rig run nothing.
    async fn start(&self) -> Result<Tidings> {
        let own = self.home.own().name();
        let deployment = self.home.own().get(&format!("deployment/{own}")).await?;
        let deployment = serde_json::to_value(deployment)?;
        let pod = &deployment["spec"]["template"]["spec"];
        let account = pod["serviceAccountName"].as_str().context("no account")?;
        let account = format!("system:serviceaccount:{own}:{account}");
        let kubeconfig = Cluster::shared().await?.kubeconfig_for(&account).await?;
        let options = options(&[deployment])?;
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let launch = process::controller(&kubeconfig)?.args(&options);
        let tidings = launch.args(&["--own-namespace", own]).start()?;
        tidings.ready(secs(30)).await?;
        Ok(tidings)
    }

    /// Takes it away; what is the cluster's goes with it.
    async fn uninstall(self) -> Result<()> {
        let own = self.home.own().name();
        run(&["uninstall", "rig", "--namespace", own]).await?;
        let roles: Api<ClusterRole> = Api::all(self.home.own().client().clone());
        ensure!(roles.get_opt(own).await?.is_none(), "its role is left");
        Ok(())
    }
}

#[tokio::test]
async fn a_release_of_reloaders_chart_is_upgraded_in_place() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "upgrade").await?;
    let own = home.own().name();
    let theirs = reloaders_chart()?;
    let theirs = theirs.path().display().to_string();
    run(&["install", "reloader", &theirs, "--namespace", own]).await?;
    let values = tree(CHART).join("ci/reloader-values.yaml");
    let (chart, values) = (chart(), values.display().to_string());
    let mut args = vec!["upgrade", "reloader", &chart, "--namespace", own];
    // Its roles are the cluster's: no other test's.
    let name = format!("fullnameOverride={own}");
    args.extend(["--values", &values, "--set", &name]);
    run(&args).await?;
    let deployment = home.own().get(&format!("deployment/{own}")).await?;
    let pod = &deployment.data["spec"]["template"]["spec"];
    let image = &pod["containers"][0]["image"];
    ensure!(image == "registry.example/tidings:0.1.0", "{image}");
    run(&["uninstall", "reloader", "--namespace", own]).await?;
    Ok(())
}

/// Of Reloader's chart what cannot be changed later: the labels that its Deployment
/// selects pods by.
fn reloaders_chart() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let about = "apiVersion: v2\nname: reloader\nversion: 2.2.16\n";
    let deployment = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Namespace }}
spec:
  replicas: 1
  selector: {matchLabels: &labels {app: "{{ .Release.Namespace }}", release: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: *labels}
    spec: {containers: [{name: reloader, image: "reloader:1"}]}
"#;
    std::fs::write(folder.path().join("Chart.yaml"), about)?;
    std::fs::create_dir(folder.path().join("templates"))?;
    std::fs::write(folder.path().join("templates/deployment.yaml"), deployment)?;
    Ok(folder)
}
