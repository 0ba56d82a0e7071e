//! Names of models that somebody may have meant.

use super::VENDORS;

/// How many are offered.
const OFFERED: usize = 3;

/// Longest name that is compared; no model has a longer one, and the work grows with it.
const LONGEST: usize = 100;

/// Most names that are compared; a server may list any number.
const MOST: usize = 5_000;

/// The three names of known models that are most like `name`, the likest first. A vendor in front of it counts only where
/// its models are named so.
#[must_use]
pub fn nearest(name: &str) -> Vec<&'static str> {
    nearest_of(name, VENDORS.iter().flat_map(|vendor| vendor.models).map(|model| model.prefix))
}

/// As [`nearest`], of these names.
pub(crate) fn nearest_of<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name: String = name.trim().chars().take(LONGEST).flat_map(char::to_lowercase).collect();
    let behind = name.rsplit_once('/').map_or(name.as_str(), |(_, model)| model);
    let ranked = names.filter(|known| known.len() <= LONGEST).take(MOST).map(|known| {
        let small = known.to_ascii_lowercase();
        (distance(&small, &name).min(distance(&small, behind)), known)
    });
    let mut ranked: Vec<(usize, &str)> = ranked.collect();
    ranked.sort();
    ranked.dedup_by_key(|(_, name)| *name);
    ranked.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// Most letters in which the name of a host may differ from the one that was meant.
const SLIPS: usize = 2;

/// The host of a vendor that is nearly the one of this base URL: somebody may have slipped.
#[must_use]
pub fn near_host(base_url: &str) -> Option<&'static str> {
    let url = http_client::parse_url(base_url.trim()).ok()?;
    let host: String = url.host_str()?.chars().take(LONGEST).collect();
    let known = VENDORS.iter().flat_map(|vendor| vendor.hosts).filter(|known| !known.starts_with('*'));
    let near = known.map(|known| (distance(known, &host), *known)).min()?;
    ((1..=SLIPS).contains(&near.0) && super::at(base_url).is_none()).then_some(near.1)
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

    #[test]
    fn a_host_that_is_nearly_known_is_noticed() {
        for (url, near) in [
            ("https://api.opnai.com/v1", Some("api.openai.com")),
            ("https://api.anthropic.con", Some("api.anthropic.com")),
            ("https://api.openai.com/v1", None),
            ("https://mine.openai.azure.com/v1", None),
            ("https://llm.example.com/v1", None),
            ("http://127.0.0.1:1234/v1", None),
            ("no URL", None),
        ] {
            assert_eq!(near_host(url), near, "{url}");
        }
    }
}
