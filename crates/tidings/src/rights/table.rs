//! What the API server must permit, and why: one table.
//!
//! Goes in: the [`Extent`] of an installation. Comes out: the least [`PolicyRule`]s with which
//! the controller can do what it was told; `tidings manifests` prints them, and
//! [`advice`] names the one that is missing when a request is refused. Pure.

use std::collections::BTreeSet;

use tidings_core::kinds::{KINDS, Kind, Kinds, Renewal, Revision};
use tidings_core::method::{Method, Methods};
use tidings_core::refs::{Name, SOURCES, SourceKind, SourceRow};

/// What an installation needs rights for.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The namespaces that are watched; `None`: all.
    pub namespaces: Option<BTreeSet<Name>>,
    /// The kinds of workload that are rolled.
    pub kinds: Kinds,
    /// The kinds of sources that are watched.
    pub sources: Vec<SourceKind>,
    /// The namespace of the records and the Lease.
    pub own_namespace: Name,
    /// The methods that are enabled.
    pub methods: Methods,
    /// Whether the agents in pods are asked through the API server.
    pub proxied: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// Where a rule must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In every watched namespace, or in the whole cluster.
    Watched,
    /// In Tidings' own namespace.
    Own,
    /// In the whole cluster, whatever is watched: of what is in no namespace.
    Cluster,
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    /// Where.
    pub scope: Reach,
    /// API group; empty is the core group.
    pub group: &'static str,
    /// The resource, in the plural.
    pub resource: &'static str,
    /// What may be done with it.
    pub verbs: Vec<&'static str>,
    /// What for.
    pub why: &'static str,
    /// Whether nothing goes without it.
    pub is_vital: bool,
}

/// Verbs that change something. A dry run has none of them.
const WRITES: [&str; 4] = ["create", "update", "patch", "delete"];
/// What sources are read for.
pub(super) const SOURCES_WHY: &str = "sources: what workloads use";
/// What workloads are read for.
pub(super) const WORKLOADS_WHY: &str = "workloads: what is rolled";
/// What pods are listed and poked for.
const PODS_WHY: &str = "pods: methods that go pod by pod, and whether their nodes are there";
/// What a list and watch needs, and a fresh reading.
const WATCH: [&str; 3] = ["get", "list", "watch"];

/// The rules that an installation needs, in a fixed order.
pub fn rules(extent: &Extent) -> Vec<PolicyRule> {
    let mut rules = table(&extent.kinds);
    rules.extend(of_methods(extent.methods, extent.proxied));
    rules.retain(|rule| rule.scope == Reach::Own || !ignores(extent, rule.resource));
    if extent.namespaces.is_none() {
        // Ours is one of them.
        rules.retain(|rule| rule.scope != Reach::Own || rule.resource != "namespaces");
    } else {
        let namespaces = rules
            .iter_mut()
            .filter(|rule| rule.resource == "namespaces");
        namespaces.for_each(|rule| rule.verbs = vec!["get"]);
    }
    if extent.dry_run {
        // Who does not write takes no Lease, and tells nobody what runs.
        let is_said = |rule: &PolicyRule| rule.scope == Reach::Own && rule.resource == "configmaps";
        rules.retain(|rule| rule.resource != "leases" && !is_said(rule));
        let verbs = rules.iter_mut().map(|rule| &mut rule.verbs);
        verbs.for_each(|verbs| verbs.retain(|verb| !WRITES.contains(verb)));
    }
    rules.retain(|rule| !rule.verbs.is_empty());
    rules
}

/// Whether the resource is a kind of source that is not watched.
fn ignores(extent: &Extent, resource: &str) -> bool {
    let named = |row: &&SourceRow| [row.plural, row.watched].contains(&resource);
    let row = SOURCES.iter().find(named);
    row.is_some_and(|row| !extent.sources.contains(&row.kind))
}

/// What is done with pods, each resource once, as the rows of the methods ask for it.
fn of_methods(methods: Methods, proxied: bool) -> Vec<PolicyRule> {
    let mut rules: Vec<PolicyRule> = Vec::new();
    let rights = methods.iter().flat_map(|method| method.row().rights);
    for right in rights {
        if rules.iter().all(|rule| rule.resource != right.resource) {
            let rule = watched("", right.resource, right.verbs, PODS_WHY);
            let scope = if right.resource == "nodes" {
                Reach::Cluster
            } else {
                Reach::Watched
            };
            rules.push(PolicyRule {
                scope,
                is_vital: false,
                ..rule
            });
        }
    }
    if proxied && methods.contains(Method::Hot) {
        rules.push(PolicyRule {
            is_vital: false,
            ..watched("", "pods/proxy", &["create"], "asking the agents in pods")
        });
    }
    rules
}

/// Every rule that an installation with these kinds may need.
fn table(kinds: &Kinds) -> Vec<PolicyRule> {
    let workloads = kinds.iter().map(|kind| {
        let verbs = [&WATCH[..], writes(kind)].concat();
        watched(kind.group, kind.plural, &verbs, WORKLOADS_WHY)
    });
    SOURCES
        .iter()
        .flat_map(source)
        .chain(workloads)
        .chain(runs(kinds))
        .chain(revisions(kinds, &["get", "list"]))
        .chain(fixed())
        .collect()
}

/// What is watched of a kind of source, and read of it.
fn source(row: &SourceRow) -> Vec<PolicyRule> {
    let why = SOURCES_WHY;
    if !row.kind.by_status() {
        return vec![watched(row.group, row.watched, &WATCH, why)];
    }
    vec![
        watched(row.group, row.watched, &["list", "watch"], why),
        watched(row.group, row.plural, &["get"], "what is written on them"),
    ]
}

/// A rule that must hold wherever something is watched.
pub(super) fn watched(
    group: &'static str,
    resource: &'static str,
    verbs: &[&'static str],
    why: &'static str,
) -> PolicyRule {
    PolicyRule {
        scope: Reach::Watched,
        group,
        resource,
        verbs: verbs.to_vec(),
        why,
        is_vital: true,
    }
}

/// What a workload of this kind is brought to its sources with.
fn writes(kind: &Kind) -> &'static [&'static str] {
    match kind.renewal {
        Renewal::Template | Renewal::TemplateOrRestartAt => &["patch"],
        // Its Jobs are made; it is left as it is.
        Renewal::Run => &[],
        Renewal::Recreate => &["create", "delete"],
    }
}

/// The Jobs of CronJobs, where Jobs are not rolled themselves.
fn runs(kinds: &Kinds) -> Option<PolicyRule> {
    let has = |renewal| kinds.iter().any(|kind| kind.renewal == renewal);
    let alone = has(Renewal::Run) && !has(Renewal::Recreate);
    let verbs = ["get", "create", "delete"];
    alone.then(|| watched("batch", "jobs", &verbs, "runs of CronJobs"))
}

/// The histories of pod templates, each once.
pub(super) fn revisions(
    kinds: &Kinds,
    verbs: &'static [&'static str],
) -> impl Iterator<Item = PolicyRule> {
    const KEPT_IN: [(Revision, &str); 2] = [
        (Revision::ReplicaSet, "replicasets"),
        (Revision::ControllerRevision, "controllerrevisions"),
    ];
    let used: Vec<_> = kinds.iter().map(|kind| kind.revision).collect();
    let kept = KEPT_IN
        .into_iter()
        .filter(move |(revision, _)| used.contains(revision));
    kept.map(|(_, resource)| {
        watched(
            "apps",
            resource,
            verbs,
            "since when the pods' template is what it is",
        )
    })
}

fn fixed() -> [PolicyRule; 6] {
    let own = |group, resource, verbs: &[&'static str], why| PolicyRule {
        scope: Reach::Own,
        ..watched(group, resource, verbs, why)
    };
    [
        watched(
            "",
            "namespaces",
            &WATCH,
            "defaults that namespaces set, and their labels",
        ),
        watched("", "events", &["create"], "what was done, and problems"),
        own(
            "",
            "secrets",
            &["get", "list", "create", "patch", "delete"],
            "records: what each workload was brought to",
        ),
        own(
            "coordination.k8s.io",
            "leases",
            &["get", "create", "update"],
            "one writer at a time",
        ),
        PolicyRule {
            is_vital: false,
            ..own("", "namespaces", &["get"], "whether everything is paused")
        },
        PolicyRule {
            is_vital: false,
            ..own(
                "",
                "configmaps",
                &["get", "create", "patch"],
                "what runs here, for the commands, and as Reloader says it",
            )
        },
    ]
}

/// One sentence for a request that was refused: what was refused, where, and the
/// line to add to which role. `resource` is its plural, with its group if it has
/// one: `deployments.apps`. `namespace` is `None` for a request to all.
pub fn advice(verb: &str, resource: &str, namespace: Option<&str>) -> String {
    let place = namespace.map_or("in all namespaces".to_owned(), |n| {
        format!("in namespace {n}")
    });
    let role = namespace.map_or("ClusterRole", |_| "Role");
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let rule = table(&Kinds::new(KINDS))
        .into_iter()
        .chain(of_methods(Methods::all(), true))
        .find(|rule| (rule.resource, rule.group) == (plural, group) && rule.verbs.contains(&verb));
    let verbs = rule.map_or_else(|| verb.to_owned(), |rule| rule.verbs.join(", "));
    format!(
        "may not {verb} {resource} {place}: add to its {role} \
         `- {{apiGroups: [\"{group}\"], resources: [{plural}], verbs: [{verbs}]}}`, \
         as `tidings manifests` prints it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn shown(options: &[&str]) -> String {
        let show = |rule: &PolicyRule| {
            let PolicyRule {
                scope,
                group,
                resource,
                verbs,
                ..
            } = rule;
            format!("{scope:?} {group}/{resource}: {}", verbs.join(","))
        };
        let rules = rules(&settings(options).unwrap().extent());
        rules.iter().map(show).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_whole_cluster() {
        insta::assert_snapshot!(shown(&[]), @r"
        Watched /configmaps: get,list,watch
        Watched /secrets: get,list,watch
        Watched apps/deployments: get,list,watch,patch
        Watched apps/statefulsets: get,list,watch,patch
        Watched apps/daemonsets: get,list,watch,patch
        Watched batch/cronjobs: get,list,watch
        Watched batch/jobs: get,list,watch,create,delete
        Watched apps/replicasets: get,list
        Watched apps/controllerrevisions: get,list
        Watched /namespaces: get,list,watch
        Watched /events: create
        Own /secrets: get,list,create,patch,delete
        Own coordination.k8s.io/leases: get,create,update
        Own /configmaps: get,create,patch
        ");
    }

    #[test]
    fn a_dry_run_in_one_namespace_without_secrets() {
        let options = [
            "--namespaces=stage",
            "--dry-run",
            "--resources-to-ignore=secrets",
        ];
        insta::assert_snapshot!(shown(&options), @r"
        Watched /configmaps: get,list,watch
        Watched apps/deployments: get,list,watch
        Watched apps/statefulsets: get,list,watch
        Watched apps/daemonsets: get,list,watch
        Watched batch/cronjobs: get,list,watch
        Watched batch/jobs: get,list,watch
        Watched apps/replicasets: get,list
        Watched apps/controllerrevisions: get,list
        Watched /namespaces: get
        Own /secrets: get,list
        Own /namespaces: get
        ");
    }

    #[test]
    fn classes_are_read_where_they_are_watched() {
        let with = shown(&["--enable-csi-integration"]);
        let without = shown(&[]);
        let more: Vec<_> = with
            .lines()
            .filter(|line| !without.contains(line))
            .collect();
        insta::assert_snapshot!(more.join("\n"), @r"
        Watched secrets-store.csi.x-k8s.io/secretproviderclasspodstatuses: list,watch
        Watched secrets-store.csi.x-k8s.io/secretproviderclasses: get
        ");
    }

    #[test]
    fn a_dry_run_tells_nobody_what_runs() {
        let options = ["--reloader-observables", "--dry-run"];
        assert!(!shown(&options).contains("Own /configmaps"));
    }

    #[test]
    fn a_refusal_names_the_line_that_is_missing() {
        insta::assert_snapshot!(advice("list", "secrets", Some("stage")), @r#"may not list secrets in namespace stage: add to its Role `- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}`, as `tidings manifests` prints it"#);
        insta::assert_snapshot!(advice("patch", "deployments.apps", None), @r#"may not patch deployments.apps in all namespaces: add to its ClusterRole `- {apiGroups: ["apps"], resources: [deployments], verbs: [get, list, watch, patch]}`, as `tidings manifests` prints it"#);
        insta::assert_snapshot!(advice("create", "secrets", Some("tidings")), @r#"may not create secrets in namespace tidings: add to its Role `- {apiGroups: [""], resources: [secrets], verbs: [get, list, create, patch, delete]}`, as `tidings manifests` prints it"#);
    }
}
