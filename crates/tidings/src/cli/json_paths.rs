//! The fields of a JSON value, as reference pages list them: `workloads[].sources[].state`.

use std::collections::BTreeSet;

use serde_json::Value;

/// All that are below a value of this name.
pub(crate) fn paths_of(value: &Value, at: &str) -> BTreeSet<String> {
    match value {
        Value::Object(map) => {
            let below = map
                .iter()
                .map(|(key, value)| paths_of(value, &format!("{at}.{key}")));
            below.flatten().collect()
        }
        Value::Array(items) => {
            let at = format!("{at}[]");
            let below = items.iter().flat_map(|item| paths_of(item, &at));
            below.chain([at.clone()]).collect()
        }
        _ => [at.to_owned()].into(),
    }
}
