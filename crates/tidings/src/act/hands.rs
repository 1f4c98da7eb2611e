//! One request of a deed: when its turn has come, and only while our term lasts.
//!
//! Error policy: none of its own. What a write was refused for goes back as it
//! is; after the end of the term nothing is sent, and nobody waits for it.

use bytes::Bytes;
use kube::Client;
use tidings_core::rewrite::Words;
use tidings_core::vocabulary::Vocabulary;

use crate::api::pace::Pace;
use crate::api::{self, ApiError, Call, Place};
use crate::lease::Term;
use crate::records::cluster;

/// Who writes, and by which keys.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'a> {
    /// The installation.
    pub instance: &'a str,
    /// The keys.
    pub vocabulary: &'a Vocabulary,
    /// In Reloader's words besides.
    pub words: Words,
}

/// What a deed is done with.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// The way to the API server.
    pub client: &'a Client,
    /// Who writes.
    pub hand: Hand<'a>,
    /// Where we keep what must survive us.
    pub place: &'a cluster::Home,
    /// The time in which we may write.
    pub term: &'a Term,
    /// Reads under way at once.
    pub reads: &'a Pace,
    /// Writes under way at once.
    pub writes: &'a Pace,
}

/// Why a deed is not done.
#[derive(Debug, PartialEq, Eq)]
pub enum Undone {
    /// Our term is over.
    Over,
    /// What the API server answered.
    Failed(ApiError),
}

impl From<ApiError> for Undone {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl Hands<'_> {
    /// Sends a write when its turn has come; it is put together only then.
    pub(super) async fn write(&self, call: impl FnOnce() -> Call) -> Result<Bytes, Undone> {
        let _permit = self.writes.enter().await;
        if !self.term.is_valid() {
            return Err(Undone::Over);
        }
        let result = Box::pin(api::call(self.client, &call())).await;
        self.writes.heed(&result);
        Ok(result?)
    }

    /// Sends a question when its turn has come.
    pub(super) async fn ask(&self, call: impl FnOnce() -> Call) -> Result<Bytes, ApiError> {
        let _permit = self.reads.enter().await;
        let result = Box::pin(api::call(self.client, &call())).await;
        self.reads.heed(&result);
        result
    }

    /// Reads an object; `None` where it is not there.
    pub(super) async fn find(
        &self,
        place: impl FnOnce() -> Place,
    ) -> Result<Option<serde_json::Value>, ApiError> {
        match self.ask(|| Call::new(api::Verb::Get, place())).await {
            Ok(json) => Ok(Some(api::read(&json)?)),
            Err(ApiError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
