//! `factotum why` about tool calls.

use serde_json::json;
use servers::{ModelServer, Reply, Script, TempHome};

use crate::support::factotum;

#[test]
fn a_refused_tool_call_is_explained_by_its_id_and_by_its_turn() {
    let refused = Reply::tool("no_such_tool", json!({ "path": "a" })).with_call_id("call-77").unoffered();
    let server = ModelServer::start(Script::in_order([refused, Reply::text("I cannot.")]));
    let home = TempHome::with_config(&format!(
        "[agent]\nmodel = \"test/scripted\"\n[providers.test]\nkind = \"openai\"\nbase_url = \"{}\"\n",
        server.base_url()
    ));
    factotum(&home, &["agent", "-m", "do it"]).is(0, &["I cannot."]);
    let told = factotum(&home, &["why", "call-77", "--json"]).is(0, &[]).objects();
    assert_eq!((&told[0]["verdict"], &told[0]["call"]["tool"]), (&"refused".into(), &"no_such_tool".into()));
    assert!(told[0]["call"]["why"].as_str().unwrap().contains("there is no tool"), "{told:?}");
    let turn = told[0]["call"]["turn"].as_str().unwrap();
    for id in ["call-77", turn] {
        factotum(&home, &["why", id])
            .is(0, &["Refused: no_such_tool", "Because: ", "there is no tool `no_such_tool`"]);
    }
    factotum(&home, &["turn", "show", turn]).is(0, &["call call-77 no_such_tool"]);
    factotum(&home, &["turn", "replay", turn]).is(0, &[]);
}

#[test]
fn what_nobody_knows_is_not_found() {
    let home = TempHome::with_config(crate::support::OFFLINE);
    factotum(&home, &["why", "call-78"]).is(66, &["nothing is known of `call-78`"]);
    factotum(&home, &["why", "01a1fede-58d9-73d4-83ec-1ffa747fbfc8"]).is(66, &["nothing is known"]);
    factotum(&home, &["turn", "show", "01a1fede-58d9-73d4-83ec-1ffa747fbfc8"]).is(66, &["there is no turn"]);
    factotum(&home, &["turn", "replay", "x"]).is(65, &["no id of a turn"]);
}
