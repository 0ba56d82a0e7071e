//! Asking a model for a summary.

use std::{collections::HashMap, sync::Arc};

use futures_util::StreamExt as _;
use session_api::{Message, MessageId, Part, Role, Timestamp, TurnId, UsageEntry};

use crate::{
    ChosenModel, Core, ModelError, ModelErrorKind, ModelEvent, ModelRequest, Ports, TokenUsage,
    estimate_tokens,
    spending::{self, PaidCall, Spender},
};

/// What a summariser is told.
pub(super) const INSTRUCTIONS: &str = include_str!("../../prompts/compaction.md");
/// Most bytes of an answer that are taken in: whatever a model sends, memory is bounded.
const LONGEST: usize = 256 * 1024;

/// What a model said, and what that cost.
pub(super) struct Asked {
    pub(super) said: Result<String, ModelError>,
    pub(super) usage: Vec<UsageEntry>,
}

/// Asks `chosen` to summarise `material` in at most `most` tokens.
pub(super) async fn ask(
    ports: &Ports,
    core: &Core,
    by: &Spender,
    chosen: &ChosenModel,
    material: String,
    most: u32,
) -> Asked {
    let read = estimate_tokens(INSTRUCTIONS) + estimate_tokens(&material);
    let tokens = TokenUsage { input_tokens: read, output_tokens: u64::from(most), ..TokenUsage::default() };
    let reservation = match spending::reserve(ports, core, by.clone(), chosen, tokens).await {
        Ok(reservation) => reservation,
        Err(error) => return Asked { said: Err(error), usage: Vec::new() },
    };
    let mut bill = Vec::new();
    let (mut provider, mut model) = (chosen.provider.info().name.clone(), chosen.model.clone());
    let mut text = String::new();
    let request = request(&chosen.model, by, material, most);
    let said = loop_over(chosen, request, &mut text, |attempt| {
        // What a broken reply used comes on top of what is reserved for a whole one.
        if attempt.usage != TokenUsage::default() {
            bill.push(PaidCall {
                provider: attempt.provider.clone(),
                model: attempt.model.clone(),
                used: attempt.usage,
                estimated: true,
                reservation: None,
            });
        }
        (provider, model) = (attempt.next_provider.clone(), attempt.next_model.clone());
    })
    .await;
    let guess =
        || TokenUsage { input_tokens: read, output_tokens: estimate_tokens(&text), ..TokenUsage::default() };
    let (used, estimated) = match &said {
        Ok((Some(usage), _)) => (*usage, false),
        Ok((None, _)) => (guess(), true),
        Err(_) if !text.is_empty() => (guess(), true),
        // An open reservation would count as spent.
        Err(_) => (TokenUsage::default(), true),
    };
    if reservation.is_some() || used != TokenUsage::default() {
        let named = said.as_ref().ok().and_then(|(_, named)| named.clone());
        bill.push(PaidCall { provider, model: named.unwrap_or(model), used, estimated, reservation });
    }
    let usage = bill.into_iter().map(|call| spending::entry(ports, core, by.clone(), call)).collect();
    Asked { said: said.map(|_| text), usage }
}

/// The usage and the model that the reply names. Its text goes to `text`.
async fn loop_over(
    chosen: &ChosenModel,
    request: ModelRequest,
    text: &mut String,
    mut failed: impl FnMut(&crate::Attempt),
) -> Result<(Option<TokenUsage>, Option<String>), ModelError> {
    let mut stream = chosen.provider.stream(request).await?;
    loop {
        match stream.next().await {
            Some(Ok(ModelEvent::Finished(finished))) => return Ok((finished.usage, finished.model)),
            Some(Ok(ModelEvent::Text(piece))) if text.len() + piece.len() <= LONGEST => text.push_str(&piece),
            Some(Ok(ModelEvent::Text(_))) => {
                let message = format!("{} did not come to an end with its summary", chosen.name());
                return Err(ModelError::new(ModelErrorKind::BadReply, message));
            }
            Some(Ok(ModelEvent::Attempt(attempt))) => {
                text.clear();
                failed(&attempt);
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => {
                let message = format!("{} ended its summary in the middle", chosen.name());
                return Err(ModelError::new(ModelErrorKind::BadReply, message));
            }
        }
    }
}

fn request(model: &str, by: &Spender, material: String, most: u32) -> ModelRequest {
    let message = Message {
        id: MessageId(uuid::Uuid::nil()),
        role: Role::User,
        principal: None,
        turn: TurnId(uuid::Uuid::nil()),
        at: Timestamp(0),
        parts: vec![Part::text(material)],
    };
    ModelRequest {
        model: model.to_owned(),
        system: INSTRUCTIONS.trim_end().into(),
        messages: Arc::new(vec![message]),
        tools: Arc::from([]),
        blobs: HashMap::new(),
        effort: None,
        max_output_tokens: Some(most),
        correlation: by.turn.to_string(),
    }
}
