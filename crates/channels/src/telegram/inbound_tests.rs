use super::*;
use serde_json::json;

fn bot() -> Bot {
    Bot { id: 9, username: "mybot".into(), ..Bot::default() }
}

fn incoming(update: Value) -> Option<Incoming> {
    read("update:1".into(), update, &bot(), Timestamp(42)).unwrap()
}

/// A message in a private chat with these fields besides.
#[expect(clippy::needless_pass_by_value, reason = "the tables are written in place")]
fn private(more: Value) -> Option<Incoming> {
    let mut message = json!({"message_id": 7, "date": 1_700_000_000,
        "from": {"id": 5, "is_bot": false, "first_name": "Ann", "last_name": "Lee", "username": "ann"},
        "chat": {"id": 5, "type": "private", "first_name": "Ann"}});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    incoming(json!({"update_id": 1, "message": message}))
}

fn texts(incoming: &Incoming) -> Vec<&str> {
    incoming.arrival.parts.iter().filter_map(Part::as_text).collect()
}

#[test]
fn a_private_text_is_an_arrival_under_stable_ids() {
    let one = private(json!({"text": "hi"})).unwrap();
    let expected = Arrival {
        external_id: "update:1".into(),
        chat: "5".into(),
        thread: None,
        place: Place::Direct,
        sender: "5".into(),
        sender_name: Some("Ann Lee".into()),
        addressed: true,
        distrusted: None,
        message_id: Some("7".into()),
        parts: vec![Part::text("hi")],
        received_at: Timestamp(1_700_000_000_000),
    };
    assert_eq!(one.arrival, expected);
    assert!(one.files.is_empty() && one.album.is_none() && one.callback.is_none());
}

#[test]
fn what_is_no_text_is_put_into_words() {
    for (more, text) in [
        (json!({"sticker": {"file_id": "s", "emoji": "😀"}}), "[sticker 😀]"),
        (json!({"sticker": {"file_id": "s"}}), "[sticker without an emoji]"),
        (
            json!({"location": {"latitude": 52.5, "longitude": 13.25}}),
            "[location: latitude 52.5, longitude 13.25]",
        ),
        (json!({"contact": {"phone_number": "+49 1", "first_name": "Bob"}}), "[contact: Bob, +49 1]"),
        (json!({"poll": {"id": "1", "question": "Tea?", "options": []}}), "[poll: Tea?]"),
        (json!({"dice": {"emoji": "🎲", "value": 4}}), "[dice 🎲: 4]"),
    ] {
        assert_eq!(texts(&private(more.clone()).unwrap()), [text], "{more}");
    }
}

#[test]
fn files_wait_to_be_fetched() {
    let file = |what: &'static str, name: &str, mime: &str, size| Attachment {
        file_id: "f".into(),
        what,
        name: name.into(),
        mime: mime.into(),
        size,
    };
    let photos = json!([{"file_id": "s", "width": 90, "file_size": 1}, {"file_id": "f", "width": 1280, "file_size": 9}]);
    let named = json!({"file_id": "f", "file_name": "a.pdf", "mime_type": "application/pdf", "file_size": 3});
    let bare = json!({"file_id": "f"});
    for (more, expected) in [
        (json!({"photo": photos}), file("photo", "photo.jpg", "image/jpeg", Some(9))),
        (json!({"document": named}), file("file", "a.pdf", "application/pdf", Some(3))),
        (json!({"voice": bare}), file("voice note", "voice.ogg", "audio/ogg", None)),
        (json!({"audio": bare}), file("audio", "audio.mp3", "audio/mpeg", None)),
        (json!({"video": bare}), file("video", "video.mp4", "video/mp4", None)),
        (json!({"video_note": bare}), file("video note", "video.mp4", "video/mp4", None)),
        (json!({"animation": bare, "document": bare}), file("animation", "animation.mp4", "video/mp4", None)),
    ] {
        let one = private(more.clone()).unwrap();
        assert_eq!(one.files, [expected], "{more}");
        assert!(one.arrival.parts.is_empty());
    }
    let captioned = private(json!({"voice": bare, "caption": "listen", "media_group_id": "g"})).unwrap();
    assert_eq!(
        (texts(&captioned), captioned.files.len(), captioned.album.as_deref()),
        (vec!["listen"], 1, Some("g"))
    );
}

#[test]
fn in_a_group_only_what_names_the_bot_is_addressed_to_it() {
    let group = |more: Value| {
        let mut fields = json!({"chat": {"id": -100_123, "type": "supergroup", "title": "G"}});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        private(fields).unwrap().arrival
    };
    let reply_to = |id: i64| json!({"message_id": 3, "chat": {"id": -100_123, "type": "supergroup"}, "from": {"id": id, "is_bot": id == 9}});
    let mention = json!([{"type": "mention", "offset": 0, "length": 6}]);
    for (more, addressed) in [
        (json!({"text": "hi"}), false),
        (json!({"text": "@mybot hi", "entities": mention}), true),
        (json!({"caption": "@mybot hi", "caption_entities": mention, "photo": [{"file_id": "f"}]}), true),
        (json!({"text": "hi", "reply_to_message": reply_to(9)}), true),
        (json!({"text": "hi", "reply_to_message": reply_to(8)}), false),
    ] {
        let arrival = group(more.clone());
        assert_eq!((arrival.addressed, arrival.place), (addressed, Place::Group), "{more}");
    }
    // The sender is whoever speaks, and never the group.
    assert_eq!(
        (group(json!({"text": "x"})).sender.as_str(), group(json!({"text": "x"})).chat.as_str()),
        ("5", "-100123")
    );
}

#[test]
fn only_topics_of_a_forum_are_threads() {
    let thread = |more: Value| private(more).unwrap().arrival.thread;
    let topic = json!({"text": "x", "message_thread_id": 77, "is_topic_message": true});
    assert_eq!(thread(topic).as_deref(), Some("77"));
    assert_eq!(thread(json!({"text": "x", "message_thread_id": 77})), None);
}

#[test]
fn an_edit_says_so_and_is_no_command() {
    let message = json!({"message_id": 7, "date": 1, "edit_date": 2, "text": "/stop", "from": {"id": 5},
        "chat": {"id": 5, "type": "private"}});
    let one = incoming(json!({"update_id": 1, "edited_message": message})).unwrap();
    assert_eq!(texts(&one), ["[edited] /stop"]);
    assert_eq!(one.arrival.received_at, Timestamp(2000));
}

#[test]
fn a_pressed_button_is_its_command_said_by_whoever_pressed() {
    let press = |data: &str, is_bot: bool| {
        incoming(json!({"update_id": 1, "callback_query": {"id": "q", "data": data,
            "from": {"id": 6, "is_bot": is_bot, "first_name": "Bob"},
            "message": {"message_id": 3, "date": 0, "from": {"id": 9, "is_bot": true},
                "message_thread_id": 77, "is_topic_message": true, "chat": {"id": -100, "type": "supergroup"}}}}))
    };
    for data in ["/approve 01890a5d", "/deny 01890a5d", "/pairing approve ABCD-EFGH"] {
        let one = press(data, false).unwrap();
        let arrival = &one.arrival;
        assert_eq!((texts(&one), one.callback.as_deref()), (vec![data], Some("q")));
        assert_eq!(
            (arrival.sender.as_str(), arrival.chat.as_str(), arrival.thread.as_deref()),
            ("6", "-100", Some("77"))
        );
        assert!(arrival.addressed && arrival.place == Place::Group);
    }
    for data in ["/clear", "approve 1", "", "/pairing revoke X"] {
        assert!(press(data, false).is_none(), "{data}");
    }
    assert!(press("/approve 1", true).is_none());
}

#[test]
fn what_is_not_for_us_is_skipped_and_what_is_malformed_is_an_error() {
    for more in [
        json!({}),
        json!({"new_chat_members": [{"id": 8}]}),
        json!({"text": ""}),
        json!({"text": "hi", "from": {"id": 8, "is_bot": true}}),
        json!({"text": "hi", "from": null}),
    ] {
        assert!(private(more.clone()).is_none(), "{more}");
    }
    for update in [json!({"update_id": 1}), json!({"message_reaction": {}}), json!({"message": null})] {
        assert!(incoming(update.clone()).is_none(), "{update}");
    }
    for update in [
        json!({"message": "text"}),
        json!({"message": {"message_id": "x"}}),
        json!({"message": {"message_id": 1, "chat": {"id": 5}, "text": 7}}),
        json!({"callback_query": {}}),
        json!([]),
    ] {
        let malformed = read("u".into(), update.clone(), &bot(), Timestamp(0));
        assert!(malformed.is_err() || update == json!([]), "{update}");
    }
}

#[test]
fn what_telegram_adds_tomorrow_does_not_hide_a_message() {
    let entities = json!([{"type": "hologram", "offset": 0, "length": 1, "depth": 3}]);
    let one = private(
        json!({"text": "hi", "entities": entities, "chat": {"id": 5, "type": "private", "aura": {}}, "new": 1}),
    );
    assert_eq!(texts(&one.unwrap()), ["hi"]);
}
