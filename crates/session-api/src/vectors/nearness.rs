//! How near two vectors are, and what becomes of two lists of hits.

use std::collections::HashMap;

use crate::{MemoryHit, MemoryPlace};

/// How little the first places count for more than those behind them, in reciprocal rank fusion.
const SMOOTH: f32 = 60.0;

/// The vector in its direction, of length 1; `None` where it has none: it is empty, all zeros, or holds what is no number.
#[must_use]
pub fn of_unit_length(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|part| f64::from(*part).powi(2)).sum::<f64>().sqrt();
    if !length.is_normal() {
        return None;
    }
    vector.iter_mut().for_each(|part| *part = (f64::from(*part) / length) as f32);
    Some(vector)
}

/// The cosine between two vectors of length 1 with as many parts.
#[must_use]
pub fn nearness(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// One list of two, each best first, by reciprocal rank fusion: a hit is worth more the further in front it stands, and
/// what stands in both lists is worth both. Of equals that of the first list comes first.
#[must_use]
pub fn fused(words: Vec<MemoryHit>, meaning: Vec<MemoryHit>) -> Vec<MemoryHit> {
    let mut places: HashMap<MemoryPlace, usize> = HashMap::new();
    let mut all: Vec<(f32, MemoryHit)> = Vec::with_capacity(words.len() + meaning.len());
    for list in [words, meaning] {
        for (rank, hit) in (1_u16..).zip(list) {
            let worth = 1.0 / (SMOOTH + f32::from(rank));
            match places.get(&hit.place) {
                Some(at) => all[*at].0 += worth,
                None => {
                    places.insert(hit.place.clone(), all.len());
                    all.push((worth, hit));
                }
            }
        }
    }
    // Stable, so that of equals the order above stays.
    all.sort_by(|(worth, _), (others, _)| others.total_cmp(worth));
    all.into_iter().map(|(_, hit)| hit).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{MemoryKind, Timestamp};

    fn hit(line: u32) -> MemoryHit {
        MemoryHit {
            place: MemoryPlace::File { path: "a.md".into(), line },
            kind: MemoryKind::Note,
            role: None,
            at: Timestamp(0),
            text: String::new(),
        }
    }

    fn lines(words: &[u32], meaning: &[u32]) -> Vec<u32> {
        let list = |lines: &[u32]| lines.iter().copied().map(hit).collect();
        let line = |hit: MemoryHit| match hit.place {
            MemoryPlace::File { line, .. } => line,
            MemoryPlace::Message { .. } => 0,
        };
        fused(list(words), list(meaning)).into_iter().map(line).collect()
    }

    #[test]
    fn what_stands_in_both_lists_comes_first_and_of_equals_what_holds_the_words() {
        for (words, meaning, expected) in [
            (vec![1, 2, 3], vec![], vec![1, 2, 3]),
            (vec![], vec![4, 5], vec![4, 5]),
            (vec![1, 2], vec![3, 4], vec![1, 3, 2, 4]),
            (vec![1, 2, 3], vec![4, 3], vec![3, 1, 4, 2]),
        ] {
            assert_eq!(lines(&words, &meaning), expected);
        }
    }

    #[test]
    fn a_vector_without_a_direction_is_none() {
        for none in [vec![], vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY]] {
            assert_eq!(of_unit_length(none), None);
        }
        assert_eq!(of_unit_length(vec![3.0, 4.0]), Some(vec![0.6, 0.8]));
    }

    proptest! {
        #[test]
        fn a_vector_is_nearest_to_itself(vector in proptest::collection::vec(-1e3_f32..1e3, 1..40)) {
            if let Some(unit) = of_unit_length(vector) {
                prop_assert!((nearness(&unit, &unit) - 1.0).abs() < 1e-4);
            }
        }

        #[test]
        fn fusion_keeps_each_hit_once(words in proptest::collection::hash_set(1_u32..30, 0..20), meaning in proptest::collection::hash_set(1_u32..30, 0..20)) {
            let all = lines(&Vec::from_iter(words.iter().copied()), &Vec::from_iter(meaning.iter().copied()));
            let once: std::collections::HashSet<u32> = all.iter().copied().collect();
            prop_assert_eq!(once.len(), all.len());
            prop_assert_eq!(all.len(), words.union(&meaning).count());
        }
    }
}
