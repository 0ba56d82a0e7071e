//! Words of a text, for the index and for the query alike.
//!
//! A word is a run of letters and digits in lower case without accents. Scripts that put no spaces between words are
//! taken apart into pairs of neighbouring characters, and for the index into single ones too: so that words of two
//! characters, which most Chinese words are, are found like any others. (Three, as a trigram index has them, would miss
//! those.)

use std::collections::BTreeSet;

/// Most words of a query that are looked for.
const MOST_WORDS: usize = 6;
/// Longest word, in characters. What is longer is no word: a key, a digest, encoded bytes.
const LONGEST: usize = 64;
/// Most characters of a text that are taken apart: longer ones are logs and data.
const MOST_TEXT: usize = 200_000;

/// Whether `c` belongs to a script that is written without spaces.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF // Thai, Lao, Burmese, Khmer
        | 0x3005..=0x3007 | 0x3040..=0x30FF | 0x31F0..=0x31FF // Kana
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF // Han
        | 0xAC00..=0xD7AF) // Hangul: its endings hang on the words
}

/// A letter without its accent, for the Latin script.
fn fold(c: char) -> char {
    const PLAIN: &[(char, &str)] = &[
        ('a', "àáâãäåāăą"),
        ('c', "çćĉċč"),
        ('d', "ďđ"),
        ('e', "èéêëēĕėęě"),
        ('g', "ĝğġģ"),
        ('h', "ĥħ"),
        ('i', "ìíîïĩīĭįı"),
        ('j', "ĵ"),
        ('k', "ķ"),
        ('l', "ĺļľŀł"),
        ('n', "ñńņňŉ"),
        ('o', "òóôõöøōŏő"),
        ('r', "ŕŗř"),
        ('s', "śŝşšș"),
        ('t', "ţťŧț"),
        ('u', "ùúûüũūŭůűų"),
        ('w', "ŵ"),
        ('y', "ýÿŷ"),
        ('z', "źżž"),
    ];
    if c.is_ascii() || u32::from(c) > 0x21B {
        return c;
    }
    PLAIN.iter().find(|(_, accented)| accented.contains(c)).map_or(c, |(plain, _)| *plain)
}

/// A run of characters that belong together.
enum Run {
    Word(String),
    Unspaced(Vec<char>),
}

/// Takes a text apart.
fn runs(text: &str, mut each: impl FnMut(Run)) {
    let (mut word, mut unspaced) = (String::new(), Vec::new());
    let mut end = |word: &mut String, unspaced: &mut Vec<char>| {
        if !word.is_empty() {
            each(Run::Word(std::mem::take(word)));
        }
        if !unspaced.is_empty() {
            each(Run::Unspaced(std::mem::take(unspaced)));
        }
    };
    for c in text.chars().take(MOST_TEXT) {
        // Marks that stand on the letter before them.
        if matches!(u32::from(c), 0x300..=0x36F) {
            continue;
        }
        if is_unspaced(c) {
            if !word.is_empty() {
                end(&mut word, &mut unspaced);
            }
            unspaced.push(c);
        } else if c.is_alphanumeric() {
            if !unspaced.is_empty() {
                end(&mut word, &mut unspaced);
            }
            // `to_lowercase` may give a letter with a mark (`İ`).
            word.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()).map(fold));
        } else {
            end(&mut word, &mut unspaced);
        }
    }
    end(&mut word, &mut unspaced);
}

/// Calls `each` with every word of `text`, repeated ones too.
pub(super) fn each_word(text: &str, mut each: impl FnMut(&str)) {
    runs(text, |run| match run {
        Run::Word(word) if word.chars().nth(LONGEST).is_none() => each(&word),
        Run::Word(_) => {}
        Run::Unspaced(characters) => {
            for at in 0..characters.len() {
                each(&characters[at].to_string());
                if let [first, second, ..] = characters[at..] {
                    each(&String::from_iter([first, second]));
                }
            }
        }
    });
}

/// The words of a text for an index, each once, with spaces between them. It holds letters and digits only.
#[must_use]
pub fn index_words(text: &str) -> String {
    let mut words = BTreeSet::new();
    each_word(text, |word| {
        if !words.contains(word) {
            words.insert(word.to_owned());
        }
    });
    Vec::from_iter(words).join(" ")
}

/// The words to look for, each once, in their order; at most six of them. Of more the longest are kept, which are the
/// rarest. Each holds letters and digits only, whatever the text holds.
#[must_use]
pub fn query_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        if !words.contains(&word) && word.chars().nth(LONGEST).is_none() {
            words.push(word);
        }
    };
    runs(text, |run| match run {
        Run::Word(word) => add(word),
        Run::Unspaced(characters) => match characters.as_slice() {
            [one] => add(one.to_string()),
            many => many.windows(2).for_each(|pair| add(pair.iter().collect())),
        },
    });
    while words.len() > MOST_WORDS {
        let shortest = words.iter().map(|word| word.len()).min().unwrap_or(0);
        let Some(at) = words.iter().rposition(|word| word.len() == shortest) else { break };
        words.remove(at);
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_folded_and_unspaced_scripts_paired() {
        assert_eq!(index_words("Grüne TEE-Blätter, grüne!"), "blatter grune tee");
        assert_eq!(index_words("机器学习 AI"), "ai 习 器 器学 学 学习 机 机器");
        assert_eq!(query_words("机器学习 AI"), ["机器", "器学", "学习", "ai"]);
        assert_eq!(query_words("猫"), ["猫"]);
        assert_eq!(query_words("AND \"OR\" NEAR( * : ^ -x"), ["and", "or", "near", "x"]);
        assert_eq!(query_words("e\u{301}te\u{301} été"), ["ete"]);
        assert!(query_words("… \u{e000}p1 — !").iter().all(|word| word == "p1"));
        assert_eq!(query_words(&"x".repeat(65)), [""; 0]);
    }

    #[test]
    fn of_many_words_the_longest_are_kept() {
        let words = query_words("a bb ccc dd eee ffff ggggg hh iii jjjj kkkk llll");
        assert_eq!(words, ["ccc", "ffff", "ggggg", "jjjj", "kkkk", "llll"]);
    }

    proptest! {
        #[test]
        fn a_word_of_a_query_is_a_word_of_the_text_it_was_taken_from(text in any::<String>()) {
            let indexed = index_words(&text);
            let indexed: BTreeSet<&str> = indexed.split(' ').collect();
            for word in query_words(&text) {
                prop_assert!(indexed.contains(word.as_str()), "{word:?} of {text:?}");
                prop_assert!(word.chars().all(|c| c.is_alphanumeric() || is_unspaced(c)));
            }
        }
    }
}
