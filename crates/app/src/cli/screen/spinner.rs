//! The sign of life on stderr while nothing else is to be seen.

/// How long a picture stays, in milliseconds.
pub(super) const BEAT_MILLIS: u64 = 120;
/// Beats before the first picture: what ends at once flickers otherwise.
const PATIENCE: u64 = 3;
const PICTURES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Whether and how it is to be seen.
#[derive(Debug, Default)]
pub(super) struct Spinner {
    beats: u64,
    seen: bool,
}

impl Spinner {
    /// The bytes for the next beat; `label` says what is waited for.
    pub(super) fn beat(&mut self, label: &str) -> String {
        self.beats += 1;
        if self.beats <= PATIENCE {
            return String::new();
        }
        self.seen = true;
        let at = usize::try_from(self.beats).unwrap_or(0) % PICTURES.len();
        let seconds = self.beats * BEAT_MILLIS / 1000;
        format!("\r\x1b[2K\x1b[2m{} {label} {seconds} s\x1b[0m", PICTURES[at])
    }

    /// The bytes that take it away; the wait begins anew.
    pub(super) fn clear(&mut self) -> &'static str {
        self.beats = 0;
        if std::mem::take(&mut self.seen) { "\r\x1b[2K" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_after_a_while_and_leaves_nothing_behind() {
        let mut spinner = Spinner::default();
        assert_eq!(spinner.clear(), "");
        assert_eq!([spinner.beat("x"), spinner.beat("x"), spinner.beat("x")], ["", "", ""]);
        assert!(spinner.beat("thinking").contains("thinking 0 s"));
        assert_eq!(spinner.clear(), "\r\x1b[2K");
        assert_eq!(spinner.clear(), "");
        assert_eq!(spinner.beat("x"), "");
    }
}
