//! The port to vectors: texts of like meaning get vectors of like direction.

use async_trait::async_trait;

use crate::{ModelError, ModelErrorKind};

/// The vectors of some texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One for each text, in order; all are of one length, hold only finite numbers, and are not all zeros.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read, where the server says so.
    pub input_tokens: Option<u64>,
}

/// Makes vectors of texts.
///
/// An embedder never retries: an error says whether and when a retry helps. Whatever a server sends, a call ends within bounded
/// time and memory. Dropping the call closes the connection.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The model. Only vectors of one model can be compared.
    fn model(&self) -> &str;

    /// The vectors of `texts`; of none, none, without asking anybody. A text without a letter in it fails without being sent, and
    /// a retry does not help.
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ModelError>;
}

/// An embedder without a model: each word points in a direction of its own, so that texts are as near as they share words. For
/// tests and demonstrations, and for machines without a server.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordEmbedder;

/// The length of its vectors.
const DIRECTIONS: usize = 256;

#[async_trait]
impl Embedder for WordEmbedder {
    fn model(&self) -> &str {
        "words"
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, ModelError> {
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err(ModelError::new(ModelErrorKind::BadRequest, "an empty text has no vector"));
        }
        let vectors = texts.iter().map(|text| vector(text)).collect();
        Ok(Embedded { vectors, input_tokens: None })
    }
}

/// Of length 1.
fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIRECTIONS];
    let mut words =
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    // Of signs alone the whole text counts as one word.
    let whole = words.peek().is_none().then_some(text);
    for word in words.chain(whole) {
        vector[direction(&word.to_lowercase())] += 1.0;
    }
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|part| *part /= length);
    vector
}

/// FNV-1a: the same on every machine and in every version.
fn direction(word: &str) -> usize {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % DIRECTIONS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn texts_are_as_near_as_they_share_words() {
        let texts = ["the cat sat down", "The cat, it sat!", "interest rates rose", "…"].map(str::to_owned);
        let vectors = WordEmbedder.embed(&texts).await.unwrap().vectors;
        let near = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum::<f32>();
        assert!(near(0, 1) > 0.5 && near(0, 2) < 0.3, "{} {}", near(0, 1), near(0, 2));
        assert!((near(3, 3) - 1.0).abs() < 1e-5);
    }
}
