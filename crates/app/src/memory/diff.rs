//! What changed from one text to another, line by line.

/// Above so many pairs of lines the middle is shown as replaced whole.
const MOST_PAIRS: usize = 4_000_000;

/// A line of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiffLine<'a> {
    /// In both.
    Same(&'a str),
    /// Only in the old text.
    Gone(&'a str),
    /// Only in the new text.
    New(&'a str),
}

/// Compares two texts: as few lines as can be are gone and new.
pub(crate) fn diff<'a>(old: &'a str, new: &'a str) -> Vec<DiffLine<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut lines: Vec<DiffLine<'a>> = old[..start].iter().map(|line| DiffLine::Same(line)).collect();
    middle(&old[start..old.len() - end], &new[start..new.len() - end], &mut lines);
    lines.extend(old[old.len() - end..].iter().map(|line| DiffLine::Same(line)));
    lines
}

fn middle<'a>(old: &[&'a str], new: &[&'a str], lines: &mut Vec<DiffLine<'a>>) {
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        lines.extend(old.iter().map(|line| DiffLine::Gone(line)));
        lines.extend(new.iter().map(|line| DiffLine::New(line)));
        return;
    }
    // The length of the longest common subsequence of what begins at (i, j).
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(DiffLine::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1])
        {
            lines.push(DiffLine::Gone(old[i]));
            i += 1;
        } else {
            lines.push(DiffLine::New(new[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let line = |line: DiffLine<'_>| match line {
            DiffLine::Same(text) => format!(" {text}"),
            DiffLine::Gone(text) => format!("-{text}"),
            DiffLine::New(text) => format!("+{text}"),
        };
        diff(old, new).into_iter().map(line).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn only_what_changed_is_marked() {
        assert_eq!(shown("a\nb\nc", "a\nx\nc"), " a|-b|+x| c");
        assert_eq!(shown("", "a\nb"), "+a|+b");
        assert_eq!(shown("a\nb\nc\nd", "b\nd\ne"), "-a| b|-c| d|+e");
        assert_eq!(shown("a\na", "a"), " a|-a");
    }

    proptest! {
        /// Both texts can be read off the comparison.
        #[test]
        fn nothing_is_lost(old in "[ab\n]{0,30}", new in "[ab\n]{0,30}") {
            let lines = diff(&old, &new);
            let of = |keep: fn(&DiffLine<'_>) -> bool| lines.iter().filter(|line| keep(line)).map(|line| match line {
                DiffLine::Same(text) | DiffLine::Gone(text) | DiffLine::New(text) => *text,
            }).collect::<Vec<_>>();
            prop_assert_eq!(of(|line| !matches!(line, DiffLine::New(_))), old.lines().collect::<Vec<_>>());
            prop_assert_eq!(of(|line| !matches!(line, DiffLine::Gone(_))), new.lines().collect::<Vec<_>>());
        }
    }
}
