//! What people say, written on the object that it is about; and who they are.

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::page::METADATA;
use crate::api::{self, ApiClient, ApiError, Call, Place, Term, Verb};

/// The name under which the API server records it: the controller's own writes have another.
const MANAGER: &str = "tidings-cli";

/// Writes these annotations, or takes them away. One that was made anew meanwhile is another
/// object.
pub(super) async fn write(
    api: &ApiClient,
    place: Place,
    uid: Option<&str>,
    annotations: impl IntoIterator<Item = (&'static str, Option<String>)>,
) -> Result<()> {
    let pairs = annotations.into_iter();
    let pairs = pairs.map(|(key, value)| (key.to_owned(), Value::from(value)));
    let mut meta = json!({"annotations": pairs.collect::<Map<_, _>>()});
    if let Some(uid) = uid {
        meta["uid"] = uid.into();
    }
    let body = json!({"metadata": meta}).to_string();
    let call = Call::new(Verb::Patch, place).accept(METADATA);
    let call = call.managed_by(MANAGER);
    let term = Term::endless();
    match api.within(&term).write(&call, || body).await {
        Ok(_) => Ok(()),
        Err(error) => Err(explained(error)).context("nothing is written"),
    }
}

/// What a policy of the cluster forbids is no missing right.
fn explained(error: ApiError) -> anyhow::Error {
    match error.refusal().filter(|refusal| !refusal.is_by_right()) {
        Some(refusal) => anyhow!("a policy of the cluster forbids it: {}", refusal.message),
        None => error.into(),
    }
}

#[derive(Deserialize)]
struct WhoAmI {
    status: WhoAmIStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WhoAmIStatus {
    user_info: UserInfo,
}

#[derive(Deserialize)]
struct UserInfo {
    username: String,
}

/// Whom the API server takes us for; none where it does not say (it serves that question
/// from Kubernetes 1.28 on).
pub(super) async fn name(api: &ApiClient) -> Result<Option<String>, ApiError> {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    });
    let place = Place::new("authentication.k8s.io", "v1", "selfsubjectreviews");
    let question = Call::new(Verb::Create, place).body(review.to_string());
    match api.read(&question).await {
        Ok(answer) => {
            let review = api::read::<WhoAmI>(&answer)?;
            Ok(Some(review.status.user_info.username).filter(|name| !name.is_empty()))
        }
        Err(ApiError::NotServed(_) | ApiError::Gone | ApiError::Forbidden(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
