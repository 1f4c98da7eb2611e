//! The webhook that is called in the place of a roll.
//!
//! Goes in: a roll whose intent is stored. Comes out: that the webhook took it,
//! by any 2xx, or an [`ApiError`] with which it is tried again as a roll is. A
//! crash in between calls it again: what it does must bear that.

use super::Roll;
use super::http::{Client, Endpoint, Failure};
use super::sinks::Payload;
use crate::api::ApiError;
use crate::metrics::Metrics;

/// The word for it in metrics.
pub const WORD: &str = "webhook";

/// The way to the webhook.
pub struct Webhook {
    client: Client,
    url: Endpoint,
    metrics: Metrics,
}

impl Webhook {
    /// A webhook at this URL.
    pub fn new(client: Client, url: Endpoint, metrics: Metrics) -> Self {
        Self {
            client,
            url,
            metrics,
        }
    }

    /// Calls it.
    pub async fn post(&self, roll: &Roll) -> Result<(), ApiError> {
        let result = self.client.post(&self.url, None, &payload(roll)).await;
        self.metrics.notified(WORD, Failure::delivery(&result));
        result.map_err(|failure| ApiError::Webhook {
            retry_after: failure.retry_after(),
            message: failure.to_string(),
        })
    }
}

/// Reloader's constant, and what it does not tell.
fn payload(roll: &Roll) -> Payload {
    let mut facts = roll.facts();
    facts["webhook"] = "update successful".into();
    Payload::json(&facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::roll::tests::roll;

    #[test]
    fn reloaders_body_is_in_ours() {
        let body: serde_json::Value = serde_json::from_str(&payload(&roll()).body).unwrap();
        assert_eq!(body["webhook"], "update successful");
        assert_eq!(body["workload"]["name"], "web");
    }
}
