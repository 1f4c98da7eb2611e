//! `tidings dashboard` shows how everything stands and goes on showing it; to whoever may
//! see a part that part and what is missing; without an installation, and while the API
//! server is away. Only who has the token sees anything.

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::browser::Browser;
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{TestNamespace, deployment};
use rig::installed::{Installed, RELOAD};
use rig::proxy::Proxy;
use rig::wait::clearly_later;
use rig::{Cluster, secs};

use crate::said::{CONTENTS, app};

const WEB: &str = "deployment/web";
/// The kinds that are rolled, by group.
const APPS: &str = "deployments,statefulsets,daemonsets,replicasets,controllerrevisions";
const BATCH: &str = "jobs,cronjobs";

/// As the overview has it.
const IN_STEP: &str = r#"class="standing in-step""#;

fn web() -> DynamicObject {
    let web = deployment("web").replicas(2).annotate(RELOAD, "auto");
    web.env_from("configmap/app").into()
}

/// The address of the page of the workload.
fn of_web(namespace: &str) -> String {
    format!("/workload/{namespace}/{WEB}")
}

/// Looks at what a test has installed.
async fn look(lab: &Installed) -> Result<Browser> {
    let (own, ns) = (lab.own().name(), lab.ns().name());
    let admin = Cluster::shared().await?.kubeconfig();
    Browser::open(
        admin,
        &["--own-namespace", own, "--namespaces", ns, "-n", ns],
    )
    .await
}

#[tokio::test]
async fn a_change_comes_to_every_page() -> Result<()> {
    let (lab, _tidings) = Installed::running("dashboard", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web()]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    let page = look(&lab).await?;
    let row = format!("w-{}_deployment_web", lab.ns().name());
    page.shows("/", &[&row, IN_STEP, "2/2"], secs(30)).await?;

    lab.ns().apply(app(CONTENTS[0])).await?;
    let stale = "/?standing=stale";
    page.shows(stale, &[&row, r#"class="standing stale""#], secs(30))
        .await?;
    page.shows(
        "/?standing=inStep",
        &[&row, "configmap/app (level)"],
        secs(30),
    )
    .await?;

    let workload = of_web(lab.ns().name());
    let said = [
        "has what is there",
        "rollout",
        "configmap/app (level)",
        "created",
    ];
    page.shows(&workload, &said, secs(30)).await?;
    let source = format!("/source/{}/configmap/app", lab.ns().name());
    let used = page.get(&source).await?;
    ensure!(
        used.contains("1 workload would be rolled (2 pods)"),
        "{used}"
    );
    ensure!(used.contains("<code>level</code>"), "{used}");
    for path in ["/", "/stale", &workload, &source, "/impact"] {
        let page = page.get(path).await?;
        for content in CONTENTS {
            ensure!(!page.contains(content), "{path}: {page}");
        }
    }
    ensure!(page.close().await?.code() == Some(130));
    Ok(())
}

/// Pods that started before a change are told whatever is installed, and opted in.
#[tokio::test]
async fn without_an_installation_stale_pods_are_shown() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "dashboard-bare").await?;
    ns.apply(app("1")).await?;
    ns.apply(deployment("web").env_from("configmap/app"))
        .await?;
    ns.rolled_out(WEB, secs(30)).await?;
    let nowhere = format!("{}-nowhere", ns.name());
    let options = ["-n", ns.name(), "--own-namespace", &nowhere];
    let page = Browser::open(Cluster::shared().await?.kubeconfig(), &options).await?;
    page.shows("/", &["No workload is opted in"], secs(30))
        .await?;
    page.shows("/stale", &["None of 1 pods is stale"], secs(30))
        .await?;

    clearly_later().await?;
    ns.apply(app("2")).await?;
    let stale = [&of_web(ns.name()), "configmap/app", "1/1"];
    page.shows("/stale", &stale, secs(30)).await?;

    // Who was started for another namespace is asked about this one, too.
    let elsewhere = TestNamespace::new(Cluster::shared().await?, "dashboard-else").await?;
    let options = ["-n", elsewhere.name(), "--own-namespace", &nowhere];
    let page = Browser::open(Cluster::shared().await?.kubeconfig(), &options).await?;
    let graph = format!("/graph?ns={}", ns.name());
    page.shows(&graph, &["1 stale"], secs(30)).await?;
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_read_is_named_and_the_rest_shown() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "dashboard-some").await?;
    let other = TestNamespace::new(Cluster::shared().await?, "dashboard-other").await?;
    ns.apply(app("1")).await?;
    ns.apply(web()).await?;
    other.apply(web()).await?;
    ns.rolled_out(WEB, secs(30)).await?;
    let rules = [
        rule("get,list,watch", "apps", APPS),
        rule("get,list,watch", "batch", BATCH),
        rule("get,list,watch", "", "configmaps,secrets,pods"),
    ];
    let user = ns.service_account("tenant", &rules).await?;
    let everywhere = [rule("list", "", "namespaces"), rule("get", "", "secrets")];
    rbac::grant(ns.client(), None, ns.name(), &user, &everywhere).await?;
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(&user).await?;
    let page = Browser::open(&kubeconfig, &["-A"]).await?;

    let row = |ns: &TestNamespace| format!("w-{}_deployment_web", ns.name());
    let gap = format!("secrets in {}", other.name());
    let shown = page
        .shows("/", &[&row(&ns), IN_STEP, &gap], secs(60))
        .await?;
    ensure!(!shown.contains(&row(&other)), "{shown}");
    Ok(())
}

#[tokio::test]
async fn while_the_api_server_is_away_it_says_since_when() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let ns = TestNamespace::new(cluster, "dashboard-away").await?;
    ns.apply(app("1")).await?;
    ns.apply(web()).await?;
    ns.rolled_out(WEB, secs(30)).await?;
    let rules = [rule("*", "*", "*")];
    let user = ns.service_account("all", &rules).await?;
    rbac::grant(ns.client(), None, ns.name(), &user, &rules).await?;
    let kubeconfig = proxy.kubeconfig_for(&user).await?;
    let page = Browser::open(&kubeconfig, &["-n", ns.name()]).await?;
    page.shows("/", &["2/2", IN_STEP], secs(30)).await?;

    proxy.refuse();
    page.shows("/", &["Blind since", "2/2", IN_STEP], secs(60))
        .await?;
    ns.apply(app("2")).await?;
    proxy.restore();
    let back = page
        .shows("/", &[r#"class="standing stale""#, "MaybeStale"], secs(60))
        .await?;
    ensure!(!back.contains("Blind since"), "{back}");
    Ok(())
}

#[tokio::test]
async fn only_who_has_the_token_sees_anything() -> Result<()> {
    let admin = Cluster::shared().await?.kubeconfig();
    let page = Browser::open(admin, &["-n", "default", "--idle", "2s"]).await?;
    for path in ["/", "/stale", "/live", "/style.css", "/?token=0"] {
        let (status, said) = page.stranger(path).await?;
        ensure!(
            status == 403 && said.lines().count() == 1,
            "{path}: {status} {said}"
        );
    }
    // Strangers keep it from nothing: nobody looks any more.
    ensure!(page.ends(secs(30)).await?.success());
    Ok(())
}

/// Nothing here writes: what can be said is a line to be copied.
#[tokio::test]
async fn what_waits_is_shown_with_its_number_and_what_can_be_said() -> Result<()> {
    let (lab, _tidings) = Installed::running("dashboard-waits", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let web = deployment("web").replicas(0).annotate(RELOAD, "auto");
    let web = web.annotate("tidings.dev/approval", "required");
    lab.adopt([web.env_from("configmap/app")]).await?;
    let page = look(&lab).await?;
    lab.ns().apply(app("2")).await?;
    let waits = [
        r#"id="waits""#,
        "Waits as <code>1-",
        "configmap/app (level)",
    ];
    let said = page
        .shows(&of_web(lab.ns().name()), &waits, secs(40))
        .await?;
    let line = format!("tidings approve {WEB} 1-");
    ensure!(said.contains(&line), "{said}");
    page.shows("/?standing=waiting", &["NeedsApproval"], secs(30))
        .await?;
    Ok(())
}
