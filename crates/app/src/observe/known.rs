//! The forms in which a known secret may turn up.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Secrets of fewer bytes are not looked for: they would be found everywhere.
const SHORTEST: usize = 6;
/// Words without a digit, a capital or a sign are looked for from this length on. `ollama` or `not-needed` as the key
/// of a server that wants none must not vanish from every text.
const SHORTEST_WORD: usize = 16;
/// A piece of this many bytes of a secret counts as the secret: a cut text must not give away most of it.
const PIECE: usize = 12;
/// Beyond this many bytes pieces start only at every eighth byte, so that a long key file does not fill the automaton.
const CLOSE: usize = 256;
/// No secret has more than this; the rest of a longer text is not looked for.
const LONGEST: usize = 16 * 1024;

/// Everything to look for, for one secret. Nothing if it is too short or too plain.
pub(super) fn needles(secret: &str) -> Vec<Vec<u8>> {
    let secret = secret.trim();
    let bytes = &secret.as_bytes()[..secret.len().min(LONGEST)];
    let plain = secret.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_. ".contains(&byte));
    if bytes.len() < SHORTEST || (plain && bytes.len() < SHORTEST_WORD) {
        return Vec::new();
    }
    let mut needles = vec![bytes.to_vec()];
    if bytes.len() > PIECE {
        let (close, far) = bytes.split_at(bytes.len().min(CLOSE));
        needles.extend(close.windows(PIECE).map(<[u8]>::to_vec));
        needles.extend(far.windows(PIECE).step_by(8).map(<[u8]>::to_vec));
    }
    needles.extend(base64(bytes));
    let lower = hex::encode(bytes);
    needles.push(lower.to_uppercase().into_bytes());
    needles.push(lower.into_bytes());
    let encoded = percent(bytes);
    needles.push(encoded.to_lowercase().into_bytes());
    needles.push(encoded.into_bytes());
    // As it stands inside a JSON text or a quoted log value.
    if let Ok(quoted) = serde_json::to_string(secret) {
        needles.push(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
    }
    needles.sort_unstable();
    needles.dedup();
    needles.retain(|needle| needle.len() >= SHORTEST);
    needles
}

/// The secret inside some longer text in base64, in both alphabets. Where it begins in a group of three bytes decides
/// the characters; those at the ends that its neighbours decide too are left out.
fn base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for (before, skipped) in [(0, 0), (1, 2), (2, 3)] {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let whole = padded.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            if let Some(form) = text.as_bytes().get(skipped..whole).filter(|form| form.len() >= 8) {
                forms.push(form.to_vec());
            }
        }
    }
    forms
}

fn percent(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
