//! `soak KILLS SEED CHANNEL`: kills the gateway again and again under load; what `cargo xtask crash` runs.
#![expect(clippy::print_stdout, reason = "a report on the terminal is what this program is for")]

use std::process::ExitCode;
use std::time::Duration;

use it::{Options, Outcome, soak};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [kills, seed, channel] => kills.parse().ok().zip(seed.parse().ok()).map(|(kills, seed)| Options {
            kills,
            seed,
            channel: channel.clone(),
        }),
        _ => None,
    };
    let Some(options) = parsed else {
        println!("usage: soak KILLS SEED CHANNEL");
        return ExitCode::from(2);
    };
    #[expect(clippy::disallowed_methods, reason = "how long it took is part of the report")]
    let start = std::time::Instant::now();
    match soak(&options, |far| println!("… {far}")) {
        Ok(outcome) => {
            report(&options, &outcome, start.elapsed());
            if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

fn report(options: &Options, outcome: &Outcome, took: Duration) {
    let found = &outcome.reckoning;
    let line = |name: &str, value: String| println!("  {name:36} {value}");
    let count = |name: &str, found: usize| line(name, found.to_string());
    println!("{} kills on {} (seed {})", options.kills, options.channel, options.seed);
    count("kills before it was ready", outcome.early);
    count("messages", found.said);
    count("acknowledged", found.acknowledged);
    count("answered", found.answered);
    count("given up by a turn, sender told", found.told.len());
    count("unanswered, but a dead letter", found.dead.len());
    count("never acknowledged, platform gave up", found.forsaken.len());
    count("lost", found.lost.len());
    count("chats out of order", found.disordered.len());
    line(
        "sends in flight at kills",
        format!("{} parts, {} drafts", found.in_flight.parts, found.in_flight.drafts),
    );
    let (doubled, flying) = found.duplicates();
    line("duplicate sends", format!("{doubled}, of which in flight at a kill: {flying}"));
    count("unsafe tool calls that ran", found.effects);
    count("unsafe tool calls that ran twice", found.effects_twice.len());
    count("foreign canaries", found.foreign.len() + outcome.remains.foreign.len());
    let damage = outcome.remains.damage.len();
    line("integrity check", if damage == 0 { "clean".into() } else { format!("{damage} findings") });
    line("took", format!("{} s", took.as_secs()));
    for (why, letters) in &outcome.why_dead {
        println!("  dead letters, tried again in the end: {letters} × {why}");
    }
    for violation in &outcome.violations {
        println!("VIOLATION: {violation}");
    }
}
