{{/* Written by `make docs` from crates/written; a test compares it. */}}

{{/* The kinds that are asked for, as JSON. */}}
{{- define "tidings.asked.kinds" -}}
{{- dict
  "rollouts" (include "tidings.on" (list . "reloader.isArgoRollouts") | empty | not)
  "deploymentconfigs" (include "tidings.on" (list . "reloader.isOpenshift") | empty | not)
  | toJson -}}
{{- end -}}

{{/* Rights in what is watched. */}}
{{- define "tidings.rules.watched" -}}
{{- $asked := include "tidings.asked" . | fromJson }}
{{- if not $asked.noConfigMaps }}
# sources: what workloads use
- apiGroups: [""]
  resources: [configmaps]
  verbs:
    - get
    - list
    - watch
{{- end }}
{{- if not $asked.noSecrets }}
# sources: what workloads use
- apiGroups: [""]
  resources: [secrets]
  verbs:
    - get
    - list
    - watch
{{- end }}
{{- if $asked.csi }}
# sources: what workloads use
- apiGroups: ["secrets-store.csi.x-k8s.io"]
  resources: [secretproviderclasspodstatuses]
  verbs:
    - list
    - watch
{{- end }}
{{- if $asked.csi }}
# what is written on them
- apiGroups: ["secrets-store.csi.x-k8s.io"]
  resources: [secretproviderclasses]
  verbs:
    - get
{{- end }}
# workloads: what is rolled
- apiGroups: ["apps"]
  resources: [deployments]
  verbs:
    - get
    - list
    - watch
    {{- if not $asked.dryRun }}
    - patch
    {{- end }}
- apiGroups: ["apps"]
  resources: [statefulsets]
  verbs:
    - get
    - list
    - watch
    {{- if not $asked.dryRun }}
    - patch
    {{- end }}
- apiGroups: ["apps"]
  resources: [daemonsets]
  verbs:
    - get
    - list
    - watch
    {{- if not $asked.dryRun }}
    - patch
    {{- end }}
{{- if not $asked.noCronJobs }}
# workloads: what is rolled
- apiGroups: ["batch"]
  resources: [cronjobs]
  verbs:
    - get
    - list
    - watch
{{- end }}
{{- if not $asked.noJobs }}
# workloads: what is rolled
- apiGroups: ["batch"]
  resources: [jobs]
  verbs:
    - get
    - list
    - watch
    {{- if not $asked.dryRun }}
    - create
    - delete
    {{- end }}
{{- end }}
{{- if $asked.deploymentconfigs }}
# workloads: what is rolled
- apiGroups: ["apps.openshift.io"]
  resources: [deploymentconfigs]
  verbs:
    - get
    - list
    - watch
    {{- if not $asked.dryRun }}
    - patch
    {{- end }}
{{- end }}
{{- if $asked.rollouts }}
# workloads: what is rolled
- apiGroups: ["argoproj.io"]
  resources: [rollouts]
  verbs:
    - get
    - list
    - watch
    {{- if not $asked.dryRun }}
    - patch
    {{- end }}
{{- end }}
{{- range $asked.custom }}
# workloads: what is rolled
- apiGroups: [{{ .group | quote }}]
  resources: [{{ .plural }}]
  verbs:
    - get
    - list
    - watch
    {{- if not $asked.dryRun }}
    - patch
    {{- end }}
{{- end }}
{{- if and ($asked.noJobs) (not $asked.noCronJobs) }}
# runs of CronJobs
- apiGroups: ["batch"]
  resources: [jobs]
  verbs:
    - get
    {{- if not $asked.dryRun }}
    - create
    - delete
    {{- end }}
{{- end }}
# since when the pods' template is what it is
- apiGroups: ["apps"]
  resources: [replicasets]
  verbs:
    - get
    - list
- apiGroups: ["apps"]
  resources: [controllerrevisions]
  verbs:
    - get
    - list
{{- if $asked.scoped }}
# defaults that namespaces set, and their labels
- apiGroups: [""]
  resources: [namespaces]
  verbs:
    - get
{{- end }}
{{- if not $asked.scoped }}
# defaults that namespaces set, and their labels
- apiGroups: [""]
  resources: [namespaces]
  verbs:
    - get
    - list
    - watch
{{- end }}
{{- if not $asked.dryRun }}
# what was done, and problems
- apiGroups: [""]
  resources: [events]
  verbs:
    - create
{{- end }}
{{- if and ($asked.podWise) (not $asked.marksPods) }}
# pods: methods that go pod by pod, and whether their nodes are there
- apiGroups: [""]
  resources: [pods]
  verbs:
    - get
    - list
{{- end }}
{{- if and ($asked.evicts) (not $asked.dryRun) }}
# pods: methods that go pod by pod, and whether their nodes are there
- apiGroups: [""]
  resources: [pods/eviction]
  verbs:
    - create
{{- end }}
{{- if $asked.marksPods }}
# pods: methods that go pod by pod, and whether their nodes are there
- apiGroups: [""]
  resources: [pods]
  verbs:
    - get
    - list
    {{- if not $asked.dryRun }}
    - patch
    {{- end }}
{{- end }}
{{- if and ($asked.marksPods) ($asked.proxied) (not $asked.dryRun) }}
# asking the agents in pods
- apiGroups: [""]
  resources: [pods/proxy]
  verbs:
    - create
{{- end }}
{{- if and ($asked.inPlace) (not $asked.dryRun) }}
# pods: methods that go pod by pod, and whether their nodes are there
- apiGroups: [""]
  resources: [pods/resize]
  verbs:
    - patch
{{- end }}
{{- end -}}

{{/* Rights in the cluster, whatever is watched. */}}
{{- define "tidings.rules.cluster" -}}
{{- $asked := include "tidings.asked" . | fromJson }}
{{- if $asked.podWise }}
# pods: methods that go pod by pod, and whether their nodes are there
- apiGroups: [""]
  resources: [nodes]
  verbs:
    - get
{{- end }}
{{- end -}}

{{/* Rights in the namespace of the records. */}}
{{- define "tidings.rules.own" -}}
{{- $asked := include "tidings.asked" . | fromJson }}
# records: what each workload was brought to
- apiGroups: [""]
  resources: [secrets]
  verbs:
    - get
    - list
    {{- if not $asked.dryRun }}
    - create
    - patch
    - delete
    {{- end }}
{{- if not $asked.dryRun }}
# one writer at a time
- apiGroups: ["coordination.k8s.io"]
  resources: [leases]
  verbs:
    - get
    - create
    - update
{{- end }}
{{- if $asked.scoped }}
# whether everything is paused
- apiGroups: [""]
  resources: [namespaces]
  verbs:
    - get
{{- end }}
{{- if not $asked.dryRun }}
# what runs here, for the commands, and as Reloader says it
- apiGroups: [""]
  resources: [configmaps]
  verbs:
    - get
    - create
    - patch
{{- end }}
{{- end -}}
