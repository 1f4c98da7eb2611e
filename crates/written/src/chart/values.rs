//! The chart's values: one row each, in the order of `values.yaml`. Reloader's
//! keep their names (its chart 2.2), so that its values files go on working.

/// A value.
pub(crate) struct Row {
    /// Where it is, from the root of the values.
    pub(crate) path: &'static str,
    pub(crate) form: Form,
    /// Its default, in JSON.
    pub(crate) default: &'static str,
    pub(crate) does: Does,
    pub(crate) doc: &'static str,
}

/// What may be written there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    YesOrNo,
    Text,
    /// A number, or text.
    Number,
    /// A time such as `2s`; without a unit only 0.
    Time,
    /// One of these.
    Word(&'static [&'static str]),
    /// The word of a sink of alerts, or none.
    Sink,
    List,
    Map,
    /// A list, or text with commas.
    Names,
    /// The same, of the words of methods.
    Methods,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// It is this option of the controller.
    Option(&'static str),
    /// Templates use it.
    Template,
    /// Nothing, for this reason.
    Nothing(&'static str),
}

use Does::{Nothing, Option, Template};
use Form::{List, Map, Methods, Names, Number, Text, Time, Word, YesOrNo};

const fn row(
    path: &'static str,
    form: Form,
    default: &'static str,
    does: Does,
    doc: &'static str,
) -> Row {
    Row {
        path,
        form,
        default,
        does,
        doc,
    }
}

const NOT_GO: &str = "Tidings is not a Go program";

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("global.imageRegistry", Text, r#""""#, Template, "Put before `image.name`; `image.repository` is then not used."),
    row("global.imagePullSecrets", List, "[]", Template, "Secrets to pull the image with: names, or maps with a `name`."),
    row("nameOverride", Text, r#""""#, Template, "Takes the place of the chart's name in names and labels."),
    row("fullnameOverride", Text, r#""""#, Template, "The name of everything that is made."),
    row("namespace", Text, r#""""#, Template, "Where to install, if not in the release's namespace."),
    row("kubernetes.host", Text, r#""""#, Nothing("a pod finds its API server by itself"), "Accepted, without effect."),

    row("image.name", Text, r#""tidings""#, Template, "The image below `global.imageRegistry`."),
    row("image.repository", Text, r#""tidings""#, Template, "The image: where you have pushed it."),
    row("image.tag", Text, r#""""#, Template, "Its tag; else the chart's `appVersion`."),
    row("image.digest", Text, r#""""#, Template, "Its digest, `sha256:…`, instead of a tag."),
    row("image.pullPolicy", Word(&["Always", "IfNotPresent", "Never"]), r#""IfNotPresent""#, Template, "When it is pulled."),

    row("reloader.watchGlobally", YesOrNo, "true", Template, "Watch all namespaces; else those of `reloader.namespaces`, or only the release's."),
    row("reloader.namespaces", Names, "[]", Template, "Watch only these namespaces, with a Role in each. Needs `watchGlobally: false`."),
    row("reloader.ignoreNamespaces", Names, r#""""#, Template, "Watch all namespaces but these."),
    row("reloader.namespaceSelector", Text, r#""""#, Template, "Roll only in namespaces whose labels match. Only with `watchGlobally`."),
    row("reloader.resourceLabelSelector", Text, r#""""#, Option("resource-label-selector"), "Watch only ConfigMaps and Secrets whose labels match."),
    row("reloader.ignoreConfigMaps", YesOrNo, "false", Template, "Do not watch ConfigMaps, and take no right to."),
    row("reloader.ignoreSecrets", YesOrNo, "false", Template, "Do not watch Secrets, and take no right to, but for those in the namespace of the records."),
    row("reloader.ignoreJobs", YesOrNo, "false", Template, "Do not watch Jobs, and take no right to."),
    row("reloader.ignoreCronJobs", YesOrNo, "false", Template, "Do not watch CronJobs, and take no right to."),
    row("reloader.isArgoRollouts", YesOrNo, "false", Option("is-Argo-Rollouts"), "Roll Argo's Rollouts; they may be installed later."),
    row("reloader.isOpenshift", YesOrNo, "false", Option("is-openshift"), "Roll OpenShift's DeploymentConfigs."),
    row("reloader.enableCSIIntegration", YesOrNo, "false", Option("enable-csi-integration"), "Roll for what the Secrets Store CSI driver mounts."),
    row("reloader.autoReloadAll", YesOrNo, "false", Option("auto-reload-all"), "Treat every workload without an opt-in annotation as `auto`."),
    row("reloader.reloadOnCreate", YesOrNo, "false", Option("reload-on-create"), "Roll also when an optional or named source appears."),
    row("reloader.reloadOnDelete", YesOrNo, "false", Option("reload-on-delete"), "Roll also when a used source or key is deleted."),
    row("reloader.syncAfterRestart", YesOrNo, "false", Option("sync-after-restart"), "Nothing to choose here: what changed while no controller ran is always rolled."),
    row("reloader.reloadStrategy", Word(&["default", "env-vars", "annotations"]), r#""default""#, Option("reload-strategy"), "What a roll writes on the pod template besides Tidings' own two annotations; `default` is nothing, with `tidings.compat: strict` it is `env-vars`."),
    row("reloader.webhookUrl", Text, r#""""#, Option("webhook-url"), "POST to this URL instead of rolling. (In Reloader's chart it had no effect without `custom_annotations`.)"),
    row("reloader.logFormat", Word(&["", "text", "json"]), r#""""#, Option("log-format"), "The form of the log."),
    row("reloader.logLevel", Text, r#""info""#, Option("log-level"), "How much is logged."),
    row("reloader.enableHA", YesOrNo, "false", Option("enable-ha"), "Run `deployment.replicas` replicas, one of which leads. Without it there is one."),
    row("reloader.leaderElection.leaseDuration", Time, r#""""#, Option("lease-duration"), "How long the Lease holds without being renewed."),
    row("reloader.leaderElection.renewDeadline", Time, r#""""#, Option("lease-renew-deadline"), "A leader that could not renew for this long stops writing."),
    row("reloader.leaderElection.retryPeriod", Time, r#""""#, Option("lease-retry-period"), "Between two attempts to take or renew it."),
    row("reloader.enableMetricsByNamespace", YesOrNo, "false", Template, "Count reloads by namespace too, under Reloader's name."),
    row("reloader.enablePProf", YesOrNo, "false", Nothing(NOT_GO), "Accepted, without effect."),
    row("reloader.pprofAddr", Text, r#""""#, Nothing(NOT_GO), "Accepted, without effect."),
    row("reloader.readOnlyRootFileSystem", YesOrNo, "true", Template, "Nothing is ever written there."),
    row("reloader.legacy.rbac", YesOrNo, "false", Nothing("no cluster has that API any more"), "Accepted, without effect."),
    row("reloader.matchLabels", Map, "{}", Template, "More labels to select the pods by."),


    row("reloader.custom_annotations.configmap", Text, r#""""#, Option("configmap-annotation"), "Read instead of `configmap.reloader.stakater.com/reload`."),
    row("reloader.custom_annotations.secret", Text, r#""""#, Option("secret-annotation"), "Read instead of `secret.reloader.stakater.com/reload`."),
    row("reloader.custom_annotations.auto", Text, r#""""#, Option("auto-annotation"), "Read instead of `reloader.stakater.com/auto`."),
    row("reloader.custom_annotations.configmap_auto", Text, r#""""#, Option("configmap-auto-annotation"), "Read instead of `configmap.reloader.stakater.com/auto`."),
    row("reloader.custom_annotations.secret_auto", Text, r#""""#, Option("secret-auto-annotation"), "Read instead of `secret.reloader.stakater.com/auto`."),
    row("reloader.custom_annotations.search", Text, r#""""#, Option("auto-search-annotation"), "Read instead of `reloader.stakater.com/search`."),
    row("reloader.custom_annotations.match", Text, r#""""#, Option("search-match-annotation"), "Read instead of `reloader.stakater.com/match`."),
    row("reloader.custom_annotations.ignore", Text, r#""""#, Option("ignore-annotation"), "Read instead of `reloader.stakater.com/ignore`."),
    row("reloader.custom_annotations.pausePeriod", Text, r#""""#, Option("pause-deployment-annotation"), "Read instead of `deployment.reloader.stakater.com/pause-period`."),
    row("reloader.custom_annotations.pauseTime", Text, r#""""#, Option("pause-deployment-time-annotation"), "Used instead of `deployment.reloader.stakater.com/paused-at`."),

    row("reloader.deployment.replicas", Number, "1", Template, "How many, with `enableHA`."),
    row("reloader.deployment.revisionHistoryLimit", Number, "2", Template, "How many old ReplicaSets are kept."),
    row("reloader.deployment.annotations", Map, "{}", Template, "Annotations of the Deployment."),
    row("reloader.deployment.labels", Map, "{}", Template, "Labels of the Deployment and its pods."),
    row("reloader.deployment.pod.annotations", Map, "{}", Template, "Annotations of the pods."),
    row("reloader.deployment.imagePullSecrets", List, "[]", Template, "More Secrets to pull the image with."),
    row("reloader.deployment.nodeSelector", Map, "{}", Template, "Which nodes."),
    row("reloader.deployment.affinity", Map, "{}", Template, "With `enableHA` and without any: rather not two on one node."),
    row("reloader.deployment.tolerations", List, "[]", Template, "Which taints do not matter."),
    row("reloader.deployment.topologySpreadConstraints", List, "[]", Template, "How the replicas are spread."),
    row("reloader.deployment.priorityClassName", Text, r#""""#, Template, "How important the pods are."),
    row("reloader.deployment.securityContext", Map, r#"{"runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}}"#, Template, "Of the pod. On OpenShift set `runAsUser` and `runAsGroup` to null."),
    row("reloader.deployment.containerSecurityContext", Map, r#"{"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}"#, Template, "Of the container, with `readOnlyRootFileSystem`."),
    row("reloader.deployment.resources", Map, r#"{"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}"#, Template, "What a replica needs and may take."),
    row("reloader.deployment.env.open", Map, "{}", Template, "Variables: name and value."),
    row("reloader.deployment.env.secret", Map, "{}", Template, "Variables: name and value, kept in a Secret that the chart makes."),
    row("reloader.deployment.env.field", Map, "{}", Template, "Variables: name and a field of the pod."),
    row("reloader.deployment.env.existing", Map, "{}", Template, "Variables from Secrets that exist: the Secret's name, and in it name and key."),
    row("reloader.deployment.livenessProbe", Map, "{}", Template, "Its times and thresholds."),
    row("reloader.deployment.readinessProbe", Map, "{}", Template, "Its times and thresholds."),
    row("reloader.deployment.volumes", List, "[]", Template, "More volumes of the pod."),
    row("reloader.deployment.volumeMounts", List, "[]", Template, "More mounts of the container."),
    row("reloader.deployment.dnsConfig", Map, "{}", Template, "How the pod resolves names."),
    row("reloader.deployment.gomaxprocsOverride", Text, r#""""#, Nothing(NOT_GO), "Accepted, without effect."),
    row("reloader.deployment.gomemlimitOverride", Text, r#""""#, Nothing(NOT_GO), "Accepted, without effect."),

    row("reloader.service", Map, "{}", Template, "Make a Service for the metrics: its `labels`, `annotations`, `port`, `ipFamilyPolicy`, `ipFamilies`. A ServiceMonitor makes it too."),
    row("reloader.rbac.enabled", YesOrNo, "true", Template, "Make the roles and their bindings."),
    row("reloader.rbac.labels", Map, "{}", Template, "Labels of these."),
    row("reloader.serviceAccount.create", YesOrNo, "true", Template, "Make the service account."),
    row("reloader.serviceAccount.labels", Map, "{}", Template, "Its labels."),
    row("reloader.serviceAccount.annotations", Map, "{}", Template, "Its annotations."),
    row("reloader.serviceAccount.name", Text, r#""""#, Template, "Its name; else that of everything else, or `default` where none is made."),

    row("reloader.serviceMonitor.enabled", YesOrNo, "false", Template, "Have Prometheus scrape the Service, where the cluster knows ServiceMonitors."),
    row("reloader.serviceMonitor.namespace", Text, r#""""#, Template, "Where the ServiceMonitor is made."),
    row("reloader.serviceMonitor.interval", Text, r#""""#, Template, "How often; else as Prometheus does."),
    row("reloader.serviceMonitor.timeout", Text, r#""""#, Template, "For how long; else as Prometheus does."),
    row("reloader.serviceMonitor.scheme", Text, r#""""#, Template, "`http` or `https`."),
    row("reloader.serviceMonitor.tlsConfig", Map, "{}", Template, "How TLS is spoken."),
    row("reloader.serviceMonitor.bearerTokenFile", Text, r#""""#, Template, "A token to send."),
    row("reloader.serviceMonitor.honorLabels", YesOrNo, "true", Template, "Whether scraped labels go first."),
    row("reloader.serviceMonitor.labels", Map, "{}", Template, "Labels by which Prometheus finds it."),
    row("reloader.serviceMonitor.annotations", Map, "{}", Template, "Its annotations."),
    row("reloader.serviceMonitor.metricRelabelings", List, "[]", Template, "What is done to samples."),
    row("reloader.serviceMonitor.relabelings", List, "[]", Template, "What is done to targets."),
    row("reloader.serviceMonitor.targetLabels", List, "[]", Template, "Labels of the Service that samples get."),

    row("reloader.podMonitor.enabled", YesOrNo, "false", Template, "Have Prometheus scrape the pods, where the cluster knows PodMonitors."),
    row("reloader.podMonitor.namespace", Text, r#""""#, Template, "Where the PodMonitor is made."),
    row("reloader.podMonitor.interval", Text, r#""""#, Template, "How often; else as Prometheus does."),
    row("reloader.podMonitor.timeout", Text, r#""""#, Template, "For how long; else as Prometheus does."),
    row("reloader.podMonitor.scheme", Text, r#""""#, Template, "`http` or `https`."),
    row("reloader.podMonitor.tlsConfig", Map, "{}", Template, "How TLS is spoken."),
    row("reloader.podMonitor.bearerTokenSecret", Map, "{}", Template, "A token to send: `name` and `key` of a Secret."),
    row("reloader.podMonitor.honorLabels", YesOrNo, "true", Template, "Whether scraped labels go first."),
    row("reloader.podMonitor.labels", Map, "{}", Template, "Labels by which Prometheus finds it."),
    row("reloader.podMonitor.annotations", Map, "{}", Template, "Its annotations."),
    row("reloader.podMonitor.metricRelabelings", List, "[]", Template, "What is done to samples."),
    row("reloader.podMonitor.relabelings", List, "[]", Template, "What is done to targets."),
    row("reloader.podMonitor.podTargetLabels", List, "[]", Template, "Labels of the pods that samples get."),

    row("reloader.podDisruptionBudget.enabled", YesOrNo, "false", Template, "Make a PodDisruptionBudget."),
    row("reloader.podDisruptionBudget.minAvailable", Number, r#""""#, Template, "How many must stay."),
    row("reloader.podDisruptionBudget.maxUnavailable", Number, r#""""#, Template, "How many may go; goes before `minAvailable`. Without both: 1."),

    row("reloader.netpol.enabled", YesOrNo, "false", Template, "Make a NetworkPolicy: the metrics port in; the API server and names out."),
    row("reloader.netpol.from", List, "[]", Template, "Who may scrape; without any, everyone."),
    row("reloader.netpol.to", List, "[]", Template, "Where the API server is; without any, everywhere on its ports."),

    row("reloader.verticalPodAutoscaler.enabled", YesOrNo, "false", Template, "Make a VerticalPodAutoscaler, where the cluster knows them."),
    row("reloader.verticalPodAutoscaler.recommenders", List, "[]", Template, "Who recommends, if not the default one."),
    row("reloader.verticalPodAutoscaler.controlledResources", List, "[]", Template, "What it sets; else `cpu` and `memory`."),
    row("reloader.verticalPodAutoscaler.controlledValues", Text, r#""""#, Template, "`RequestsOnly` or `RequestsAndLimits`."),
    row("reloader.verticalPodAutoscaler.maxAllowed", Map, "{}", Template, "At most."),
    row("reloader.verticalPodAutoscaler.minAllowed", Map, "{}", Template, "At least."),
    row("reloader.verticalPodAutoscaler.updatePolicy", Map, r#"{"updateMode": "Auto"}"#, Template, "When it acts."),

    row("tidings.instance", Text, r#""""#, Option("instance"), "The name of this installation; else `tidings`. Two that share a cluster need two names."),
    row("tidings.ownNamespace", Text, r#""""#, Template, "The namespace of the records and the Lease, which must exist; else that of the release."),
    row("tidings.settle", Time, r#""""#, Option("settle"), "Changes this close together become one roll; else 2s. 0 is off."),
    row("tidings.minInterval", Time, r#""""#, Option("min-interval"), "The least time between two rolls of a workload."),
    row("tidings.atOnce", Number, r#""""#, Option("at-once"), "How many workloads of a namespace are brought to a source's content at once, the first of them alone (docs/train.md); else all."),
    row("tidings.stormFuse", YesOrNo, "true", Option("storm-fuse"), "Roll a workload whose sources do not come to rest every ten minutes, and none more than five times in ten minutes."),
    row("tidings.compat", Word(&["safe", "strict"]), r#""safe""#, Option("compat"), "`strict` also does what is dangerous in Reloader: runs completed Jobs and suspended CronJobs again."),
    row("tidings.methods", Methods, r#"["rollout", "notify"]"#, Option("methods"), "The methods that may be used, with the rights that they take: `hot` and `poke` list and patch pods (docs/methods.md)."),
    row("tidings.method", Methods, r#"["rollout"]"#, Option("method"), "The methods of a workload that does not set `tidings.dev/method`, the gentlest first."),
    row("tidings.agentsBy", Word(&["address", "proxy"]), r#""address""#, Option("agents-by"), "How `hot` asks the agents in pods: at their pods' addresses, or through the API server's proxy, with the right to create `pods/proxy`."),
    row("tidings.approvers", List, "[]", Template, "Groups whose members alone may approve, reject and resume, each under their own name: a ValidatingAdmissionPolicy (docs/people.md), which needs Kubernetes 1.30."),
    row("tidings.customWorkloads", List, "[]", Template, "Further kinds with a pod template: `group/version/Kind:path.to.template`, or `group/version/Kind=plural:path`."),
    row("tidings.catchUp", YesOrNo, "false", Option("catch-up"), "At first sight, roll workloads whose pods are older than a source that they use."),
    row("tidings.absorbByVersion", YesOrNo, "true", Option("absorb-by-version"), "Right where workloads and sources are kept in one etcd."),
    row("tidings.dryRun", YesOrNo, "false", Option("dry-run"), "Decide and report, but write nothing, and take no right to."),
    row("tidings.maxInFlight", Number, r#""""#, Option("max-in-flight"), "Writes under way at the same time; else 32."),
    row("tidings.listen", Text, r#""""#, Option("listen"), "Where metrics and probes are served, as address:port; else 0.0.0.0:9090."),
    row("tidings.reloaderObservables", YesOrNo, "true", Option("reloader-observables"), "Reloader's metrics, Events and meta-info ConfigMap beside Tidings' own."),
    row("tidings.extraArgs", List, "[]", Template, "More options of the controller, as they are. Rights do not follow from these."),

    row("tidings.notifications.sink", Form::Sink, r#""""#, Template, "Tell of every roll, in this form. (Reloader's `ALERT_` variables in `reloader.deployment.env` do the same.)"),
    row("tidings.notifications.structured", YesOrNo, "false", Option("alert-structured"), "With `sink: raw`: JSON for programs, with keys, who changed them, and why."),
    row("tidings.notifications.url", Text, r#""""#, Template, "Where to. It may hold a token: then rather `urlFrom`."),
    row("tidings.notifications.urlFrom", Map, "{}", Template, "Which Secret holds where to: its `name` and `key`."),
    row("tidings.notifications.proxy", Text, r#""""#, Template, "By which proxy."),
    row("tidings.notifications.info", Text, r#""""#, Option("alert-additional-info"), "What is put before each message, such as the cluster's name."),
    row("tidings.notifications.caFile", Text, r#""""#, Option("notify-ca-file"), "A PEM file of certificates to trust besides the usual ones; mount it by `reloader.deployment.volumes`."),
    row("tidings.notifications.webhookFrom", Map, "{}", Template, "As `reloader.webhookUrl`, from a Secret: its `name` and `key`."),

    row("tidings.dashboard.enabled", YesOrNo, "false", Template, "Make a ConfigMap with the Grafana dashboard, for Grafana's sidecar."),
    row("tidings.dashboard.namespace", Text, r#""""#, Template, "Where."),
    row("tidings.dashboard.labels", Map, r#"{"grafana_dashboard": "1"}"#, Template, "Labels by which the sidecar finds it."),
    row("tidings.dashboard.annotations", Map, "{}", Template, "Its annotations, such as the folder."),
    row("tidings.alerts.enabled", YesOrNo, "false", Template, "Make a PrometheusRule with alerts, where the cluster knows them."),
    row("tidings.alerts.reloader", YesOrNo, "false", Template, "And one with alerts over Reloader's metrics."),
    row("tidings.alerts.namespace", Text, r#""""#, Template, "Where."),
    row("tidings.alerts.labels", Map, "{}", Template, "Labels by which Prometheus finds it."),
    row("tidings.alerts.annotations", Map, "{}", Template, "Its annotations."),
    row("tidings.networkPolicy.egress", List, "[]", Template, "More egress rules of the NetworkPolicy: where notifications go."),
];
