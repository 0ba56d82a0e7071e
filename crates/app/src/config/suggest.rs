//! The nearest right name.

use serde_json::Value;

use super::KeyPath;

/// From this likeness on (Jaro-Winkler, 0 to 1) a name is worth suggesting.
const ALIKE: f64 = 0.8;

/// The name that `wrong` was most probably meant to be.
pub(crate) fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase().replace('-', "_");
    let scored = right.into_iter().map(|name| {
        let slips = strsim::damerau_levenshtein(&wrong, name);
        // One slip in a short name moves Jaro-Winkler far, three in a long one hardly.
        let close = slips <= 1 || slips * 3 <= name.len();
        let score = strsim::jaro_winkler(&wrong, name);
        (if close { score + 1.0 } else { score }, name)
    });
    scored
        .filter(|(score, _)| *score >= ALIKE)
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .map(|(_, name)| name)
}

/// A key of exactly this name in another section: the right key in the wrong place.
pub(super) fn elsewhere(wrong: &str, schema: &Value) -> Option<KeyPath> {
    let mut found = Vec::new();
    collect(wrong, schema, &KeyPath::default(), &mut found);
    found.into_iter().min_by_key(|path| path.0.len())
}

fn collect(wrong: &str, schema: &Value, path: &KeyPath, found: &mut Vec<KeyPath>) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = path.child(name.as_str());
        if name == wrong {
            found.push(path.clone());
        }
        collect(wrong, schema, &path, found);
    }
}

/// Takes serde's "unknown field" apart: the message, and the nearest of the fields that it lists.
pub(super) fn from_serde(message: &str) -> (String, Option<String>) {
    let Some((_, rest)) = message.split_once("unknown field `") else { return (message.to_owned(), None) };
    let Some((wrong, rest)) = rest.split_once('`') else { return (message.to_owned(), None) };
    // Every second piece between the marks is a name: …, expected one of `a`, `b`
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let hint = match nearest(wrong, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", known.join(", "))),
    };
    ("unknown key".to_owned(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["model", "workspace", "approval_minutes", "ask", "limits", "base_url"];
        let table = [
            ("modle", Some("model")),
            ("Model", Some("model")),
            ("approval-minutes", Some("approval_minutes")),
            ("approvalminutes", Some("approval_minutes")),
            ("limit", Some("limits")),
            ("base_ulr", Some("base_url")),
            ("aks", Some("ask")),
            ("telegram", None),
            ("x", None),
        ];
        for (wrong, right) in table {
            assert_eq!(nearest(wrong, names), right, "{wrong}");
        }
    }

    #[test]
    fn what_serde_says_about_an_unknown_field_becomes_a_suggestion() {
        let table = [
            (
                "`x`: unknown field `base_ulr`, expected one of `base_url`, `proxy`",
                Some("did you mean `base_url`?"),
            ),
            ("unknown field `zzz`, expected `base_url` or `proxy`", Some("known here: base_url, proxy")),
            ("unknown field `zzz`, there are no fields", None),
        ];
        for (message, hint) in table {
            assert_eq!(from_serde(message), ("unknown key".to_owned(), hint.map(str::to_owned)));
        }
        assert_eq!(from_serde("must be a URL"), ("must be a URL".to_owned(), None));
    }
}
