//! Slash commands and buttons: registering them, and answering within Discord's three seconds.

use agent_core::{ChannelError, CommandHelp, Delivered, Inlet};
use http_client::Method;
use serde_json::{Value, json};
use serenity::all::Interaction;

use super::{
    gateway::Outlet,
    inbound::{self, Asked},
    places::{Places, Spot},
    rest::Rest,
};

/// Most commands that Discord takes.
const MOST: usize = 100;

/// Answer to an interaction with a text, and do so only to whoever made it.
const MESSAGE: u8 = 4;
const EPHEMERAL: u64 = 1 << 6;
/// Answer to a press by changing the message that the button is on.
const UPDATE: u8 = 7;

/// The commands as Discord's menu has them. `text` is what may follow the name.
fn menu(commands: &[CommandHelp]) -> Value {
    let cut = |text: &str| text.chars().take(100).collect::<String>();
    let entry = |command: &CommandHelp| {
        let mut entry = json!({"name": command.name, "type": 1, "description": cut(command.help)});
        if !command.arguments.is_empty() {
            let text =
                json!({"name": "text", "type": 3, "description": cut(command.arguments), "required": false});
            entry["options"] = json!([text]);
        }
        entry
    };
    commands.iter().take(MOST).map(entry).collect()
}

/// Registers the commands, in place of all that were registered before.
pub(super) async fn announce(rest: &Rest, commands: &[CommandHelp]) -> Result<(), ChannelError> {
    let application =
        rest.get("application", "/applications/@me").await.map_err(|error| error.repeatable())?;
    let Some(id) = application["id"].as_str().and_then(|id| id.parse::<u64>().ok()) else {
        let message = "Discord does not tell the application's id".into();
        return Err(ChannelError::Temporary { message, after: None });
    };
    let path = format!("/applications/{id}/commands");
    let done = rest.call(Method::PUT, "commands", &path, Some(&menu(commands)), None).await;
    done.map(|_| ()).map_err(|error| error.repeatable())
}

/// A button for each choice, given as its label and the command that it stands for. The first is the one that goes on.
pub(super) fn buttons(choices: &[(&str, String)]) -> Value {
    let styles = [3, 4].into_iter().chain(std::iter::repeat(4));
    let button = |((label, command), style): (&(&str, String), i32)| json!({"type": 2, "style": style, "label": label, "custom_id": command});
    let buttons: Vec<Value> = choices.iter().zip(styles).map(button).collect();
    json!([{"type": 1, "components": buttons}])
}

/// Takes interactions in until the shard's thread is gone. They do not wait for messages: an interaction that is not
/// answered within three seconds is shown as failed.
pub(super) async fn run(
    rest: &Rest,
    places: &Places,
    inlet: &Inlet,
    interactions: &mut Outlet<Interaction>,
) -> Result<(), ChannelError> {
    while let Some(interaction) = interactions.next().await {
        let Some(asked) = inbound::asked(interaction) else { continue };
        let spot = match asked.spot {
            Some(spot) => spot,
            None if !asked.guild => Spot::direct(asked.channel),
            // Where the place is not known, it is a channel: better there than nowhere.
            None => places.of(rest, asked.channel).await.unwrap_or(Spot::of(asked.channel, 0, None)),
        };
        let (delivered, ack) = inlet.deliver(vec![inbound::command(&asked, spot)]).await?;
        tracing::trace!(target: "failpoint", site = "ack.before");
        drop(ack);
        let taken = delivered.iter().any(|one| *one != Delivered::Ignored);
        answer(rest, &asked, taken).await;
        tracing::trace!(target: "failpoint", site = "ack.after");
    }
    // The shard's ending says why.
    std::future::pending().await
}

/// Answers so that Discord shows the interaction as done. What the command brings comes as a message of its own. It is
/// best effort: the interaction is in the inbox already.
async fn answer(rest: &Rest, asked: &Asked, taken: bool) {
    let private = |text: &str| {
        json!({"type": MESSAGE, "data": {"content": text, "flags": EPHEMERAL,
        "allowed_mentions": {"parse": []}}})
    };
    let body = match (taken, asked.button) {
        (false, _) => private("I take no commands from you here."),
        // The buttons go: a second press would have nothing to decide.
        (true, true) => json!({"type": UPDATE, "data": {"components": []}}),
        (true, false) => {
            let word = asked.text.split_whitespace().next().unwrap_or_default();
            private(&format!("`{word}` is on its way."))
        }
    };
    let path = format!("/interactions/{}/{}/callback", asked.id, asked.token);
    if let Err(failure) = rest.call(Method::POST, "callback", &path, Some(&body), None).await {
        tracing::debug!(interaction = asked.id, error = %failure.repeatable(), "an interaction stays unanswered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_is_what_discord_takes() {
        let menu = menu(agent_core::COMMANDS);
        for entry in menu.as_array().unwrap() {
            let name = entry["name"].as_str().unwrap();
            assert!(
                (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            );
            assert!((1..=100).contains(&entry["description"].as_str().unwrap().chars().count()));
        }
        insta::assert_snapshot!(menu.as_array().unwrap()[4], @r#"{"description":"show or choose the model of this conversation","name":"model","options":[{"description":"[NAME|default]","name":"text","required":false,"type":3}],"type":1}"#);
    }

    #[test]
    fn a_button_fits_into_its_id() {
        let question =
            session_api::OutboxKind::Question { approval: session_api::ApprovalId(Default::default()) };
        let all = buttons(&question.choices());
        let row = all[0]["components"].as_array().unwrap();
        assert_eq!(row.len(), 2);
        for button in row {
            assert!(button["custom_id"].as_str().unwrap().len() <= 100);
        }
    }
}
