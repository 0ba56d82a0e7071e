//! Limits on spending: what they are, and what the owner allowed besides.

use session_api::{
    Cap, CapOf, KvWrite, PrincipalId, Purpose, Reservation, ReservationId, Reserve, SessionKey, StoreError,
    Timestamp, TurnId, UsageEntry, UsageTotal,
};

use crate::{ChosenModel, Core, ModelError, ModelErrorKind, Ports, TokenUsage};

/// How much money may be spent, in millionths of a US dollar; `None`: no limit. Days and months are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendingCaps {
    /// By one turn.
    pub turn: Option<u64>,
    /// In a day, over all conversations.
    pub day: Option<u64>,
    /// In a month, over all conversations.
    pub month: Option<u64>,
    /// The most tokens that a reply may have while there is a limit: what a call may cost must be known before it.
    pub reply_tokens: u32,
}

impl Default for SpendingCaps {
    fn default() -> Self {
        Self { turn: None, day: None, month: None, reply_tokens: 8192 }
    }
}

/// For how long a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Turn,
    Day,
    Month,
}

impl Period {
    pub(crate) const ALL: [Self; 3] = [Self::Turn, Self::Day, Self::Month];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// For a sentence: the limit "for …".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Turn => "one message",
            Self::Day => "today",
            Self::Month => "this month",
        }
    }

    /// When it began, and its name among those of its kind: `2026-11-21`, `2026-11`.
    pub(crate) fn began(self, now: Timestamp) -> (Timestamp, String) {
        let utc =
            jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        let day = match self {
            Self::Turn => return (Timestamp(0), String::new()),
            Self::Day => utc.date(),
            Self::Month => utc.date().first_of_month(),
        };
        let start =
            day.to_zoned(jiff::tz::TimeZone::UTC).map_or(now.0, |start| start.timestamp().as_millisecond());
        let name = day.to_string();
        let name = if self == Self::Month { name.chars().take(7).collect() } else { name };
        (Timestamp(start), name)
    }
}

impl SpendingCaps {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.turn.is_none() && self.day.is_none() && self.month.is_none()
    }

    pub(crate) fn of(&self, period: Period) -> Option<u64> {
        match period {
            Period::Turn => self.turn,
            Period::Day => self.day,
            Period::Month => self.month,
        }
    }
}

/// A limit with what the owner allowed besides, as it counts now.
pub(crate) struct Limit {
    pub(crate) period: Period,
    pub(crate) since: Timestamp,
    /// The day or the month.
    pub(crate) when: String,
    pub(crate) micros: u64,
}

impl Limit {
    pub(crate) fn cap(&self, turn: TurnId) -> Cap {
        Cap {
            name: self.period.name().to_owned(),
            of: if self.period == Period::Turn { CapOf::Turn(turn) } else { CapOf::All },
            since: self.since,
            limit_micros: self.micros,
        }
    }
}

/// The limits that apply now.
pub(crate) async fn limits(ports: &Ports, caps: &SpendingCaps) -> Result<Vec<Limit>, StoreError> {
    let now = ports.clock.now();
    let mut limits = Vec::new();
    for period in Period::ALL {
        let Some(micros) = caps.of(period) else { continue };
        let (since, when) = period.began(now);
        let micros = micros.saturating_add(extra(ports, period, &when).await?);
        limits.push(Limit { period, since, when, micros });
    }
    Ok(limits)
}

/// The name of an agent's own limit.
const AGENT: &str = "agent";

/// For whom and for what money is spent.
#[derive(Debug, Clone)]
pub(crate) struct Spender {
    pub(crate) session: SessionKey,
    pub(crate) turn: TurnId,
    pub(crate) principal: PrincipalId,
    pub(crate) purpose: Purpose,
    /// Sessions with the most that each may cost, with those that it started, whatever the configuration allows.
    pub(crate) limits: Vec<(SessionKey, u64)>,
}

/// A call that was made.
pub(crate) struct PaidCall {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) used: TokenUsage,
    pub(crate) estimated: bool,
    pub(crate) reservation: Option<ReservationId>,
}

/// Reserves the most that a call may cost, which is that of `most` tokens. An error where that would pass a limit, or where
/// nobody knows what it may cost.
pub(crate) async fn reserve(
    ports: &Ports,
    core: &Core,
    by: Spender,
    chosen: &ChosenModel,
    most: TokenUsage,
) -> Result<Option<ReservationId>, ModelError> {
    let Spender { session, turn, principal, purpose, limits: by_own } = by;
    let caps = &core.caps;
    if caps.is_none() && by_own.is_empty() {
        return Ok(None);
    }
    let refuse = |message| ModelError::new(ModelErrorKind::Quota, message);
    let failed = |error| {
        let message = format!("what was spent could not be read: {error}");
        ModelError::new(ModelErrorKind::Unavailable, message)
    };
    let Some(ceiling_micros) = core.models.directory().ceiling(chosen, &most) else {
        return Err(refuse(format!(
            "there is a limit on spending, and the price of {} or of a model behind it is not known; set `price` in its section of the configuration, or take the limit away",
            chosen.name()
        )));
    };
    let limits = limits(ports, caps).await.map_err(failed)?;
    let mut caps: Vec<Cap> = limits.iter().map(|limit| limit.cap(turn)).collect();
    caps.extend(by_own.into_iter().map(|(session, limit_micros)| Cap {
        name: AGENT.into(),
        of: CapOf::Below(session),
        since: Timestamp(0),
        limit_micros,
    }));
    let request = Reserve {
        id: ReservationId::new(ports.ids.as_ref()),
        at: ports.clock.now(),
        session,
        turn,
        principal,
        purpose,
        model: chosen.name(),
        ceiling_micros,
        caps,
    };
    match ports.stores.usage.reserve(request).await.map_err(failed)? {
        Reservation::Granted(id) => Ok(Some(id)),
        Reservation::Refused { cap, used_micros, limit_micros } if cap == AGENT => {
            let (limit, used) = (dollars(limit_micros), dollars(used_micros));
            Err(refuse(format!(
                "this agent may cost {limit} at most, with those that it started (limit reached), and {used} is spent or reserved"
            )))
        }
        Reservation::Refused { cap, used_micros, limit_micros } => {
            let period = Period::ALL.into_iter().find(|period| period.name() == cap).unwrap_or(Period::Turn);
            let more = match period {
                Period::Turn => "`spending.turn` in the configuration is that limit".to_owned(),
                _ => format!("the owner can allow more: `/usage extend {cap} DOLLARS`"),
            };
            Err(refuse(format!(
                "the limit on spending for {} is {}; {} is spent or reserved, and this call may cost up to {}; {more}",
                period.words(),
                dollars(limit_micros),
                dollars(used_micros),
                dollars(ceiling_micros),
            )))
        }
    }
}

/// A call as it stands on the bill.
pub(crate) fn entry(ports: &Ports, core: &Core, by: Spender, call: PaidCall) -> UsageEntry {
    let PaidCall { provider, model, used, estimated, reservation } = call;
    let Spender { session, turn, principal, purpose, limits: _ } = by;
    UsageEntry {
        reservation,
        at: ports.clock.now(),
        session,
        turn,
        principal,
        purpose,
        cost_micros: core.models.directory().cost(&provider, &model, &used),
        provider,
        model,
        input_tokens: used.input_tokens,
        cached_tokens: used.cached_tokens,
        output_tokens: used.output_tokens,
        estimated,
    }
}

/// What the owner allowed besides for this day or month.
pub(crate) async fn extra(ports: &Ports, period: Period, when: &str) -> Result<u64, StoreError> {
    if period == Period::Turn {
        return Ok(0);
    }
    let entry = ports.stores.kv.kv_get(&PrincipalId::installation(), &key(period, when)).await?;
    Ok(entry.and_then(|entry| entry.value.parse().ok()).unwrap_or_default())
}

/// Allows so much besides, in all, for this day or month.
pub(crate) fn allow(period: Period, when: &str, micros: u64, now: Timestamp) -> KvWrite {
    KvWrite::Set {
        owner: PrincipalId::installation(),
        key: key(period, when),
        value: micros.to_string(),
        expires_at: Some(now.plus(std::time::Duration::from_secs(32 * 24 * 60 * 60))),
    }
}

fn key(period: Period, when: &str) -> String {
    format!("spending:{}:{when}", period.name())
}

/// Millionths of a US dollar for people: `$1.25`, and `$0.1234` where cents do not tell it.
pub(crate) fn dollars(micros: u64) -> String {
    let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
    if part % 10_000 == 0 {
        format!("${whole}.{:02}", part / 10_000)
    } else {
        format!("${whole}.{:04}", part / 100)
    }
}

/// What a sum of calls cost, for people.
#[must_use]
pub fn cost_of(total: &UsageTotal) -> String {
    match (total.cost_micros, total.unpriced_calls) {
        (_, unpriced) if unpriced == total.calls => "price unknown".to_owned(),
        (micros, 0) => dollars(micros),
        (micros, unpriced) => format!("{} and {unpriced} calls of unknown price", dollars(micros)),
    }
}

/// What a person wrote as an amount of dollars, in millionths.
pub(crate) fn parse_dollars(text: &str) -> Option<u64> {
    let text = text.trim().trim_start_matches('$');
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 6
        || (whole.is_empty() && part.is_empty())
        || !(whole.to_owned() + part).bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, micros) in [
            ("1", Some(1_000_000)),
            ("$2.50", Some(2_500_000)),
            ("0.000001", Some(1)),
            (".5", Some(500_000)),
            ("1.", Some(1_000_000)),
            ("", None),
            (".", None),
            ("-1", None),
            ("1e3", None),
            ("0.0000001", None),
            ("99999999999999999999", None),
            ("18446744073710", None),
        ] {
            assert_eq!(parse_dollars(text), micros, "{text:?}");
        }
        assert_eq!([2_500_000, 1_234_567, 0].map(dollars), ["$2.50", "$1.2345", "$0.00"]);
    }

    #[test]
    fn days_and_months_begin_at_midnight_utc() {
        let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let now = at("2028-02-29T23:59:59Z");
        assert_eq!(Period::Day.began(now), (at("2028-02-29T00:00:00Z"), "2028-02-29".to_owned()));
        assert_eq!(Period::Month.began(now), (at("2028-02-01T00:00:00Z"), "2028-02".to_owned()));
        assert_eq!(Period::Turn.began(now), (Timestamp(0), String::new()));
    }
}
