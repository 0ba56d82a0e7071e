//! Asking a model for a summary.

use std::{collections::HashMap, sync::Arc};

use session_api::UsageEntry;

use crate::{
    Attempt, ChosenModel, Core, Finished, ModelError, ModelRequest, Ports, TokenUsage, estimate_tokens,
    listen::{Heard, question},
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
    let mut heard = Heard::nothing(chosen);
    let request = request(&chosen.model, by, material, most);
    let finished = heard.listen(chosen, request, LONGEST).await;
    let text = heard.text();
    let (used, estimated) = match &finished {
        Ok(Finished { usage: Some(usage), .. }) => (*usage, false),
        Ok(_) => (heard.estimate(read), true),
        Err(_) if !text.is_empty() => (heard.estimate(read), true),
        // An open reservation would count as spent.
        Err(_) => (TokenUsage::default(), true),
    };
    let Heard { provider, model, failed, .. } = heard;
    // What a broken reply used comes on top of what is reserved for a whole one.
    let broken = failed.into_iter().filter(|attempt| attempt.usage != TokenUsage::default()).map(|attempt| {
        let Attempt { provider, model, usage: used, .. } = attempt;
        PaidCall { provider, model, used, estimated: true, reservation: None }
    });
    let whole = PaidCall { provider, model, used, estimated, reservation };
    let paid = (reservation.is_some() || used != TokenUsage::default()).then_some(whole);
    let usage = broken.chain(paid).map(|call| spending::entry(ports, core, by.clone(), call)).collect();
    Asked { said: finished.map(|_| text), usage }
}

fn request(model: &str, by: &Spender, material: String, most: u32) -> ModelRequest {
    ModelRequest {
        model: model.to_owned(),
        system: INSTRUCTIONS.trim_end().into(),
        messages: Arc::new(vec![question(material)]),
        tools: Arc::from([]),
        blobs: HashMap::new(),
        effort: None,
        max_output_tokens: Some(most),
        correlation: by.turn.to_string(),
    }
}
