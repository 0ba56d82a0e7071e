//! Vectors for texts: as near as the texts share words, or words that mean the same.

use serde_json::{Value, json};

/// Words that mean the same, each with the one that stands for it.
const SYNONYMS: [(&str, &str); 4] =
    [("physician", "doctor"), ("appointment", "visit"), ("automobile", "car"), ("dentist", "doctor")];

/// Parts of a vector.
const PARTS: usize = 64;

/// The answer to a request for embeddings.
pub(super) fn answer(request: &Value) -> Value {
    let texts = match &request["input"] {
        Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap_or("")).collect(),
        text => vec![text.as_str().unwrap_or("")],
    };
    let one = |(index, text): (usize, &&str)| json!({"object": "embedding", "index": index, "embedding": vector(text)});
    let data: Vec<Value> = texts.iter().enumerate().map(one).collect();
    let tokens: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    json!({"object": "list", "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}

fn vector(text: &str) -> Vec<f32> {
    let mut parts = vec![0.0; PARTS];
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        let word = SYNONYMS.iter().find(|(own, _)| *own == word).map_or(word.as_str(), |(_, other)| *other);
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        parts[usize::try_from(hash % PARTS as u64).unwrap_or(0)] += 1.0;
    }
    parts
}
