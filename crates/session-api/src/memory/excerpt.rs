//! A short piece of a text around the words that were looked for.

use super::words::query_words;

/// At most about `most` characters of `text`, in one line, from shortly before the place where most words of `query` stand;
/// what was left out is marked by `…`.
#[must_use]
pub fn excerpt(text: &str, query: &str, most: usize) -> String {
    let plain: Vec<&str> = text.split_whitespace().collect();
    let lengths: Vec<usize> = plain.iter().map(|word| word.chars().count() + 1).collect();
    if lengths.iter().sum::<usize>() <= most {
        return plain.join(" ");
    }
    let wanted = query_words(query);
    let holds = |word: &str| {
        let own = query_words(word);
        wanted.iter().filter(|wanted| own.iter().any(|own| own.starts_with(wanted.as_str()))).count()
    };
    let hits: Vec<usize> = plain.iter().map(|word| holds(word)).collect();
    // The window that holds most of them; of equals the first.
    let (mut best, mut most_hits, mut end, mut size, mut inside) = (0, 0, 0, 0, 0);
    for start in 0..plain.len() {
        while end < plain.len() && size + lengths[end] <= most {
            (size, inside) = (size + lengths[end], inside + hits[end]);
            end += 1;
        }
        if inside > most_hits {
            (best, most_hits) = (start, inside);
        }
        if end > start {
            (size, inside) = (size - lengths[start], inside - hits[start]);
        } else {
            end = start + 1;
        }
    }
    // A few words before the first hit, so that it can be read.
    let first = (best..plain.len()).find(|at| hits[*at] > 0).unwrap_or(best);
    let start = best.max(first.saturating_sub(6)).min(first);
    let mut shown = String::new();
    if start > 0 {
        shown.push_str("… ");
    }
    let (mut at, mut room) = (start, most);
    while at < plain.len() && lengths[at] <= room {
        shown.push_str(plain[at]);
        shown.push(' ');
        room -= lengths[at];
        at += 1;
    }
    if at == start {
        // One word longer than all the room, as in a script without spaces.
        shown.extend(around(plain[start], &wanted, most));
        at += 1;
        shown.push(' ');
    }
    if at < plain.len() {
        shown.push('…');
    }
    shown.trim_end().to_owned()
}

/// The characters of a long word around the first piece that is looked for.
fn around<'a>(word: &'a str, wanted: &[String], most: usize) -> impl Iterator<Item = char> + 'a {
    let at = wanted.iter().filter_map(|wanted| word.find(wanted.as_str())).min().unwrap_or(0);
    let before = word[..at].chars().count();
    word.chars().skip(before.saturating_sub(most / 4)).take(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_excerpt_shows_the_words_in_their_place() {
        let text = format!("{} the green\n tea of spring {}", "before ".repeat(50), "after ".repeat(50));
        let shown = excerpt(&text, "tea green", 60);
        assert_eq!(shown, "… before before before before before the green tea of spring …");
        assert_eq!(excerpt("short\n text", "x", 60), "short text");
        let chinese = format!("{}柏林旅行{}", "前".repeat(200), "后".repeat(200));
        let shown = excerpt(&chinese, "旅行", 40);
        assert!(shown.contains("柏林旅行") && shown.chars().count() <= 44, "{shown}");
    }

    proptest! {
        #[test]
        fn an_excerpt_is_as_short_as_was_asked(text in any::<String>(), query in any::<String>(), most in 10_usize..300) {
            prop_assert!(excerpt(&text, &query, most).chars().count() <= most + 6);
        }
    }
}
