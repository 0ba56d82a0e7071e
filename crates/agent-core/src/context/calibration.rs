//! What models' own counts say about our estimates.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use session_api::{KvWrite, PrincipalId};

use super::Gauge;

/// Most models that are remembered: whoever makes names up with `/model` must not fill the memory.
const MOST: usize = 256;
/// Requests below this say little: what surrounds the words is most of them.
const LEAST: u64 = 200;
/// A correction that moved by less is not worth a write, nor a new beginning of the history.
const STEP: u16 = 5;

/// What is known of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Its own count for 100 tokens of ours; a multiple of [`STEP`].
    percent: u16,
    /// It refused a request of so many of its tokens as too long. Not kept: servers are reconfigured.
    #[serde(skip)]
    refused: Option<u64>,
}

/// What is known of all models, by their names.
#[derive(Debug, Default)]
pub(crate) struct Calibrations(Mutex<HashMap<String, Measured>>);

impl Calibrations {
    /// The name under which the installation keeps it.
    pub(crate) fn key(model: &str) -> String {
        format!("tokens:{model}")
    }

    /// The gauge of a model, where it is known already.
    pub(crate) fn gauge(&self, model: &str) -> Option<Gauge> {
        self.0.lock().get(model).map(|measured| Gauge { percent: measured.percent })
    }

    /// Takes over what the installation kept of a model, or that it kept nothing.
    pub(crate) fn learn(&self, model: &str, kept: Option<&str>) -> Gauge {
        let kept: Option<Measured> = kept.and_then(|text| serde_json::from_str(text).ok());
        let percent = kept.map_or(100, |kept| kept.percent.clamp(50, 800));
        let mut known = self.0.lock();
        if known.len() < MOST {
            known.entry(model.to_owned()).or_insert(Measured { percent, refused: None });
        }
        Gauge { percent }
    }

    /// A model counted `reported` tokens where we had estimated `estimate`. Says what to keep, where that has changed.
    pub(crate) fn measure(&self, model: &str, estimate: u64, reported: u64) -> Option<KvWrite> {
        if estimate < LEAST || reported == 0 {
            return None;
        }
        let seen = (reported.saturating_mul(100) / estimate).clamp(50, 800);
        let mut known = self.0.lock();
        let measured = known.get_mut(model)?;
        let before = u64::from(measured.percent);
        // Half of the way: one odd request does not count for all.
        let after = u16::try_from(u64::midpoint(before, seen)).unwrap_or(measured.percent);
        let after = after.div_ceil(STEP) * STEP;
        if after.abs_diff(measured.percent) < STEP {
            return None;
        }
        measured.percent = after;
        Some(KvWrite::Set {
            owner: PrincipalId::installation(),
            key: Self::key(model),
            value: serde_json::to_string(measured).ok()?,
            expires_at: None,
        })
    }

    /// A model refused a request of `tokens` as too long.
    pub(crate) fn refused(&self, model: &str, tokens: u64) {
        if let Some(measured) = self.0.lock().get_mut(model) {
            measured.refused = Some(measured.refused.map_or(tokens, |before| before.min(tokens)));
        }
    }

    /// A model's window as far as experience goes: nine tenths of the shortest request that it refused.
    pub(crate) fn window(&self, model: &str, known: u64) -> u64 {
        let refused = self.0.lock().get(model).and_then(|measured| measured.refused);
        refused.map_or(known, |tokens| known.min(tokens / 10 * 9).max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_own_counts_correct_ours() {
        let calibrations = Calibrations::default();
        assert_eq!(calibrations.gauge("a/b"), None);
        assert_eq!(calibrations.learn("a/b", None).percent, 100);
        assert_eq!(calibrations.measure("a/b", 100, 500), None, "too short to tell");
        assert!(calibrations.measure("a/b", 1_000, 1_800).is_some());
        assert_eq!(calibrations.gauge("a/b").unwrap().percent, 140);
        for _ in 0..10 {
            calibrations.measure("a/b", 1_000, 1_800);
        }
        let settled = calibrations.gauge("a/b").unwrap().percent;
        assert!((175..=185).contains(&settled), "{settled}");
        assert_eq!(calibrations.measure("a/b", 1_000, 1_800), None, "nothing new");
        let other = Calibrations::default();
        assert_eq!(other.learn("a/b", Some("{\"percent\":180}")).percent, 180);
        assert_eq!(other.learn("c/d", Some("nonsense")).percent, 100);
    }

    #[test]
    fn a_request_that_was_refused_tells_of_the_window() {
        let calibrations = Calibrations::default();
        calibrations.learn("a/b", None);
        assert_eq!(calibrations.window("a/b", 32_000), 32_000);
        calibrations.refused("a/b", 10_000);
        calibrations.refused("a/b", 20_000);
        assert_eq!(calibrations.window("a/b", 32_000), 9_000);
    }
}
