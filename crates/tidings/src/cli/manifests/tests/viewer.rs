//! The role of whoever only looks.

use clap::FromArgMatches;

use crate::cli::manifests::*;

#[test]
fn a_role_for_whoever_only_looks() {
    let viewer = |options: &[&str]| {
        let words = ["tidings", "manifests"].iter().chain(options);
        let matches = Cli::command().try_get_matches_from(words).unwrap();
        let of_manifests = matches.subcommand_matches("manifests").unwrap();
        printed(
            &ManifestsArgs::from_arg_matches(of_manifests).unwrap(),
            &matches,
        )
        .unwrap()
    };
    insta::assert_snapshot!(viewer(&["--viewer", "--instance=blue"]), @r#"
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRole
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue-viewer
    rules:
      # sources: what workloads use
      - apiGroups: [""]
        resources: [configmaps]
        verbs: [get, list, watch]
      # workloads: what is rolled
      - apiGroups: [apps]
        resources: [deployments]
        verbs: [get, list, watch]
      - apiGroups: [apps]
        resources: [statefulsets]
        verbs: [get, list, watch]
      - apiGroups: [apps]
        resources: [daemonsets]
        verbs: [get, list, watch]
      - apiGroups: [batch]
        resources: [cronjobs]
        verbs: [get, list, watch]
      - apiGroups: [batch]
        resources: [jobs]
        verbs: [get, list, watch]
      # since when the pods' template is what it is
      - apiGroups: [apps]
        resources: [replicasets]
        verbs: [list]
      - apiGroups: [apps]
        resources: [controllerrevisions]
        verbs: [list]
      # when containers were started
      - apiGroups: [""]
        resources: [pods]
        verbs: [list]
      # what namespaces set
      - apiGroups: [""]
        resources: [namespaces]
        verbs: [get, list, watch]
      # what was told of rolls
      - apiGroups: [""]
        resources: [events]
        verbs: [list]
      # who leads
      - apiGroups: [coordination.k8s.io]
        resourceNames: [blue]
        resources: [leases]
        verbs: [get]
    "#);
    let with_secrets = viewer(&["--viewer=with-secrets"]);
    assert!(
        with_secrets.contains("name: tidings-viewer-with-secrets\n"),
        "{with_secrets}"
    );
}
