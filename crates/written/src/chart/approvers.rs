//! `approvers.yaml`: who may say people's words, as `tidings manifests --approvers` says it,
//! with the chart's own names.
//!
//! In: the expressions that the program prints, and the table of kinds. Out: a template.

use std::fmt::Write;

use serde_json::Value;
use tidings::cli::manifests::approvers::{
    API_VERSION, conditions, resources, validations, variables,
};
use tidings_core::kinds::{KINDS, Kind, Watched};

use super::origin;

/// Stand for what only the values say, until the template is written.
const ACCOUNT: &str = "ACCOUNT";
const GROUPS: &str = "GROUPS";
/// The kinds that the values may leave out, each with its switch.
const LEFT_OUT: [(&str, &str); 2] = [("jobs", "noJobs"), ("cronjobs", "noCronJobs")];

pub(crate) fn template() -> String {
    let mut text = origin() + HEAD;
    for kind in KINDS {
        text.push_str(&of_kind(kind));
    }
    text.push_str(CUSTOM);
    text.push_str("  matchConditions:\n");
    for (name, expression) in conditions(ACCOUNT) {
        text.push_str(&pair(name, &expression));
    }
    text.push_str("  variables:\n");
    for (name, expression) in variables(GROUPS) {
        text.push_str(&pair(name, &expression));
    }
    text.push_str("  validations:\n");
    for [expression, said] in validations() {
        let (expression, said) = (literal(&expression), literal(&said));
        let _ = write!(
            text,
            "    - expression: {expression}\n      messageExpression: {said}\n      \
             reason: Forbidden\n"
        );
    }
    (text + TAIL).replace("API_VERSION", API_VERSION)
}

fn of_kind(kind: &Kind) -> String {
    let rule = rule(&resources(kind.group, kind.plural));
    let left_out = LEFT_OUT.iter().find(|(plural, _)| *plural == kind.plural);
    let condition = match (kind.watched, left_out) {
        (_, Some((_, switch))) => format!("not $asked.{switch}"),
        (Watched::OnDemand(_), None) => format!("$asked.{}", kind.plural),
        _ => return rule,
    };
    format!("      {{{{- if {condition} }}}}\n{rule}      {{{{- end }}}}\n")
}

fn rule(of: &Value) -> String {
    format!(
        "      - apiGroups: {}\n        apiVersions: {}\n        resources: {}\n        \
         operations: {}\n",
        of["apiGroups"], of["apiVersions"], of["resources"], of["operations"]
    )
}

fn pair(name: &str, expression: &str) -> String {
    format!(
        "    - name: {name}\n      expression: {}\n",
        literal(expression)
    )
}

/// In quotes in which nothing means anything but what the values put in.
fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    quoted
        .replace(
            ACCOUNT,
            "system:serviceaccount:{{ include \"tidings.namespace\" . }}:{{ include \"tidings.account\" . }}",
        )
        .replace(GROUPS, "{{ $groups | toJson | replace \"'\" \"''\" }}")
}

const HEAD: &str = r#"{{- with .Values.tidings.approvers }}
{{- $groups := kindIs "slice" . | ternary . (list .) }}
{{- with $ }}
{{- $asked := include "tidings.asked" . | fromJson }}
{{- $name := printf "%s-approvers" (include "tidings.fullname" .) }}
---
apiVersion: API_VERSION
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "tidings.labels" . | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
"#;

const CUSTOM: &str = r#"      {{- range $asked.custom }}
      - apiGroups: [{{ .group | quote }}]
        apiVersions: ["*"]
        resources: [{{ .plural | quote }}, {{ printf "%s/*" .plural | quote }}]
        operations: ["CREATE","UPDATE"]
      {{- end }}
"#;

const TAIL: &str = r#"---
apiVersion: API_VERSION
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "tidings.labels" . | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
  {{- with include "tidings.namespaces" . }}
  matchResources:
    namespaceSelector:
      matchExpressions:
        - key: kubernetes.io/metadata.name
          operator: In
          values:
            {{- range splitList "," . }}
            - {{ . | quote }}
            {{- end }}
  {{- end }}
{{- end }}
{{- end }}
"#;
