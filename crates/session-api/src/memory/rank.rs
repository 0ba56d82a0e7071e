//! Which of several texts answers a query best.

use super::words::each_word;
use crate::Timestamp;

/// How much a repeated word counts (BM25's k1) and how much the length of a text does (its b).
const REPEATED: f32 = 1.2;
const LENGTH: f32 = 0.75;
/// Words of a usual text.
const USUAL: f32 = 60.0;
/// A text of just now counts so much more than a very old one.
const FRESH: f32 = 0.2;
/// After this many days half of that is left.
const HALF_LIFE: f32 = 30.0;

/// A query's words and how much each tells: BM25 with a little more weight on what is new.
#[derive(Debug, Clone)]
pub struct Ranking {
    words: Vec<(String, f32)>,
    now: Timestamp,
}

/// How much a word tells that stands in `found` of `all` texts.
fn weight(found: u64, all: u64) -> f32 {
    let (found, all) = (found as f32, all.max(found) as f32);
    (1.0 + (all - found + 0.5) / (found + 0.5)).ln()
}

/// Whether two words are forms of one, as far as their beginnings tell: `port` and `ports`, `plan` and `planning`.
fn akin(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let ending = long.len() - short.len();
    if ending == 0 {
        return short == long;
    }
    short.len() >= 4 && ending <= 4 && long.starts_with(short)
}

impl Ranking {
    /// For words of which each stands in so many of `all` texts.
    #[must_use]
    pub fn new(words: Vec<(String, u64)>, all: u64, now: Timestamp) -> Self {
        let words = words.into_iter().map(|(word, found)| (word, weight(found, all))).collect();
        Self { words, now }
    }

    /// How much word number `index` tells.
    #[must_use]
    pub fn weight(&self, index: usize) -> f32 {
        self.words.get(index).map_or(0.0, |(_, weight)| *weight)
    }

    /// How well `text` answers; 0 where it holds none of the words.
    #[must_use]
    pub fn score(&self, text: &str, at: Timestamp) -> f32 {
        let mut counts = vec![0_u32; self.words.len()];
        let mut length = 0_u32;
        each_word(text, |word| {
            length += 1;
            for ((wanted, _), count) in self.words.iter().zip(&mut counts) {
                *count += u32::from(akin(wanted, word));
            }
        });
        let longer = REPEATED * (1.0 - LENGTH + LENGTH * length as f32 / USUAL);
        let score: f32 = self
            .words
            .iter()
            .zip(counts)
            .map(|((_, weight), count)| {
                let count = count as f32;
                weight * count * (REPEATED + 1.0) / (count + longer)
            })
            .sum();
        let days = self.now.since(at).as_secs_f32() / 86_400.0;
        score * (1.0 + FRESH * (-days / HALF_LIFE).exp2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_words_and_rarer_ones_come_first_and_the_newer_of_equals() {
        const DAY: i64 = 86_400_000;
        let now = Timestamp(100 * DAY);
        let words = vec![("green".to_owned(), 300), ("tea".to_owned(), 10)];
        let ranking = Ranking::new(words, 1000, now);
        let texts = [
            ("green tea in spring", 0),
            ("she planted teas", 99),
            ("tea with milk", 50),
            ("tea with milk", 1),
            ("a green door", 99),
            ("nothing of it", 100),
        ];
        let scores: Vec<f32> =
            texts.iter().map(|(text, day)| ranking.score(text, Timestamp(day * DAY))).collect();
        assert!(scores[0] > scores[2] && scores[2] > scores[3] && scores[3] > scores[4], "{scores:?}");
        // Three letters are too few to guess from.
        assert_eq!((scores[1], scores[5]), (0.0, 0.0));
        assert!(akin("port", "ports") && akin("planning", "plan") && !akin("port", "portugal+"));
    }
}
