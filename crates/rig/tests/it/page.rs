//! What the tests of the page share: how it is started, and which views it has.

use std::path::Path;

use anyhow::Result;
use rig::dashboard::Dashboard;
use rig::fixtures::TestNamespace;
use rig::installed::Installed;
use rig::process;

/// The page of an installation, as its administrator sees it.
pub(crate) async fn of(lab: &Installed) -> Result<Dashboard> {
    Dashboard::open(lab.follow("dashboard", &["--port=0"])?).await
}

/// The page of a namespace without an installation, as somebody sees it.
pub(crate) async fn without(ns: &TestNamespace, kubeconfig: &Path) -> Result<Dashboard> {
    let own = format!("{}-nowhere", ns.name());
    let args = [
        "dashboard",
        "--port=0",
        "-n",
        ns.name(),
        "--own-namespace",
        &own,
    ];
    Dashboard::open(process::start(kubeconfig, &args)?).await
}

/// All views of a namespace that has a workload `web`, which uses a ConfigMap.
pub(crate) fn views(ns: &str) -> Vec<String> {
    vec![
        "/".to_owned(),
        format!("/graph?ns={ns}"),
        format!("/graph?workload=deployment/{ns}/web"),
        format!("/graph?source=configmap/{ns}/web"),
        "/graph?source=nonsense".to_owned(),
        format!("/workload/{ns}/deployment/web"),
        format!("/source/{ns}/configmap/web"),
        "/stale".to_owned(),
        "/impact".to_owned(),
        "/nowhere".to_owned(),
    ]
}

/// The page of an installation, as this kubeconfig's user sees it.
pub(crate) async fn of_as(lab: &Installed, kubeconfig: &Path) -> Result<Dashboard> {
    let (ns, own) = (lab.ns().name(), lab.own().name());
    let args = [
        "dashboard",
        "--port=0",
        "-n",
        ns,
        "--namespaces",
        ns,
        "--own-namespace",
        own,
    ];
    Dashboard::open(process::start(kubeconfig, &args)?).await
}
