//! Starts containers again in their pod, by a resize (`tidings_core::ladder::resize`).
//!
//! Three requests: the pod as it is, the note of what is done to it, and its `resize`. The
//! patches carry the pod's uid. Whoever comes after a crash between them finds the note, and
//! asks for the same. What the API server refuses it would refuse again: it is told, and the
//! next method follows.

use tidings_core::ladder::{Acted, Resize, read_live, resize};

use crate::api::{ApiError, Call, Place, TermClient, Verb};
use crate::control::Restarting;

/// Where a pod's resources are written, from Kubernetes 1.33 on.
const RESIZE: &str = "resize";

/// Starts the containers of a pod again. The error: nothing is known of what became of it.
pub async fn restart(api: TermClient<'_>, restarting: &Restarting) -> Result<Acted, ApiError> {
    let Restarting { pod, uid, .. } = restarting;
    let place = Place::core("pods").within(restarting.namespace.clone());
    let place = place.named(pod.clone());
    let json = match api.reading().get(place.clone()).await {
        Ok(json) => json,
        Err(ApiError::Gone) => return Ok(Acted::Gone),
        Err(error) => return Err(error),
    };
    let Restarting { of, number, at, .. } = restarting;
    match resize(&json, uid, of, *number, *at)? {
        Resize::Gone => Ok(Acted::Gone),
        Resize::Cannot(why) => Ok(Acted::Refused(why)),
        Resize::Asked => done(restarting, &json),
        Resize::Patches { note, resize } => {
            let call = Call::new(Verb::Patch, place.clone());
            match api.write(&call, || note).await {
                Ok(_) => {}
                Err(ApiError::Gone | ApiError::Conflict) => return Ok(Acted::Gone),
                Err(error) => return Err(error),
            }
            let call = Call::new(Verb::StrategicPatch, place.part(RESIZE));
            answer(restarting, api.write(&call, || resize).await)
        }
    }
}

/// What the API server's answer to a resize means.
fn answer<B: AsRef<[u8]>>(
    restarting: &Restarting,
    result: Result<B, ApiError>,
) -> Result<Acted, ApiError> {
    match result {
        Ok(json) => done(restarting, json.as_ref()),
        Err(ApiError::Gone | ApiError::Conflict) => Ok(Acted::Gone),
        Err(ApiError::NotServed(_)) => Ok(Acted::Refused(
            "the API server has no resize of pods: it is there from Kubernetes 1.33 on".to_owned(),
        )),
        Err(ApiError::Invalid(_, said)) => Ok(refused(&said)),
        Err(ApiError::Forbidden(refusal)) => Ok(refused(&refusal.message)),
        Err(error) => Err(error),
    }
}

fn refused(said: &str) -> Acted {
    Acted::Refused(format!("the API server refuses the resize: {said}"))
}

fn done(restarting: &Restarting, json: &[u8]) -> Result<Acted, ApiError> {
    let live = read_live(json, &restarting.users)?;
    let live = live.filter(|live| !live.pod.going);
    Ok(live.map_or(Acted::Gone, |live| Acted::Done {
        token: None,
        deaths: live.pod.deaths,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidings_core::state::Number;

    use super::*;
    use crate::api::Refusal;

    fn restarting() -> Restarting {
        Restarting {
            namespace: "ns".into(),
            pod: "web-0".into(),
            uid: "p1".into(),
            number: Number::parse("4-k7f2").unwrap(),
            of: ["main".into()].into(),
            users: ["main".into()].into(),
            at: 1_796_000_000,
        }
    }

    fn said(error: ApiError) -> String {
        match answer::<Vec<u8>>(&restarting(), Err(error)) {
            Ok(Acted::Refused(why)) => why,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_the_api_server_would_refuse_again_is_told() {
        let limit = "pods \"web-0\" is forbidden: minimum cpu usage per Container is 50m";
        let forbidden = ApiError::Forbidden(Refusal {
            verb: "patch",
            resource: "pods/resize".to_owned(),
            namespace: Some("ns".into()),
            message: limit.to_owned(),
        });
        assert!(said(forbidden).contains(limit));
        let qos = "Pod QOS Class may not change as a result of resizing";
        assert!(said(ApiError::Invalid(422, qos.to_owned())).contains(qos));
        assert!(said(ApiError::NotServed("404".to_owned())).contains("1.33"));
        assert_eq!(said(ApiError::Conflict), "Ok(Gone)");
        let busy = ApiError::Unreachable("reset".to_owned());
        assert!(said(busy).starts_with("Err"));
    }

    #[test]
    fn what_is_accepted_goes_on() {
        let pod =
            json!({"metadata": {"name": "web-0", "uid": "p1"}, "status": {"phase": "Running"}});
        let acted = answer(&restarting(), Ok(pod.to_string()));
        let done = Acted::Done {
            token: None,
            deaths: 0,
        };
        assert_eq!(acted, Ok(done));
    }
}
