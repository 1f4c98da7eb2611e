//! Content that a pod's program cannot run with, as its annotation says.
//!
//! In: a pod, and the ConfigMap as it is when its containers start. Out: whether they end
//! again and again.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::Api;
use kube::{Client, ResourceExt};

use super::BREAKS_WITH;

/// What breaks it.
#[derive(Debug, PartialEq, Eq)]
struct Breaks<'a> {
    config_map: &'a str,
    key: &'a str,
    value: &'a str,
}

/// `app/LOG_LEVEL=verbose`; none where it says something else.
fn read(text: &str) -> Option<Breaks<'_>> {
    let (place, value) = text.split_once('=')?;
    let (config_map, key) = place.split_once('/')?;
    Some(Breaks {
        config_map,
        key,
        value,
    })
}

/// Whether the pod's containers cannot run with what is there now.
pub(super) async fn breaks(client: &Client, pod: &Pod) -> Result<bool, kube::Error> {
    let said = pod.annotations().get(BREAKS_WITH);
    let Some(breaks) = said.and_then(|text| read(text)) else {
        return Ok(false);
    };
    let namespace = pod.namespace().unwrap_or_default();
    let api = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let there = api.get_opt(breaks.config_map).await?;
    let data = there.and_then(|there| there.data).unwrap_or_default();
    Ok(data.get(breaks.key).is_some_and(|is| is == breaks.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_what_it_holds() {
        let read = |text| read(text).map(|it| (it.config_map, it.key, it.value));
        assert_eq!(read("app/LEVEL=a=b"), Some(("app", "LEVEL", "a=b")));
        assert_eq!(read("app"), None);
    }
}
