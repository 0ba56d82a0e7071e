//! Keeping secrets out of what leaves the process.

use std::borrow::Cow;

/// Takes the values of secrets out of texts.
pub trait Redact: Send + Sync {
    /// `text` with every secret in it replaced by a mark.
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str>;

    /// As [`redact`](Self::redact), for a text that goes on: its end is left out as far as it could be the beginning of
    /// a secret.
    fn redact_open<'t>(&self, text: &'t str) -> Cow<'t, str>;
}

/// Knows no secrets. For embedders that have none, and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Redact for NoSecrets {
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }

    fn redact_open<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }
}
