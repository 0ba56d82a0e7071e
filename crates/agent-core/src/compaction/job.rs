//! One summary, from the plan to the commit.

use std::time::Duration;

use session_api::{
    Batch, Checkpoint, Delivery, KvWrite, MessageId, OutboxKind, OutboxMessage, Page, Part, Purpose, Rank,
    Route, RunOverrides, Scope, SessionKey, StoreError, StoredMessage, TurnId, UsageEntry, Window,
    WindowBudget, Writes,
};

use tokio_util::sync::CancellationToken;

use super::{
    Absurd, Compacted, ask, backoff,
    check::{check_summary, cites},
    plan::{watermark, whole_turns},
    transcript,
};
use crate::{
    ChosenModel, Core, ModelError, Ports, ToolPlace,
    context::{Frame, beginning},
    estimate_tokens,
    gateway::stable_id,
    spending::Spender,
};

/// Longest wait for one summary.
const LONGEST: Duration = Duration::from_secs(180);
/// Most messages that one run reads, in histories' lengths: what lies further back was in no request for long.
const SPAN: usize = 4;
/// Less is not worth a call.
const LEAST: u64 = 100;
/// Most summaries that one run makes, one behind the other.
const ROUNDS: usize = 8;
/// Most tokens of a summary, and the least that a summariser is given room for.
const SUMMARY: std::ops::RangeInclusive<u64> = 256..=2_048;

/// Why a summary is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The history is nearly full.
    Full,
    /// Nothing was said for a while.
    Idle,
    /// Somebody asked for it.
    Asked,
    /// A model refused a request as too long.
    Refused,
}

/// Why there is no summary. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// There is not enough that could be summarised.
    #[error(
        "there is nothing to summarise yet: the newest part of a conversation always stays word for word"
    )]
    Nothing,
    /// It failed not long ago, or was taken back.
    #[error("a summary failed or was taken back not long ago; it is tried again later")]
    Waits,
    /// Somebody else works on it in this process.
    #[error("a summary of this conversation is being made already")]
    Busy,
    /// The model could not be asked.
    #[error("{0}")]
    Model(#[from] ModelError),
    /// What the model wrote cannot stand for the messages.
    #[error("{model} wrote no usable summary: {source}")]
    Absurd {
        /// Who wrote it.
        model: String,
        /// What is wrong with it.
        source: Absurd,
    },
    /// It took too long.
    #[error("{model} did not end its summary within {seconds} s")]
    TimedOut {
        /// Who was asked.
        model: String,
        /// The limit.
        seconds: u64,
    },
    /// The process ended first.
    #[error("{model} had not ended its summary when the program ended")]
    CutOff {
        /// Who was asked.
        model: String,
    },
    /// The history was changed meanwhile, or the store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Summarises the older part of a session. Several summaries may follow one another where one model cannot read all of it
/// at once; the first error ends that, and is returned only where nothing was made. `cut` ends the wait for a model: that it
/// did not answer is put on record then, or the next process would ask, and pay, at once again.
pub(crate) async fn compact(
    ports: &Ports,
    core: &Core,
    session: &SessionKey,
    why: Why,
    cut: &CancellationToken,
) -> Result<Compacted, CompactionError> {
    let mut made: Option<Compacted> = None;
    for _ in 0..ROUNDS {
        match round(ports, core, session, why, made.is_none(), cut).await {
            Ok((one, more)) => {
                let first = made.as_ref().map_or(one.from, |made| made.from);
                let before = made.as_ref().map_or(0, |made| made.before) + one.before;
                made = Some(Compacted { from: first, before, ..one });
                if !more {
                    break;
                }
            }
            Err(error) => return made.ok_or(error),
        }
    }
    made.ok_or(CompactionError::Nothing)
}

/// What is known before anybody is asked.
struct Setup {
    window: Window,
    chosen: ChosenModel,
    /// The history's room in the conversation's model.
    room: u64,
    frame: Frame,
    reader: Frame,
    by: Spender,
}

async fn setup(ports: &Ports, core: &Core, session: &SessionKey) -> Result<Setup, CompactionError> {
    let scope = Scope::Session(session.clone());
    let newest = WindowBudget { messages: 1, bytes: 0 };
    let window = ports.stores.sessions.window(&scope, session, newest).await?;
    let info = ports.stores.sessions.session(&scope, session).await?.ok_or(CompactionError::Nothing)?;
    let own = core.models.choose(&RunOverrides::default(), window.model.as_deref())?;
    // Whoever speaks there next has these tools or fewer: what they take is only to be known roughly.
    let place =
        ToolPlace { channel: &session.channel, rank: Rank::Owner, phase: Purpose::Chat, profile: None };
    let frame = Frame::of(ports, core, &own, &core.specs(&RunOverrides::default(), place)).await?;
    let chosen = core.compaction.model.clone().unwrap_or(own);
    let reader = Frame::of(ports, core, &chosen, &[]).await?;
    // As a turn has it, but for what its prompt says besides.
    let room = frame.prompt(&[]).allocation.history;
    // Not a turn's: a number of its own, so that a limit for one message counts for it too.
    let turn = TurnId::new(ports.ids.as_ref());
    let by = Spender {
        session: session.clone(),
        turn,
        principal: info.principal,
        purpose: Purpose::Compaction,
        limits: Vec::new(),
    };
    Ok(Setup { window, chosen, room, frame, reader, by })
}

/// One summary, and whether another one would have to follow.
async fn round(
    ports: &Ports,
    core: &Core,
    session: &SessionKey,
    why: Why,
    first: bool,
    cut: &CancellationToken,
) -> Result<(Compacted, bool), CompactionError> {
    let unasked = matches!(why, Why::Full | Why::Idle);
    if unasked && backoff::waits(ports.stores.kv.as_ref(), session, ports.clock.now()).await? {
        return Err(CompactionError::Waits);
    }
    let setup = setup(ports, core, session).await?;
    let (messages, skipped) = unsummarised(ports, core, session, &setup.window).await?;
    let gauge = setup.frame.gauge;
    let keep = setup.room * u64::from(core.compaction.keep) / 100;
    let all: u64 = messages.iter().map(|stored| gauge.message(&stored.message)).sum();
    // Whoever asks for a summary wants one, also of what would fit.
    let keep = if unasked { keep } else { keep.min(all / 3) };
    let old = &messages[..watermark(&messages, keep, gauge)];
    let before: u64 = old.iter().map(|stored| gauge.message(&stored.message)).sum();
    if old.is_empty() || before < LEAST {
        return Err(CompactionError::Nothing);
    }
    // Instructions, the summary before this one and the answer stand beside what is read.
    let summary = (setup.room / 4).clamp(*SUMMARY.start(), *SUMMARY.end());
    let reader = setup.reader.gauge.estimate_of(setup.reader.window);
    let readable =
        (reader / 10 * 8).saturating_sub(summary * 2 + estimate_tokens(ask::INSTRUCTIONS)).max(400);
    let lines: Vec<String> = old.iter().map(transcript::line).collect();
    let lengths: Vec<u64> = lines.iter().map(|line| estimate_tokens(line)).collect();
    let count = whole_turns(old, &lengths, readable);
    let (Some(from), Some(upto)) = (old.first(), old.get(count.wrapping_sub(1))) else {
        return Err(CompactionError::Nothing);
    };
    let (from, upto) = (from.seq, upto.seq);
    let earlier = setup.window.checkpoint.as_ref().map_or("", |checkpoint| checkpoint.summary.as_str());
    let material = material(earlier, skipped, &lines[..count], readable);
    let source = estimate_tokens(&material);
    let most = u32::try_from(summary).unwrap_or(u32::MAX);
    let asked = tokio::select! {
        asked = ask::ask(ports, core, &setup.by, &setup.chosen, material, most) => asked,
        () = ports.clock.sleep(LONGEST) => {
            let error = CompactionError::TimedOut { model: setup.chosen.name(), seconds: LONGEST.as_secs() };
            return Err(failed(ports, session, error, Vec::new()).await);
        }
        () = cut.cancelled() => {
            let error = CompactionError::CutOff { model: setup.chosen.name() };
            return Err(failed(ports, session, error, Vec::new()).await);
        }
    };
    crate::failpoint("compaction.asked");
    let usage = asked.usage;
    let checked = asked.said.map_err(CompactionError::from).and_then(|said| {
        // A model counts otherwise than we do; what it wrote must not be thrown away for that.
        let checked = check_summary(&said, source, summary * 3 / 2, upto);
        checked.map_err(|source| CompactionError::Absurd { model: setup.chosen.name(), source })
    });
    let text = match checked {
        Ok(text) => ports.redact.redact(&text).into_owned(),
        Err(error) => return Err(failed(ports, session, error, usage).await),
    };
    let text = if cites(&text) { text } else { format!("[#{from}-#{upto}]\n{text}") };
    let done = Compacted {
        session: session.clone(),
        from,
        upto,
        before: old[..count].iter().map(|stored| gauge.message(&stored.message)).sum(),
        after: gauge.text(&text),
    };
    let mut outside =
        setup.window.checkpoint.as_ref().map(|before| before.outside.clone()).unwrap_or_default();
    old[..count].iter().for_each(|stored| outside.add_message(&stored.message));
    let checkpoint = Checkpoint {
        id: MessageId::new(ports.ids.as_ref()),
        upto,
        summary: text,
        at: ports.clock.now(),
        outside,
    };
    let mut writes = Writes { usage, kv: backoff::went_well(session), ..Writes::default() };
    if first && why != Why::Asked {
        writes.outbox.extend(notice(ports, session, &done, checkpoint.id));
    }
    let previous = setup.window.checkpoint.as_ref().map(|checkpoint| checkpoint.id);
    crate::failpoint("compaction.before");
    let bill = writes.usage.clone();
    let store = &ports.stores.sessions;
    if let Err(error) =
        store.append_checkpoint(session, setup.window.epoch, previous, checkpoint, writes).await
    {
        // Somebody else was first. What was asked is paid for all the same.
        record(ports, bill, Vec::new()).await;
        return Err(error.into());
    }
    crate::failpoint("compaction.after");
    tracing::info!(%session, from, upto, before = done.before, after = done.after, ?why, "history summarised");
    Ok((done, count < old.len()))
}

/// The messages behind the checkpoint that may be summarised, and the last of those before them that are too far back.
async fn unsummarised(
    ports: &Ports,
    core: &Core,
    session: &SessionKey,
    window: &Window,
) -> Result<(Vec<StoredMessage>, Option<u64>), CompactionError> {
    let upto = window.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.upto);
    let Some(newest) = window.messages.last().map(|stored| stored.seq) else {
        return Err(CompactionError::Nothing);
    };
    let span = core.budget.history_messages.saturating_mul(SPAN);
    let after = upto.max(newest.saturating_sub(span as u64));
    let scope = Scope::Session(session.clone());
    let page = Page { after, limit: span };
    let messages = ports.stores.sessions.messages(&scope, session, page).await?;
    Ok((messages, (after > upto).then_some(after)))
}

/// What the model reads.
fn material(earlier: &str, skipped: Option<u64>, lines: &[String], most: u64) -> String {
    let mut text = String::new();
    if !earlier.is_empty() {
        text.push_str("The earlier summary:\n\n");
        text.push_str(earlier);
        text.push_str("\n\n");
    }
    if let Some(upto) = skipped {
        text.push_str(&format!("(Messages up to #{upto} are too far back to be part of this.)\n\n"));
    }
    text.push_str("The messages:\n\n");
    let all: u64 = lines.iter().map(|line| estimate_tokens(line)).sum();
    for line in lines {
        // One turn alone may be too long: each of its messages gives up its part.
        let own = estimate_tokens(line);
        let share = own.saturating_mul(most) / all.max(1);
        text.push_str(if all > most { beginning(line, share.max(8)) } else { line });
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

/// The word to the person, where the session's platform is connected here.
fn notice(ports: &Ports, session: &SessionKey, done: &Compacted, id: MessageId) -> Option<OutboxMessage> {
    let route = Route::to_session(session);
    let connected = ports.channels.of(&route)?;
    if crate::driver::is_pulled(&route.channel) {
        return None;
    }
    Some(OutboxMessage {
        id: stable_id(&["compaction", &id.to_string()]),
        turn: None,
        inbound: None,
        session: session.clone(),
        route,
        parts: vec![Part::text(done.notice())],
        kind: OutboxKind::Notice,
        delivery: Delivery::Push,
        on_doubt: connected.policy.on_doubt,
        drafts: Vec::new(),
        at: ports.clock.now(),
    })
}

/// Puts a failure on record: what it cost, and when it is tried again.
async fn failed(
    ports: &Ports,
    session: &SessionKey,
    error: CompactionError,
    usage: Vec<UsageEntry>,
) -> CompactionError {
    let text = error.to_string();
    tracing::warn!(%session, error = text, "no summary was made; nothing is changed, and it is tried again later");
    let kv = backoff::failed(ports.stores.kv.as_ref(), session, ports.clock.now(), &text).await;
    record(ports, usage, kv.unwrap_or_default()).await;
    error
}

async fn record(ports: &Ports, usage: Vec<UsageEntry>, kv: Vec<KvWrite>) {
    if usage.is_empty() && kv.is_empty() {
        return;
    }
    let batch = Batch { writes: Writes { usage, kv, ..Writes::default() }, ..Batch::default() };
    if let Err(error) = ports.stores.mailbox.accept(None, batch, None).await {
        tracing::warn!(%error, "what a summary cost could not be written down");
    }
}
