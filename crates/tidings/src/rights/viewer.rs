//! What whoever reads must be permitted: the rights of the commands that look at a cluster.
//!
//! Goes in: the [`Extent`] of an installation. Comes out: what `stale`, `impact`, `status`,
//! `why`, `wait`, `history`, `dashboard` and the completion of names read, as far as the controller's
//! own table has it from there. Pure.
//!
//! RBAC knows no right to metadata alone: who may list Secrets may read what is in them.
//! So there are two roles, and the plain one has nothing of Secrets at all.

use clap::ValueEnum;
use tidings_core::refs::{SOURCES, SourceKind, SourceRow};

use super::table::{Extent, PolicyRule, Reach, SOURCES_WHY, WORKLOADS_WHY, revisions, watched};

/// For whom the role is that `tidings manifests --viewer` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Viewer {
    /// Who may not read Secrets.
    WithoutSecrets,
    /// Who may read every Secret.
    WithSecrets,
}

/// What a list and the reading of one object need, and the page, which follows.
const READ: [&str; 3] = ["get", "list", "watch"];

/// The rules of a role for whoever reads, in a fixed order. Those of Tidings' own
/// namespace ([`Reach::Own`]) are about the object that is called as the installation.
///
/// What an installation leaves out is shown by `stale` all the same, so they depend on its
/// kinds of workload only, and on whether it watches classes of the Secrets Store CSI driver.
pub fn viewer(extent: &Extent, viewer: Viewer) -> Vec<PolicyRule> {
    let sources = SOURCES.iter().filter(|row| is_shown(row, extent, viewer));
    let workloads = extent
        .kinds
        .iter()
        .map(|kind| watched(kind.group, kind.plural, &READ, WORKLOADS_WHY));
    sources
        .flat_map(source)
        .chain(workloads)
        .chain(revisions(&extent.kinds, &["list"]))
        .chain(beside())
        .collect()
}

fn is_shown(row: &SourceRow, extent: &Extent, viewer: Viewer) -> bool {
    match row.kind {
        SourceKind::Secret => viewer == Viewer::WithSecrets,
        kind => !kind.by_status() || extent.sources.contains(&kind),
    }
}

fn source(row: &SourceRow) -> Vec<PolicyRule> {
    if !row.kind.by_status() {
        let why = match row.kind {
            SourceKind::Secret => {
                "sources, and Tidings' records: what each workload was brought to"
            }
            _ => SOURCES_WHY,
        };
        return vec![watched(row.group, row.watched, &READ, why)];
    }
    vec![
        watched(row.group, row.watched, &["list", "watch"], SOURCES_WHY),
        watched(row.group, row.plural, &["get"], "what is written on them"),
    ]
}

/// What tells of workloads and sources besides themselves.
fn beside() -> [PolicyRule; 4] {
    [
        watched("", "pods", &["list"], "when containers were started"),
        watched("", "namespaces", &READ, "what namespaces set"),
        watched("", "events", &["list"], "what was told of rolls"),
        PolicyRule {
            scope: Reach::Own,
            ..watched("coordination.k8s.io", "leases", &["get"], "who leads")
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn shown(role: Viewer, options: &[&str]) -> String {
        let show = |rule: &PolicyRule| {
            let PolicyRule {
                group,
                resource,
                verbs,
                ..
            } = rule;
            format!("{group}/{resource}: {}", verbs.join(","))
        };
        let rules = viewer(&settings(options).unwrap().extent(), role);
        rules.iter().map(show).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn nothing_of_secrets_and_nothing_that_writes() {
        insta::assert_snapshot!(shown(Viewer::WithoutSecrets, &[]), @r"
        /configmaps: get,list,watch
        apps/deployments: get,list,watch
        apps/statefulsets: get,list,watch
        apps/daemonsets: get,list,watch
        batch/cronjobs: get,list,watch
        batch/jobs: get,list,watch
        apps/replicasets: list
        apps/controllerrevisions: list
        /pods: list
        /namespaces: get,list,watch
        /events: list
        coordination.k8s.io/leases: get
        ");
    }

    #[test]
    fn secrets_are_all_that_the_other_has_more() {
        let plain = shown(Viewer::WithoutSecrets, &[]);
        let all = shown(Viewer::WithSecrets, &[]);
        let more: Vec<_> = all.lines().filter(|line| !plain.contains(line)).collect();
        assert_eq!(more, ["/secrets: get,list,watch"]);
    }

    #[test]
    fn kinds_and_classes_that_are_asked_for_and_no_less_for_what_is_left_out() {
        let plain = shown(Viewer::WithoutSecrets, &[]);
        let options = [
            "--enable-csi-integration",
            "--is-argo-rollouts",
            "--resources-to-ignore=configmaps",
        ];
        let all = shown(Viewer::WithoutSecrets, &options);
        let more: Vec<_> = all.lines().filter(|line| !plain.contains(line)).collect();
        insta::assert_snapshot!(more.join("\n"), @r"
        secrets-store.csi.x-k8s.io/secretproviderclasspodstatuses: list,watch
        secrets-store.csi.x-k8s.io/secretproviderclasses: get
        argoproj.io/rollouts: get,list,watch
        ");
        assert!(plain.lines().all(|line| all.contains(line)));
    }
}
