//! Bodies of answers, also those that are not what the API server said.

use std::error::Error;

use anyhow::Result;
use futures::{StreamExt, stream};
use http::{Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::Value;

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
    let (mut parts, body) = answer.into_parts();
    if is_watch {
        return Ok(Response::from_parts(parts, events_without(body, name)));
    }
    let mut said = body.collect().await?.to_bytes();
    if let Ok(mut list) = serde_json::from_slice::<Value>(&said)
        && let Some(items) = list["items"].as_array_mut()
    {
        items.retain(|item| item["metadata"]["name"] != name.as_str());
        said = serde_json::to_vec(&list)?.into();
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let body = Full::from(said).map_err(Into::into).boxed_unsync();
    Ok(Response::from_parts(parts, body))
}

/// Up to the first bookmark, which ends the list.
fn events_without(body: Body, name: String) -> AnswerBody {
    let pieces = body.into_data_stream();
    let (mut begun, mut listed) = (Vec::new(), false);
    let kept = pieces.map(move |piece| {
        begun.extend_from_slice(&piece?);
        let whole = begun.iter().rposition(|byte| *byte == b'\n');
        let rest = begun.split_off(whole.map_or(0, |end| end + 1));
        let lines = std::mem::replace(&mut begun, rest);
        let mut kept = Vec::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let event: Value = serde_json::from_slice(line).unwrap_or_default();
            listed |= event["type"] == "BOOKMARK";
            if listed || event["object"]["metadata"]["name"] != name.as_str() {
                kept.extend_from_slice(line);
            }
        }
        Ok(Frame::data(kept.into()))
    });
    StreamBody::new(kept).boxed_unsync()
}
