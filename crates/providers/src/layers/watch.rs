//! Notices how a reply begins and ends.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use agent_core::{Finished, ModelError, ModelEvent, ModelStream};
use futures_util::Stream;

/// Whoever wants to know. It is dropped with the stream when nobody reads that to its end.
pub(super) trait Watch: Send + Unpin + 'static {
    /// The first piece came.
    fn began(&mut self) {}

    /// It ended.
    fn ended(&mut self, end: Result<&Finished, &ModelError>);
}

/// A reply that is watched.
pub(super) struct Watched<W> {
    inner: ModelStream,
    watch: W,
    begun: bool,
}

impl<W: Watch> Watched<W> {
    pub(super) fn new(inner: ModelStream, watch: W) -> Self {
        Self { inner, watch, begun: false }
    }
}

impl<W: Watch> Stream for Watched<W> {
    type Item = Result<ModelEvent, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(context));
        match &item {
            Some(Ok(ModelEvent::Finished(finished))) => self.watch.ended(Ok(finished)),
            Some(Err(error)) => self.watch.ended(Err(error)),
            Some(Ok(_)) if !self.begun => {
                self.begun = true;
                self.watch.began();
            }
            Some(Ok(_)) | None => {}
        }
        Poll::Ready(item)
    }
}
