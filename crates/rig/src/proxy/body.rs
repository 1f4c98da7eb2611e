//! Bodies of answers, also those that are not what the API server said.

use std::error::Error;

use anyhow::Result;
use futures::{StreamExt, stream};
use http::{Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::{Value, json};

/// The body of an answer.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// The API server's.
pub(super) fn whole(body: Body) -> AnswerBody {
    body.map_err(Into::into).boxed_unsync()
}

/// A text, and the end.
pub(super) fn text(text: &'static str) -> AnswerBody {
    Full::from(text).map_err(Into::into).boxed_unsync()
}

/// Nothing, without an end.
pub(super) fn silence() -> AnswerBody {
    StreamBody::new(stream::pending()).boxed_unsync()
}

/// The same, again and again, for as long as anybody takes it in.
pub(super) fn flood() -> AnswerBody {
    let piece = Bytes::from_static(&[b'a'; 16_384]);
    StreamBody::new(stream::repeat_with(move || Ok(Frame::data(piece.clone())))).boxed_unsync()
}

/// So many bytes of another; then the connection breaks.
pub(super) fn cut(body: Body, at: usize) -> AnswerBody {
    let pieces = body.into_data_stream();
    let cut = stream::unfold((pieces, at), async |(mut pieces, left)| {
        let piece = match pieces.next().await? {
            Ok(piece) if left > 0 => piece.slice(..piece.len().min(left)),
            _ => return Some((Err("cut by the rig".into()), (pieces, 0))),
        };
        let left = left - piece.len();
        Some((Ok(Frame::data(piece)), (pieces, left)))
    });
    StreamBody::new(cut).boxed_unsync()
}

/// A list that does not show the objects of this name, also one that is told as events.
/// Any other answer stays as it is.
pub(super) async fn without(
    answer: Response<Body>,
    name: String,
    is_watch: bool,
) -> Result<Response<AnswerBody>> {
    let (parts, body) = answer.into_parts();
    if is_watch {
        return Ok(Response::from_parts(parts, events_without(body, name)));
    }
    let less = |said: &mut Value| {
        if let Some(items) = said["items"].as_array_mut() {
            items.retain(|item| item["metadata"]["name"] != name.as_str());
        }
    };
    edited(Response::from_parts(parts, body), less).await
}

/// The metadata alone of what was asked for: of an object, a list, or of each event.
pub(super) async fn bare(answer: Response<Body>, is_watch: bool) -> Result<Response<AnswerBody>> {
    if is_watch {
        let (parts, body) = answer.into_parts();
        let bare = events(body, |line| {
            let mut event: Value = serde_json::from_slice(line).unwrap_or_default();
            leave_metadata(&mut event["object"]);
            let mut line = event.to_string();
            line.push('\n');
            Some(line.into())
        });
        return Ok(Response::from_parts(parts, bare));
    }
    edited(answer, leave_metadata).await
}

fn leave_metadata(object: &mut Value) {
    let metadata = object["metadata"].take();
    let mut kind = "PartialObjectMetadata".to_owned();
    let mut items = object["items"].take();
    if let Some(items) = items.as_array_mut() {
        kind.push_str("List");
        items.iter_mut().for_each(leave_metadata);
    }
    *object = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
    if items.is_array() {
        object["items"] = items;
    }
}

/// An answer that ends, changed where it is JSON.
async fn edited(
    answer: Response<Body>,
    edit: impl FnOnce(&mut Value),
) -> Result<Response<AnswerBody>> {
    let (mut parts, body) = answer.into_parts();
    let mut said = body.collect().await?.to_bytes();
    if let Ok(mut json) = serde_json::from_slice::<Value>(&said) {
        edit(&mut json);
        said = serde_json::to_vec(&json)?.into();
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let body = Full::from(said).map_err(Into::into).boxed_unsync();
    Ok(Response::from_parts(parts, body))
}

/// Up to the first bookmark, which ends the list.
fn events_without(body: Body, name: String) -> AnswerBody {
    let mut listed = false;
    events(body, move |line| {
        let event: Value = serde_json::from_slice(line).unwrap_or_default();
        listed |= event["type"] == "BOOKMARK";
        let is_kept = listed || event["object"]["metadata"]["name"] != name.as_str();
        is_kept.then(|| line.to_owned())
    })
}

/// What is made of each line.
fn events(
    body: Body,
    mut each: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> AnswerBody {
    let pieces = body.into_data_stream();
    let mut begun = Vec::new();
    let kept = pieces.map(move |piece| {
        begun.extend_from_slice(&piece?);
        let whole = begun.iter().rposition(|byte| *byte == b'\n');
        let rest = begun.split_off(whole.map_or(0, |end| end + 1));
        let lines = std::mem::replace(&mut begun, rest);
        let lines = lines.split_inclusive(|byte| *byte == b'\n');
        let kept: Vec<u8> = lines.filter_map(&mut each).flatten().collect();
        Ok(Frame::data(kept.into()))
    });
    StreamBody::new(kept).boxed_unsync()
}
