//! Sends alerts, behind everything else.
//!
//! Goes in: [`RollMessage`]s, never waiting. Comes out: one POST at a time, those of the
//! namespaces by turns. What cannot be delivered is counted and dropped: an alert is a message to people.

use std::sync::Arc;
use std::time::Duration;

use super::RollMessage;
use super::endpoint::Endpoint;
use super::http::{Client, Failure};
use super::sinks::{Payload, Render, Sink};
use crate::api::outbox::{Failed, Outbox, Things, deliver};
use crate::metrics::Metrics;

/// Alerts that may wait, half of them of one namespace. Beyond, new ones are dropped.
pub(super) const WAITING: usize = 2048;
/// The first pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Where alerts go.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// For whom.
    pub sink: &'static Sink,
    /// How they are written.
    pub render: Render,
    /// Where to.
    pub url: Endpoint,
    /// By way of.
    pub proxy: Option<Endpoint>,
    /// What is added to each, such as the cluster's name; may be empty.
    pub added: String,
}

/// Takes alerts and sends them when there is time.
#[derive(Debug)]
pub struct AlertSender {
    outbox: Outbox<RollMessage>,
    metrics: Metrics,
}

impl AlertSender {
    /// Starts sending.
    pub fn new(client: Client, alerts: Alerts, metrics: Metrics) -> Self {
        let post = AlertPost {
            client,
            alerts,
            metrics: metrics.clone(),
        };
        Self {
            outbox: Outbox::new(WAITING, |rolls| post.all(rolls)),
            metrics,
        }
    }

    /// Tells of a roll. It never waits.
    pub fn send(&self, roll: RollMessage) {
        let who = roll.roll.key.namespace.clone();
        if !self.outbox.send(&who, roll) {
            self.metrics.of.tidings_notifications_dropped_total.inc();
        }
    }

    /// Sends what still waits, for at most so long.
    pub async fn close(self, within: Duration) {
        self.outbox.close(within).await;
    }
}

struct AlertPost {
    client: Client,
    alerts: Alerts,
    metrics: Metrics,
}

impl AlertPost {
    async fn all(self, rolls: Arc<Things<RollMessage>>) {
        while let Some(roll) = rolls.next().await {
            if let Err(why) = self.one(&roll).await {
                self.metrics.of.tidings_notifications_dropped_total.inc();
                let (workload, sink) = (&roll.roll.key, self.alerts.sink.word);
                tracing::warn!(%workload, sink, %why, "alert not delivered");
            }
        }
    }

    async fn one(&self, roll: &RollMessage) -> Result<(), Failure> {
        let Alerts {
            sink,
            render,
            added,
            ..
        } = &self.alerts;
        let payload = render(sink, roll, added);
        deliver(PAUSE, || self.attempt(&payload)).await
    }

    async fn attempt(&self, payload: &Payload) -> Result<(), Failed<Failure>> {
        let Alerts {
            sink, url, proxy, ..
        } = &self.alerts;
        let result = self.client.post(url, proxy.as_ref(), payload).await;
        self.metrics.notified(sink.word, Failure::delivery(&result));
        result.map_err(|failure| {
            if failure.is_passing() {
                let asked = failure.retry_after();
                Failed::ForNow(failure, asked)
            } else {
                Failed::ForGood(failure)
            }
        })
    }
}
