//! Tools under other names, and tools that are not on offer everywhere.

use it::{Setup, history, run, say};
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
