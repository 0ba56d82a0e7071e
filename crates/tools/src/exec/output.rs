//! Output of any length in little room.

use std::collections::VecDeque;

/// Keeps the beginning and the end of what is pushed.
pub(super) struct HeadAndTail {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Room of each.
    half: usize,
    left_out: u64,
}

impl HeadAndTail {
    /// Room for `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: max / 2, left_out: 0 }
    }

    /// Adds `bytes` at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(first);
        // Of more than the tail takes only the end is looked at.
        let (skipped, rest) = rest.split_at(rest.len().saturating_sub(self.half));
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
        self.left_out += (skipped.len() + surplus) as u64;
    }

    /// All that is kept, as text, with a mark where something was left out.
    pub(super) fn show(mut self) -> String {
        if self.left_out == 0 {
            self.head.extend(self.tail);
            return String::from_utf8_lossy(&self.head).into_owned();
        }
        let tail: Vec<u8> = self.tail.into();
        format!(
            "{}\n[… {} bytes left out …]\n{}",
            String::from_utf8_lossy(&self.head),
            self.left_out,
            String::from_utf8_lossy(&tail)
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_output_is_kept_whole_and_a_long_one_cut_in_the_middle() {
        let show = |pushes: &[&str], max| {
            let mut kept = HeadAndTail::new(max);
            pushes.iter().for_each(|push| kept.push(push.as_bytes()));
            kept.show()
        };
        assert_eq!(show(&["ab", "cd"], 4), "abcd");
        assert_eq!(show(&["ab", "cdé", "f"], 12), "abcdéf");
        assert_eq!(show(&["abcdef"], 4), "ab\n[… 2 bytes left out …]\nef");
        assert_eq!(show(&["abc", "d", "ef"], 4), "ab\n[… 2 bytes left out …]\nef");
        assert_eq!(show(&[], 4), "");
        assert_eq!(show(&["abc"], 0), "\n[… 3 bytes left out …]\n");
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_uncounted(pushes in proptest::collection::vec("[a-z]{0,9}", 0..20), max in 0usize..30) {
            let mut kept = HeadAndTail::new(max);
            pushes.iter().for_each(|push| kept.push(push.as_bytes()));
            let all = pushes.concat();
            prop_assert!(kept.head.len() + kept.tail.len() <= max);
            prop_assert_eq!(kept.head.len() + kept.tail.len() + usize::try_from(kept.left_out).unwrap(), all.len());
            prop_assert!(all.as_bytes().starts_with(&kept.head));
            prop_assert!(all.as_bytes().ends_with(kept.tail.make_contiguous()));
        }
    }
}
