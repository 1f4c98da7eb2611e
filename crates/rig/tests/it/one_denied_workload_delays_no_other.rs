//! A workload that may not be rolled, and a namespace that may not be read, are
//! said to be so and delay nothing else.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use rig::fixtures::{TestNamespace, rbac};
use rig::installed::{INSTANCE, Installed};
use rig::manifests::{self, Document};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, client_of, secs, wait_until};
use serde_json::{Value, json};

use crate::one_source::{app, idle};

const OTHERS: usize = 10;
const DENIED: &str = "deployment/denied";

async fn prepare(home: &Installed) -> Result<()> {
    app(home, "first").await?;
    let others = (0..OTHERS).map(|i| idle(&format!("web-{i}")));
    home.adopt(others.chain([idle("denied")])).await
}

/// All others are rolled; the denied one is as it was, and says why.
async fn only_one_is_denied(home: &Installed, why: &str) -> Result<()> {
    for i in 0..OTHERS {
        home.rolled_exactly(&format!("deployment/web-{i}"), 1)
            .await?;
    }
    home.is_rolled_exactly(DENIED, 0).await?;
    let told = home.told(DENIED, "Failed", why).await?;
    ensure!(told.class == "Warning", "{told:?}");
    Ok(())
}

#[tokio::test]
async fn the_patch_is_refused_and_tried_again_slowly() -> Result<()> {
    try_join_all([403, 422].map(the_patch_is_refused_with)).await?;
    Ok(())
}

async fn the_patch_is_refused_with(code: u16) -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, &format!("denied-{code}")).await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    let denial = Fault::status(code).on("PATCH", "/deployments/denied");
    let denial = proxy.inject(denial)?;
    app(&home, "second").await?;
    only_one_is_denied(&home, "").await?;
    denial.wait_for_hits(4, secs(30)).await?;
    // The pauses double: what was tried four times is not tried forty times
    // while as much time again goes by.
    home.caught_up().await?;
    ensure!(denial.hits() < 20, "{} attempts", denial.hits());
    denial.withdraw();
    home.rolled_exactly(DENIED, 1).await
}

#[tokio::test]
async fn admission_denies_one() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "admission").await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    let policy = AdmissionPolicy::new(&home).await?;
    app(&home, "second").await?;
    let denied = only_one_is_denied(&home, "nobody rolls this one").await;
    policy.delete().await?;
    denied?;
    home.rolled_exactly(DENIED, 1).await
}

/// The others have been rolled for what was there meanwhile, and are rolled back.
#[tokio::test]
async fn what_is_taken_back_while_it_is_denied_is_no_roll() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "withdrawn").await?;
    let tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    let policy = AdmissionPolicy::new(&home).await?;
    app(&home, "second").await?;
    let denied = only_one_is_denied(&home, "nobody rolls this one").await;
    let why = home.why(&[DENIED]).await?;
    app(&home, "first").await?;
    let withdrawn = tidings.wait_for_line("it is withdrawn", secs(30), |line| {
        line.contains("Withdrawn") && line.contains("denied")
    });
    let withdrawn = withdrawn.await;
    policy.delete().await?;
    denied?;
    withdrawn?;
    let why = String::from_utf8_lossy(&why.stdout);
    let said = why.contains("changed") && why.contains("which has not reached the workload yet");
    ensure!(said, "{why}");
    home.rolled_exactly("deployment/web-0", 2).await?;
    home.stays_rolled(DENIED, 0).await?;
    let why = home.why(&[DENIED]).await?;
    ensure!(why.status.success(), "{why:?}");
    app(&home, "second").await?;
    home.rolled_exactly("deployment/web-0", 3).await?;
    wait_until(
        "it to be rolled once, by its second number",
        secs(30),
        async || {
            let entry = home.entry(DENIED).await?.context("no record")?;
            let generation = home.ns().get(DENIED).await?.metadata.generation;
            let once = entry["n"] == 2 && entry["done"] == true && generation == Some(2);
            ensure!(once, "generation {generation:?}: {entry}");
            Ok(())
        },
    )
    .await
}

/// A rule of the API server that the denied workload keeps its template.
struct AdmissionPolicy {
    policies: Api<DynamicObject>,
    bindings: Api<DynamicObject>,
    name: String,
}

impl AdmissionPolicy {
    /// Makes it and waits until it is in force, which takes the API server a moment.
    async fn new(home: &Installed) -> Result<Self> {
        let api = |kind| {
            let gvk = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
            let resource = ApiResource::from_gvk(&gvk);
            let api = Api::all_with(home.ns().client().clone(), &resource);
            (api, resource)
        };
        let (policies, policy) = api("ValidatingAdmissionPolicy");
        let (bindings, binding) = api("ValidatingAdmissionPolicyBinding");
        let name = home.ns().name().to_owned();
        let spec = json!({"spec": policy_spec(&name)});
        let policy = DynamicObject::new(&name, &policy).data(spec);
        let spec = json!({"spec": {"policyName": name, "validationActions": ["Deny"]}});
        let binding = DynamicObject::new(&name, &binding).data(spec);
        policies.create(&PostParams::default(), &policy).await?;
        bindings.create(&PostParams::default(), &binding).await?;
        Self::is_in_force(home).await?;
        Ok(Self {
            policies,
            bindings,
            name,
        })
    }

    async fn is_in_force(home: &Installed) -> Result<()> {
        let deployments: Api<Deployment> = home.ns().api();
        let probe = json!({"spec": {"template": {"metadata": {"annotations": {"probe": "x"}}}}});
        let dry_run = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        wait_until("the policy to be in force", secs(60), async || {
            let patched = deployments
                .patch("denied", &dry_run, &Patch::Merge(&probe))
                .await;
            ensure!(patched.is_err(), "it lets everything pass");
            Ok(())
        })
        .await
    }

    async fn delete(self) -> Result<()> {
        let at_once = DeleteParams::default();
        self.bindings.delete(&self.name, &at_once).await?;
        self.policies.delete(&self.name, &at_once).await?;
        Ok(())
    }
}

fn policy_spec(namespace: &str) -> serde_json::Value {
    let deployments = json!({
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["deployments"],
    });
    json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [deployments],
        },
        "validations": [{
            "expression": "object.metadata.name != 'denied' || object.spec.template == oldObject.spec.template",
            "message": "nobody rolls this one",
        }],
    })
}

/// The rights that `tidings manifests` prints, for an account of the test's own.
async fn installed_with_least_rights(
    home: &Installed,
    namespaces: &str,
) -> Result<(PathBuf, Vec<Document>)> {
    let cluster = Cluster::shared().await?;
    let options = [
        "--namespaces",
        namespaces,
        "--own-namespace",
        home.own().name(),
    ];
    let admin = cluster.kubeconfig_for("admin").await?;
    let documents = manifests::printed(&admin, &options).await?;
    for document in documents.iter().filter(|d| d.is_about_rights()) {
        document.apply(home.ns().client()).await?;
    }
    let account = format!("system:serviceaccount:{}:{INSTANCE}", home.own().name());
    Ok((cluster.kubeconfig_for(&account).await?, documents))
}

/// The document of the role in a namespace.
fn role_in<'d>(documents: &'d [Document], namespace: &str) -> Result<&'d Document> {
    let mut roles = documents.iter().filter(|d| d.is_role());
    let found = roles.find(|d| d.namespace.as_deref() == Some(namespace));
    found.context("no role")
}

/// The rules, with the right to patch deployments narrowed to these.
fn but_patch_only(rules: &[Value], names: &[String]) -> Vec<Value> {
    let mut rules = rules.to_vec();
    for rule in &mut rules {
        if rule["resources"] == json!(["deployments"]) {
            rule["verbs"] = json!(["get", "list", "watch"]);
        }
    }
    let mut narrow = rbac::rule("patch", "apps", "deployments");
    narrow["resourceNames"] = json!(names);
    rules.push(narrow);
    rules
}

#[tokio::test]
async fn access_rules_deny_one() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "access").await?;
    let (kubeconfig, documents) = installed_with_least_rights(&home, home.ns().name()).await?;
    let _tidings = home.controller_as(&kubeconfig, &[]).await?;
    prepare(&home).await?;

    let client = home.ns().client();
    let role = role_in(&documents, home.ns().name())?;
    let all = role.apply(client).await?["rules"].clone();
    let all = all.as_array().context("no rules")?;
    let others: Vec<_> = (0..OTHERS).map(|i| format!("web-{i}")).collect();
    role.set_rules(client, &but_patch_only(all, &others))
        .await?;
    let may_not = client_of(&kubeconfig).await?;
    denied_for(&home, may_not).await?;

    app(&home, "second").await?;
    only_one_is_denied(&home, "not allowed to patch deployments.apps").await?;
    role.set_rules(client, all).await?;
    home.rolled_exactly(DENIED, 1).await
}

/// The API server learns of changed roles by watches of its own.
async fn denied_for(home: &Installed, client: Client) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client, home.ns().name());
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    wait_until("the role to be in force", secs(30), async || {
        let nothing = Patch::Merge(json!({}));
        let patched = deployments.patch("denied", &dry_run, &nothing).await;
        ensure!(patched.is_err(), "it may be patched");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_namespace_that_is_forbidden_from_the_start_delays_no_other() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let home = Installed::new(cluster, "allowed").await?;
    let forbidden = TestNamespace::new(cluster, "forbidden").await?;
    let (kubeconfig, _) = installed_with_least_rights(&home, home.ns().name()).await?;
    let both = ["--namespaces", forbidden.name()];
    let tidings = home.launch_as(&kubeconfig, &both)?.start()?;
    let said = tidings.wait_for_line("the namespace is named", secs(30), |line| {
        line.contains(forbidden.name())
    });
    said.await?;
    rolls_in(&home).await
}

#[tokio::test]
async fn a_namespace_that_becomes_forbidden_delays_no_other() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let home = Installed::new(cluster, "allowed").await?;
    let forbidden = TestNamespace::new(cluster, "forbidden").await?;
    let both = format!("{},{}", home.ns().name(), forbidden.name());
    let (kubeconfig, documents) = installed_with_least_rights(&home, &both).await?;
    let proxy = Proxy::start(cluster).await?;
    let account = format!("system:serviceaccount:{}:{INSTANCE}", home.own().name());
    let wire = proxy.kubeconfig_for(&account).await?;
    let options = ["--namespaces", forbidden.name()];
    let tidings = home.controller_as(&wire, &options).await?;

    let role = role_in(&documents, forbidden.name())?;
    role.set_rules(home.ns().client(), &[]).await?;
    may_not_list(&forbidden, client_of(&kubeconfig).await?).await?;
    // Watches that run are not asked for their rights again.
    proxy.cut();
    wait_until("it to be not ready", secs(30), async || {
        let (status, text) = tidings.get("/readyz").await?;
        ensure!(
            status == 503 && text.contains(forbidden.name()),
            "{status} {text}"
        );
        Ok(())
    })
    .await?;
    rolls_in(&home).await
}

async fn may_not_list(forbidden: &TestNamespace, client: Client) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client, forbidden.name());
    wait_until("the empty role to be in force", secs(30), async || {
        let listed = deployments.list(&ListParams::default()).await;
        ensure!(listed.is_err(), "it may be listed");
        Ok(())
    })
    .await
}

async fn rolls_in(home: &Installed) -> Result<()> {
    app(home, "first").await?;
    home.adopt([idle("web")]).await?;
    app(home, "second").await?;
    home.rolled_exactly("deployment/web", 1).await?;
    home.stays_rolled("deployment/web", 1).await
}
