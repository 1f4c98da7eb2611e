//! What could not be beaten: the patches alone, sent by Tidings' own client with
//! Tidings' own bytes.

use std::sync::Arc;

use anyhow::Result;
use kube::Client;
use tidings::act::{self, Author};
use tidings::api;
use tidings::control::Patch;
use tidings_core::reloader::rewrite::Words;
use tidings_core::vocabulary::Vocabulary;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The instance in the patches: as long a name as that of Tidings.
const INSTANCE: &str = "bareone";

/// Sends one patch.
pub(crate) async fn patch(client: &Client, patch: &Patch) -> Result<()> {
    let author = Author {
        instance: INSTANCE,
        vocabulary: &Vocabulary::default(),
        words: Words::None,
    };
    let body = act::body(author, patch).to_string();
    api::call(client, &act::call(patch).body(body)).await?;
    Ok(())
}

/// Sends them all, so many at once; a task each, as Tidings does.
pub(crate) async fn patch_all(client: &Client, patches: Vec<Patch>, at_once: usize) -> Result<()> {
    let permits = Arc::new(Semaphore::new(at_once));
    let mut sent = JoinSet::new();
    for one in patches {
        let (client, permits) = (client.clone(), Arc::clone(&permits));
        sent.spawn(async move {
            let _permit = permits.acquire().await?;
            patch(&client, &one).await
        });
    }
    while let Some(result) = sent.join_next().await {
        result??;
    }
    Ok(())
}
