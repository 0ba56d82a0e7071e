//! Names that become models, chains of providers, and what each part that is set up wrongly says.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use it::{Desk, Setup, agent, parse_lines, run, say, valid};
use serde_json::Value;
use servers::telegram::Say;
use servers::{End, ModelServer, Reply, Script, TempHome, Usage, refused_url};

/// A provider more.
fn provider(name: &str, url: &str, more: &str) -> String {
    format!("[providers.{name}]\nkind = \"openai\"\nbase_url = \"{url}\"\n{more}\n")
}

/// The turn of the newest message of a conversation.
fn last_turn(home: &TempHome, session: &str) -> String {
    let shown = run(home.command().args(["sessions", "show", session, "--json"])).with_code(0);
    let messages = parse_lines(&shown.out);
    messages.last().unwrap()["message"]["turn"].as_str().unwrap().to_owned()
}

fn json(home: &TempHome, arguments: &[&str]) -> Vec<Value> {
    parse_lines(&run(home.command().args(arguments)).with_code(0).out)
}

#[test]
fn of_a_chain_of_three_the_user_sees_one_clean_answer_and_the_turn_tells_the_story() {
    let first = ModelServer::start(Reply::rate_limited(7));
    let second = ModelServer::start(Reply::deltas(["Half of ", "an answer"]).cut_at(420, End::Cut));
    let usage = Usage { prompt: 200, completion: 30, cached: 0 };
    let third = ModelServer::start(Reply::deltas(["All ", "is well."]).usage(usage));
    let home = Setup::of(&first)
        .agent("fallback = [\"second/m2\", \"third/m3\"]")
        .more(&provider("second", &second.base_url(), "price = { input = 1.0, output = 2.0 }"))
        .more(&provider("third", &third.base_url(), "price = { input = 10.0, output = 20.0 }"))
        .home();

    let answer = say(&home, "default", "hello").with_code(0);
    assert_eq!(answer.out.trim(), "All is well.", "{answer}");
    for server in [&first, &second, &third] {
        assert_eq!(server.requests().len(), 1, "each is asked once");
        server.requests().iter().for_each(valid);
    }
    assert_eq!(second.requests()[0].body["model"], "m2");
    assert_eq!(third.requests()[0].body["model"], "m3");

    let turn = last_turn(&home, "default");
    let shown = run(home.command().args(["turn", "show", &turn])).with_code(0);
    let story: Vec<&str> = shown.out.lines().filter(|line| line.starts_with("model ")).collect();
    assert_eq!(story.len(), 3, "{shown}");
    assert!(
        story[0].contains("test/scripted failed after") && story[0].contains("asked second/m2"),
        "{shown}"
    );
    assert!(story[1].contains("second/m2 failed after") && story[1].contains("asked third/m3"), "{shown}");
    assert!(story[2].contains("third/m3 answered"), "{shown}");
    let report = json(&home, &["turn", "show", &turn, "--json"]).remove(0);
    assert_eq!(report["attempts"][0]["failed"]["kind"], "rate_limited");
    assert_eq!(report["attempts"][1]["failed"]["kind"], "bad_reply");
    assert_eq!(report["attempts"][2]["failed"], Value::Null);

    let bill = json(&home, &["usage", "--by", "model", "--json"]);
    let of = |name: &str| bill.iter().find(|row| row["group"].as_str().unwrap().contains(name));
    let third = of("m3").unwrap();
    assert_eq!((&third["input_tokens"], &third["output_tokens"]), (&200.into(), &30.into()), "{bill:?}");
    assert_eq!(third["cost_micros"], 200 * 10 + 30 * 20, "{bill:?}");
    let second = of("m2").unwrap();
    assert!(second["input_tokens"].as_u64().unwrap() > 0, "it had read the request: {bill:?}");
    assert!(of("scripted").is_none(), "who refused used nothing: {bill:?}");
}

#[test]
fn a_chain_of_which_nobody_answers_says_so_once_and_keeps_the_message() {
    let first = ModelServer::start(Reply::error(500, "broken"));
    let second = ModelServer::start(Reply::error(401, "bad key"));
    let home = Setup::of(&first)
        .agent("fallback = [\"second/m2\"]")
        .more(&provider("second", &second.base_url(), ""))
        .home();
    let failed = say(&home, "default", "hello").with_code(69);
    assert!(failed.all().contains("also asked: "), "{failed}");
    assert_eq!(it::dead_letters(&home).len(), 1);
}

#[test]
fn a_request_that_is_wrong_in_itself_does_not_go_down_the_chain() {
    for status in [400, 404, 422] {
        let first = ModelServer::start(Reply::error(status, "odd request"));
        let second = ModelServer::start(Reply::text("never"));
        let home = Setup::of(&first)
            .agent("fallback = [\"second/m2\"]")
            .more(&provider("second", &second.base_url(), ""))
            .home();
        say(&home, "default", "hello").ends(69);
        assert!(second.requests().is_empty(), "{status}");
    }
}

#[test]
fn each_part_at_fault_is_named() {
    let reply = |reply: Reply| ModelServer::with_models(reply, &["gpt-large", "gpt-small", "llama", "odd"]);
    let missing = Reply::error(404, "the model does not exist");
    // A server that knows the paths of neither the question nor the list: somebody mistyped the end of the address.
    let typo = ModelServer::start(Reply::text("never"));
    let typo = typo.base_url().replace("/v1", "/v2");
    for (what, server, table, part, words) in [
        ("a key that is refused", Some(reply(Reply::error(401, "bad key"))), String::new(), "key", "key"),
        ("a model that the server lacks", Some(reply(missing)), String::new(), "name", "`gpt-small`"),
        ("no credit", Some(reply(Reply::error(402, "pay first"))), String::new(), "quota", "credit"),
        ("too many requests", Some(reply(Reply::rate_limited(9))), String::new(), "quota", "429"),
        ("a page of a web server", Some(reply(Reply::html(200, "<html>"))), String::new(), "base_url", ""),
        ("a server that is ill", Some(reply(Reply::error(503, "busy"))), String::new(), "server", "503"),
        ("a path that is not there", None, typo, "base_url", "base_url"),
        ("nobody listening", None, refused_url(), "network", "127.0.0.1"),
    ] {
        let url = server.as_ref().map_or(table, ModelServer::base_url);
        let home = Setup::at(url).provider("api_key = \"a-key-of-the-tests\"").home();
        let tested = run(home.command().args(["models", "test", "test/gpt-smal", "--json"])).with_code(69);
        let said = &parse_lines(&tested.out)[0];
        assert_eq!(
            (said["outcome"].as_str(), said["part"].as_str()),
            (Some("fails"), Some(part)),
            "{what}: {tested}"
        );
        assert!(said["message"].as_str().unwrap().contains(words), "{what}: {tested}");
        let told = run(home.command().args(["models", "test", "test/gpt-smal"])).with_code(69);
        assert!(
            told.out.contains("does not work") && !told.all().contains("a-key-of-the-tests"),
            "{what}: {told}"
        );
    }
}

#[test]
fn keys_and_names_that_cannot_work_are_found_without_asking_anybody() {
    let home = TempHome::new();
    let test = |name: &str, key: Option<(&str, &str)>| {
        let mut command = home.command();
        command.args(["models", "test", name, "--json"]);
        if let Some((variable, key)) = key {
            command.env(variable, key);
        }
        let tested = run(&mut command).with_code(69);
        (parse_lines(&tested.out)[0].clone(), tested)
    };
    for (name, key, part, words) in [
        ("gtp-5-mini", Some(("OPENAI_API_KEY", "sk-proj-0123456789")), "name", "did you mean"),
        ("claude-sonnet-5", None, "key", "ANTHROPIC_API_KEY"),
        ("openai/gpt-5-mini", Some(("OPENAI_API_KEY", "  ")), "key", "empty"),
    ] {
        let (said, tested) = test(name, key);
        assert_eq!(said["part"], part, "{name}: {tested}");
        assert!(said["message"].as_str().unwrap().contains(words), "{name}: {tested}");
        assert!(!tested.all().contains("0123456789"), "no text holds a key: {tested}");
    }
    let foreign = ("OPENAI_API_KEY", "sk-ant-api03-0123456789");
    let asked = |args: &[&str]| run(home.command().args(args).env(foreign.0, foreign.1));
    let refused = [asked(&["models", "test"]).with_code(69), asked(&["agent", "-m", "hi"]).with_code(78)];
    for refused in refused {
        assert!(refused.all().contains("looks like one of Anthropic"), "{refused}");
        assert!(!refused.all().contains("0123456789"), "no text holds a key: {refused}");
    }
    // A default model that cannot be had hides no other one.
    let listed = asked(&["models", "list"]).with_code(0);
    assert!(listed.out.contains("models resolve NAME"), "{listed}");
    assert!(asked(&["models", "resolve", "offline"]).with_code(0).out.contains("offline"), "{listed}");
    let resolved =
        run(home.command().args(["models", "resolve", "gtp-5-mini"]).env("OPENAI_API_KEY", "sk-proj-1"));
    let nearest = resolved.err.matches('`').count() / 2;
    assert!(nearest >= 3 && resolved.code == Some(66), "the three nearest: {resolved}");
}

#[test]
fn models_are_listed_resolved_and_tested() {
    let usage = Usage { prompt: 9, completion: 1, cached: 0 };
    let server = ModelServer::start(Reply::text("ready").usage(usage));
    let home = Setup::of(&server)
        .provider("price = { input = 1000000.0, output = 0.0 }")
        .more(&provider("other", &server.base_url(), ""))
        .more("[presets.fast]\nmodel = \"test/quick\"\nfallback = [\"other/slow\"]")
        .home();
    let listed = run(home.command().args(["models", "list"])).with_code(0);
    assert!(listed.out.contains("test/") && listed.out.contains("other/"), "{listed}");
    assert!(json(&home, &["models", "list", "--json"]).len() >= 2);

    let resolved = run(home.command().args(["models", "resolve", "fast"])).with_code(0);
    let lines: Vec<&str> = resolved.out.lines().collect();
    assert!(lines[0].starts_with("test/quick: openai at 127.0.0.1"), "{resolved}");
    assert!(lines[1].starts_with("then other/slow: openai"), "{resolved}");
    let chain = json(&home, &["models", "resolve", "fast", "--json"]).remove(0);
    assert_eq!(chain["chain"].as_array().unwrap().len(), 2, "{chain}");

    let tested = json(&home, &["models", "test", "test/quick", "--json"]).remove(0);
    assert_eq!((&tested["outcome"], &tested["answer"]), (&"works".into(), &"ready".into()), "{tested}");
    assert_eq!(tested["cost_micros"], 9_000_000, "{tested}");
    assert_eq!(server.requests().len(), 1, "one tiny call");
    let told = run(home.command().args(["models", "test", "fast"]));
    assert!(told.out.contains("works") || told.code == Some(69), "{told}");
}

#[test]
fn a_preset_and_a_model_exclude_each_other() {
    let server = ModelServer::start(Script::by(|request, _| Reply::text(&request.body["model"].to_string())));
    let home = Setup::of(&server).more("[presets.fast]\nmodel = \"test/quick\"").home();
    let answer = |arguments: &[&str]| run(agent(&home, "default", "hello").args(arguments));
    assert_eq!(answer(&["--preset", "fast"]).with_code(0).out.trim(), "\"quick\"");
    assert_eq!(answer(&["--model", "test/large"]).with_code(0).out.trim(), "\"large\"");
    assert_eq!(answer(&[]).with_code(0).out.trim(), "\"scripted\"", "both counted for one run");
    let both = answer(&["--preset", "fast", "--model", "test/large"]).with_code(2);
    assert!(both.err.contains("--model") && both.err.contains("--preset"), "{both}");
    let unknown = answer(&["--preset", "fats"]);
    assert!(unknown.code != Some(0) && unknown.all().contains("`fast`"), "{unknown}");

    say(&home, "default", "/model fast").ends(0);
    assert_eq!(answer(&[]).with_code(0).out.trim(), "\"quick\"");
    // The conversation keeps the name, not what it meant at that time.
    let text = Setup::of(&server).more("[presets.fast]\nmodel = \"test/quicker\"").text();
    home.write("factotum/config.toml", text);
    assert_eq!(answer(&[]).with_code(0).out.trim(), "\"quicker\"");
    say(&home, "default", "/model default").ends(0);
    assert_eq!(answer(&[]).with_code(0).out.trim(), "\"scripted\"");
}

#[test]
fn conversations_of_one_gateway_with_different_models_never_cross() {
    const ROUNDS: usize = 12;
    let echo = || {
        Script::by(|request, _| {
            let words = it::words(request).last().cloned().unwrap_or_default();
            let model = request.body["model"].as_str().unwrap_or_default().to_owned();
            let reply = Reply::deltas(["from ", &model, " to ", &words]);
            reply.after(std::time::Duration::from_millis(5))
        })
    };
    let (alpha, beta) = (ModelServer::start(echo()), ModelServer::start(echo()));
    let desk = Desk::new(echo())
        .channel("busy = \"queue\"\ncoalesce_ms = 0\nallow = [\"5\", \"6\", \"7\"]")
        .more(&provider("alpha", &alpha.base_url(), ""))
        .more(&provider("beta", &beta.base_url(), ""))
        .more("[presets.second]\nmodel = \"beta/b\"");
    let gateway = desk.open();
    desk.telegram.say(Say::private(5, "/model alpha/a"));
    drop(desk.heard_in(5, "alpha/a"));
    desk.telegram.say(Say::private(6, "/model second"));
    drop(desk.heard_in(6, "beta/b"));
    for round in 0..ROUNDS {
        desk.telegram.say_all([5, 6, 7].map(|chat| Say::private(chat, &format!("w-{chat}x{round}"))));
    }
    for (chat, model) in [(5, "a"), (6, "b"), (7, "scripted")] {
        drop(desk.heard_in(chat, &format!("from {model} to w-{chat}x{}", ROUNDS - 1)));
    }
    gateway.stop();
    for (chat, model, server) in [(5, "a", &alpha), (6, "b", &beta), (7, "scripted", &desk.server)] {
        for request in server.requests() {
            assert_eq!(request.body["model"], model);
            let said = request.body["messages"].to_string();
            for other in [5, 6, 7].into_iter().filter(|other| *other != chat) {
                assert!(!said.contains(&format!("w-{other}x")), "{model} read the chat {other}: {said}");
            }
        }
        let answers: Vec<String> =
            desk.telegram.texts(chat).into_iter().filter(|text| text.contains(" to w-")).collect();
        assert!(
            answers.iter().all(|text| text.contains(&format!("from {model} to w-{chat}x"))),
            "{answers:?}"
        );
    }
}

#[test]
fn how_servers_of_models_are_doing_is_seen_from_outside() {
    let first = ModelServer::start(Reply::error(503, "busy"));
    let desk = Desk::new(Reply::text("here you are"))
        .more("[agent.breaker]\nfailures = 1\n[presets.fragile]\nmodel = \"ill/m\"\nfallback = [\"test/scripted\"]")
        .more(&provider("ill", &first.base_url(), ""));
    desk.configure(Setup::of(&desk.server));
    let gateway = it::Gateway::start(&desk.home);
    gateway.wait_channel("telegram", "connected");
    desk.say("/model fragile");
    drop(desk.heard("ill/m"));
    desk.say("hello");
    desk.hears("here you are");
    let broken = it::until("the status file", || {
        let status = gateway.status()?;
        let servers = status["providers"].as_array()?.clone();
        servers.into_iter().find(|server| server["provider"] == "ill" && server["failed"] == 1)
    });
    assert_eq!(
        (&broken["breaker"]["state"], &broken["last_failure"]),
        (&"open".into(), &"unavailable".into())
    );
    let status = |arguments: &[&str]| run(desk.home.command().args(arguments));
    let told = status(&["gateway", "status"]).with_code(0);
    assert!(told.out.contains("ill at 127.0.0.1") && told.out.contains("left alone for"), "{told}");
    assert!(told.out.contains("test at 127.0.0.1"), "{told}");
    let told = status(&["status"]).with_code(0);
    assert!(told.out.contains("model ill at") && !told.out.contains("model test at"), "{told}");
    let told = status(&["doctor"]);
    assert!(told.out.contains("models test ill/MODEL"), "{told}");
    let secret = format!("Bearer {}", it::platform::TOKEN);
    let page = it::get(gateway.http(), "/metrics", &[("authorization", &secret)]).unwrap();
    let figure = |name: &str, provider: &str| {
        let begin = format!("{name}{{provider=\"{provider}\",");
        let line = page.body.lines().find(|line| line.starts_with(&begin)).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    assert_eq!(figure("factotum_provider_breaker", "ill"), Some(2.0), "{}", page.body);
    assert_eq!(figure("factotum_provider_failures_total", "ill"), Some(1.0), "{}", page.body);
    assert_eq!(figure("factotum_provider_calls_total", "test"), Some(1.0), "{}", page.body);
    assert_eq!(figure("factotum_provider_breaker", "test"), Some(0.0), "{}", page.body);
    gateway.stop();
}
