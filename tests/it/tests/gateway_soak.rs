//! A little of what `cargo xtask crash` does at length.

use it::{Options, soak};

#[expect(clippy::expect_used, reason = "a run that cannot be made is a failed test")]
fn kill(kills: usize, channel: &str, seed: u64) {
    let options = Options { kills, seed, channel: channel.into() };
    let outcome = soak(&options, |_| ()).expect("such a channel");
    assert!(outcome.violations.is_empty(), "{}\n{outcome:#?}", outcome.violations.join("\n"));
    assert!(outcome.reckoning.effects > 0, "no tool ran: {outcome:#?}");
}

#[test]
fn kills_at_any_moment_lose_nothing_on_telegram() {
    kill(8, "telegram", 3);
}

#[test]
fn kills_at_any_moment_lose_nothing_on_all_channels_together() {
    kill(5, "all", 5);
}
