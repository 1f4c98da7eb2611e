//! What was answered once, to be said again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use kube::client::Body;

use super::body::AnswerBody;

/// The first answer to each question.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<HashMap<String, Response<Bytes>>>>);

impl Memory {
    /// What was answered first, which is this if nothing was. It must have an end.
    pub(super) async fn first(
        &self,
        question: String,
        answer: Response<Body>,
    ) -> Result<Response<AnswerBody>> {
        let (parts, body) = answer.into_parts();
        let answer = Response::from_parts(parts, body.collect().await?.to_bytes());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = all.entry(question).or_insert(answer).clone();
        Ok(first.map(|body| Full::from(body).map_err(Into::into).boxed_unsync()))
    }
}
