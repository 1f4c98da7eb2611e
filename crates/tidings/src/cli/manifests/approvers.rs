//! Who may say the words of people: a ValidatingAdmissionPolicy and its binding.
//!
//! Goes in: the groups, the kinds that are rolled, and Tidings' own account. Comes out: two
//! documents. Kubernetes' RBAC knows no fields: whoever may patch a workload may write any
//! annotation on it, a pipeline's account too. So the API server is told who may write these,
//! and that nobody signs with another's name. An annotation can also be written by way of a
//! subresource (`/status`), so each kind counts with all of its own. Pure.

use serde_json::{Value, json};
use tidings_core::annotations::{APPROVE, APPROVED_BY, REJECT, RESUME};
use tidings_core::kinds::Kinds;
use tidings_core::refs::Name;

/// The version of the API that has such policies, since Kubernetes 1.30.
pub const API_VERSION: &str = "admissionregistration.k8s.io/v1";

/// By what it is known who may.
#[derive(Clone, Debug)]
pub struct Approvers<'a> {
    /// The groups.
    pub groups: &'a [String],
    /// The kinds that are rolled.
    pub kinds: &'a Kinds,
    /// The name of Tidings' account, as the API server knows it: it makes Jobs again with
    /// what was written on them.
    pub account: String,
    /// The namespaces that are watched; none: all.
    pub namespaces: Option<Vec<Name>>,
}

/// What is asked first, of all that is written: the name of each condition, and it.
pub fn conditions(account: &str) -> [(&'static str, String); 2] {
    let words = list(&[APPROVE, REJECT, RESUME, APPROVED_BY]);
    let has = format!(
        "has(object.metadata.annotations) && {words}.exists(k, k in object.metadata.annotations)"
    );
    let another = format!("request.userInfo.username != {}", text(account));
    [("words", has), ("not-tidings", another)]
}

/// What the rules below name, with the groups as CEL writes them.
pub fn variables(groups: &str) -> [(&'static str, String); 5] {
    let words = list(&[APPROVE, REJECT, RESUME]);
    let old = "oldObject != null && has(oldObject.metadata.annotations) ? \
               oldObject.metadata.annotations : {}";
    let is_new = |key: &str| {
        format!(
            "{key} in variables.new && (!({key} in variables.old) || \
             variables.new[{key}] != variables.old[{key}])"
        )
    };
    [
        ("groups", groups.to_owned()),
        ("new", "object.metadata.annotations".to_owned()),
        ("old", old.to_owned()),
        ("said", format!("{words}.exists(k, {})", is_new("k"))),
        ("signed", is_new(&text(APPROVED_BY))),
    ]
}

/// What must hold, and what is said where it does not: both in CEL.
pub fn validations() -> [[String; 2]; 3] {
    let by = text(APPROVED_BY);
    let own = format!("variables.new[{by}] == request.userInfo.username");
    [
        [
            "!variables.said || variables.groups.exists(g, g in request.userInfo.groups)"
                .to_owned(),
            "'only members of ' + variables.groups.join(', ') + ' may approve, reject or resume'"
                .to_owned(),
        ],
        [
            format!("!variables.said || {by} in variables.new && {own}"),
            format!("'{APPROVED_BY} must be your own name, ' + request.userInfo.username"),
        ],
        [
            format!("!variables.signed || {own}"),
            "'nobody signs with the name of another'".to_owned(),
        ],
    ]
}

/// A text as CEL writes it: as JSON does.
fn text(plain: &str) -> String {
    Value::from(plain).to_string()
}

fn list(items: &[&str]) -> String {
    json!(items).to_string()
}

/// The kinds, by group, each with its subresources.
pub fn resources(group: &str, plural: &str) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": ["*"],
        "resources": [plural, format!("{plural}/*")],
        "operations": ["CREATE", "UPDATE"],
    })
}

impl Approvers<'_> {
    /// What a policy says.
    pub fn policy(&self) -> Value {
        let pair =
            |(name, expression): (&str, String)| json!({"name": name, "expression": expression});
        let rule = |[expression, said]: [String; 2]| json!({"expression": expression, "messageExpression": said, "reason": "Forbidden"});
        let kinds = self.kinds.iter();
        let rules: Vec<_> = kinds
            .map(|kind| resources(kind.group, kind.plural))
            .collect();
        let groups = json!(self.groups).to_string();
        json!({
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": rules},
            "matchConditions": conditions(&self.account).map(pair),
            "variables": variables(&groups).map(pair),
            "validations": validations().map(rule),
        })
    }

    /// What its binding says.
    pub fn binding(&self, policy: &str) -> Value {
        let mut spec = json!({"policyName": policy, "validationActions": ["Deny"]});
        if let Some(names) = &self.namespaces {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            let one_of = json!({
                "key": "kubernetes.io/metadata.name",
                "operator": "In",
                "values": names,
            });
            spec["matchResources"] = json!({"namespaceSelector": {"matchExpressions": [one_of]}});
        }
        spec
    }
}
