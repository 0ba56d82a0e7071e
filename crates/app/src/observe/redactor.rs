//! Takes secrets out of texts.

use std::{borrow::Cow, fmt, ops::Range, sync::Arc};

use agent_core::Redact;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use parking_lot::RwLock;
use secrecy::{ExposeSecret as _, SecretString};

use super::{known, patterns};

/// What stands in the place of a secret.
const MARK: &str = "[redacted]";

/// Takes secrets out of texts: the known ones in every usual encoding, and what looks like one. Clones share what they
/// know. Making one costs nothing; the automaton is built when the first text comes by.
///
/// Of a known secret longer than twelve bytes every piece of twelve bytes is found too. Known secrets that are short or
/// plain words (fewer than 6 bytes; fewer than 16 of lower-case letters only) are not looked for.
#[derive(Clone, Default)]
pub struct Redactor {
    shared: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    secrets: Vec<SecretString>,
    /// `None` until it is needed, and again after another secret came.
    automaton: Option<Arc<AhoCorasick>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.shared.read().secrets.len()).finish()
    }
}

impl Redactor {
    /// Makes a secret known, here and to all clones.
    pub fn add(&self, secret: &SecretString) {
        let mut known = self.shared.write();
        if !known.secrets.iter().any(|other| other.expose_secret() == secret.expose_secret()) {
            known.secrets.push(secret.clone());
            known.automaton = None;
        }
    }

    /// Makes known what another one knows.
    pub fn learn(&self, other: &Self) {
        if Arc::ptr_eq(&self.shared, &other.shared) {
            return;
        }
        let secrets = other.shared.read().secrets.clone();
        for secret in &secrets {
            self.add(secret);
        }
    }

    /// `text` with `[redacted]` in the place of each secret. Borrowed when there is none.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut places = Vec::new();
        if let Some(automaton) = self.automaton() {
            places.extend(automaton.find_overlapping_iter(text).map(|found| found.range()));
        }
        patterns::find(text, &mut places);
        if places.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(without(text, places)) }
    }

    fn automaton(&self) -> Option<Arc<AhoCorasick>> {
        {
            let known = self.shared.read();
            if known.secrets.is_empty() || known.automaton.is_some() {
                return known.automaton.clone();
            }
        }
        let mut known = self.shared.write();
        if known.automaton.is_none() {
            let needles = known.secrets.iter().flat_map(|secret| known::needles(secret.expose_secret()));
            // Quick to build, and needles are few. It can only fail beyond two thousand million states.
            let built = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(needles);
            known.automaton = built.ok().map(Arc::new);
        }
        known.automaton.clone()
    }
}

impl Redact for Redactor {
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Redactor::redact(self, text)
    }

    /// The last word is left out until it is whole: no secret has a space in it that stands on one line.
    fn redact_open<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let whole = text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        Redactor::redact(self, text[..whole].trim_end())
    }
}

/// Cuts the places out. Those that touch become one. A place may begin or end inside a character, when the secret is a
/// cut one; the whole character goes then.
fn without(text: &str, mut places: Vec<Range<usize>>) -> String {
    places.sort_unstable_by_key(|place| place.start);
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    let mut places = places.into_iter().peekable();
    while let Some(mut place) = places.next() {
        while let Some(next) = places.next_if(|next| next.start <= place.end) {
            place.end = place.end.max(next.end);
        }
        let start = (0..=place.start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0).max(done);
        let end = (place.end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        clean.push_str(&text[done..start]);
        clean.push_str(MARK);
        done = end;
    }
    clean.push_str(&text[done..]);
    clean
}

#[cfg(test)]
#[path = "redactor_tests.rs"]
mod tests;
