//! Where stakater/Reloader runs and no Tidings, `stale` and `impact` say what it would do
//! with its options.

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{TestNamespace, deployment};
use rig::installed::text_of;
use rig::{Cluster, secs};
use serde_json::json;

use crate::said::{self, app};

/// Its Deployment, labelled as by its chart, with these options; its pods need not run.
fn reloader(name: &str, args: &[&str]) -> DynamicObject {
    let mut object = DynamicObject::from(deployment(name));
    let image = "ghcr.io/stakater/reloader:v1.4.21";
    let container = json!({"name": "reloader", "image": image, "args": args});
    object.data["spec"]["template"]["spec"]["containers"] = json!([container]);
    let labels = object.metadata.labels.get_or_insert_default();
    labels.insert("provider".to_owned(), "stakater".to_owned());
    object
}

#[tokio::test]
async fn its_options_say_who_would_be_rolled() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "beside-reloader").await?;
    ns.apply(app("1")).await?;
    ns.apply(deployment("web").env_from("configmap/app"))
        .await?;
    ns.rolled_out("deployment/web", secs(30)).await?;
    let admin = cluster.kubeconfig();
    let args = ["configmap/app", "-n", ns.name()];
    let without = said::run(admin, "impact", &args).await?;
    ensure!(
        text_of(&without).contains("not opted in"),
        "{}",
        text_of(&without)
    );

    let only = format!("--namespaces={}", ns.name());
    ns.apply(reloader("rld-reloader", &["--auto-reload-all", &only]))
        .await?;
    let with = said::run(admin, "impact", &args).await?;
    let said = text_of(&with);
    ensure!(
        said.contains("rolls") && with.status.code() == Some(10),
        "{said}"
    );
    let told = format!(
        "stakater/Reloader (deployment/rld-reloader in {}",
        ns.name()
    );
    ensure!(said.contains(&told), "{said}");
    let stale = said::run(admin, "stale", &["-n", ns.name()]).await?;
    let said = text_of(&stale);
    ensure!(said.contains("rolls nothing that is stale until"), "{said}");
    Ok(())
}
