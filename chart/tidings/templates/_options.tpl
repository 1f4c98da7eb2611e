{{/* Written by `make docs` from crates/written; a test compares it. */}}

{{/* The options that differ from the controller's defaults, one a line. */}}
{{- define "tidings.options" -}}
{{- include "tidings.option" (list . "resource-label-selector" "reloader.resourceLabelSelector" "") }}
{{- include "tidings.option" (list . "is-Argo-Rollouts" "reloader.isArgoRollouts" "false") }}
{{- include "tidings.option" (list . "is-openshift" "reloader.isOpenshift" "false") }}
{{- include "tidings.option" (list . "enable-csi-integration" "reloader.enableCSIIntegration" "false") }}
{{- include "tidings.option" (list . "auto-reload-all" "reloader.autoReloadAll" "false") }}
{{- include "tidings.option" (list . "reload-on-create" "reloader.reloadOnCreate" "false") }}
{{- include "tidings.option" (list . "reload-on-delete" "reloader.reloadOnDelete" "false") }}
{{- include "tidings.option" (list . "sync-after-restart" "reloader.syncAfterRestart" "false") }}
{{- include "tidings.option" (list . "reload-strategy" "reloader.reloadStrategy" "default") }}
{{- include "tidings.option" (list . "webhook-url" "reloader.webhookUrl" "") }}
{{- include "tidings.option" (list . "log-format" "reloader.logFormat" "text") }}
{{- include "tidings.option" (list . "log-level" "reloader.logLevel" "info") }}
{{- include "tidings.option" (list . "enable-ha" "reloader.enableHA" "false") }}
{{- include "tidings.option" (list . "lease-duration" "reloader.leaderElection.leaseDuration" "15s") }}
{{- include "tidings.option" (list . "lease-renew-deadline" "reloader.leaderElection.renewDeadline" "10s") }}
{{- include "tidings.option" (list . "lease-retry-period" "reloader.leaderElection.retryPeriod" "2s") }}
{{- include "tidings.option" (list . "configmap-annotation" "reloader.custom_annotations.configmap" "configmap.reloader.stakater.com/reload") }}
{{- include "tidings.option" (list . "secret-annotation" "reloader.custom_annotations.secret" "secret.reloader.stakater.com/reload") }}
{{- include "tidings.option" (list . "auto-annotation" "reloader.custom_annotations.auto" "reloader.stakater.com/auto") }}
{{- include "tidings.option" (list . "configmap-auto-annotation" "reloader.custom_annotations.configmap_auto" "configmap.reloader.stakater.com/auto") }}
{{- include "tidings.option" (list . "secret-auto-annotation" "reloader.custom_annotations.secret_auto" "secret.reloader.stakater.com/auto") }}
{{- include "tidings.option" (list . "auto-search-annotation" "reloader.custom_annotations.search" "reloader.stakater.com/search") }}
{{- include "tidings.option" (list . "search-match-annotation" "reloader.custom_annotations.match" "reloader.stakater.com/match") }}
{{- include "tidings.option" (list . "ignore-annotation" "reloader.custom_annotations.ignore" "reloader.stakater.com/ignore") }}
{{- include "tidings.option" (list . "pause-deployment-annotation" "reloader.custom_annotations.pausePeriod" "deployment.reloader.stakater.com/pause-period") }}
{{- include "tidings.option" (list . "pause-deployment-time-annotation" "reloader.custom_annotations.pauseTime" "deployment.reloader.stakater.com/paused-at") }}
{{- include "tidings.option" (list . "instance" "tidings.instance" "tidings") }}
{{- include "tidings.option" (list . "settle" "tidings.settle" "2s") }}
{{- include "tidings.option" (list . "min-interval" "tidings.minInterval" "0") }}
{{- include "tidings.option" (list . "at-once" "tidings.atOnce" "") }}
{{- include "tidings.option" (list . "storm-fuse" "tidings.stormFuse" "true") }}
{{- include "tidings.option" (list . "compat" "tidings.compat" "safe") }}
{{- include "tidings.option" (list . "methods" "tidings.methods" "rollout,notify") }}
{{- include "tidings.option" (list . "method" "tidings.method" "rollout") }}
{{- include "tidings.option" (list . "agents-by" "tidings.agentsBy" "address") }}
{{- include "tidings.option" (list . "catch-up" "tidings.catchUp" "false") }}
{{- include "tidings.option" (list . "absorb-by-version" "tidings.absorbByVersion" "true") }}
{{- include "tidings.option" (list . "dry-run" "tidings.dryRun" "false") }}
{{- include "tidings.option" (list . "max-in-flight" "tidings.maxInFlight" "32") }}
{{- include "tidings.option" (list . "listen" "tidings.listen" "") }}
{{- include "tidings.option" (list . "reloader-observables" "tidings.reloaderObservables" "false") }}
{{- include "tidings.option" (list . "alert-structured" "tidings.notifications.structured" "false") }}
{{- include "tidings.option" (list . "alert-additional-info" "tidings.notifications.info" "") }}
{{- include "tidings.option" (list . "notify-ca-file" "tidings.notifications.caFile" "") }}
{{- end -}}

{{/* What was set and does nothing, one a line. */}}
{{- define "tidings.ignored" -}}
{{- include "tidings.set" (list . "kubernetes.host" "" "a pod finds its API server by itself") }}
{{- include "tidings.set" (list . "reloader.enablePProf" "false" "Tidings is not a Go program") }}
{{- include "tidings.set" (list . "reloader.pprofAddr" "" "Tidings is not a Go program") }}
{{- include "tidings.set" (list . "reloader.legacy.rbac" "false" "no cluster has that API any more") }}
{{- include "tidings.set" (list . "reloader.deployment.gomaxprocsOverride" "" "Tidings is not a Go program") }}
{{- include "tidings.set" (list . "reloader.deployment.gomemlimitOverride" "" "Tidings is not a Go program") }}
{{- end -}}
