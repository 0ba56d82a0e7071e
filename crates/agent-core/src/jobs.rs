//! Jobs as messages, and how people see them.

use std::collections::BTreeMap;

use schedule::{GoalNotes, JobDefinition, Payload, Zones, is_job, session_of};
use session_api::{
    IdSource, Inbound, InboundId, InboundKind, Job, JobRun, Part, Route, RunOverrides, Runner, Scope,
    StoreError, Stores, Timestamp, UsageBy, WhenBusy,
};

/// What a run answers when there is nothing to read.
pub(crate) const NOTHING: &str = "NOTHING_TO_REPORT";
/// How often a run is tried again when no model can be had.
const RETRIES: u32 = 2;

/// Where a goal stands before a round; nothing for any other job.
#[derive(Debug, Default)]
pub(crate) struct Round {
    notes: GoalNotes,
    /// No round follows.
    last: bool,
}

impl Round {
    /// What the rounds before it wrote down.
    pub(crate) async fn of(
        stores: &Stores,
        job: &Job,
        definition: &JobDefinition,
        last: bool,
    ) -> Result<Self, StoreError> {
        if !matches!(definition.payload, Payload::Goal { .. }) {
            return Ok(Self::default());
        }
        let stored = stores.kv.kv_get(&job.owner, &GoalNotes::key(job.id)).await?;
        let notes = GoalNotes::read(stored.as_ref().map(|entry| entry.value.as_str()));
        Ok(Self { notes, last })
    }
}

/// What a goal has cost so far, in millionths of a US dollar.
pub(crate) async fn cost(stores: &Stores, job: &Job) -> Result<u64, StoreError> {
    let scope = Scope::Session(session_of(job.id));
    let totals = stores.usage.usage_totals(&scope, Timestamp(0), UsageBy::Purpose).await?;
    Ok(totals.iter().map(|total| total.cost_micros).sum())
}

/// The row that a run of `job` for the time `due` is.
pub(crate) fn row(
    ids: &dyn IdSource,
    zones: &Zones,
    job: &Job,
    definition: &JobDefinition,
    round: &Round,
    due: Timestamp,
    now: Timestamp,
) -> Inbound {
    let id = InboundId::new(ids);
    let (kind, text) = match &definition.payload {
        Payload::Prompt { text } => (InboundKind::Message, framed(job, text, &time(zones, definition, due))),
        Payload::Goal { text, .. } => (InboundKind::Message, goal(job, text, definition.max_runs, round)),
        Payload::Tool { name, arguments } => (InboundKind::Command, format!("tool:{name} {arguments}")),
    };
    Inbound {
        id,
        // One run for each time, whatever the clock does.
        external_id: format!("{}:{}", job.id, due.0),
        session: session_of(job.id),
        parent: definition.origin.clone().filter(|origin| !is_job(origin)),
        reply: definition.reply.clone(),
        principal: definition.principal.clone(),
        kind,
        busy: WhenBusy::Queue,
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides {
            model: definition.model.clone(),
            fresh: true,
            // Whoever set a goal hears of its last round in any case.
            quiet: (!round.last).then(|| NOTHING.into()),
            retries: RETRIES,
            ..RunOverrides::default()
        },
        parts: round.notes.outside.parts().chain([Part::text(text)]).collect(),
        shared: false,
        received_at: now,
        correlation: id.to_string(),
    }
}

/// Sends the answer to `notify` where nobody would fetch it otherwise.
pub(crate) fn answer_in(row: &mut Inbound, notify: Option<&Route>) {
    if let Some(notify) = notify.filter(|_| crate::driver::is_pulled(&row.reply.channel)) {
        row.reply = notify.clone();
    }
}

fn framed(job: &Job, text: &str, due: &str) -> String {
    format!(
        "[Scheduled job “{}”, due {due}. Its time has come: carry it out now; do not schedule it again. Your answer is sent \
         to the person who scheduled it. Where there is nothing for them to read, answer {NOTHING} and nothing else.]\n\n{text}",
        job.name
    )
}

fn goal(job: &Job, text: &str, rounds: Option<u64>, round: &Round) -> String {
    let number = job.runs + 1;
    let of = rounds.map_or_else(String::new, |rounds| format!(" of at most {rounds}"));
    let then = if round.last {
        "This is the last round: whoever set the goal reads your answer. Say what is reached and what is not."
            .to_owned()
    } else {
        format!(
            "Whoever set the goal reads your answer; where there is nothing for them to read, answer {NOTHING} and nothing else."
        )
    };
    let mut done = String::new();
    for note in &round.notes.notes {
        done.push_str("\n- ");
        done.push_str(note);
    }
    if done.is_empty() {
        done.push_str(" nothing yet");
    }
    format!(
        "[Sustained goal, round {number}{of}. Nothing is remembered between rounds but what goal_progress writes down. Do the \
         next step now, then call goal_progress once with what you did and what comes next; set `reached` when the goal is \
         reached or cannot be. {then}]\n\nThe goal: {text}\n\nWritten down so far:{done}"
    )
}

/// A run that was left out.
pub(crate) fn left_out(job: &Job, due: Timestamp, now: Timestamp, note: String) -> JobRun {
    JobRun { job: job.id, due, fired_at: now, inbound: None, note: Some(note) }
}

/// A time as the clocks of the job's zone show it.
pub(crate) fn time(zones: &Zones, definition: &JobDefinition, at: Timestamp) -> String {
    let zone = match &definition.when {
        schedule::When::Cron { zone, .. } => zone.as_str(),
        _ => zones.local(),
    };
    shown(zones, zone, at)
}

/// A time as the clocks of `zone` show it.
#[must_use]
pub fn shown(zones: &Zones, zone: &str, at: Timestamp) -> String {
    let time = zones.find(zone).ok().zip(jiff::Timestamp::from_millisecond(at.0).ok());
    time.map_or_else(
        || format!("{} ms", at.0),
        |(zone, at)| at.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string(),
    )
}

/// Why jobs of one name or the beginning of an id are not one job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobNotFound {
    /// There is none.
    #[error("there is no job `{0}`")]
    None(String),
    /// There are several.
    #[error("`{0}` may mean several jobs; name one by its id")]
    Several(String),
}

/// The job that `name` means: by its id, the beginning of its id (from 8 characters on), or its name.
///
/// # Errors
/// None of `jobs` is meant, or several are.
pub fn find_job<'a>(jobs: &'a [Job], name: &str) -> Result<&'a Job, JobNotFound> {
    let name = name.trim();
    let lower = name.to_ascii_lowercase();
    let by_id = |job: &&Job| lower.len() >= 8 && job.id.to_string().starts_with(&lower);
    let named: BTreeMap<_, _> = jobs.iter().filter(|job| job.name == name).map(|job| (job.id, job)).collect();
    let meant: Vec<&Job> =
        if named.is_empty() { jobs.iter().filter(by_id).collect() } else { named.into_values().collect() };
    let shown: String = name.chars().take(80).collect();
    match meant.as_slice() {
        [] => Err(JobNotFound::None(shown)),
        [one] => Ok(one),
        _ => Err(JobNotFound::Several(shown)),
    }
}

/// Where a job stands, in a word.
#[must_use]
pub fn job_state(job: &Job) -> &'static str {
    match (job.enabled, job.next_run_at) {
        (false, _) => "off",
        (true, Some(_)) => "on",
        (true, None) => "done",
    }
}
