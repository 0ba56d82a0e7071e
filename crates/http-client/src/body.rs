//! What is sent.

use bytes::Bytes;
use http_body_util::Full;
use reqwest::Body;

/// A body of `bytes` that is let go of as soon as it is on its way. One that reqwest makes of bytes is kept until the answer
/// begins, for a redirect, which is never followed here: a model may think for minutes about a megabyte.
#[must_use]
pub fn sent_once(bytes: Vec<u8>) -> Body {
    Body::wrap(Full::new(Bytes::from(bytes)))
}
