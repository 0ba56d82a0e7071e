//! A channel's panic stays with the channel.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use crate::ChannelError;

/// What `call` comes to; where it panics, what `error` makes of the text for a person. A panic that got through would end
/// whatever task made the call: a whole channel, or a turn.
pub(crate) async fn guarded<T>(
    call: impl Future<Output = Result<T, ChannelError>>,
    error: impl FnOnce(String) -> ChannelError,
) -> Result<T, ChannelError> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(done) => done,
        Err(_) => Err(error("the channel crashed; this is a bug in it".into())),
    }
}

/// A send that crashed: nobody knows how far it got.
pub(crate) fn doubtful(message: String) -> ChannelError {
    ChannelError::Doubtful { message }
}
