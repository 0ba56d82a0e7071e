//! How much room each thing has in a request.

use serde::{Deserialize, Serialize};

use super::{Room, Share};

/// The least that the history must be given, in hundredths of the window. With less, one long message leaves nothing of
/// what was said before it.
pub const LEAST_HISTORY: u8 = 10;

/// How much room each thing has in a request. Percentages are of the model's window; together they may not pass 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// The window, in tokens, of a model of which nobody knows it.
    pub unknown_window: u32,
    /// Kept free for the reply.
    pub reply: Room,
    /// `AGENTS.md` and `SOUL.md`.
    pub instructions: Room,
    /// `USER.md`, or a member's own file.
    pub person: Room,
    /// `CONTEXT-<channel>.md`.
    pub channel: Room,
    /// The skills.
    pub skills: Room,
    /// The profiles there are, and that of a run.
    pub profile: Room,
    /// What the conversation knows of itself.
    pub session: Room,
    /// Standing rules that were learnt.
    pub rules: Room,
    /// What was pinned in the conversation.
    pub pins: Room,
    /// The memory file; its end is kept.
    pub memory: Room,
    /// What is kept in mind for one session; its end is kept.
    pub working: Room,
    /// The conversation so far, its summary included.
    pub history: Room,
    /// Most messages of history in a request.
    pub history_messages: usize,
    /// Most bytes of stored history in a request.
    pub history_bytes: usize,
    /// Most bytes that are read of one file of instructions or memory.
    pub file_bytes: usize,
    /// Most characters of one tool result; a longer one is stored whole and cut.
    pub result_chars: usize,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            unknown_window: 32_768,
            reply: Room::Percent(10),
            instructions: Room::Percent(10),
            person: Room::Percent(3),
            channel: Room::Percent(2),
            skills: Room::Percent(6),
            profile: Room::Percent(3),
            session: Room::Percent(2),
            rules: Room::Percent(2),
            pins: Room::Percent(2),
            memory: Room::Percent(6),
            working: Room::Percent(3),
            history: Room::Percent(50),
            history_messages: 200,
            history_bytes: 256 * 1024,
            file_bytes: 64 * 1024,
            result_chars: 16_000,
        }
    }
}

/// A budget that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {message}")]
pub struct BudgetError {
    /// The key, without its section.
    pub key: &'static str,
    /// What is wrong with it, and what to do.
    pub message: String,
}

impl BudgetConfig {
    /// The room of a share.
    #[must_use]
    pub fn share(&self, share: Share) -> Room {
        match share {
            Share::Instructions => self.instructions,
            Share::Person => self.person,
            Share::Channel => self.channel,
            Share::Skills => self.skills,
            Share::Profile => self.profile,
            Share::Session => self.session,
            Share::Rules => self.rules,
            Share::Pins => self.pins,
            Share::Memory => self.memory,
            Share::Working => self.working,
        }
    }

    /// All rooms with their keys, in the order in which they are given out when there is too little.
    #[must_use]
    pub fn rooms(&self) -> Vec<(&'static str, Room)> {
        let mut rooms = vec![("reply", self.reply)];
        rooms.extend(Share::ALL.into_iter().map(|share| (share.key(), self.share(share))));
        rooms.push(("history", self.history));
        rooms
    }

    /// Whether the shares can be kept by every model.
    pub fn validate(&self) -> Result<(), BudgetError> {
        let error = |key, message| Err(BudgetError { key, message });
        if matches!(self.reply, Room::Percent(0) | Room::Tokens(0)) {
            return error("reply", "must be more than 0: a model without room cannot answer".to_owned());
        }
        if let Room::Percent(percent) = self.history
            && percent < LEAST_HISTORY
        {
            return error(
                "history",
                format!("must be at least {LEAST_HISTORY}%, found {percent}%: it is the conversation itself"),
            );
        }
        if let Room::Tokens(tokens) = self.history
            && tokens < 500
        {
            return error(
                "history",
                format!("must be at least 500 tokens, found {tokens}: it is the conversation itself"),
            );
        }
        let (mut sum, mut greatest) = (0_u32, ("history", 0));
        for (key, room) in self.rooms() {
            let Room::Percent(percent) = room else { continue };
            sum += u32::from(percent);
            if percent > greatest.1 && key != "history" {
                greatest = (key, percent);
            }
        }
        if sum > 100 {
            let (key, percent) = greatest;
            let over = sum - 100;
            return error(
                key,
                format!(
                    "is {percent}%, and all shares of `agent.budget` together are {sum}%: take {over}% away, here or elsewhere"
                ),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_cannot_be_kept_is_refused_by_its_key() {
        let usual = BudgetConfig::default();
        assert_eq!(usual.validate(), Ok(()));
        for (budget, key, says) in [
            (BudgetConfig { reply: Room::Percent(0), ..usual }, "reply", "more than 0"),
            (BudgetConfig { history: Room::Percent(9), ..usual }, "history", "at least 10%"),
            (BudgetConfig { history: Room::Tokens(10), ..usual }, "history", "at least 500"),
            (
                BudgetConfig { memory: Room::Percent(30), ..usual },
                "memory",
                "together are 123%: take 23% away",
            ),
        ] {
            let error = budget.validate().unwrap_err();
            assert_eq!(error.key, key);
            assert!(error.message.contains(says), "{error}");
        }
    }
}
