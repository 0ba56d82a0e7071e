//! Inbound rows as messages of the conversation.

use session_api::{InboundKind, InboundRow, Message, MessageId, Part, Principal, Role, TurnId};

use crate::Company;

/// The row as the message that the history keeps. Its id is the row's, so that it cannot be added twice. A row that
/// follows others of its turn says by how much.
pub(super) fn message(row: &InboundRow, first: &InboundRow, turn: TurnId) -> Message {
    let inbound = &row.inbound;
    let mut parts = inbound.parts.clone();
    if row.seq != first.seq && matches!(inbound.kind, InboundKind::Message) {
        let after = inbound.received_at.since(first.inbound.received_at);
        let first = parts.iter_mut().find(|part| part.as_text().is_some());
        if let Some(Part::Text { text }) = first {
            *text = format!("[+{}ms] {text}", after.as_millis());
        }
    }
    Message {
        id: MessageId(inbound.id.0),
        role: Role::User,
        principal: Some(inbound.principal.id.clone()),
        turn,
        at: inbound.received_at,
        parts,
    }
}

/// The text of a row.
pub(super) fn text(row: &InboundRow) -> String {
    let texts: Vec<&str> = row.inbound.parts.iter().filter_map(Part::as_text).collect();
    texts.join("\n")
}

/// On whose behalf a turn with these rows runs: the speaker of the lowest rank.
pub(super) fn principal<'a>(rows: impl Iterator<Item = &'a InboundRow>) -> Option<&'a Principal> {
    rows.map(|row| &row.inbound.principal).min_by_key(|principal| principal.rank)
}

/// Who else than `principal` speaks in these rows, or reads along.
pub(super) fn company<'a>(principal: &Principal, rows: impl Iterator<Item = &'a InboundRow>) -> Company {
    rows.fold(Company::NOBODY, |company, InboundRow { inbound, .. }| Company {
        speaks: company.speaks || inbound.principal.id != principal.id,
        reads: company.reads || inbound.shared,
    })
}
