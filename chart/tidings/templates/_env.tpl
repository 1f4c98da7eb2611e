{{/* The controller's variables. */}}
{{- define "tidings.env" -}}
{{- include "tidings.env.field" (list "POD_NAME" "metadata.name") }}
{{- include "tidings.env.field" (list "POD_NAMESPACE" "metadata.namespace") }}
{{- if include "tidings.on" (list . "tidings.reloaderObservables") }}
{{- include "tidings.env.value" (list "RELOADER_NAMESPACE" (include "tidings.ownNamespace" .)) }}
{{- include "tidings.env.value" (list "RELOADER_DEPLOYMENT_NAME" (include "tidings.fullname" .)) }}
{{- end }}
{{- if include "tidings.on" (list . "reloader.enableMetricsByNamespace") }}
{{- include "tidings.env.value" (list "METRICS_COUNT_BY_NAMESPACE" "enabled") }}
{{- end }}
{{- include "tidings.env.notifications" .Values.tidings.notifications }}
{{- $chosen := .Values.reloader.deployment.env | default dict }}
{{- range $name, $value := $chosen.open }}
{{- include "tidings.env.value" (list $name $value) }}
{{- end }}
{{- range $name, $value := $chosen.secret }}
{{- if ne (toString ($value | default "")) "" }}
{{- include "tidings.env.secret" (list $name (include "tidings.fullname" $) $name) }}
{{- end }}
{{- end }}
{{- range $secret, $keys := $chosen.existing }}
{{- range $name, $key := $keys }}
{{- include "tidings.env.secret" (list $name $secret $key) }}
{{- end }}
{{- end }}
{{- range $name, $path := $chosen.field }}
{{- with $path }}
{{- include "tidings.env.field" (list $name .) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "tidings.env.notifications" -}}
{{- with .sink }}
{{- include "tidings.env.value" (list "TIDINGS_ALERT_ON_RELOAD" "true") }}
{{- include "tidings.env.value" (list "TIDINGS_ALERT_SINK" .) }}
{{- end }}
{{- include "tidings.env.value" (list "TIDINGS_ALERT_WEBHOOK_URL" .url) }}
{{- with .urlFrom }}
{{- include "tidings.env.secret" (list "TIDINGS_ALERT_WEBHOOK_URL" .name .key) }}
{{- end }}
{{- include "tidings.env.value" (list "TIDINGS_ALERT_WEBHOOK_PROXY" .proxy) }}
{{- with .webhookFrom }}
{{- include "tidings.env.secret" (list "TIDINGS_WEBHOOK_URL" .name .key) }}
{{- end }}
{{- end -}}

{{/* (name, value); nothing for no value. */}}
{{- define "tidings.env.value" -}}
{{- $value := index . 1 -}}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- name: {{ index . 0 }}
  value: {{ toString $value | quote }}
{{- end }}
{{- end -}}

{{/* (name, field) */}}
{{- define "tidings.env.field" }}
- name: {{ index . 0 }}
  valueFrom:
    fieldRef:
      fieldPath: {{ index . 1 }}
{{- end -}}

{{/* (name, Secret, key) */}}
{{- define "tidings.env.secret" }}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 | quote }}
      key: {{ index . 2 | quote }}
{{- end -}}
