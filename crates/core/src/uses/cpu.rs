//! How much CPU a container asks for, and whether it is started again when that changes.
//!
//! Goes in: what a container asks for and its policies, as the API server sends them. Comes out: a [`Resizing`]. Field
//! meanings: Kubernetes API reference, `core/v1` Container (`resources`, `resizePolicy`), and
//! its serialization of quantities.

use serde::Deserialize;
use serde_json::Value;

/// Whether a change of its CPU request starts a container again, in its pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resizing {
    /// It does.
    Restarts,
    /// Nothing says that it is to be started again for it.
    #[default]
    WithoutPolicy,
    /// It asks for no CPU that could be another.
    WithoutRequest,
}

/// What happens when a resource is resized.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResizePolicy {
    resource_name: String,
    restart_policy: String,
}

/// What a container may use.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resources {
    requests: Amounts,
    limits: Amounts,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Amounts {
    cpu: Value,
}

impl Resources {
    /// The thousandths of a core that it asks for; where it does not say so, those that it
    /// may use, as the API server has it.
    pub(crate) fn request(&self) -> Option<u32> {
        millicores(&self.requests.cpu).or_else(|| self.limit())
    }

    /// The thousandths of a core that it may use.
    pub(crate) fn limit(&self) -> Option<u32> {
        millicores(&self.limits.cpu)
    }
}

/// Whether another CPU request starts a container again that has these.
pub(crate) fn resizing(policies: &[ResizePolicy], resources: &Resources) -> Resizing {
    let restarts =
        |of: &ResizePolicy| of.resource_name == "cpu" && of.restart_policy == "RestartContainer";
    match resources.request() {
        _ if !policies.iter().any(restarts) => Resizing::WithoutPolicy,
        // One thousandth is the least: there is no other that is near.
        None | Some(0 | 1) => Resizing::WithoutRequest,
        Some(_) => Resizing::Restarts,
    }
}

/// The thousandths of a core in a quantity, such as `250m`, `0.25` or `2`. Of others, and
/// of parts of a thousandth, none.
pub(crate) fn millicores(quantity: &Value) -> Option<u32> {
    let text = match quantity {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if let Some(millis) = text.strip_suffix('m') {
        return whole(millis);
    }
    let (cores, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    if text.is_empty() || part.len() > 3 {
        return None;
    }
    let cores = if cores.is_empty() { 0 } else { whole(cores)? };
    let part = whole(&format!("{part:0<3}"))?;
    cores.checked_mul(1_000)?.checked_add(part)
}

fn whole(digits: &str) -> Option<u32> {
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_digits)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!("250m"), Some(250))]
    #[case(json!("2"), Some(2_000))]
    #[case(json!(2), Some(2_000))]
    #[case(json!(0.25), Some(250))]
    #[case(json!("1.5"), Some(1_500))]
    #[case(json!("0.1000"), Some(100))]
    #[case(json!(".5"), Some(500))]
    #[case(json!("0.0005"), None)]
    #[case(json!("1.5m"), None)]
    #[case(json!("-1"), None)]
    #[case(json!("+1"), None)]
    #[case(json!("5k"), None)]
    #[case(json!(""), None)]
    #[case(json!("99999999999"), None)]
    #[case(json!(null), None)]
    fn quantities_of_cpu(#[case] quantity: Value, #[case] millis: Option<u32>) {
        assert_eq!(millicores(&quantity), millis);
    }

    #[rstest]
    #[case(json!({}), Resizing::WithoutPolicy)]
    #[case(json!({"resources": {"requests": {"cpu": "50m"}}}), Resizing::WithoutPolicy)]
    #[case(json!({"resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]}), Resizing::WithoutPolicy)]
    #[case(json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]}), Resizing::WithoutPolicy)]
    #[case(json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}), Resizing::WithoutRequest)]
    #[case(json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}],
        "resources": {"limits": {"cpu": 1}}}), Resizing::Restarts)]
    #[case(json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}],
        "resources": {"requests": {"cpu": "50m"}}}), Resizing::Restarts)]
    #[case(json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}],
        "resources": {"requests": {"cpu": "1m"}}}), Resizing::WithoutRequest)]
    fn a_container_is_restarted_if_its_policy_says_so(
        #[case] container: Value,
        #[case] expect: Resizing,
    ) {
        let field = |name: &str| container.get(name).cloned().unwrap_or_default();
        let policies: Vec<_> = Vec::deserialize(field("resizePolicy")).unwrap_or_default();
        let resources = Resources::deserialize(field("resources")).unwrap_or_default();
        assert_eq!(resizing(&policies, &resources), expect);
    }
}
