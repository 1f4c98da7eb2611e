{{/* The name of the application. */}}
{{- define "tidings.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of what is made. */}}
{{- define "tidings.fullname" -}}
{{- $name := include "tidings.name" . -}}
{{- $long := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $long | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tidings.namespace" -}}
{{- .Values.namespace | default .Release.Namespace -}}
{{- end -}}

{{/* The namespace of the records and the Lease. */}}
{{- define "tidings.ownNamespace" -}}
{{- .Values.tidings.ownNamespace | default (include "tidings.namespace" .) -}}
{{- end -}}

{{- define "tidings.account" -}}
{{- $made := include "tidings.on" (list . "reloader.serviceAccount.create") -}}
{{- $name := empty $made | ternary "default" (include "tidings.fullname" .) -}}
{{- include "tidings.text" (list . "reloader.serviceAccount.name") | default $name -}}
{{- end -}}

{{/*
What the pods are selected by: as in Reloader's chart, so that a release of it can
be upgraded to this one, and what selects its pods goes on selecting them.
*/}}
{{- define "tidings.selector" -}}
app: {{ include "tidings.fullname" . }}
release: {{ .Release.Name | quote }}
{{- with .Values.reloader.matchLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tidings.labels" -}}
{{ include "tidings.selector" . }}
app.kubernetes.io/name: {{ include "tidings.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* (root, more labels): of the same name, those that were asked for. */}}
{{- define "tidings.labels.and" -}}
{{- merge (dict) (index . 1 | default dict) (include "tidings.labels" (index . 0) | fromYaml) | toYaml -}}
{{- end -}}

{{/* (root, more labels): of the same name, those that pods are selected by. */}}
{{- define "tidings.labels.pods" -}}
{{- merge (include "tidings.labels" (index . 0) | fromYaml) (index . 1 | default dict) | toYaml -}}
{{- end -}}

{{/* Whether a value says yes: true, or "true" as `--set-string` and quotes make it. */}}
{{- define "tidings.yes" -}}
{{- if eq (toString .) "true" -}}true{{- end -}}
{{- end -}}

{{/* (root, path): the value as text, a list with commas; nothing where there is none. */}}
{{- define "tidings.text" -}}
{{- $value := (index . 0).Values -}}
{{- range splitList "." (index . 1) -}}
{{- $value = get ($value | default dict) . -}}
{{- end -}}
{{- if kindIs "float64" $value -}}{{- $value = int64 $value -}}{{- end -}}
{{- if kindIs "slice" $value -}}{{- $value = join "," $value -}}{{- end -}}
{{- if not (kindIs "invalid" $value) -}}{{- toString $value -}}{{- end -}}
{{- end -}}

{{/* (root, path): whether the value says yes. */}}
{{- define "tidings.on" -}}
{{- include "tidings.yes" (include "tidings.text" .) -}}
{{- end -}}

{{/* (root, option, path, default): the option with the value, if it is another. */}}
{{- define "tidings.option" -}}
{{- $text := include "tidings.text" (list (index . 0) (index . 2)) -}}
{{- if and (ne $text "") (ne $text (index . 3)) }}
- {{ printf "--%s=%s" (index . 1) $text | quote }}
{{- end -}}
{{- end -}}

{{/* (root, path, default, reason): a line, if the value is another. */}}
{{- define "tidings.set" -}}
{{- $text := include "tidings.text" (list (index . 0) (index . 1)) -}}
{{- if and (ne $text "") (ne $text (index . 2)) }}
- {{ index . 1 }}: {{ index . 3 }}.
{{- end -}}
{{- end -}}

{{/* Names, as a list or as text with commas: as text with commas. */}}
{{- define "tidings.names" -}}
{{- $names := . | default list -}}
{{- if kindIs "string" $names -}}{{- $names = splitList "," $names -}}{{- end -}}
{{- $clean := list -}}
{{- range $names -}}{{- $clean = append $clean (toString . | trim) -}}{{- end -}}
{{- compact $clean | uniq | sortAlpha | join "," -}}
{{- end -}}

{{/* The namespaces that are watched, with commas; nothing where it is all. */}}
{{- define "tidings.namespaces" -}}
{{- $names := include "tidings.names" .Values.reloader.namespaces -}}
{{- if include "tidings.on" (list . "reloader.watchGlobally") -}}
{{- with $names -}}
{{- fail (printf "reloader.namespaces (%s) needs reloader.watchGlobally: false" .) -}}
{{- end -}}
{{- else -}}
{{- $names | default (include "tidings.namespace" .) -}}
{{- end -}}
{{- end -}}

{{/* What rights depend on, as JSON. */}}
{{- define "tidings.asked" -}}
{{- $custom := list -}}
{{- range .Values.tidings.customWorkloads -}}
{{- $custom = append $custom (include "tidings.resource" . | fromJson) -}}
{{- end -}}
{{- $methods := include "tidings.text" (list . "tidings.methods") | nospace | splitList "," -}}
{{- dict
  "scoped" (include "tidings.namespaces" . | empty | not)
  "noConfigMaps" (include "tidings.on" (list . "reloader.ignoreConfigMaps") | empty | not)
  "noSecrets" (include "tidings.on" (list . "reloader.ignoreSecrets") | empty | not)
  "noJobs" (include "tidings.on" (list . "reloader.ignoreJobs") | empty | not)
  "noCronJobs" (include "tidings.on" (list . "reloader.ignoreCronJobs") | empty | not)
  "csi" (include "tidings.on" (list . "reloader.enableCSIIntegration") | empty | not)
  "podWise" (or (has "hot" $methods) (has "poke" $methods) (has "restart-in-place" $methods) (has "evict" $methods))
  "marksPods" (or (has "hot" $methods) (has "poke" $methods) (has "restart-in-place" $methods))
  "inPlace" (has "restart-in-place" $methods)
  "evicts" (has "evict" $methods)
  "proxied" (and (has "hot" $methods) (eq (include "tidings.text" (list . "tidings.agentsBy")) "proxy"))
  "dryRun" (include "tidings.on" (list . "tidings.dryRun") | empty | not)
  "custom" $custom
  | merge (include "tidings.asked.kinds" . | fromJson) | toJson -}}
{{- end -}}

{{/* Group and plural of `group/version/Kind[=plural]:path`, as JSON. The plural is
guessed as the controller does. */}}
{{- define "tidings.resource" -}}
{{- $words := splitList ":" . | first | splitList "/" -}}
{{- if ne (len $words) 3 -}}
{{- fail (printf "tidings.customWorkloads: %q is not group/version/Kind:path.to.template" .) -}}
{{- end -}}
{{- $kind := last $words | splitList "=" -}}
{{- $plural := last $kind -}}
{{- if eq (len $kind) 1 -}}
{{- $plural = first $kind | lower -}}
{{- if hasSuffix "s" $plural -}}
{{- $plural = printf "%ses" $plural -}}
{{- else if hasSuffix "y" $plural -}}
{{- $plural = printf "%sies" (trimSuffix "y" $plural) -}}
{{- else -}}
{{- $plural = printf "%ss" $plural -}}
{{- end -}}
{{- end -}}
{{- dict "group" (first $words) "plural" $plural | toJson -}}
{{- end -}}

{{/* What cannot be meant. */}}
{{- define "tidings.refuse" -}}
{{- $asked := include "tidings.asked" . | fromJson -}}
{{- if and $asked.noConfigMaps $asked.noSecrets (not $asked.csi) -}}
{{- fail "reloader.ignoreConfigMaps and reloader.ignoreSecrets leave nothing to watch: set one of them" -}}
{{- end -}}
{{- end -}}

{{/* All arguments of the controller. */}}
{{- define "tidings.args" -}}
{{- include "tidings.refuse" . -}}
{{- $asked := include "tidings.asked" . | fromJson -}}
{{- $lists := list
  (list "namespaces" (include "tidings.namespaces" .))
  (list "namespaces-to-ignore" ($asked.scoped | ternary "" (include "tidings.names" .Values.reloader.ignoreNamespaces)))
  (list "namespace-selector" ($asked.scoped | ternary "" (.Values.reloader.namespaceSelector | default "")))
  (list "resources-to-ignore" (compact (list ($asked.noConfigMaps | ternary "configmaps" "") ($asked.noSecrets | ternary "secrets" "")) | join ","))
  (list "ignored-workload-types" (compact (list ($asked.noJobs | ternary "jobs" "") ($asked.noCronJobs | ternary "cronjobs" "")) | join ","))
  (list "custom-workloads" (.Values.tidings.customWorkloads | default list | join ","))
  (list "own-namespace" (.Values.tidings.ownNamespace | default ""))
-}}
- controller
{{- range $option := $lists }}
{{- with last $option }}
- {{ printf "--%s=%s" (first $option) . | quote }}
{{- end }}
{{- end }}
{{- include "tidings.options" . }}
{{- range .Values.tidings.extraArgs }}
- {{ toString . | quote }}
{{- end }}
{{- end -}}

{{- define "tidings.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with .Values.global.imageRegistry -}}{{- $name = printf "%s/%s" . $image.name -}}{{- end -}}
{{- if contains "stakater/reloader" $name -}}
{{- fail (printf "the image %s is Reloader's, which this chart cannot run: set image.repository to where you have pushed Tidings' (see the chart's README)" $name) -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (include "tidings.text" (list . "image.tag") | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Secrets to pull the image with: names, or maps. */}}
{{- define "tidings.pullSecrets" -}}
{{- range concat (.Values.global.imagePullSecrets | default list) (.Values.reloader.deployment.imagePullSecrets | default list) }}
- name: {{ if kindIs "map" . }}{{ .name }}{{ else }}{{ . }}{{ end }}
{{- end }}
{{- end -}}

{{/* The port of metrics and probes. */}}
{{- define "tidings.port" -}}
{{- regexFind "[0-9]+$" (.Values.tidings.listen | default ":9090") | default "9090" -}}
{{- end -}}

{{/* A probe's times and thresholds. */}}
{{- define "tidings.probe" -}}
{{- $chosen := . | default dict -}}
{{- range $name, $default := dict "timeoutSeconds" 5 "failureThreshold" 5 "periodSeconds" 10 "successThreshold" 1 "initialDelaySeconds" 10 }}
{{ $name }}: {{ get $chosen $name | default $default }}
{{- end }}
{{- end -}}

{{/* Whether the cluster knows the kinds of an API. */}}
{{- define "tidings.served" -}}
{{- if (index . 0).Capabilities.APIVersions.Has (index . 1) -}}true{{- end -}}
{{- end -}}
