//! Bodies of answers, also those that are not what the API server said.

use std::error::Error;

use futures::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;

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
