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

/// The bytes that the input of an entry describes, as hexadecimal digits, as a unit that is repeated, or as text; `None`
/// where it describes something else.
#[must_use]
pub fn bytes_of(input: &Value) -> Option<Vec<u8>> {
    if let Some(hex) = input["bytes_hex"].as_str() {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        return Some(
            digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(0)).collect(),
        );
    }
    let generated = &input["gen"];
    if generated.is_object() {
        let text = |key: &str| generated[key].as_str().unwrap_or_default().to_owned();
        let count = usize::try_from(generated["count"].as_u64().unwrap_or(0)).unwrap_or(0);
        return Some((text("prefix") + &text("unit").repeat(count) + &text("suffix")).into_bytes());
    }
    input["text"].as_str().map(|text| text.as_bytes().to_vec())
}
