//! What is said about the sections of channels.

use super::*;

#[test]
fn a_channel_that_is_switched_off_may_say_anything() {
    let text = "[channels.matrix]\nenabled = false\ntoken = \"env:T\"\nallow = [\"1\"]\n";
    let loaded = Place::new(text).load(&[], Value::Null).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn a_channel_that_was_left_out_of_the_build_is_named() {
    let known = channel_kinds::all().map(|kind| kind.name).collect::<Vec<_>>();
    for name in ["telegram", "discord", "slack"].into_iter().filter(|name| !known.contains(name)) {
        let found = refused(&format!("[channels.{name}]\nenabled = true\n"));
        let expected = format!(
            "2: channels.{name}.enabled: channel `{name}` is not compiled into this build; set enabled = false, or build with `--features {name}`"
        );
        assert_eq!(found, [expected]);
    }
    let found = refused("[channels.emial]\nenabled = true\n");
    assert_eq!(
        found,
        ["2: channels.emial.enabled: there is no channel `emial`; did you mean `channels.email`?"]
    );
}

/// A section of a channel with one slip, and what is said of it.
fn slip(kind: &str, line: &str) -> Vec<String> {
    let good = match kind {
        "telegram" => "token = \"1:AbCdEfGhIj\"\n",
        "discord" => "token = \"AbCdEfGhIj\"\n",
        "slack" => "bot_token = \"xoxb-AbCdEfGhIj\"\napp_token = \"xapp-AbCdEfGhIj\"\n",
        "email" => {
            "imap_host = \"i.example\"\nsmtp_host = \"s.example\"\naddress = \"a@b.example\"\nimap_password = \"AbCdEfGhIj\"\n"
        }
        _ => "",
    };
    refused(&format!("[channels.{kind}]\n{line}\nenabled = true\n{good}"))
}

#[test]
#[cfg(all(feature = "telegram", feature = "discord", feature = "slack"))]
fn a_slip_in_a_channels_section_names_the_nearest_key() {
    for (kind, line, expected) in [
        ("telegram", "tokn = 1", "2: channels.telegram.tokn: unknown key; did you mean `token`?"),
        ("telegram", "alow = []", "2: channels.telegram.alow: unknown key; did you mean `allow`?"),
        (
            "telegram",
            "poll_seconds = 90",
            "2: channels.telegram.poll_seconds: it has to be a whole number from 1 to 50",
        ),
        ("discord", "intnets = 1", "2: channels.discord.intnets: unknown key; did you mean `intents`?"),
        (
            "slack",
            "reply_in_thred = true",
            "2: channels.slack.reply_in_thred: unknown key; did you mean `reply_in_thread`?",
        ),
        (
            "email",
            "poll_second = 9",
            "2: channels.email.poll_second: unknown key; did you mean `poll_seconds`?",
        ),
        ("email", "memebrs = []", "2: channels.email.memebrs: unknown key; did you mean `members`?"),
        ("websocket", "alow = []", "2: channels.websocket.alow: unknown key; did you mean `allow`?"),
        (
            "telegram",
            "groups = \"opn\"",
            "2: channels.telegram.groups: expected one of \"mention\", \"open\", \"off\", found the text \"opn\"; did you mean \"open\"?",
        ),
        (
            "telegram",
            "coalesce_ms = 99999999",
            "2: channels.telegram.coalesce_ms: must be between 0 and 60000, found 99999999",
        ),
    ] {
        assert_eq!(slip(kind, line), [expected]);
    }
}

#[test]
#[cfg(all(feature = "telegram", feature = "discord", feature = "slack"))]
fn a_secret_that_is_missing_or_odd_keeps_its_channel_off_and_nobody_else() {
    for (kind, lines, key) in [
        ("telegram", "", "token"),
        ("telegram", "token = \"nonsense\"", "token"),
        ("telegram", "token = 87654321", "token"),
        ("telegram", "token = \"env:\"", "token"),
        (
            "telegram",
            "token = \"1:AbCdEfGhIj\"\nwebhook_url = \"https://x.example/\"\nwebhook_secret = \"short\"",
            "webhook_secret",
        ),
        ("discord", "", "token"),
        ("slack", "app_token = \"xapp-AbCdEfGhIj\"", "bot_token"),
        ("slack", "bot_token = 87654321\napp_token = \"xapp-1\"", "bot_token"),
        (
            "email",
            "imap_host = \"i.example\"\nsmtp_host = \"s.example\"\naddress = \"a@b.example\"",
            "imap_password",
        ),
    ] {
        let place = Place::new(&format!("[channels.{kind}]\nenabled = true\n{lines}\n"));
        let loaded = place.load(&[], Value::Null).unwrap_or_else(|error| panic!("{kind} {lines}: {error}"));
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        let wanted = format!("channels.{kind}.{key}: ");
        assert!(warnings.len() == 1 && warnings[0].contains(&wanted), "{kind} {lines}: {warnings:?}");
        assert!(warnings[0].contains("stays off"), "{warnings:?}");
        assert!(!warnings[0].contains("87654321") && !warnings[0].contains("AbCd"), "{warnings:?}");
    }
    // One that is only referred to is looked up when the channel starts.
    let place = Place::new("[channels.telegram]\nenabled = true\ntoken = \"env:TOKEN\"\n");
    assert!(place.load(&[], Value::Null).unwrap().warnings.is_empty());
}
