//! What a tool says of the importance of its output decides what is cut first of older results.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use it::{Setup, run, say};
use serde_json::json;
use servers::{ModelServer, Reply, Request, Script, Usage};

/// The tools' results in a request, those of older turns included.
fn results(request: &Request) -> Vec<String> {
    let results = request.messages().iter().filter(|message| message["role"] == "tool");
    results.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// The results of older turns are too much for the window: the listing of a directory, which can be had again, loses its
/// end; the page that was read beside it stays word for word, and the end of the listing can be read on.
#[test]
fn an_older_listing_is_cut_before_an_older_page_is() {
    let server = ModelServer::start(Script::by(|request, _| {
        let text = request.last_user_text().unwrap_or_default();
        let results = results(request);
        if text.contains("look around") && results.is_empty() {
            return Reply::tool("list_dir", json!({"path": "shelf"}))
                .and_tool("read_file", json!({"path": "page.txt"}));
        }
        if text.contains("read on") && request.tool_results().is_empty() {
            let listing = results.iter().find(|text| text.contains("entry-0000")).unwrap();
            let id = listing.rsplit("read_result id=").next().unwrap().trim_end_matches(']');
            return Reply::tool("read_result", json!({ "id": id }));
        }
        // As a server counts.
        let usage = Usage { prompt: request.raw.len() as u64 / 4, completion: 125, cached: 0 };
        Reply::text(&"word ".repeat(100)).usage(usage)
    }));
    let home = Setup::of(&server)
        .provider("context = 24000")
        .more("[agent.budget]\nhistory = 2400\n[compaction]\nenabled = false")
        .home();
    for entry in 0..120 {
        home.write(&format!("factotum/workspace/shelf/entry-{entry:04}"), "");
    }
    let page: String = (0..150).map(|line| format!("line-{line:04}\n")).collect();
    home.write("factotum/workspace/page.txt", &page);
    say(&home, "main", "look around").ends(0);
    let mut turns = 0;
    loop {
        say(&home, "main", &format!("go on {turns}")).ends(0);
        let results = results(server.requests().last().unwrap());
        let of = |what: &str| results.iter().find(|text| text.contains(what)).unwrap();
        assert!(of("line-0000").contains("line-0149"), "the page is whole: {results:?}");
        let listing = of("entry-0000");
        if !listing.contains("entry-0119") {
            assert!(listing.contains("characters omitted; read_result id="), "{listing}");
            break;
        }
        turns += 1;
    }
    assert!(turns > 3, "there was room for both at first");
    let mut context = home.command();
    context.args(["context", "show", "main"]);
    let context = run(&mut context).with_code(0).out;
    assert!(context.contains("tool results of low importance"), "{context}");
    say(&home, "main", "read on").ends(0);
    let read = server.requests().last().unwrap().tool_results();
    assert!(read.iter().any(|(_, text)| text.contains("entry-0119")), "{read:?}");
}
