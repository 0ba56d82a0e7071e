//! /goal.

use schedule::{GoalNotes, JobDefinition, JobRequest, Payload, When, session_of};
use session_api::{
    Inbound, InboundId, InboundKind, Job, JobWrite, Rank, RunOverrides, Runner, Scope, WhenBusy, Writes,
};

use super::{CommandAnswer, CommandContext};
use crate::{AgentError, context::note_goal, job_state, jobs, spending::dollars};

/// Shows, sets or ends the goal of this conversation.
pub(super) async fn goal(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let goals = goals(context).await?;
    let running = goals.iter().find(|(job, _)| job_state(job) == "on");
    match (rest, running) {
        ("", _) => show(context, running.or(goals.first())).await.map(Into::into),
        ("stop", None) => Ok("There is no goal here that could be stopped.".to_owned().into()),
        ("stop", Some((job, _))) => stop(context, job).await,
        (_, Some((job, _))) => {
            Ok(format!("There is a goal here already: “{}”. `/goal stop` ends it.", job.name).into())
        }
        (text, None) => Ok(set(context, text, &goals)),
    }
}

/// The goals of this conversation; the speaker's, or everybody's for the owner.
async fn goals(context: &CommandContext<'_>) -> Result<Vec<(Job, JobDefinition)>, AgentError> {
    let owner = (context.principal.rank != Rank::Owner).then_some(&context.principal.id);
    let jobs = context.ports.stores.jobs.jobs(owner).await?;
    let read =
        jobs.into_iter().filter_map(|job| JobDefinition::of(&job).ok().map(|definition| (job, definition)));
    let here = |definition: &JobDefinition| {
        matches!(definition.payload, Payload::Goal { .. })
            && definition.origin.as_ref() == Some(context.session)
    };
    Ok(read.filter(|(_, definition)| here(definition)).collect())
}

fn set(context: &CommandContext<'_>, text: &str, old: &[(Job, JobDefinition)]) -> CommandAnswer {
    if context.principal.rank < Rank::Member {
        return "Guests set no goals.".to_owned().into();
    }
    let autonomy = context.core.autonomy;
    let now = context.ports.clock.now();
    let when = When::Every { seconds: autonomy.goal_every.as_secs(), first: now };
    let payload = Payload::Goal { text: text.to_owned(), max_cost_micros: autonomy.goal_cost_micros };
    let request = JobRequest {
        origin: Some(context.session.clone()),
        max_runs: Some(autonomy.goal_rounds),
        ..JobRequest::new(when, payload, context.principal.clone(), context.reply.clone())
    };
    let mut job = match request.into_job(now, &context.core.zones, context.ports.ids.as_ref()) {
        Ok(job) => job,
        Err(error) => return format!("The goal cannot be set: {error}.").into(),
    };
    // The first round comes at once.
    (job.due, job.next_run_at) = (Some(now), Some(now));
    let most = autonomy.goal_cost_micros.map_or_else(String::new, |most| format!(" and {}", dollars(most)));
    let text = format!(
        "The goal is set: a round every {} minutes, {} at most{most}. `/goal` shows how far it is, `/goal stop` ends it.",
        autonomy.goal_every.as_secs() / 60,
        autonomy.goal_rounds,
    );
    // One that is over makes way.
    let mut writes = Writes::default();
    for (job, _) in old {
        writes.jobs.push(JobWrite::Remove(job.id));
        writes.kv.push(GoalNotes::forget(job.id, &job.owner));
    }
    writes.kv.push(note_goal(context.session, job.id));
    writes.jobs.push(JobWrite::Put(job));
    CommandAnswer { text, writes }
}

async fn stop(context: &CommandContext<'_>, job: &Job) -> Result<CommandAnswer, AgentError> {
    let session = session_of(job.id);
    let scope = Scope::Session(session.clone());
    let runs = context.ports.stores.sessions.session(&scope, &session).await?;
    let runs = runs.is_some_and(|info| info.open_turn.is_some());
    let id = InboundId::new(context.ports.ids.as_ref());
    // A round that runs ends too.
    let end = Inbound {
        id,
        external_id: id.to_string(),
        session,
        parent: None,
        reply: context.reply.clone(),
        principal: context.principal.clone(),
        kind: InboundKind::Stop,
        busy: WhenBusy::default(),
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides::default(),
        parts: Vec::new(),
        shared: false,
        received_at: context.ports.clock.now(),
        correlation: id.to_string(),
    };
    let off = JobWrite::Switch { id: job.id, enabled: false, due: None, next_run_at: None };
    let text = format!("The goal “{}” is stopped.", job.name);
    let inbound = if runs { vec![end] } else { Vec::new() };
    Ok(CommandAnswer { text, writes: Writes { jobs: vec![off], inbound, ..Writes::default() } })
}

async fn show(
    context: &CommandContext<'_>,
    goal: Option<&(Job, JobDefinition)>,
) -> Result<String, AgentError> {
    let Some((job, definition)) = goal else {
        return Ok("There is no goal here. `/goal TEXT` sets one.".into());
    };
    let stores = &context.ports.stores;
    let stored = stores.kv.kv_get(&job.owner, &GoalNotes::key(job.id)).await?;
    let notes = GoalNotes::read(stored.as_ref().map(|entry| entry.value.as_str()));
    let state = match job_state(job) {
        _ if notes.reached => "reached",
        "on" => "under way",
        "off" => "stopped",
        _ => "over: its rounds are used up",
    };
    let of = definition.max_runs.map_or_else(String::new, |most| format!(" of {most}"));
    let cost = jobs::cost(stores, job).await?;
    let cost = if cost > 0 { format!(", {}", dollars(cost)) } else { String::new() };
    let mut lines =
        vec![format!("“{}” – {state}, round {}{of}{cost}", definition.payload.describe(), job.runs)];
    lines.extend(notes.notes.iter().map(|note| format!("- {note}")));
    Ok(lines.join("\n"))
}
