//! Whether a text is meant for the bot, and the text without the bot's name.

use std::collections::BTreeSet;

use super::wire::Entity;

/// Who we are on the platform, as far as texts are concerned.
#[derive(Debug, Clone, Default)]
pub(super) struct Bot {
    pub(super) id: i64,
    /// Without `@`.
    pub(super) username: String,
    /// The commands in our menu, without `/`.
    pub(super) commands: BTreeSet<String>,
}

/// A text as it was meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meant {
    /// Without mentions of the bot.
    pub(super) text: String,
    /// Whether it names the bot, or is a command to it.
    pub(super) addressed: bool,
}

/// Reads a text with its entities.
pub(super) fn read(text: &str, entities: &[Entity], bot: &Bot) -> Meant {
    let ours = |name: &str| !name.is_empty() && name.eq_ignore_ascii_case(&bot.username);
    let mut addressed = false;
    // Byte ranges to leave out.
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    for entity in entities {
        // An entity that does not fit its text is not worth more than the text.
        let Some((start, end)) = range(text, entity.offset, entity.length) else { continue };
        let piece = &text[start..end];
        match entity.kind.as_str() {
            "mention" if piece.strip_prefix('@').is_some_and(ours) => {
                addressed = true;
                cuts.push(with_a_space(text, start, end));
            }
            "text_mention" if entity.user.as_ref().is_some_and(|user| user.id == bot.id) => {
                addressed = true;
                cuts.push(with_a_space(text, start, end));
            }
            // A command in the middle of a text is no command.
            "bot_command" if start == 0 => match piece.split_once('@') {
                Some((command, name)) if ours(name) => {
                    addressed = true;
                    cuts.push((command.len(), end));
                }
                Some(_) => {}
                // In a group with several bots a bare command may be for another one, so only our own count.
                None => addressed |= bot.commands.contains(piece.trim_start_matches('/')),
            },
            _ => {}
        }
    }
    cuts.sort_unstable();
    let (mut left, mut at) = (String::with_capacity(text.len()), 0);
    for (start, end) in cuts {
        if start >= at {
            left.push_str(&text[at..start]);
            at = end;
        }
    }
    left.push_str(&text[at..]);
    // Nothing but the bot's name is still something said.
    let left = if left.trim().is_empty() { text } else { &left };
    Meant { text: left.trim().to_owned(), addressed }
}

/// One of the spaces around a mention goes with it.
fn with_a_space(text: &str, start: usize, end: usize) -> (usize, usize) {
    if text[end..].starts_with(' ') { (start, end + 1) } else { (start, end) }
}

/// The byte range of a range in UTF-16 units; `None` where it does not lie on characters of the text.
fn range(text: &str, offset: usize, length: usize) -> Option<(usize, usize)> {
    let wanted = (offset, offset.checked_add(length)?);
    let (mut units, mut start) = (0, None);
    for (at, c) in text.char_indices() {
        if units == wanted.0 {
            start = Some(at);
        }
        if units == wanted.1 {
            return Some((start?, at));
        }
        units += c.len_utf16();
    }
    if units == wanted.0 {
        start = Some(text.len());
    }
    (units == wanted.1).then_some((start?, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn meant(text: &str, entities: Value) -> (String, bool) {
        let bot = Bot { id: 9, username: "MyBot".into(), commands: ["new".to_owned()].into() };
        let entities: Vec<Entity> = serde_json::from_value(entities).unwrap();
        let meant = read(text, &entities, &bot);
        (meant.text, meant.addressed)
    }

    fn one(kind: &str, offset: usize, length: usize) -> Value {
        json!([{"type": kind, "offset": offset, "length": length}])
    }

    #[test]
    fn mentions_are_found_in_utf16_units_and_taken_out() {
        for (text, entities, left, addressed) in [
            ("plain", json!([]), "plain", false),
            ("@mybot hi", one("mention", 0, 6), "hi", true),
            ("hi @MYBOT", one("mention", 3, 6), "hi", true),
            ("hey @mybot you", one("mention", 4, 6), "hey you", true),
            ("😀👨‍👩‍👧 @mybot hi", one("mention", 11, 6), "😀👨‍👩‍👧 hi", true),
            ("@other hi", one("mention", 0, 6), "@other hi", false),
            ("@mybot", one("mention", 0, 6), "@mybot", true),
            ("@mybotty hi", one("mention", 0, 8), "@mybotty hi", false),
            // Without an entity it is only letters.
            ("@mybot hi", json!([]), "@mybot hi", false),
            // Out of range, inside a surrogate pair: the text stands.
            ("hi", one("mention", 1, 40), "hi", false),
            ("😀x", one("mention", 1, 1), "😀x", false),
            ("hi", one("mention", usize::MAX, usize::MAX), "hi", false),
        ] {
            assert_eq!(meant(text, entities), (left.to_owned(), addressed), "{text}");
        }
        let named =
            json!([{"type": "text_mention", "offset": 3, "length": 3, "user": {"id": 9, "is_bot": true}}]);
        assert_eq!(meant("hi Fac there", named), ("hi there".into(), true));
        let other = json!([{"type": "text_mention", "offset": 3, "length": 3, "user": {"id": 8}}]);
        assert_eq!(meant("hi Bob there", other), ("hi Bob there".into(), false));
    }

    #[test]
    fn commands_lose_our_name_and_those_of_others_stay() {
        for (text, length, left, addressed) in [
            ("/new@mybot now", 10, "/new now", true),
            ("/new@MyBot", 10, "/new", true),
            ("/new@other", 10, "/new@other", false),
            ("/new", 4, "/new", true),
            ("/weather", 8, "/weather", false),
        ] {
            assert_eq!(meant(text, one("bot_command", 0, length)), (left.to_owned(), addressed), "{text}");
        }
        assert_eq!(meant("say /new@mybot", one("bot_command", 4, 10)), ("say /new@mybot".into(), false));
    }
}
