//! A group's memory is the group's, also while the owner alone has spoken there; nobody's private words show in it.

use it::{Desk, OWNER, sound};
use serde_json::json;
use servers::telegram::Say;
use servers::{Reply, Request, Script};

const GROUP: i64 = -200;
const MEMBER: i64 = 78;

/// Looks into its memory where it is asked to, and answers with the mark of the question.
fn remembering() -> Script {
    Script::by(|request, _| {
        let text = request.last_user_text().unwrap_or_default();
        let asks = text.contains("w-ask");
        match request.tool_results().is_empty() {
            true if asks => Reply::tool("recall", json!({ "query": "safe party code" })),
            _ if asks => Reply::text(&format!("looked for {}", mark(&text))),
            _ => Reply::text(&format!("noted {}", mark(&text))),
        }
    })
}

fn mark(text: &str) -> &str {
    text.split_whitespace().rfind(|word| word.starts_with("w-")).unwrap_or("nothing")
}

/// What the tool found for the question with this mark, and all that stood in that request.
fn found(desk: &Desk, mark: &str) -> (String, String) {
    let asked = |request: &&Request| {
        !request.tool_results().is_empty() && request.last_user_text().is_some_and(|text| text.contains(mark))
    };
    let requests = desk.server.requests();
    let request = requests.iter().find(asked);
    let results = request.map(Request::tool_results).unwrap_or_default();
    let result = results.into_iter().next().map(|(_, text)| text).unwrap_or_default();
    (result, request.map(|request| request.body.to_string()).unwrap_or_default())
}

#[test]
fn what_the_owner_alone_said_in_a_group_is_the_groups() {
    let desk = Desk::new(remembering());
    desk.home.write("factotum/workspace/memory/MEMORY.md", "- the owner fears spiders\n");
    let gateway = desk.open();
    desk.say("the code of my safe is 4711 w-private");
    desk.hears("noted w-private");
    let in_group =
        |from: i64, text: &str| desk.telegram.say(Say::group(GROUP, from, &format!("@factotum_bot {text}")));
    in_group(OWNER, "the party is on Friday w-party");
    drop(desk.heard_in(GROUP, "noted w-party"));

    in_group(OWNER, "what do you know? w-ask-group");
    drop(desk.heard_in(GROUP, "looked for w-ask-group"));
    let (result, all) = found(&desk, "w-ask-group");
    assert!(result.contains("party is on Friday"), "{result}");
    assert!(!result.contains("4711") && !all.contains("4711") && !all.contains("spiders"), "{all}");

    desk.say("what do you know? w-ask-private");
    desk.hears("looked for w-ask-private");
    let (result, all) = found(&desk, "w-ask-private");
    assert!(result.contains("4711") && all.contains("spiders"), "{all}");
    assert!(!result.contains("Friday"), "{result}");

    // A member joins: what was said there is theirs as well, and nothing else is.
    desk.telegram.say(Say::private(MEMBER, "hello"));
    let answer = desk.heard_in(MEMBER, "pairing approve");
    let code = answer.split_whitespace().skip_while(|word| !word.ends_with("approve")).nth(1).unwrap_or("");
    desk.say(&format!("/pairing approve {}", code.trim_matches(|c: char| !c.is_ascii_alphanumeric())));
    desk.hears("is let in as member");
    in_group(MEMBER, "and for me? w-ask-member");
    drop(desk.heard_in(GROUP, "looked for w-ask-member"));
    let (result, all) = found(&desk, "w-ask-member");
    assert!(result.contains("party is on Friday"), "{result}");
    assert!(!result.contains("4711") && !all.contains("spiders"), "{all}");
    gateway.stop();
    sound(&desk.home);
}
