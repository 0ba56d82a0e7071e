//! `factotum usage`.

use agent_core::cost_of;
use session_api::{Clock as _, Timestamp, UsageBy, UsageTotal};

use super::{
    args::{Usage, UsageGroup},
    error::CliError,
    out,
    start::Start,
};
use crate::{Assistant, SystemClock, exit};

/// Cells of the longest bar.
const BAR: u64 = 30;
/// Eighths of a cell, smallest first.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Characters of a name in the table.
const NAME: usize = 40;

pub(super) async fn run(start: &Start, usage: Usage) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = show(&running.assistant, &usage).await;
    running.end(result).await
}

impl From<UsageGroup> for UsageBy {
    fn from(by: UsageGroup) -> Self {
        match by {
            UsageGroup::Day => Self::Day,
            UsageGroup::Model => Self::Model,
            UsageGroup::Session => Self::Session,
            UsageGroup::Purpose => Self::Purpose,
        }
    }
}

async fn show(assistant: &Assistant, usage: &Usage) -> Result<u8, CliError> {
    let since = match usage.days {
        Some(days) => first_of(SystemClock::new().now(), days),
        None => Timestamp(0),
    };
    let totals = assistant.usage(since, usage.by.into()).await?;
    if usage.json {
        for total in &totals {
            out::json(&object(total))?;
        }
        return Ok(exit::OK);
    }
    if totals.is_empty() {
        return Ok(out::line("No model was called in this time."));
    }
    Ok(out::line(&table(&totals)))
}

/// The beginning of the first of the last `days` UTC days, today included.
fn first_of(now: Timestamp, days: u32) -> Timestamp {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let today = now.0.div_euclid(DAY);
    Timestamp((today + 1 - i64::from(days)).saturating_mul(DAY))
}

fn object(total: &UsageTotal) -> serde_json::Value {
    serde_json::json!({
        "group": total.group,
        "calls": total.calls,
        "input_tokens": total.input_tokens,
        "cached_tokens": total.cached_tokens,
        "output_tokens": total.output_tokens,
        "cost_micros": total.cost_micros,
        "unpriced_calls": total.unpriced_calls,
    })
}

/// The bars show cost where anything has a price, else tokens.
fn table(totals: &[UsageTotal]) -> String {
    let priced = totals.iter().any(|total| total.cost_micros > 0);
    let weight = |total: &UsageTotal| {
        if priced { total.cost_micros } else { total.input_tokens.saturating_add(total.output_tokens) }
    };
    let most = totals.iter().map(weight).max().unwrap_or_default();
    let names: Vec<String> = totals.iter().map(|total| out::short(&total.group, NAME)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut lines: Vec<String> = totals
        .iter()
        .zip(&names)
        .map(|(total, name)| {
            let bar = bar(weight(total), most);
            format!("{name:<width$}  {bar:<30}  {}", sentence(total)).trim_end().to_owned()
        })
        .collect();
    if totals.len() > 1 {
        let sum = sum(totals);
        lines.push(format!("{:<width$}  {:<30}  {}", "all", "", sentence(&sum)));
    }
    lines.join("\n")
}

fn sentence(total: &UsageTotal) -> String {
    format!(
        "{}, {} calls, {} tokens in ({} cached), {} out",
        cost_of(total),
        total.calls,
        total.input_tokens,
        total.cached_tokens,
        total.output_tokens
    )
}

fn sum(totals: &[UsageTotal]) -> UsageTotal {
    let add = |of: fn(&UsageTotal) -> u64| totals.iter().map(of).fold(0, u64::saturating_add);
    UsageTotal {
        group: String::new(),
        calls: add(|total| total.calls),
        input_tokens: add(|total| total.input_tokens),
        cached_tokens: add(|total| total.cached_tokens),
        output_tokens: add(|total| total.output_tokens),
        cost_micros: add(|total| total.cost_micros),
        unpriced_calls: add(|total| total.unpriced_calls),
    }
}

/// `part` of `whole` as a bar of at most [`BAR`] cells, to an eighth of a cell. What is not nothing shows.
fn bar(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return String::new();
    }
    let eighths =
        u64::try_from(u128::from(part) * u128::from(BAR * 8) / u128::from(whole)).unwrap_or(BAR * 8);
    let eighths = eighths.clamp(1, BAR * 8);
    let full = usize::try_from(eighths / 8).unwrap_or_default();
    let rest = usize::try_from(eighths % 8).unwrap_or_default();
    format!("{}{}", "█".repeat(full), EIGHTHS[rest])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(group: &str, calls: u64, tokens: u64, cost_micros: u64, unpriced_calls: u64) -> UsageTotal {
        UsageTotal {
            group: group.into(),
            calls,
            input_tokens: tokens,
            cached_tokens: tokens / 2,
            output_tokens: tokens / 10,
            cost_micros,
            unpriced_calls,
        }
    }

    #[test]
    fn bars_are_as_long_as_what_was_spent() {
        let totals = [
            total("2026-11-19", 3, 12_000, 1_250_000, 0),
            total("2026-11-20", 40, 90_000, 5_000_000, 2),
            total("2026-11-21", 1, 10, 1, 0),
        ];
        insta::assert_snapshot!(table(&totals), @r"
        2026-11-19  ███████▌                        $1.25, 3 calls, 12000 tokens in (6000 cached), 1200 out
        2026-11-20  ██████████████████████████████  $5.00 and 2 calls of unknown price, 40 calls, 90000 tokens in (45000 cached), 9000 out
        2026-11-21  ▏                               $0.0000, 1 calls, 10 tokens in (5 cached), 1 out
        all                                         $6.2500 and 2 calls of unknown price, 44 calls, 102010 tokens in (51005 cached), 10201 out
        ");
    }

    #[test]
    fn without_any_price_the_bars_are_tokens() {
        let totals = [total("one", 1, 100, 0, 1), total("two", 1, 50, 0, 1)];
        let lines: Vec<String> = table(&totals).lines().map(|line| line.chars().take(34).collect()).collect();
        assert_eq!(lines[0], format!("one  {}", "█".repeat(29)));
        assert!(lines[1].starts_with(&format!("two  {} ", "█".repeat(15))), "{lines:?}");
    }

    #[test]
    fn days_are_counted_from_the_beginning_of_today() {
        let noon = Timestamp(1_795_219_200_000 + 12 * 3_600_000);
        assert_eq!(first_of(noon, 1), Timestamp(1_795_219_200_000));
        assert_eq!(first_of(noon, 7), Timestamp(1_795_219_200_000 - 6 * 86_400_000));
    }
}
