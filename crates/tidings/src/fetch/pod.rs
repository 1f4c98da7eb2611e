//! One pod, as a ladder sees it.

use tidings_core::ladder::{SeenPod, read_live};
use tidings_core::refs::Name;

use crate::api::{ApiClient, ApiError, Place};

/// Reads a pod; none where it is not there any more, has ended, or is another of its name. Deaths count of the containers of these names.
pub async fn pod(
    api: &ApiClient,
    (namespace, name, uid): (&Name, &Name, &Name),
    users: &[Name],
) -> Result<Option<SeenPod>, ApiError> {
    let place = Place::core("pods").within(namespace.clone());
    match api.get(place.named(name.clone())).await {
        Ok(json) => {
            let pod = read_live(&json, users)?.map(|live| live.pod);
            Ok(pod.filter(|pod| pod.uid == *uid))
        }
        Err(ApiError::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}
