//! `factotum dead-letters`: what came in and was not answered, and what was said and did not arrive.

use session_api::{DeadLetter, InboundId, OutboxId, Part, Timestamp, Undelivered};

use super::{
    args::DeadLetters,
    error::CliError,
    out,
    session_name::{is_local, name},
    start::Start,
};
use crate::{Assistant, exit, gateway::GatewayStatus};

const MOST: usize = 1000;

pub(super) async fn run(start: &Start, command: DeadLetters) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(start, &running.assistant, command).await;
    running.end(result).await
}

async fn act(start: &Start, assistant: &Assistant, command: DeadLetters) -> Result<u8, CliError> {
    match command {
        DeadLetters::List { json } => list(assistant, json).await,
        DeadLetters::Show { id, json } => find(assistant, &id).await?.show(json),
        DeadLetters::Retry { ids } => retry(start, assistant, &ids).await,
        DeadLetters::Drop { ids } => {
            for id in &ids {
                let (inbound, outgoing) = parse(id)?;
                if !(assistant.drop_dead_letter(inbound).await?
                    || assistant.drop_undelivered(outgoing).await?)
                {
                    return Err(missing(id));
                }
                out::line(&format!("{inbound} is given up."));
            }
            Ok(exit::OK)
        }
    }
}

fn parse(id: &str) -> Result<(InboundId, OutboxId), CliError> {
    let wrong =
        || CliError::Input(format!("`{id}` is no dead letter's id; `factotum dead-letters list` shows them"));
    Ok((id.parse().map_err(|_| wrong())?, id.parse().map_err(|_| wrong())?))
}

fn missing(id: &str) -> CliError {
    CliError::NotFound(format!("there is no dead letter {id}; `factotum dead-letters list` shows them"))
}

/// A message that is kept because something failed.
enum Letter {
    /// It came in.
    In(Box<DeadLetter>),
    /// It was to go out.
    Out(Box<Undelivered>),
}

impl Letter {
    fn at(&self) -> Timestamp {
        match self {
            Self::In(letter) => letter.at,
            Self::Out(letter) => letter.at,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::In(_) => "in",
            Self::Out(_) => "out",
        }
    }

    fn id(&self) -> String {
        match self {
            Self::In(letter) => letter.row.inbound.id.to_string(),
            Self::Out(letter) => letter.message.id.to_string(),
        }
    }

    fn session(&self) -> &session_api::SessionKey {
        match self {
            Self::In(letter) => &letter.row.inbound.session,
            Self::Out(letter) => &letter.message.session,
        }
    }

    fn error(&self) -> &str {
        match self {
            Self::In(letter) => &letter.error,
            Self::Out(letter) => &letter.error,
        }
    }

    fn text(&self) -> String {
        let parts = match self {
            Self::In(letter) => &letter.row.inbound.parts,
            Self::Out(letter) => &letter.message.parts,
        };
        let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
        out::plain(&texts.join("\n"))
    }

    fn object(&self) -> serde_json::Value {
        let message = match self {
            Self::In(letter) => serde_json::to_value(&letter.row.inbound),
            Self::Out(letter) => serde_json::to_value(&letter.message),
        };
        serde_json::json!({
            "id": self.id(),
            "kind": self.kind(),
            "session": self.session().to_string(),
            "error": self.error(),
            "at": self.at(),
            "message": message.unwrap_or_default(),
        })
    }

    fn show(&self, json: bool) -> Result<u8, CliError> {
        if json {
            out::json(&self.object())?;
            return Ok(exit::OK);
        }
        let way = match self {
            Self::In(_) => "in: it was not answered",
            Self::Out(_) => "out: it did not arrive, or nobody knows",
        };
        out::line(&format!("kind:    {way}"));
        out::line(&format!("session: {}", name(self.session())));
        out::line(&format!("died:    {}", out::time(self.at())));
        out::line(&format!("error:   {}", out::plain(self.error())));
        Ok(out::line(&format!("\n{}", self.text())))
    }
}

async fn all(assistant: &Assistant) -> Result<Vec<Letter>, CliError> {
    let dead = assistant.dead_letters(MOST).await?.into_iter().map(|letter| Letter::In(Box::new(letter)));
    let unsent = assistant.undelivered(MOST).await?.into_iter().map(|letter| Letter::Out(Box::new(letter)));
    let mut letters: Vec<Letter> = dead.chain(unsent).collect();
    letters.sort_by_key(Letter::at);
    Ok(letters)
}

async fn list(assistant: &Assistant, json: bool) -> Result<u8, CliError> {
    let letters = all(assistant).await?;
    if letters.is_empty() && !json {
        return Ok(out::line("There are no dead letters."));
    }
    for letter in letters {
        if json {
            out::json(&letter.object())?;
            continue;
        }
        out::line(&format!(
            "{}  {:3}  {}  {}  {}: {}",
            letter.id(),
            letter.kind(),
            out::time(letter.at()),
            name(letter.session()),
            out::short(letter.error(), 80),
            out::short(&letter.text(), 60)
        ));
    }
    Ok(exit::OK)
}

async fn find(assistant: &Assistant, id: &str) -> Result<Letter, CliError> {
    let (inbound, _) = parse(id)?;
    let wanted = inbound.to_string();
    all(assistant).await?.into_iter().find(|letter| letter.id() == wanted).ok_or_else(|| missing(id))
}

/// Tries them again. What belongs to a chat is answered and sent by the gateway; the rest is answered here.
async fn retry(start: &Start, assistant: &Assistant, ids: &[String]) -> Result<u8, CliError> {
    let runs = !GatewayStatus::living(&start.home)?.is_empty();
    let mut code = exit::OK;
    for text in ids {
        let (id, outgoing) = parse(text)?;
        if assistant.resend(outgoing).await? {
            out::line(match runs {
                true => "It is sent again by the gateway.",
                false => "It is sent again when the gateway runs next: `factotum gateway`.",
            });
            continue;
        }
        let Some(session) = assistant.redrive(id).await? else { return Err(missing(text)) };
        if !is_local(&session.channel) {
            out::line(match runs {
                true => "It waits again; the gateway answers it.",
                false => "It waits again, and is answered when the gateway runs next: `factotum gateway`.",
            });
            continue;
        }
        let result = assistant.attach(session, id).wait().await?;
        out::line(&out::plain(&result.content));
        code = code.max(super::error::run_code(&result));
    }
    Ok(code)
}
