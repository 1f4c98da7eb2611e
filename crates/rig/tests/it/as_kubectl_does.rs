//! Commands take kubectl's words for who asks and for how long, and what they complete
//! comes from the cluster.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, bail, ensure};
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::installed::text_of;
use rig::{Cluster, process};
use serde_json::{Value, json};

async fn street(about: &str) -> Result<TestNamespace> {
    let ns = TestNamespace::new(Cluster::shared().await?, about).await?;
    ns.apply(config_map("app", &[("level", "1")])).await?;
    ns.apply(deployment("web").env_from("configmap/app"))
        .await?;
    Ok(ns)
}

async fn tidings(kubeconfig: &Path, args: &[&str]) -> Result<Output> {
    process::run(kubeconfig, args).await
}

/// Somebody who exists only where he is named.
#[tokio::test]
async fn who_is_impersonated_sees_what_he_may() -> Result<()> {
    let ns = street("as").await?;
    let admin = Cluster::shared().await?.kubeconfig();
    let user = format!("carol-of-{}", ns.name());
    let stale = ["stale", "-n", ns.name(), "--as", &user];
    let refused = tidings(admin, &stale).await?;
    let said = text_of(&refused);
    ensure!(refused.status.code() == Some(2), "{said}");
    ensure!(said.contains("needs list on pods"), "{said}");

    let may = [rule("list", "", "pods,configmaps,secrets")];
    rbac::grant(ns.client(), Some(ns.name()), "carol", &user, &may).await?;
    let allowed = tidings(admin, &stale).await?;
    ensure!(allowed.status.code() != Some(2), "{}", text_of(&allowed));
    Ok(())
}

/// Groups count as they do for kubectl: this one may do everything.
#[tokio::test]
async fn groups_are_impersonated_with_their_member() -> Result<()> {
    let ns = street("as-group").await?;
    let admin = Cluster::shared().await?.kubeconfig();
    let own = ["--own-namespace", ns.name()];
    let why = ["why", "deploy/web", "-n", ns.name(), "--as", "nobody"];
    let why = [&why[..], &own].concat();
    let alone = tidings(admin, &why).await?;
    ensure!(alone.status.code() == Some(2), "{}", text_of(&alone));
    let group = [&why[..], &["--as-group", "system:masters"]].concat();
    let member = tidings(admin, &group).await?;
    ensure!(member.status.code() == Some(0), "{}", text_of(&member));
    Ok(())
}

/// Parts of the kubeconfig by their names, and whoever is not in it is nobody.
#[tokio::test]
async fn a_cluster_and_a_user_are_chosen_by_name() -> Result<()> {
    let ns = street("by-name").await?;
    let admin = Cluster::shared().await?.kubeconfig();
    let mut file = kube::config::Kubeconfig::read_from(admin)?;
    let cluster = file.clusters.first().context("no cluster")?.name.clone();
    let user = file.auth_infos.first().context("no user")?.name.clone();
    file.current_context = None;
    file.contexts.clear();
    let folder = tempfile::tempdir()?;
    let bare = folder.path().join("bare");
    std::fs::write(&bare, serde_json::to_string(&file)?)?;
    let stale = ["stale", "-n", ns.name(), "--cluster", &cluster, "--user"];
    let known = tidings(&bare, &[&stale[..], &[&user]].concat()).await?;
    ensure!(known.status.code() != Some(2), "{}", text_of(&known));
    let nobody = tidings(&bare, &[&stale[..], &["nobody"]].concat()).await?;
    ensure!(nobody.status.code() == Some(2), "{}", text_of(&nobody));
    Ok(())
}

/// What kubectl is told of its plugin's next word, as cobra tells it.
async fn completed(kubeconfig: &Path, words: &[&str]) -> Result<String> {
    let output = process::run_as("kubectl_complete-tidings", kubeconfig, words).await?;
    ensure!(output.status.code() == Some(0), "{}", text_of(&output));
    ensure!(output.stderr.is_empty(), "{}", text_of(&output));
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn names_are_completed_from_the_cluster() -> Result<()> {
    let ns = street("complete").await?;
    let admin = Cluster::shared().await?.kubeconfig();
    let begin = &ns.name()[..ns.name().len() - 1];
    let namespaces = completed(admin, &["stale", "-n", begin]).await?;
    ensure!(namespaces == format!("{}\n:4\n", ns.name()), "{namespaces}");
    let workloads = completed(admin, &["why", "-n", ns.name(), "deploy/w"]).await?;
    ensure!(workloads == "deploy/web\n:4\n", "{workloads}");
    Ok(())
}

/// A line that is being typed is no place for an error.
#[tokio::test]
async fn who_may_not_list_completes_nothing_and_reads_no_error() -> Result<()> {
    let ns = street("complete-none").await?;
    let user = ns.service_account("nobody", &[]).await?;
    let nobody = Cluster::shared().await?.kubeconfig_for(&user).await?;
    for words in [
        &["stale", "-n", ns.name()][..],
        &["why", "-n", ns.name(), "deploy/"],
    ] {
        let said = completed(&nobody, words).await?;
        ensure!(!said.contains("web") && !said.contains("error"), "{said}");
    }
    Ok(())
}

/// What the option of a line says, each time that it is given.
fn options<'a>(line: &'a str, option: &str) -> Vec<&'a str> {
    let words = line.split_whitespace();
    words.filter_map(|word| word.strip_prefix(option)).collect()
}

/// The rule that a line which says how to grant something makes.
fn rule_of(line: &str) -> Result<Value> {
    let of = |option: &str| options(line, option).first().copied();
    let resources = of("--resource=").context("no resource")?.split(',');
    let parts: Vec<_> = resources
        .map(|resource| resource.split_once('.').unwrap_or((resource, "")))
        .collect();
    let mut rule = json!({
        "verbs": [of("--verb=").context("no verb")?],
        "resources": parts.iter().map(|(resource, _)| resource).collect::<Vec<_>>(),
        "apiGroups": parts.iter().map(|(_, group)| group).collect::<Vec<_>>(),
    });
    let names = options(line, "--resource-name=");
    if !names.is_empty() {
        rule["resourceNames"] = json!(names);
    }
    Ok(rule)
}

/// Somebody without any rights is told what he needs, until he needs no more: the rights
/// that the lines name, and nothing else, are enough.
async fn until_it_answers(ns: &TestNamespace, name: &str, words: &[&str]) -> Result<()> {
    let user = ns.service_account(name, &[]).await?;
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(&user).await?;
    let mut rules = Vec::new();
    for _ in 0..10 {
        let output = tidings(&kubeconfig, words).await?;
        let said = text_of(&output);
        let needed: Vec<_> = said
            .lines()
            .filter(|line| line.contains("grant it: "))
            .collect();
        if needed.is_empty() {
            ensure!(output.status.code() != Some(2), "{said}");
            ensure!(!rules.is_empty(), "nothing was refused: {said}");
            return Ok(());
        }
        for line in needed {
            let of_whom = format!("--user={user} -n {}", ns.name());
            ensure!(line.ends_with(&of_whom), "{line}");
            rules.push(rule_of(line)?);
        }
        rbac::grant(ns.client(), Some(ns.name()), name, &user, &rules).await?;
    }
    bail!("more is needed each time: {rules:?}")
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_with_what_grants_it() -> Result<()> {
    let ns = street("grants").await?;
    until_it_answers(&ns, "stale", &["stale", "-n", ns.name()]).await?;
    let why = [
        "why",
        "deploy/web",
        "-n",
        ns.name(),
        "--own-namespace",
        ns.name(),
    ];
    until_it_answers(&ns, "why", &why).await
}
