//! The webhook that is called in the place of a roll.
//!
//! Goes in: a roll whose intent is stored. Comes out: that the webhook took it,
//! by any 2xx, or a [`RollError`] with which it is tried again as a roll is. A
//! crash in between calls it again: what it does must bear that.

use tidings_core::refs::Name;

use super::RollMessage;
use super::endpoint::Endpoint;
use super::http::{Client, Failure};
use super::sinks::Payload;
use crate::api::pace::Pace;
use crate::api::{ApiError, Term};
use crate::control::RollError;
use crate::metrics::Metrics;

/// The word for it in metrics.
pub const WORD: &str = "webhook";
/// Calls under way at once. They hold up no write.
const CALLS: usize = 16;

/// The way to the webhook.
#[derive(Clone)]
pub struct Webhook {
    client: Client,
    url: Endpoint,
    calls: Pace,
    metrics: Metrics,
}

impl Webhook {
    /// A webhook at this URL.
    pub fn new(client: Client, url: Endpoint, metrics: Metrics) -> Self {
        Self {
            client,
            url,
            calls: Pace::new(CALLS),
            metrics,
        }
    }

    /// Calls it when this namespace's turn has come, if our term lasts until then.
    pub async fn roll(
        &self,
        term: &Term,
        namespace: &Name,
        roll: impl FnOnce() -> RollMessage,
    ) -> Result<(), RollError> {
        let mut permit = self.calls.enter(namespace).await;
        if !term.is_valid() {
            return Err(ApiError::TermOver.into());
        }
        let called = Box::pin(async { self.post(&roll()).await });
        let called = permit.answer(called).await;
        match called.as_ref().err().and_then(Failure::retry_after) {
            Some(wish) => permit.told_to_wait(wish),
            None => permit.answered(),
        }
        called.map_err(|failure| RollError::Webhook {
            retry_after: failure.retry_after(),
            message: failure.to_string(),
        })
    }

    async fn post(&self, roll: &RollMessage) -> Result<(), Failure> {
        let result = self.client.post(&self.url, None, &payload(roll)).await;
        self.metrics.notified(WORD, Failure::delivery(&result));
        result
    }
}

/// Reloader's constant, and what it does not tell.
fn payload(roll: &RollMessage) -> Payload {
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
