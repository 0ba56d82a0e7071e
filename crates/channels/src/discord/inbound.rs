//! Messages and interactions as arrivals.

use agent_core::{Arrival, Place};
use serenity::all::{
    Attachment, CommandDataOptionValue, Interaction, Message, MessageFlags, MessageType, PartialChannel, User,
};
use session_api::{Part, Timestamp};

use super::places::Spot;

/// A message for the assistant, with the files that are still to be fetched.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) arrival: Arrival,
    pub(super) files: Vec<Attachment>,
    /// Whether its file is a voice note.
    pub(super) voice: bool,
}

/// Whether this message is none for the assistant: its own, a bot's or a webhook's, or a notice of Discord. What other
/// bots say is left out, since two of them would answer each other for ever.
pub(super) fn is_noise(message: &Message, me: u64) -> bool {
    let author = &message.author;
    author.id.get() == me
        || author.bot
        || message.webhook_id.is_some()
        || !matches!(message.kind, MessageType::Regular | MessageType::InlineReply)
}

/// A person's message at `spot`.
pub(super) fn heard(message: Message, me: u64, spot: Spot) -> Heard {
    let marks = [format!("<@{me}>"), format!("<@!{me}>")];
    let addressed = !spot.group
        || message.mentions.iter().any(|user| user.id.get() == me)
        || marks.iter().any(|mark| message.content.contains(mark.as_str()))
        || message.referenced_message.as_ref().is_some_and(|quoted| quoted.author.id.get() == me);
    let mut parts = Vec::new();
    let mut say = |text: String| {
        if !text.is_empty() {
            parts.push(Part::text(text));
        }
    };
    say(without(&message.content, &marks));
    let mut files = message.attachments;
    for forwarded in message.message_snapshots {
        say(format!("[forwarded message]\n{}", forwarded.content.trim()));
        files.extend(forwarded.attachments);
    }
    for sticker in message.sticker_items {
        say(format!("[sticker: {}]", sticker.name));
    }
    if parts.is_empty() && files.is_empty() {
        parts.push(Part::text("[message without text]"));
    }
    let voice = message.flags.is_some_and(|flags| flags.contains(MessageFlags::IS_VOICE_MESSAGE));
    let arrival = Arrival {
        external_id: format!("message:{}", message.id),
        message_id: Some(message.id.to_string()),
        received_at: Timestamp(message.timestamp.unix_timestamp().saturating_mul(1000)),
        ..arrival(spot, &message.author, addressed, parts)
    };
    Heard { arrival, files, voice }
}

/// What an interaction stands for, and how it has to be answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: u64,
    /// The right to answer it, for 15 minutes.
    pub(super) token: String,
    /// Whether it is a press on a button, not a slash command.
    pub(super) button: bool,
    pub(super) text: String,
    pub(super) user: User,
    pub(super) channel: u64,
    pub(super) guild: bool,
    /// The spot, where the interaction itself tells.
    pub(super) spot: Option<Spot>,
}

/// Takes an interaction apart; `None` for kinds that the assistant has no use for.
pub(super) fn asked(interaction: Interaction) -> Option<Asked> {
    let spot = |channel: Option<PartialChannel>, guild: bool| {
        let channel = channel.filter(|_| guild)?;
        let parent = channel.parent_id.map(|id| id.get());
        Some(Spot::of(channel.id.get(), u8::from(channel.kind).into(), parent))
    };
    match interaction {
        Interaction::Command(command) => {
            let text = command.data.options.iter().find_map(|option| match &option.value {
                CommandDataOptionValue::String(text) if option.name == "text" => Some(text.trim()),
                _ => None,
            });
            let guild = command.guild_id.is_some();
            Some(Asked {
                id: command.id.get(),
                text: format!("/{} {}", command.data.name, text.unwrap_or_default()).trim_end().to_owned(),
                token: command.token,
                button: false,
                user: command.user,
                channel: command.channel_id.get(),
                guild,
                spot: spot(command.channel, guild),
            })
        }
        Interaction::Component(press) => {
            let guild = press.guild_id.is_some();
            Some(Asked {
                id: press.id.get(),
                token: press.token,
                button: true,
                text: press.data.custom_id,
                user: press.user,
                channel: press.channel_id.get(),
                guild,
                spot: spot(press.channel, guild),
            })
        }
        _ => None,
    }
}

/// An interaction as an arrival. Its id holds the time at which it was made.
pub(super) fn command(asked: &Asked, spot: Spot) -> Arrival {
    Arrival {
        external_id: format!("interaction:{}", asked.id),
        received_at: made_at(asked.id),
        ..arrival(spot, &asked.user, true, vec![Part::text(asked.text.clone())])
    }
}

fn arrival(spot: Spot, sender: &User, addressed: bool, parts: Vec<Part>) -> Arrival {
    Arrival {
        external_id: String::new(),
        chat: spot.chat.to_string(),
        thread: spot.thread.map(|thread| thread.to_string()),
        place: if spot.group { Place::Group } else { Place::Direct },
        sender: sender.id.to_string(),
        sender_name: Some(sender.global_name.clone().unwrap_or_else(|| sender.name.clone())),
        addressed,
        distrusted: None,
        message_id: None,
        parts,
        received_at: Timestamp::default(),
    }
}

/// When a snowflake was made.
pub(super) fn made_at(snowflake: u64) -> Timestamp {
    const EPOCH: i64 = 1_420_070_400_000;
    Timestamp(i64::try_from(snowflake >> 22).unwrap_or(0).saturating_add(EPOCH))
}

/// `text` without these marks, each with one of the spaces around it.
fn without(text: &str, marks: &[String]) -> String {
    let mut out = text.to_owned();
    for mark in marks {
        let mut pieces = out.split(mark.as_str());
        let mut kept = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let open = kept.is_empty() || kept.ends_with(char::is_whitespace);
            kept.push_str(if open { piece.strip_prefix(' ').unwrap_or(piece) } else { piece });
        }
        out = kept;
    }
    out.trim().to_owned()
}
