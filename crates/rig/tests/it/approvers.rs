//! Who may say people's words, on the real API server: members of a group, each under their
//! own name. Whoever else may write the workload, a pipeline's account, an administrator, is
//! refused, by whatever way. A gate of the namespace is loosened by nothing on a workload and
//! by nothing on a source.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{config_map, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::manifests;
use rig::process::{self, Tidings};
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

const WEB: &str = "deployment/web";
const APPROVE: &str = "tidings.dev/approve";
const REJECT: &str = "tidings.dev/reject";
const RESUME: &str = "tidings.dev/resume";
const BY: &str = "tidings.dev/approved-by";
/// The group of `alice` and `bob`, of whom `bob` has rights only.
const GROUP: &str = "people";

/// A namespace that requires approval, with the policy, and somebody of each sort.
struct Guarded {
    lab: Installed,
    policy: Vec<manifests::Document>,
    /// The account of a pipeline, which may write everything here.
    ci: PathBuf,
    _tidings: Tidings,
}

impl Guarded {
    async fn new(about: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let lab = Installed::new(cluster, about).await?;
        let ns = lab.ns();
        ns.merge(&json!({"metadata": {"annotations": {"tidings.dev/approval": "required"}}}))
            .await?;
        let all = [rule("*", "*", "*")];
        let user = ns.service_account("ci", &all).await?;
        for (name, who) in [("ci", user.as_str()), ("alice", "alice"), ("bob", "bob")] {
            for place in [ns.name(), lab.own().name()] {
                rbac::grant(ns.client(), Some(place), name, who, &all).await?;
            }
        }
        let policy = policy(&lab).await?;
        let guarded = Self {
            ci: cluster.kubeconfig_for(&user).await?,
            _tidings: lab.controller(&[]).await?,
            lab,
            policy,
        };
        guarded.app("1").await?;
        let web = deployment("web").replicas(0).env_from("configmap/app");
        guarded.lab.adopt([web.annotate(RELOAD, "auto")]).await?;
        guarded.holds().await?;
        Ok(guarded)
    }

    async fn app(&self, value: &str) -> Result<()> {
        let app = config_map("app", &[("a", value)]);
        self.lab.ns().apply(app).await?;
        Ok(())
    }

    /// The API server takes a moment to heed a policy.
    async fn holds(&self) -> Result<()> {
        wait_until("the policy to hold", secs(60), async || {
            let said = self.write(&self.ci, None, &[(APPROVE, "1-aaaa")]).await;
            let said = said.err().context("nobody is refused")?.to_string();
            ensure!(said.contains("only members of people"), "{said}");
            Ok(())
        })
        .await
    }

    /// Writes on the workload as somebody, perhaps by way of a subresource, without doing it.
    async fn write(
        &self,
        who: &Path,
        way: Option<&str>,
        words: &[(&str, &str)],
    ) -> Result<DynamicObject> {
        let words: serde_json::Map<String, Value> = words
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).into()))
            .collect();
        let patch = json!({"metadata": {"annotations": words}});
        let api = self.deployments(who).await?;
        let dry = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        Ok(match way {
            None => api.patch("web", &dry, &Patch::Merge(&patch)).await?,
            Some(_) => api.patch_status("web", &dry, &Patch::Merge(&patch)).await?,
        })
    }

    async fn deployments(&self, who: &Path) -> Result<Api<DynamicObject>> {
        let config = kube::config::Kubeconfig::read_from(who)?;
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options).await?;
        let client = kube::Client::try_from(config)?;
        let kind = kube::core::GroupVersionKind::gvk("apps", "v1", "Deployment");
        let resource = kube::core::ApiResource::from_gvk(&kind);
        Ok(Api::namespaced_with(
            client,
            self.lab.ns().name(),
            &resource,
        ))
    }

    async fn is_refused(
        &self,
        who: &Path,
        way: Option<&str>,
        words: &[(&str, &str)],
        said: &str,
    ) -> Result<()> {
        let written = self.write(who, way, words).await;
        let error = written
            .err()
            .with_context(|| format!("{words:?} was written"))?;
        ensure!(error.to_string().contains(said), "{words:?}: {error}");
        Ok(())
    }

    /// What the command says to somebody.
    async fn says(&self, who: &Path, args: &[&str]) -> Result<(Option<i32>, String)> {
        let (ns, own) = (self.lab.ns().name(), self.lab.own().name());
        let beside = ["-n", ns, "--own-namespace", own, "--namespaces", ns];
        let output = process::run(who, &[args, &beside].concat()).await?;
        Ok((output.status.code(), text_of(&output)))
    }

    async fn end(self) -> Result<()> {
        for document in &self.policy {
            document.delete(self.lab.own().client()).await?;
        }
        Ok(())
    }
}

/// Applies the policy for this namespace alone: the cluster is shared.
async fn policy(lab: &Installed) -> Result<Vec<manifests::Document>> {
    let (ns, own) = (lab.ns().name(), lab.own().name());
    let instance = format!("--instance={own}");
    let admin = Cluster::shared().await?.kubeconfig();
    let options = [
        "--approvers",
        GROUP,
        "--namespaces",
        ns,
        "--own-namespace",
        own,
        &instance,
    ];
    let mut documents = manifests::printed(admin, &options).await?;
    documents.retain(|document| document.kind.starts_with("ValidatingAdmissionPolicy"));
    ensure!(documents.len() == 2, "{documents:?}");
    for document in &documents {
        document.apply(lab.own().client()).await?;
    }
    Ok(documents)
}

#[tokio::test]
async fn only_members_of_the_group_say_words_and_each_in_their_own_name() -> Result<()> {
    let guarded = Guarded::new("approvers").await?;
    let cluster = Cluster::shared().await?;
    let (alice, bob) = (
        cluster.kubeconfig_for("alice").await?,
        cluster.kubeconfig_for("bob").await?,
    );
    let admin = cluster.kubeconfig().to_owned();
    let members = "only members of people may approve, reject or resume";
    for key in [APPROVE, REJECT, RESUME] {
        for who in [&*guarded.ci, &*admin] {
            for way in [None, Some("status")] {
                let words = [(key, "1-aaaa")];
                guarded.is_refused(who, way, &words, members).await?;
            }
        }
        let signed = [(key, "1-aaaa"), (BY, "alice")];
        guarded.write(&alice, None, &signed).await?;
        let own = "must be your own name, bob";
        guarded.is_refused(&bob, None, &signed, own).await?;
        guarded
            .is_refused(&alice, None, &[(key, "1-aaaa")], "must be your own name")
            .await?;
    }
    let another = [(BY, "alice")];
    let said = "nobody signs with the name of another";
    guarded.is_refused(&bob, None, &another, said).await?;
    // All else that a pipeline writes is none of the policy's concern.
    guarded.write(&guarded.ci, None, &[("team", "web")]).await?;
    guarded
        .write(&guarded.ci, Some("status"), &[("team", "web")])
        .await?;

    guarded.app("2").await?;
    let number = guarded.lab.waits(WEB, "").await?;
    let (code, said) = guarded
        .says(&guarded.ci, &["approve", WEB, "--yes"])
        .await?;
    ensure!(
        code == Some(2) && said.contains("a policy of the cluster forbids it"),
        "{code:?} {said}"
    );
    ensure!(said.contains(members), "{said}");
    let (code, said) = guarded.says(&alice, &["approve", WEB, "--yes"]).await?;
    ensure!(code == Some(0), "{said}");
    let done = format!("{number} is approved, by alice");
    ensure!(said.contains(&done), "{said}");
    guarded.lab.in_step(WEB, "configmap/app").await?;
    guarded.end().await
}

/// What is written on a workload, or on a source, waives nothing that its namespace requires.
#[tokio::test]
async fn a_gate_of_the_namespace_is_loosened_by_nothing_below_it() -> Result<()> {
    let guarded = Guarded::new("approvers-gate").await?;
    let ns = guarded.lab.ns();
    let waive = json!({"metadata": {"annotations": {"tidings.dev/approval": "none"}}});
    ns.edit(WEB, waive).await?;
    guarded
        .lab
        .told(WEB, "ConflictingAnnotations", "cannot waive")
        .await?;
    let closed = json!({"metadata": {"annotations": {
        "tidings.dev/approval": null,
        "tidings.dev/window": "!2000-01-01/2999-01-01; 00:00-24:00",
    }}});
    ns.merge(&closed).await?;
    let urgent = json!({"metadata": {"annotations": {"tidings.dev/urgent": "true"}}});
    ns.edit("configmap/app", urgent).await?;
    let app = json!({"data": {"a": "2"}});
    ns.edit("configmap/app", app).await?;
    guarded.lab.told(WEB, "WindowClosed", "").await?;
    let before = ns.get(WEB).await?;
    ensure!(
        guarded.lab.number(WEB).await?.is_none(),
        "rolled: {before:?}"
    );
    // A namespace may say that what is urgent passes.
    let lets_pass = json!({"metadata": {"annotations": {
        "tidings.dev/window": "!2000-01-01/2999-01-01; 00:00-24:00; urgent",
    }}});
    ns.merge(&lets_pass).await?;
    guarded.lab.in_step(WEB, "configmap/app").await?;
    guarded.end().await
}
