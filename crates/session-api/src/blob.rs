//! Bytes by their digest.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// The SHA-256 of the bytes, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId(String);

impl BlobId {
    /// The id of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The digits. Safe as a file name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BlobId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(StoreError::Invalid { what: "a blob id has 64 lower-case hexadecimal digits".into() })
        }
    }
}

impl TryFrom<String> for BlobId {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.0
    }
}

/// Keeps bytes by their digest.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores `bytes`; durable before it returns. The same bytes twice are stored once.
    async fn put_blob(&self, bytes: Bytes) -> Result<BlobId, StoreError>;

    /// The bytes, checked against their digest: damaged ones are [`StoreError::Corrupt`].
    async fn get_blob(&self, id: &BlobId) -> Result<Option<Bytes>, StoreError>;
}
