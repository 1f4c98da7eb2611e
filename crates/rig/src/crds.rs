//! Kinds that a cluster does not have by itself, installed when a test asks.
//!
//! In: which. Out: the API server serves them. Definitions of other projects are
//! theirs, as `cluster/crds` fetches them. The rest is the rig's own and no more
//! than tests need: a stand-in for OpenShift's DeploymentConfig, which its own
//! API server serves there, and two kinds that nobody else has.

use anyhow::{Context, Result, ensure};
use http::{Method, Request, header};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::DeleteParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::assets;
use crate::wait::{secs, wait_until};

/// The group of the rig's own kinds.
pub const GROUP: &str = "rig.tidings.dev";
/// The group of the Secrets Store CSI driver's kinds.
pub const CSI: &str = "secrets-store.csi.x-k8s.io";

const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A kind to be installed.
#[derive(Clone, Debug)]
pub struct Crd {
    /// `PLURAL.GROUP`
    name: String,
    version: &'static str,
    definition: Definition,
}

/// Where a definition is.
#[derive(Clone, Debug)]
enum Definition {
    Ours(Value),
    /// In the folder that this script prepares.
    Theirs(&'static str),
}

/// Argo's Rollout.
pub fn rollout() -> Crd {
    theirs("rollouts.argoproj.io", "v1alpha1")
}

/// The Secrets Store CSI driver's SecretProviderClass.
pub fn provider_class() -> Crd {
    theirs("secretproviderclasses.secrets-store.csi.x-k8s.io", "v1")
}

/// The same driver's SecretProviderClassPodStatus.
pub fn class_status() -> Crd {
    theirs(
        "secretproviderclasspodstatuses.secrets-store.csi.x-k8s.io",
        "v1",
    )
}

/// What the Prometheus operator and the vertical pod autoscaler are told with.
pub fn operators() -> Vec<Crd> {
    vec![
        theirs("servicemonitors.monitoring.coreos.com", "v1"),
        theirs("podmonitors.monitoring.coreos.com", "v1"),
        theirs("prometheusrules.monitoring.coreos.com", "v1"),
        theirs("verticalpodautoscalers.autoscaling.k8s.io", "v1"),
    ]
}

/// Every kind of the Prometheus operator that `cluster/operators` builds.
pub(crate) fn prometheus_operator() -> Vec<Crd> {
    const KINDS: [(&str, &str); 10] = [
        ("prometheuses", "v1"),
        ("prometheusagents", "v1alpha1"),
        ("alertmanagers", "v1"),
        ("alertmanagerconfigs", "v1alpha1"),
        ("thanosrulers", "v1"),
        ("servicemonitors", "v1"),
        ("podmonitors", "v1"),
        ("probes", "v1"),
        ("scrapeconfigs", "v1alpha1"),
        ("prometheusrules", "v1"),
    ];
    let kinds = KINDS.into_iter().map(|(plural, version)| Crd {
        definition: Definition::Theirs("cluster/operators"),
        ..theirs(&format!("{plural}.monitoring.coreos.com"), version)
    });
    kinds.collect()
}

/// A stand-in for OpenShift's DeploymentConfig that takes everything.
pub fn deployment_config() -> Crd {
    let spec = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    ours("apps.openshift.io", "DeploymentConfig", &spec)
}

/// `Workshop`: its pod template is at `spec.template`, and of that template's
/// metadata nothing is kept, as with the definitions that kubebuilder generates.
pub fn workshop() -> Crd {
    let pod = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let template = json!({"metadata": {"type": "object"}, "spec": pod});
    let template = json!({"type": "object", "properties": template});
    let fields = json!({"replicas": {"type": "integer"}, "template": template});
    let spec = json!({"type": "object", "properties": fields});
    ours(GROUP, "Workshop", &spec)
}

/// `Fleet`: its pod template is at `spec.workers.podTemplate` and keeps all. In a
/// group of a test's own it is a kind that no other test installs.
pub fn fleet(group: &str) -> Crd {
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let workers = json!({"type": "object", "properties": {"podTemplate": any}});
    let fields = json!({"replicas": {"type": "integer"}, "workers": workers});
    let spec = json!({"type": "object", "properties": fields});
    ours(group, "Fleet", &spec)
}

fn theirs(name: &str, version: &'static str) -> Crd {
    Crd {
        name: name.to_owned(),
        version,
        definition: Definition::Theirs("cluster/crds"),
    }
}

fn ours(group: &str, kind: &str, spec: &Value) -> Crd {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let name = format!("{plural}.{group}");
    let schema =
        json!({"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}});
    let version = json!({
        "name": "v1",
        "served": true,
        "storage": true,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    });
    let names = json!({"kind": kind, "plural": plural, "singular": singular});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    });
    Crd {
        name,
        version: "v1",
        definition: Definition::Ours(definition),
    }
}

/// Installs the kinds, unless they are there, and waits until they are served.
pub async fn install(client: &Client, kinds: &[Crd]) -> Result<()> {
    for kind in kinds {
        create(client, kind).await?;
    }
    for kind in kinds {
        is_served(client, kind).await?;
    }
    Ok(())
}

/// Takes a kind away again, with all its objects.
pub async fn remove(client: &Client, kind: &Crd) -> Result<()> {
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    all.delete(&kind.name, &DeleteParams::default()).await?;
    Ok(())
}

/// Another test may have been first.
async fn create(client: &Client, kind: &Crd) -> Result<()> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header(header::CONTENT_TYPE, "application/yaml")
        .body(kind.manifest()?)?;
    match client.request::<Value>(request).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error).with_context(|| format!("install {}", kind.name)),
    }
}

async fn is_served(client: &Client, kind: &Crd) -> Result<()> {
    let (plural, group) = kind.name.split_once('.').context("not PLURAL.GROUP")?;
    let path = format!("/apis/{group}/{}/{plural}?limit=1", kind.version);
    wait_until(
        &format!("{} to be served", kind.name),
        secs(30),
        async || {
            let request = Request::get(&path).body(Vec::new())?;
            let list = client.request::<Value>(request).await?;
            ensure!(list["items"].is_array(), "{list}");
            Ok(())
        },
    )
    .await
}

impl Crd {
    /// JSON is YAML, too.
    fn manifest(&self) -> Result<Vec<u8>> {
        let folder = match &self.definition {
            Definition::Ours(ours) => return Ok(serde_json::to_vec(ours)?),
            Definition::Theirs(script) => assets::prepared_by(script)?,
        };
        let file = folder.join(format!("{}.yaml", self.name));
        std::fs::read(&file).with_context(|| format!("read {}", file.display()))
    }
}
