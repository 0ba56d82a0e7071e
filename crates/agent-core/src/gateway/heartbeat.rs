//! Beats: at a set pace, one for each, whoever is killed and however many gateways there are.

use std::time::Duration;

use session_api::{
    Batch, Inbound, InboundId, InboundKind, KvWrite, Part, Principal, PrincipalId, Purpose, Route,
    RunOverrides, Runner, Scope, SessionKey, StoreError, Timestamp, WhenBusy, Writes,
};
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::{Condition, HEARTBEAT_OK, Heartbeat, HeartbeatTask, heartbeat_tasks, jobs};

/// The longest sleep: a wall clock may have been set, or a machine have slept.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Beats until `stop`, as it was told last.
pub(super) async fn beat(shared: &Shared, stop: CancellationToken) {
    let mut told = shared.heartbeat.subscribe();
    // The pace, and the number of the last beat at this pace.
    let mut beaten: Option<(i64, i64)> = None;
    loop {
        let heart = told.borrow_and_update().clone();
        match &heart {
            Some(heart) => {
                let every = pace(heart);
                let number = shared.ports.clock.now().0.div_euclid(every);
                // Neither a start nor another pace is a beat. A clock that was set back does not beat again for what it
                // did; the store knows the numbers as well.
                if beaten
                    .replace((every, number))
                    .is_some_and(|(known, last)| known == every && last != number)
                {
                    match look(shared, heart, number).await {
                        Ok(true) => tracing::debug!(number, "the heart beats"),
                        Ok(false) => tracing::debug!(number, "there is nothing to look after"),
                        Err(error) => tracing::warn!(%error, "a beat was left out"),
                    }
                }
            }
            None => beaten = None,
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = told.changed() => if changed.is_err() { return },
            () = until_next(shared, heart.as_ref()) => {}
        }
    }
}

/// Waits until the next beat may be due.
async fn until_next(shared: &Shared, heart: Option<&Heartbeat>) {
    let Some(heart) = heart else { return std::future::pending().await };
    let (clock, every) = (&shared.ports.clock, pace(heart));
    let left = u64::try_from(every - clock.now().0.rem_euclid(every)).unwrap_or(60_000);
    clock.sleep(Duration::from_millis(left).min(LOOK_AGAIN)).await;
}

/// Milliseconds from beat to beat.
fn pace(heart: &Heartbeat) -> i64 {
    i64::try_from(heart.every.as_millis()).unwrap_or(i64::MAX).max(60_000)
}

/// Whether there was something to do.
async fn look(shared: &Shared, heart: &Heartbeat, number: i64) -> Result<bool, StoreError> {
    let ports = &shared.ports;
    let now = ports.clock.now();
    let zones = shared.factotum.core().zones.clone();
    let minute = minute_of_day(&zones, now);
    if heart.quiet.is_some_and(|quiet| quiet.hold(minute)) {
        return Ok(false);
    }
    let Some(text) = heart.source.text().await else { return Ok(false) };
    let tasks = heartbeat_tasks(&text);
    if tasks.is_empty() {
        return Ok(false);
    }
    let session = SessionKey::new("heartbeat", "local", "main");
    let info = ports.stores.sessions.session(&Scope::All, &session).await?;
    if info.is_some_and(|info| info.pending > 0 || info.open_turn.is_some()) {
        return Ok(false);
    }
    let (mut due, mut kv) = (Vec::new(), Vec::new());
    for task in &tasks {
        let (holds, marks) = holds(shared, heart, task, minute).await?;
        kv.extend(marks);
        if holds {
            due.push(task.text.as_str());
        }
    }
    let rows = if due.is_empty() {
        Vec::new()
    } else {
        let time = jobs::shown(&zones, zones.local(), now);
        vec![row(InboundId::new(ports.ids.as_ref()), session, heart, number, now, &time, &due)]
    };
    let some = !rows.is_empty();
    if some || !kv.is_empty() {
        let writes = Writes { kv, ..Writes::default() };
        drop(ports.stores.mailbox.accept(None, Batch { rows, writes, ..Batch::default() }, None).await?);
    }
    Ok(some)
}

/// Whether all conditions of a task hold, and what to remember of its files. The cheap ones are looked at first.
async fn holds(
    shared: &Shared,
    heart: &Heartbeat,
    task: &HeartbeatTask,
    minute: u32,
) -> Result<(bool, Vec<KvWrite>), StoreError> {
    let owner = PrincipalId("heartbeat".into());
    let early = |condition: &Condition| matches!(condition, Condition::After(from) if minute < *from);
    if task.conditions.iter().any(early) {
        return Ok((false, Vec::new()));
    }
    let (mut holds, mut marks) = (true, Vec::new());
    for condition in &task.conditions {
        match condition {
            Condition::After(_) => {}
            Condition::Changed(path) => {
                let key = format!("mark:{path}");
                let mark = heart.source.mark(path).await.unwrap_or_default();
                let known = shared.ports.stores.kv.kv_get(&owner, &key).await?.map(|entry| entry.value);
                // What is seen for the first time has not changed.
                holds &= known.as_ref().is_some_and(|known| *known != mark);
                let first = known.is_none();
                if known.as_ref() != Some(&mark) {
                    let set = KvWrite::Set { owner: owner.clone(), key, value: mark, expires_at: None };
                    marks.push((first, set));
                }
            }
            Condition::Check(name) => holds = holds && heart.source.check(name).await,
        }
    }
    // A change that another condition held back is a change at the next beat still.
    marks.retain(|(first, _)| holds || *first);
    Ok((holds, marks.into_iter().map(|(_, set)| set).collect()))
}

fn minute_of_day(zones: &schedule::Zones, now: Timestamp) -> u32 {
    let local = zones.find(zones.local()).ok().zip(jiff::Timestamp::from_millisecond(now.0).ok());
    local.map_or(0, |(zone, at)| {
        let at = at.to_zoned(zone);
        u32::from(at.hour().unsigned_abs()) * 60 + u32::from(at.minute().unsigned_abs())
    })
}

fn row(
    id: InboundId,
    session: SessionKey,
    heart: &Heartbeat,
    number: i64,
    now: Timestamp,
    time: &str,
    due: &[&str],
) -> Inbound {
    let text = format!(
        "[Heartbeat, {time}. Look after what stands below. Your answer is sent to your owner. Where there is nothing that \
         they should know now, answer {HEARTBEAT_OK} and nothing else.]\n\n- {}",
        due.join("\n- ")
    );
    let reply = heart
        .reply
        .clone()
        .unwrap_or_else(|| Route::to_session(&SessionKey::new("cli", "local", "heartbeat")));
    Inbound {
        id,
        external_id: format!("beat:{number}"),
        session,
        parent: None,
        reply,
        principal: Principal::owner(),
        kind: InboundKind::Message,
        busy: WhenBusy::Queue,
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides {
            model: heart.model.clone(),
            fresh: true,
            quiet: Some(HEARTBEAT_OK.into()),
            purpose: Some(Purpose::Heartbeat),
            ..RunOverrides::default()
        },
        parts: vec![Part::text(text)],
        shared: false,
        received_at: now,
        correlation: id.to_string(),
    }
}
