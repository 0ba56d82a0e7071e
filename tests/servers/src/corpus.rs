//! The shared corpora of hostile inputs.

use std::path::Path;

use serde_json::Value;

/// The corpus of this name (`malformed_sse` for `malformed_sse.json`), or `None` when this checkout has no `shared/` beside
/// it; a test then says that it was skipped.
///
/// # Panics
/// When the file is there and is not JSON.
#[must_use]
#[expect(clippy::panic, reason = "a damaged corpus must not look like an absent one")]
pub fn corpus(name: &str) -> Option<Value> {
    let inside = format!("shared/corpora/security/{name}.json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join(&inside))
        .find(|path| path.is_file())?;
    let parsed = std::fs::read(&path).map_err(|error| error.to_string());
    match parsed.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())) {
        Ok(value) => Some(value),
        Err(error) => panic!("{} cannot be read: {error}", path.display()),
    }
}

/// The entries of a corpus; empty when it is absent.
#[must_use]
pub fn entries(name: &str) -> Vec<Value> {
    corpus(name)
        .and_then(|mut corpus| corpus["entries"].as_array_mut().map(std::mem::take))
        .unwrap_or_default()
}
