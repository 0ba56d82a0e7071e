//! The contract suite of [`Embedder`].
//!
//! An adapter implements [`EmbedderHarness`] and calls [`check`] in a test.

#![expect(clippy::expect_used, reason = "a broken contract fails the test that runs the suite")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{Embedder, ModelError, ModelErrorKind, Retry};

/// How long the server asks to wait in [`Scenario::RateLimited`].
pub const RETRY_AFTER: Duration = Duration::from_secs(7);

/// What the other side does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// It makes vectors, different ones of different texts.
    Vectors,
    /// It refuses the key.
    Refused,
    /// It wants to be left alone for [`RETRY_AFTER`].
    RateLimited,
    /// It cannot serve now.
    Unavailable,
    /// Its answer makes no sense.
    Nonsense,
}

/// Makes embedders whose other side plays a scenario.
#[async_trait]
pub trait EmbedderHarness: Send + Sync {
    /// One that plays `scenario` at every call; `None` where it never comes into that.
    async fn embedder(&self, scenario: Scenario) -> Option<Arc<dyn Embedder>>;
}

/// Checks every sentence of the port that can be checked from outside.
///
/// # Panics
/// When the embedder breaks its contract; the message says which sentence.
pub async fn check(harness: &dyn EmbedderHarness) {
    let embedder = harness.embedder(Scenario::Vectors).await.expect("every embedder makes vectors");
    assert!(!embedder.model().is_empty(), "it says its model");
    let none = embedder.embed(&[]).await.expect("no texts, no failure");
    assert!(none.vectors.is_empty(), "no texts, no vectors");
    let texts: Vec<String> = (0..5).map(|n| format!("text number {n}, Köln")).collect();
    let vectors = embedder.embed(&texts).await.expect("texts have vectors").vectors;
    assert_eq!(vectors.len(), texts.len(), "one for each text");
    for (index, vector) in vectors.iter().enumerate() {
        assert_eq!(vector.len(), vectors[0].len(), "all are of one length");
        assert!(vector.iter().all(|part| part.is_finite()), "finite numbers");
        assert!(vector.iter().any(|part| *part != 0.0), "not all zeros");
        let alone = embedder.embed(&texts[index..=index]).await.expect("a text has a vector").vectors;
        assert_eq!(&alone[0], vector, "in the order of the texts");
    }
    let error = embedder.embed(&["a".into(), " ".into()]).await.expect_err("an empty text has none");
    assert_eq!((error.kind, error.retry), (ModelErrorKind::BadRequest, Retry::Never), "an empty text");

    for (scenario, kind, retry) in [
        (Scenario::Refused, ModelErrorKind::Auth, Retry::Never),
        (Scenario::RateLimited, ModelErrorKind::RateLimited, Retry::After(RETRY_AFTER)),
        (Scenario::Unavailable, ModelErrorKind::Unavailable, Retry::Backoff),
        (Scenario::Nonsense, ModelErrorKind::BadReply, Retry::Backoff),
    ] {
        let Some(embedder) = harness.embedder(scenario).await else { continue };
        let error: ModelError = embedder.embed(&texts).await.expect_err("it is a failure");
        assert_eq!((error.kind, error.retry), (kind, retry), "{scenario:?}: {error}");
        assert!(!error.message.is_empty() && error.message.len() < 600, "{scenario:?}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WordEmbedder;

    struct Words;

    #[async_trait]
    impl EmbedderHarness for Words {
        async fn embedder(&self, scenario: Scenario) -> Option<Arc<dyn Embedder>> {
            (scenario == Scenario::Vectors).then(|| Arc::new(WordEmbedder) as Arc<dyn Embedder>)
        }
    }

    #[tokio::test]
    async fn the_embedder_without_a_model_keeps_the_contract() {
        check(&Words).await;
    }
}
