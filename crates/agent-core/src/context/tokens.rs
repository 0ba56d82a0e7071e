//! Token counts before a provider has told them.

/// An estimate of the tokens of `text` that weighs scripts: about four ASCII characters make a token, while a Chinese,
/// Japanese or Korean character makes most of one by itself (characters / 4 is 41 % off on Chinese).
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    let (mut quarters, mut wide) = (0_u64, 0_u64);
    for c in text.chars() {
        match u32::from(c) {
            0..0x250 => quarters += 1,
            0x250..0x2E80 => quarters += 2,
            _ => wide += 1,
        }
    }
    quarters.div_ceil(4) + wide * 17 / 20
}

#[cfg(test)]
mod tests {
    use super::estimate_tokens;

    #[test]
    fn scripts_are_weighed() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("word"), 1);
        assert_eq!(estimate_tokens(&"a".repeat(400)), 100);
        assert_eq!(estimate_tokens(&"汉".repeat(100)), 85);
    }
}
