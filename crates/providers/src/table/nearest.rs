//! Names of models that somebody may have meant.

use super::VENDORS;

/// How many are offered.
const OFFERED: usize = 3;

/// Longest name that is compared; no model has a longer one, and the work grows with it.
const LONGEST: usize = 100;

/// The three names of known models that are most like `name`, the likest first. A vendor in front of it counts only where
/// its models are named so.
#[must_use]
pub fn nearest(name: &str) -> Vec<&'static str> {
    let name: String = name.trim().chars().take(LONGEST).flat_map(char::to_lowercase).collect();
    let behind = name.rsplit_once('/').map_or(name.as_str(), |(_, model)| model);
    let mut ranked: Vec<(usize, &'static str)> = VENDORS
        .iter()
        .flat_map(|vendor| vendor.models)
        .map(|model| {
            let known = model.prefix.to_ascii_lowercase();
            (distance(&known, &name).min(distance(&known, behind)), model.prefix)
        })
        .collect();
    ranked.sort();
    ranked.dedup_by_key(|(_, name)| *name);
    ranked.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// How many letters must be added, removed or changed to make one text of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_understood() {
        for (name, first) in [
            ("claude-sonet-5", "claude-sonnet-5"),
            ("anthropic/claud-opus-5", "claude-opus-5"),
            ("gpt6-sol", "gpt-6-sol"),
            ("minimax-m3x", "MiniMax-M3"),
            ("openai/gpt-oss-120", "openai/gpt-oss-120b"),
        ] {
            let offered = nearest(name);
            assert_eq!((offered.len(), offered[0]), (3, first), "{name}: {offered:?}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000)).len(), 3);
    }
}
