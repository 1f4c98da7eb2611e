//! Two installations, as they are printed.

#![allow(clippy::too_many_lines, reason = "the whole output is shown")]

mod approvers;
mod viewer;

use super::*;
use crate::settings::selector;
use crate::settings::tests::settings;

fn printed(options: &[&str]) -> String {
    printed_for(1, options)
}

fn printed_for(replicas: u16, options: &[&str]) -> String {
    printed_with(replicas, None, options)
}

fn printed_with(replicas: u16, scraped_from: Option<Selector>, options: &[&str]) -> String {
    let words = ["tidings", "manifests"].iter().chain(options);
    let matches = Cli::command().try_get_matches_from(words).unwrap();
    let matches = matches.subcommand_matches("manifests").unwrap();
    let run = Run {
        image: "tidings:test".to_owned(),
        replicas,
        scraped_from,
        approvers: Vec::new(),
        given: given(matches),
    };
    render(&settings(options).unwrap(), &run)
}

#[test]
fn the_whole_cluster() {
    insta::assert_snapshot!(printed(&[]), @r#"
    ---
    apiVersion: v1
    kind: Namespace
    metadata:
      name: tidings-system
    ---
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      labels:
        app.kubernetes.io/instance: tidings
        app.kubernetes.io/name: tidings
      name: tidings
      namespace: tidings-system
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRole
    metadata:
      labels:
        app.kubernetes.io/instance: tidings
        app.kubernetes.io/name: tidings
      name: tidings
    rules:
      # sources: what workloads use
      - apiGroups: [""]
        resources: [configmaps]
        verbs: [get, list, watch]
      - apiGroups: [""]
        resources: [secrets]
        verbs: [get, list, watch]
      # workloads: what is rolled
      - apiGroups: [apps]
        resources: [deployments]
        verbs: [get, list, watch, patch]
      - apiGroups: [apps]
        resources: [statefulsets]
        verbs: [get, list, watch, patch]
      - apiGroups: [apps]
        resources: [daemonsets]
        verbs: [get, list, watch, patch]
      - apiGroups: [batch]
        resources: [cronjobs]
        verbs: [get, list, watch]
      - apiGroups: [batch]
        resources: [jobs]
        verbs: [get, list, watch, create, delete]
      # since when the pods' template is what it is
      - apiGroups: [apps]
        resources: [replicasets]
        verbs: [get, list]
      - apiGroups: [apps]
        resources: [controllerrevisions]
        verbs: [get, list]
      # defaults that namespaces set, and their labels
      - apiGroups: [""]
        resources: [namespaces]
        verbs: [get, list, watch]
      # what was done, and problems
      - apiGroups: [""]
        resources: [events]
        verbs: [create]
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRoleBinding
    metadata:
      labels:
        app.kubernetes.io/instance: tidings
        app.kubernetes.io/name: tidings
      name: tidings
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: ClusterRole
      name: tidings
    subjects:
      - kind: ServiceAccount
        name: tidings
        namespace: tidings-system
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      labels:
        app.kubernetes.io/instance: tidings
        app.kubernetes.io/name: tidings
      name: tidings-records
      namespace: tidings-system
    rules:
      # records: what each workload was brought to
      - apiGroups: [""]
        resources: [secrets]
        verbs: [get, list, create, patch, delete]
      # one writer at a time
      - apiGroups: [coordination.k8s.io]
        resources: [leases]
        verbs: [get, create, update]
      # what runs here, for the commands, and as Reloader says it
      - apiGroups: [""]
        resources: [configmaps]
        verbs: [get, create, patch]
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      labels:
        app.kubernetes.io/instance: tidings
        app.kubernetes.io/name: tidings
      name: tidings-records
      namespace: tidings-system
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: tidings-records
    subjects:
      - kind: ServiceAccount
        name: tidings
        namespace: tidings-system
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      labels:
        app.kubernetes.io/instance: tidings
        app.kubernetes.io/name: tidings
      name: tidings
      namespace: tidings-system
    spec:
      replicas: 1
      selector:
        matchLabels:
          app.kubernetes.io/instance: tidings
          app.kubernetes.io/name: tidings
      template:
        metadata:
          labels:
            app.kubernetes.io/instance: tidings
            app.kubernetes.io/name: tidings
        spec:
          containers:
            - args: [controller]
              env:
                - name: POD_NAME
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.name
                - name: POD_NAMESPACE
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.namespace
              image: "tidings:test"
              livenessProbe:
                httpGet:
                  path: /livez
                  port: admin
              name: tidings
              ports:
                - containerPort: 9090
                  name: admin
              readinessProbe:
                httpGet:
                  path: /readyz
                  port: admin
              resources:
                limits:
                  memory: "128Mi"
                requests:
                  cpu: "10m"
                  memory: "32Mi"
              securityContext:
                allowPrivilegeEscalation: false
                capabilities:
                  drop: [ALL]
                readOnlyRootFilesystem: true
          securityContext:
            runAsGroup: 65534
            runAsNonRoot: true
            runAsUser: 65534
            seccompProfile:
              type: RuntimeDefault
          serviceAccountName: tidings
    "#);
}

#[test]
fn a_dry_run_in_two_namespaces() {
    let options = [
        "--namespaces=stage,prod",
        "--dry-run",
        "--resources-to-ignore=secrets",
        "--instance=blue",
        "--own-namespace=blue-system",
        "--listen=off",
        "--kubeconfig=not-for-the-pod",
    ];
    insta::assert_snapshot!(printed(&options), @r#"
    ---
    apiVersion: v1
    kind: Namespace
    metadata:
      name: blue-system
    ---
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue
      namespace: blue-system
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue
      namespace: prod
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
        verbs: [get, list]
      - apiGroups: [apps]
        resources: [controllerrevisions]
        verbs: [get, list]
      # defaults that namespaces set, and their labels
      - apiGroups: [""]
        resources: [namespaces]
        verbs: [get]
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue
      namespace: prod
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: blue
    subjects:
      - kind: ServiceAccount
        name: blue
        namespace: blue-system
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue
      namespace: stage
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
        verbs: [get, list]
      - apiGroups: [apps]
        resources: [controllerrevisions]
        verbs: [get, list]
      # defaults that namespaces set, and their labels
      - apiGroups: [""]
        resources: [namespaces]
        verbs: [get]
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue
      namespace: stage
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: blue
    subjects:
      - kind: ServiceAccount
        name: blue
        namespace: blue-system
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue-records
      namespace: blue-system
    rules:
      # records: what each workload was brought to
      - apiGroups: [""]
        resources: [secrets]
        verbs: [get, list]
      # whether everything is paused
      - apiGroups: [""]
        resources: [namespaces]
        verbs: [get]
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue-records
      namespace: blue-system
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: blue-records
    subjects:
      - kind: ServiceAccount
        name: blue
        namespace: blue-system
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      labels:
        app.kubernetes.io/instance: blue
        app.kubernetes.io/name: tidings
      name: blue
      namespace: blue-system
    spec:
      replicas: 1
      selector:
        matchLabels:
          app.kubernetes.io/instance: blue
          app.kubernetes.io/name: tidings
      template:
        metadata:
          labels:
            app.kubernetes.io/instance: blue
            app.kubernetes.io/name: tidings
        spec:
          containers:
            - args:
                - controller
                - "--namespaces=stage,prod"
                - "--resources-to-ignore=secrets"
                - "--instance=blue"
                - "--dry-run=true"
                - "--listen=off"
              env:
                - name: POD_NAME
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.name
                - name: POD_NAMESPACE
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.namespace
              image: "tidings:test"
              name: tidings
              resources:
                limits:
                  memory: "128Mi"
                requests:
                  cpu: "10m"
                  memory: "32Mi"
              securityContext:
                allowPrivilegeEscalation: false
                capabilities:
                  drop: [ALL]
                readOnlyRootFilesystem: true
          securityContext:
            runAsGroup: 65534
            runAsNonRoot: true
            runAsUser: 65534
            seccompProfile:
              type: RuntimeDefault
          serviceAccountName: blue
    "#);
}

#[test]
fn several_replicas_keep_apart() {
    let one = printed(&[]);
    let two = printed_for(2, &[]);
    for more in ["podAntiAffinity:", "kind: PodDisruptionBudget"] {
        assert!(two.contains(more) && !one.contains(more), "{more}");
    }
}

/// The container's arguments and variables.
fn container_of(options: &[&str]) -> String {
    let text = printed(options);
    let (_, rest) = text.split_once("containers:\n").unwrap();
    let (container, _) = rest.split_once("image:").unwrap();
    container.to_owned()
}

#[test]
fn what_may_hold_a_token_comes_from_a_secret() {
    let options = [
        "--alert-on-reload",
        "--alert-sink=slack",
        "--alert-webhook-url=https://hooks.example/token",
        "--reloader-observables",
    ];
    let container = container_of(&options);
    assert!(!printed(&options).contains("token\""), "{container}");
    insta::assert_snapshot!(container, @r#"
    - args:
        - controller
        - "--reloader-observables=true"
        - "--alert-on-reload=true"
        - "--alert-sink=slack"
      env:
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        # it may hold a token, so it is not printed: put it into the Secret tidings-notify
        - name: TIDINGS_ALERT_WEBHOOK_URL
          valueFrom:
            secretKeyRef:
              key: alert-webhook-url
              name: tidings-notify
        - name: RELOADER_DEPLOYMENT_NAME
          value: tidings
    "#);
}

#[test]
fn a_file_of_kinds_goes_in_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kinds");
    let rows = "# ours\nexample.org/v1/Worker:spec.pool.template # pools\n\nexample.org/v1/Index=indices:spec.template\n";
    std::fs::write(&file, rows).unwrap();
    let file = format!("--custom-workloads-file={}", file.display());
    let container = container_of(&[&file, "--is-argo-rollouts"]);
    let row = "--custom-workloads=example.org/v1/Worker=workers:spec.pool.template,example.org/v1/Index=indices:spec.template";
    assert!(container.contains(row), "{container}");
    assert!(container.contains("--is-Argo-Rollouts=true"), "{container}");
}

#[test]
fn a_network_policy_lets_in_who_scrapes_and_where_nothing_listens_nobody() {
    let policy = |options: &[&str]| {
        let from = selector::parse("kubernetes.io/metadata.name=monitoring,team in (a,b)").unwrap();
        let printed = printed_with(1, Some(from), options);
        let (_, policy) = printed.split_once("kind: NetworkPolicy\n").unwrap();
        policy.to_owned()
    };
    insta::assert_snapshot!(policy(&[]), @r"
    metadata:
      labels:
        app.kubernetes.io/instance: tidings
        app.kubernetes.io/name: tidings
      name: tidings
      namespace: tidings-system
    spec:
      ingress:
        - from:
            - namespaceSelector:
                matchExpressions:
                  - key: team
                    operator: In
                    values: [a, b]
                matchLabels:
                  kubernetes.io/metadata.name: monitoring
          ports:
            - port: admin
              protocol: TCP
      podSelector:
        matchLabels:
          app.kubernetes.io/instance: tidings
          app.kubernetes.io/name: tidings
      policyTypes: [Ingress]
    ");
    assert!(policy(&["--listen=off"]).contains("ingress: []"));
    assert!(!printed(&[]).contains("NetworkPolicy"));
}
