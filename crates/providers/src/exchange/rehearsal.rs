//! What the tests of all wire formats do with bytes.

use std::{path::Path, sync::Arc, time::Duration};

use agent_core::{ModelError, ModelErrorKind as Kind, ModelEvent, Retry};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_client::TransportError;

use super::{
    error::Voice,
    stream::{Assembler, Limits, streamed_reply, whole_reply},
};

/// Everything that a reply brought.
pub(crate) type Items = Vec<Result<ModelEvent, ModelError>>;

pub(crate) fn voice() -> Arc<Voice> {
    Arc::new(Voice {
        provider: "main".into(),
        model: "gpt-x".into(),
        server: "here:1".into(),
        secrets: Vec::new(),
        total: Duration::from_secs(600),
    })
}

fn limits() -> Limits {
    Limits { idle: Duration::from_secs(60), total: Box::pin(tokio::time::sleep(Duration::from_secs(600))) }
}

/// Everything that a stream of these pieces brings; checks that nothing follows the end.
pub(crate) async fn read_from<S>(assembler: impl Assembler, body: S) -> Items
where
    S: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin + 'static,
{
    let items: Items = streamed_reply(assembler, body, limits(), voice()).collect().await;
    let is_end = |item: &Result<ModelEvent, ModelError>| matches!(item, Err(_) | Ok(ModelEvent::Finished(_)));
    assert_eq!(items.iter().filter(|item| is_end(item)).count(), 1, "one end: {items:?}");
    assert!(items.last().is_some_and(is_end), "the end is last: {items:?}");
    let empty = |item: &Result<ModelEvent, ModelError>| matches!(item, Ok(ModelEvent::Text(text) | ModelEvent::Reasoning(text)) if text.is_empty());
    assert!(!items.iter().any(empty), "no empty pieces: {items:?}");
    items
}

/// As [`read_from`], of bytes in these pieces.
pub(crate) async fn read(assembler: impl Assembler, pieces: Vec<Vec<u8>>) -> Items {
    read_from(assembler, stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))))).await
}

/// As [`read_from`], of a text in one piece.
pub(crate) async fn read_text(assembler: impl Assembler, text: &str) -> Items {
    read(assembler, vec![text.as_bytes().to_vec()]).await
}

/// A document of a server that does not stream.
pub(crate) async fn read_whole(assembler: impl Assembler, document: &str) -> Items {
    match whole_reply(assembler, document.as_bytes(), &voice()) {
        Ok(stream) => stream.collect().await,
        Err(error) => vec![Err(error)],
    }
}

/// The error that a reply ended with.
pub(crate) fn error(items: &Items) -> Option<&ModelError> {
    items.last().and_then(|item| item.as_ref().err())
}

/// The recorded streams of a wire format, by name.
pub(crate) fn cassettes(format: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes").join(format);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(all.len() >= 9, "{format} has {} cassettes", all.len());
    all
}

/// A reply that is cut at any byte ends with one error and calls nothing, or is whole but for what follows its reason.
pub(crate) async fn cut_at_every_byte<A: Assembler>(format: &str, assembler: impl Fn() -> A) {
    for (name, bytes) in cassettes(format) {
        let whole = read(assembler(), vec![bytes.clone()]).await;
        for cut in 0..bytes.len() {
            let items = read(assembler(), vec![bytes[..cut].to_vec()]).await;
            if let Some(error) = error(&items) {
                let expected = [Kind::BadReply, Kind::Unavailable];
                assert!(expected.contains(&error.kind), "{name} cut at {cut}: {error:?}");
                assert_eq!(error.retry, Retry::Backoff, "{name} cut at {cut}");
                let calls = items.iter().any(|item| matches!(item, Ok(ModelEvent::ToolCall(_))));
                assert!(!calls, "{name} cut at {cut}: half a reply calls nothing");
            } else {
                let said = |items: &Items| items[..items.len() - 1].to_vec();
                assert_eq!(said(&items), said(&whole), "{name} cut at {cut}");
            }
        }
    }
}

/// A reply is the same however its bytes are cut into pieces.
pub(crate) async fn in_pieces_of_any_size<A: Assembler>(format: &str, assembler: impl Fn() -> A) {
    for (name, bytes) in cassettes(format) {
        let whole = read(assembler(), vec![bytes.clone()]).await;
        for size in [1, 2, 3, 7, 61] {
            let pieces = bytes.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(read(assembler(), pieces).await, whole, "{name} by {size}");
        }
    }
}

/// No bytes make the reader panic or stay.
pub(crate) fn any_bytes<A: Assembler>(assembler: impl Fn() -> A, pieces: Vec<Vec<u8>>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(read(assembler(), pieces));
}
