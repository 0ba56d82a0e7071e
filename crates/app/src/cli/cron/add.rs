//! `factotum cron add`.

use schedule::{JobRequest, Misfire, Payload, When, parse_length, parse_when};
use session_api::{Principal, Route, SessionKey};

use super::{SHOWN, object, upcoming};
use crate::{
    Assistant,
    cli::{
        cron_args::{AddJob, Missed},
        error::CliError,
        out,
        start::Start,
    },
    exit,
    gateway::GatewayStatus,
};

pub(super) async fn run(start: &Start, assistant: &Assistant, add: AddJob) -> Result<u8, CliError> {
    let json = add.json;
    let jobs = assistant.jobs();
    let request = request(assistant, add)?;
    let name = request.name.clone();
    if !name.is_empty() && jobs.list(None).await?.iter().any(|job| job.name == name.trim()) {
        return Err(CliError::Input(format!(
            "name: there is a job “{name}” already; remove it first, or choose another"
        )));
    }
    let job = jobs.make(request).map_err(|error| CliError::Input(error.to_string()))?;
    if !json {
        upcoming(assistant, &job, SHOWN)?;
    }
    jobs.add(job.clone()).await?;
    if json {
        let mut object = object(&job);
        object["upcoming"] = serde_json::json!(jobs.upcoming(&job, SHOWN)?);
        out::json(&object)?;
        return Ok(exit::OK);
    }
    out::line(&out::plain(&format!("“{}” is saved as {}.", job.name, job.id)));
    if GatewayStatus::living(&start.home)?.is_empty() {
        out::line("Jobs run while the gateway does: `factotum gateway`.");
    }
    Ok(exit::OK)
}

fn request(assistant: &Assistant, add: AddJob) -> Result<JobRequest, CliError> {
    let AddJob {
        name,
        message,
        tool,
        every,
        cron,
        at,
        r#in,
        tz,
        to,
        until,
        max_runs,
        misfire,
        jitter,
        model,
        json: _,
    } = add;
    let (now, zones) = (assistant.jobs().now(), assistant.jobs().zones());
    let input = |error: schedule::ScheduleError| CliError::Input(error.to_string());
    let read = |text: &str| parse_when(text, now, tz.as_deref(), &zones).map_err(input);
    let when = match (every, cron, at, r#in) {
        (Some(every), None, None, None) => {
            let every = every.trim().strip_prefix("every ").unwrap_or(every.trim()).to_owned();
            read(&format!("every {every}"))?
        }
        (None, Some(expression), None, None) => {
            let zone = tz.clone().unwrap_or_else(|| zones.local().to_owned());
            zones.find(&zone).map_err(input)?;
            When::Cron { expression, zone }
        }
        (None, None, Some(at), None) => read(&at)?,
        (None, None, None, Some(length)) => {
            let length = length.trim();
            let length = length.strip_prefix("in ").unwrap_or(length);
            When::At { at: now.plus(parse_length("in", length).map_err(input)?) }
        }
        _ => return Err(CliError::Input("when: give one of --every, --cron, --at, --in".into())),
    };
    let payload = match (message, tool) {
        (Some(text), None) => Payload::Prompt { text },
        (None, Some(call)) => {
            let (name, arguments) = call.split_once(char::is_whitespace).unwrap_or((call.as_str(), "{}"));
            let known: Vec<String> = assistant.factotum().core().tools.names().map(str::to_owned).collect();
            if !known.iter().any(|tool| tool == name) {
                return Err(CliError::Input(format!(
                    "tool: there is no tool `{name}`; there are {}",
                    known.join(", ")
                )));
            }
            let arguments = serde_json::from_str(arguments)
                .map_err(|error| CliError::Input(format!("tool: its arguments are no JSON: {error}")))?;
            Payload::Tool { name: name.to_owned(), arguments }
        }
        _ => return Err(CliError::Input("message: give --message TEXT, or --tool \"NAME {JSON}\"".into())),
    };
    let reply = match to {
        Some(to) => {
            let chat = to.split_once(':').map(|(channel, chat)| (channel.trim(), chat.trim()));
            let Some((channel, chat)) =
                chat.filter(|(channel, chat)| !channel.is_empty() && !chat.is_empty())
            else {
                return Err(CliError::Input(format!(
                    "to: `{to}` names no chat; write CHANNEL:CHAT, as in telegram:123456"
                )));
            };
            Route::to_session(&SessionKey::new(channel, "", chat))
        }
        None => Route::to_session(&SessionKey::new("cli", "local", "jobs")),
    };
    let until = match until {
        None => None,
        Some(text) => match read(&text)? {
            When::At { at } => Some(at),
            _ => return Err(CliError::Input("until: one time is needed".into())),
        },
    };
    let jitter_seconds = match jitter {
        None => 0,
        Some(text) => parse_length("jitter", &text).map_err(input)?.as_secs(),
    };
    Ok(JobRequest {
        name: name.unwrap_or_default(),
        until,
        max_runs,
        misfire: match misfire {
            Missed::Skip => Misfire::Skip,
            Missed::Once => Misfire::Once,
            Missed::All => Misfire::All,
        },
        jitter_seconds,
        model,
        ..JobRequest::new(when, payload, Principal::owner(), reply)
    })
}
