//! `soak KILLS SEED CHANNEL`: kills the gateway again and again under load; what `cargo xtask crash` runs.
#![expect(clippy::print_stdout, reason = "a report on the terminal is what this program is for")]

use std::process::ExitCode;

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
    match soak(&options, |far| println!("… {far}")) {
        Ok(outcome) => {
            report(&options, &outcome);
            if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

fn report(options: &Options, outcome: &Outcome) {
    let found = &outcome.reckoning;
    let line = |name: &str, value: String| println!("  {name:36} {value}");
    println!("{} kills on {} (seed {})", options.kills, options.channel, options.seed);
    line("kills before it was ready", outcome.early.to_string());
    line("messages sent", found.said.to_string());
    line("acknowledged", found.acknowledged.to_string());
    line("answered", found.answered.to_string());
    line("among the dead letters, unanswered", found.dead.len().to_string());
    line("lost", found.lost.len().to_string());
    line("out of order", found.disordered.len().to_string());
    line("unsafe tool calls that ran", found.effects.to_string());
    line("unsafe tool calls that ran twice", found.effects_twice.len().to_string());
    let extra: usize = found.doubled.iter().map(|(_, times)| times - 1).sum();
    let (parts, drafts) = (found.in_flight.parts, found.in_flight.drafts);
    line("sends in flight at kills", format!("{parts} parts, {drafts} drafts"));
    line("duplicate sends", extra.to_string());
    line("foreign canaries", found.foreign.len().to_string());
    line("integrity", if outcome.violations.is_empty() { "clean" } else { "see below" }.to_owned());
    for violation in &outcome.violations {
        println!("VIOLATION: {violation}");
    }
}
