//! /usage: what model calls used and cost, and what may be spent.

use session_api::{Rank, Timestamp, UsageBy, Writes};

use super::{CommandAnswer, CommandContext};
use crate::{
    AgentError,
    spending::{self, Period, cost_of, dollars},
};

pub(super) async fn usage(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        [] => show(context).await.map(Into::into),
        ["extend", period, amount] => extend(context, period, amount).await,
        _ => Ok("Write `/usage`, or `/usage extend day|month DOLLARS`.".to_owned().into()),
    }
}

async fn show(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let ledger = &context.ports.stores.usage;
    let totals = ledger.usage_totals(&context.scope(), Timestamp(0), UsageBy::Day).await?;
    let mut lines: Vec<String> = totals
        .iter()
        .map(|total| {
            format!(
                "{}: {} calls, {} tokens in ({} cached), {} out, {}",
                total.group,
                total.calls,
                total.input_tokens,
                total.cached_tokens,
                total.output_tokens,
                cost_of(total)
            )
        })
        .collect();
    if lines.is_empty() {
        lines.push("No model was called yet.".into());
    }
    if context.principal.rank == Rank::Owner {
        for limit in spending::limits(context.ports, &context.core.caps).await? {
            lines.push(format!("At most {} for {}.", dollars(limit.micros), limit.period.words()));
        }
    }
    Ok(lines.join("\n"))
}

async fn extend(
    context: &CommandContext<'_>,
    period: &str,
    amount: &str,
) -> Result<CommandAnswer, AgentError> {
    if context.principal.rank != Rank::Owner {
        return Ok("Only the owner decides what may be spent.".to_owned().into());
    }
    let period = match period {
        "day" => Period::Day,
        "month" => Period::Month,
        _ => {
            return Ok(
                format!("`{period}` has no limit that could be extended; `day` and `month` have.").into()
            );
        }
    };
    let Some(micros) = spending::parse_dollars(amount).filter(|micros| *micros > 0) else {
        return Ok(format!("`{amount}` is no amount; write dollars, as in `2.50`.").into());
    };
    let Some(limit) = context.core.caps.of(period) else {
        return Ok(format!(
            "There is no limit for {}: `spending.{}` is not set.",
            period.words(),
            period.name()
        )
        .into());
    };
    let now = context.ports.clock.now();
    let (_, when) = period.began(now);
    let extra = spending::extra(context.ports, period, &when).await?.saturating_add(micros);
    let text = format!(
        "Up to {} may now be spent {}.",
        dollars(limit.saturating_add(extra)),
        match period {
            Period::Month => "this month",
            _ => "today",
        }
    );
    let kv = vec![spending::allow(period, &when, extra, now)];
    Ok(CommandAnswer { text, writes: Writes { kv, ..Writes::default() } })
}
