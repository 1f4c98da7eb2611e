//! Sends alerts, behind everything else.
//!
//! Goes in: [`Roll`]s, never waiting. Comes out: one POST at a time. What cannot
//! be delivered is counted and dropped: an alert is a message to people.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Roll;
use super::http::{Client, Endpoint, Failure};
use super::sinks::{Payload, Render, Sink};
use crate::metrics::Metrics;

/// Alerts that may wait. Beyond, new ones are dropped.
pub(super) const WAITING: usize = 1024;
/// How often one alert is tried.
const ATTEMPTS: u32 = 5;
/// The pause after the first failure; it doubles with each.
const BACKOFF: Duration = Duration::from_millis(500);

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
    queue: Option<mpsc::Sender<Roll>>,
    metrics: Metrics,
    task: JoinHandle<()>,
}

impl AlertSender {
    /// Starts sending.
    pub fn new(client: Client, alerts: Alerts, metrics: Metrics) -> Self {
        let (queue, rolls) = mpsc::channel(WAITING);
        let post = Post {
            client,
            alerts,
            metrics: metrics.clone(),
        };
        Self {
            queue: Some(queue),
            metrics,
            task: tokio::spawn(post.all(rolls)),
        }
    }

    /// Tells of a roll. It never waits.
    pub fn send(&self, roll: Roll) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(roll).is_err() {
            self.metrics.notification_dropped();
        }
    }

    /// Sends what still waits, for at most so long.
    pub async fn close(mut self, within: Duration) {
        self.queue = None;
        if timeout(within, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

struct Post {
    client: Client,
    alerts: Alerts,
    metrics: Metrics,
}

impl Post {
    async fn all(self, mut rolls: mpsc::Receiver<Roll>) {
        while let Some(roll) = rolls.recv().await {
            if let Err(why) = self.one(&roll).await {
                self.metrics.notification_dropped();
                let (workload, sink) = (&roll.workload, self.alerts.sink.word);
                tracing::warn!(%workload, sink, %why, "alert not delivered");
            }
        }
    }

    async fn one(&self, roll: &Roll) -> Result<(), Failure> {
        let payload = (self.alerts.render)(roll, &self.alerts.added);
        let mut pause = BACKOFF;
        let mut attempt = 1;
        loop {
            match self.attempt(&payload).await {
                Err(failure) if failure.is_passing() && attempt < ATTEMPTS => {
                    sleep(failure.retry_after().unwrap_or(pause)).await;
                }
                result => return result,
            }
            pause *= 2;
            attempt += 1;
        }
    }

    async fn attempt(&self, payload: &Payload) -> Result<(), Failure> {
        let Alerts {
            sink, url, proxy, ..
        } = &self.alerts;
        let result = self.client.post(url, proxy.as_ref(), payload).await;
        self.metrics.notified(sink.word, Failure::delivery(&result));
        result
    }
}
