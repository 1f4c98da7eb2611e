//! One question through the API server, which passes it on to the pod.

use http::StatusCode;
use serde::Deserialize;
use tidings_wire::holds::{PATH, TOKEN_HEADER};

use super::{MOST, PodAddress, Reply, Unheard};
use crate::api::{ApiClient, ToPod};

/// Posts, and waits for the whole answer. What the API server itself says is told from
/// what the agent says.
pub(super) async fn post(
    api: &ApiClient,
    pod: &PodAddress,
    token: &str,
    port: u16,
    question: Vec<u8>,
) -> Result<Reply, Unheard> {
    let to = ToPod {
        namespace: &pod.namespace,
        pod: &pod.name,
        port,
        path: PATH,
        header: (TOKEN_HEADER, token),
    };
    let heard = api.post_to_pod(&to, question, MOST).await;
    let (status, body) = heard.map_err(|_| Unheard::Silent)?;
    let own = serde_json::from_slice::<ApiServers>(&body);
    if !own.is_ok_and(|answer| answer.kind == "Status") {
        return Ok((status, body));
    }
    Err(match status {
        StatusCode::FORBIDDEN => Unheard::Cannot(format!(
            "the right to create pods/proxy in namespace {} is missing",
            pod.namespace
        )),
        _ => Unheard::Silent,
    })
}

/// An answer of the API server's own.
#[derive(Deserialize)]
struct ApiServers {
    kind: String,
}
