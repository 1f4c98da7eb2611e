//! Evicts a pod (`policy/v1`, `Eviction`), so that its owner makes another one.
//!
//! The eviction carries the pod's uid: one of the same name made later is another (409). What
//! a PodDisruptionBudget does not let be done now is tried again; what the API server refuses
//! for another reason it would refuse again: it is told, and the next method follows.

use serde_json::json;
use tidings_core::ladder::Acted;

use crate::api::{ApiError, Call, Place, TermClient, Verb};
use crate::control::Evicting;

/// Where a pod is evicted.
const EVICTION: &str = "eviction";

/// Evicts a pod. The error: nothing is known of what became of it.
pub async fn evict(api: TermClient<'_>, evicting: &Evicting) -> Result<Acted, ApiError> {
    let place = Place::core("pods").within(evicting.namespace.clone());
    let place = place.named(evicting.pod.clone()).part(EVICTION);
    let call = Call::new(Verb::Create, place);
    answer(api.write(&call, || body(evicting)).await)
}

fn body(evicting: &Evicting) -> String {
    let body = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": { "name": *evicting.pod, "namespace": *evicting.namespace },
        "deleteOptions": { "preconditions": { "uid": *evicting.uid } },
    });
    body.to_string()
}

/// What the API server's answer to an eviction means.
fn answer<B>(result: Result<B, ApiError>) -> Result<Acted, ApiError> {
    let refused =
        |said: &str| Acted::Refused(format!("the API server refuses to evict it: {said}"));
    match result {
        Ok(_) => Ok(Acted::Evicted),
        Err(ApiError::Gone | ApiError::Conflict) => Ok(Acted::Gone),
        Err(ApiError::Budget(said)) => Ok(Acted::Held(said)),
        Err(ApiError::Invalid(_, said)) => Ok(refused(&said)),
        Err(ApiError::Forbidden(refusal)) if !refusal.is_by_right() => {
            Ok(refused(&refusal.message))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Refusal;

    fn forbidden(message: &str) -> ApiError {
        ApiError::Forbidden(Refusal {
            verb: "create",
            resource: "pods/eviction".to_owned(),
            namespace: Some("ns".into()),
            message: message.to_owned(),
        })
    }

    #[test]
    fn a_budget_is_waited_for_and_a_refusal_is_not() {
        let of = |error| answer::<()>(Err(error));
        let needs = "The disruption budget web needs 3 healthy pods and has 3 currently";
        let held = of(ApiError::Budget(needs.to_owned()));
        assert_eq!(held, Ok(Acted::Held(needs.to_owned())));
        let webhook = r#"admission webhook "drain" denied the request: no"#;
        let refused = of(forbidden(webhook));
        assert!(matches!(refused, Ok(Acted::Refused(why)) if why.contains(webhook)));
        let right = forbidden(r#"pods "web-0" is forbidden: User "u" cannot create"#);
        assert_eq!(of(right.clone()), Err(right));
        assert_eq!(of(ApiError::Conflict), Ok(Acted::Gone));
        let busy = ApiError::Unreachable("reset".to_owned());
        assert_eq!(of(busy.clone()), Err(busy));
        assert_eq!(answer(Ok(())), Ok(Acted::Evicted));
    }
}
