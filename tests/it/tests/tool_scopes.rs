//! Tools under other names, and tools that are not on offer everywhere.

use it::{Setup, history, run, say};
use serde_json::json;
use servers::{ModelServer, Reply, Script};

#[test]
fn a_tool_is_called_by_its_other_name_and_the_history_has_the_real_one() {
    let server = ModelServer::start(Script::in_order([
        Reply::tool_raw("calc", r#"{"expression":"6 * 7"}"#).unoffered(),
        Reply::text("42"),
    ]));
    let home = Setup::of(&server).more("[tools.aliases]\ncalc = \"calculate_expression\"").home();
    assert_eq!(say(&home, "default", "what is it?").with_code(0).out.trim(), "42");
    let kept = format!("{:?}", history(&home, "default").0);
    assert!(kept.contains("calculate_expression") && !kept.contains("\"calc\""), "{kept}");
    let direct = say(&home, "default", "tool:calc {\"expression\": \"6 * 7\"}").with_code(0);
    assert_eq!(direct.out.trim(), "42");
}

#[test]
fn a_tool_out_of_scope_is_not_shown_and_a_call_of_it_is_refused_clearly() {
    let server = ModelServer::start(Script::in_order([
        Reply::tool_raw("write_file", r#"{"path":"a","content":"b"}"#).unoffered(),
        Reply::text("I may not."),
    ]));
    let scope = "[tools.scopes.terminal]\nchannels = [\"cli\"]\nwithout = [\"write_*\", \"no_such_tool\"]";
    let home = Setup::of(&server)
        .more(scope)
        .more("[tools.scopes.elsewhere]\nchannels = [\"email\"]\nonly = []")
        .home();
    say(&home, "default", "write").ends(0);
    let asked = server.requests();
    assert!(!asked[0].tools().contains(&"write_file") && asked[0].tools().contains(&"read_file"));
    let refused = asked[1].tool_results();
    assert!(
        refused
            .iter()
            .any(|(_, text)| text.contains("`write_file` is not on offer here, by tools.scopes.terminal")),
        "{refused:?}"
    );
    assert_eq!(home.read("factotum/workspace/a"), None);
    let direct = say(&home, "default", "tool:write_file {\"path\":\"a\",\"content\":\"b\"}");
    assert!(
        direct.all().contains("not on offer here") && home.read("factotum/workspace/a").is_none(),
        "{direct}"
    );
    let audit = run(home.command().args(["audit", "show", "--json"])).with_code(0);
    assert!(audit.out.contains("\"tool.refused\""), "{audit}");
}

#[test]
fn a_scope_that_cannot_be_read_is_named() {
    let server = ModelServer::start(Reply::text("x"));
    let home = Setup::of(&server).more("[tools.scopes.a]\nranks = [\"king\"]\nalow = []").home();
    let check = run(home.command().args(["config", "check"])).with_code(78);
    assert!(
        check.all().contains("tools.scopes.a.ranks") && check.all().contains("tools.scopes.a.alow"),
        "{check}"
    );
}

/// The agent with the profile has fewer tools than its parent and than an agent without.
#[test]
fn a_scope_holds_for_agents_of_a_profile() {
    let server = ModelServer::start(Script::by(|request, _| {
        let text = request.last_user_text().unwrap_or_default();
        match text.as_str() {
            "look it up" if request.tool_results().is_empty() => {
                Reply::tool_raw("list_dir", "{}").unoffered().and_tool("read_file", json!({"path": "a.txt"}))
            }
            "start" if request.tool_results().is_empty() => {
                Reply::tool("spawn_agent", json!({"task": "look it up", "name": "one", "profile": "scout"}))
                    .and_tool("spawn_agent", json!({"task": "look it up", "name": "two", "profile": "other"}))
            }
            _ => Reply::text("done"),
        }
    }));
    let home =
        Setup::of(&server).more("[tools.scopes.few]\nprofiles = [\"scout\"]\nwithout = [\"list_*\"]").home();
    home.write("factotum/workspace/a.txt", "a");
    home.write("factotum/workspace/profiles/scout.yaml", "prompt: You scout.\n");
    home.write("factotum/workspace/profiles/other.yaml", "prompt: You do something else.\n");
    say(&home, "default", "start").ends(0);
    let requests = server.requests();
    let offered = |prompt: &str| -> Vec<bool> {
        let of =
            requests.iter().filter(|request| request.messages()[0]["content"].to_string().contains(prompt));
        of.map(|request| request.tools().contains(&"list_dir")).collect()
    };
    assert_eq!((offered("You scout."), offered("You do something else.")), (vec![false; 2], vec![true; 2]));
    assert!(requests[0].tools().contains(&"list_dir"));
    let refused = requests.iter().flat_map(|request| request.tool_results());
    let refused = refused.filter(|(_, text)| text.contains("by tools.scopes.few")).count();
    assert_eq!(refused, 1, "the call of the scout, and no other");
}
