//! Token counts before a provider has told them.

/// Twentieths of a token that a character makes, by its script: about four ASCII characters make a token, while a Chinese,
/// Japanese or Korean character makes most of one by itself (characters / 4 is 41 % off on Chinese).
fn weight(c: char) -> u64 {
    match u32::from(c) {
        0..0x250 => 5,
        0x250..0x2E80 => 10,
        _ => 17,
    }
}

/// An estimate of the tokens of `text` that weighs scripts.
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    if text.is_ascii() {
        return (text.len() as u64).div_ceil(4);
    }
    text.chars().map(weight).sum::<u64>().div_ceil(20)
}

/// The longest beginning of `text` that has no more than `tokens`, by the same estimate.
#[must_use]
pub(crate) fn beginning(text: &str, tokens: u64) -> &str {
    let mut left = tokens.saturating_mul(20);
    for (at, c) in text.char_indices() {
        let Some(rest) = left.checked_sub(weight(c)) else { return &text[..at] };
        left = rest;
    }
    text
}

/// The longest end of `text` that has no more than `tokens`; it begins with a line where that costs little.
#[must_use]
pub(crate) fn end(text: &str, tokens: u64) -> &str {
    let mut left = tokens.saturating_mul(20);
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        let Some(rest) = left.checked_sub(weight(c)) else { break };
        (left, from) = (rest, at);
    }
    let kept = &text[from..];
    if from == 0 || text[..from].ends_with('\n') {
        return kept;
    }
    match kept.find('\n') {
        Some(line) if line < kept.len() / 4 => &kept[line + 1..],
        _ => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::{beginning, end, estimate_tokens};

    #[test]
    fn scripts_are_weighed() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("word"), 1);
        assert_eq!(estimate_tokens(&"a".repeat(400)), 100);
        assert_eq!(estimate_tokens(&"汉".repeat(100)), 85);
    }

    #[test]
    fn texts_are_cut_at_characters_and_ends_begin_with_a_line() {
        assert_eq!(beginning("abcdefghij", 2), "abcdefgh");
        assert_eq!(beginning("汉字汉字", 2), "汉字");
        assert_eq!(beginning("abc", 9), "abc");
        assert_eq!(end("abcdefghij", 2), "cdefghij");
        assert_eq!(end("one\ntwo three four five", 5), "two three four five");
        assert_eq!(end("first line\nab\ncdefghijkl", 4), "ab\ncdefghijkl");
        assert_eq!(end("汉字", 0), "");
    }
}
