//! Limits on spending, through the binary.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use it::{Desk, Setup, dead_letters, parse_lines, run, say};
use servers::{ModelServer, Reply, Script, TempHome, Usage};

/// A tenth of a dollar for each reply, and a limit of a dollar a day; what a call may cost at most is little.
const PRICED: &str = "price = { input = 0.0, output = 1000.0 }";

fn reply() -> Reply {
    Reply::text("here you are").usage(Usage { prompt: 10, completion: 100, cached: 0 })
}

fn setup(server: &ModelServer, limits: &str) -> Setup {
    Setup::of(server).provider(PRICED).more(&format!("[spending]\nreply_tokens = 100\n{limits}"))
}

fn spent(home: &TempHome) -> u64 {
    let bill = run(home.command().args(["usage", "--by", "purpose", "--json"])).with_code(0);
    parse_lines(&bill.out).iter().map(|row| row["cost_micros"].as_u64().unwrap()).sum()
}

#[test]
fn a_limit_refuses_keeps_the_message_and_is_extended() {
    let server = ModelServer::start(reply());
    let home = setup(&server, "day = 0.25").home();
    say(&home, "default", "one").ends(0);
    say(&home, "default", "two").ends(0);
    assert_eq!(spent(&home), 200_000);
    let refused = say(&home, "default", "three").with_code(69);
    assert!(refused.all().contains("/usage extend day"), "{refused}");
    assert_eq!((server.requests().len(), dead_letters(&home).len()), (2, 1), "nobody was asked");
    assert_eq!(spent(&home), 200_000, "what was refused costs nothing");

    let extended = say(&home, "default", "/usage extend day 1").with_code(0);
    assert!(extended.out.contains("1.25"), "{extended}");
    say(&home, "default", "four").ends(0);
    assert_eq!(spent(&home), 300_000);
}

#[test]
fn a_reservation_of_a_killed_process_does_not_count_for_ever() {
    let gate = servers::Gate::new();
    let server = ModelServer::start([reply().held_by(&gate), reply()]);
    let home = setup(&server, "day = 0.35").home();
    let running = it::Proc::start(&mut it::agent(&home, "default", "one"));
    server.wait_for_requests(1, it::PATIENCE).unwrap();
    drop(running.kill9());
    // The turn is taken up again with the next message; what was asked in vain counts at its estimate.
    say(&home, "default", "two").ends(0);
    let refused = say(&home, "default", "three").with_code(69);
    assert!(refused.all().contains("the limit on spending"), "{refused}");
    assert_eq!(server.requests().len(), 3, "{refused}");
    drop(gate);
}

#[test]
fn a_turn_has_a_limit_of_its_own() {
    let server = ModelServer::start(reply());
    let home = setup(&server, "turn = 0.05").home();
    let refused = say(&home, "default", "one").with_code(69);
    assert!(refused.all().contains("spending.turn"), "{refused}");
    assert!(server.requests().is_empty());
}

#[test]
fn an_unknown_price_is_refused_where_there_is_a_limit_and_only_there() {
    let server = ModelServer::start(reply());
    let home = Setup::of(&server).more("[spending]\nmonth = 5.0").home();
    let refused = say(&home, "default", "one").with_code(69);
    assert!(refused.all().contains("the price of test/scripted"), "{refused}");
    assert!(server.requests().is_empty());
    home.write("factotum/config.toml", Setup::of(&server).text());
    say(&home, "default", "two").ends(0);

    // A chain costs what its dearest may cost: one unknown price in it is enough.
    let more = format!("[providers.other]\nkind = \"openai\"\nbase_url = \"{}\"\n", server.base_url());
    let chain = setup(&server, "day = 5.0").agent("fallback = [\"other/m\"]").more(&more);
    home.write("factotum/config.toml", chain.text());
    let refused = say(&home, "default", "three").with_code(69);
    assert!(refused.all().contains("or of a model behind it is not known"), "{refused}");
}

#[test]
fn a_chat_is_warned_once_when_most_of_a_limit_is_gone() {
    let desk = Desk::new(reply()).more("[spending]\nreply_tokens = 100\nday = 0.55");
    desk.configure(Setup::of(&desk.server).provider(PRICED));
    let gateway = it::Gateway::start(&desk.home);
    gateway.wait_channel("telegram", "connected");
    for n in 1..=5 {
        desk.say("more");
        desk.server.wait_for_requests(n, it::PATIENCE).unwrap();
        it::until("the answer", || {
            let said = desk.telegram.texts(it::OWNER);
            (said.iter().filter(|text| *text == "here you are").count() == n).then_some(())
        });
    }
    desk.hears("$0.50 of the $0.55");
    desk.say("more");
    desk.hears("the limit on spending");
    assert_eq!(desk.server.requests().len(), 5);
    gateway.stop();
    let warned = desk.telegram.texts(it::OWNER).iter().filter(|text| text.contains("may be spent")).count();
    assert_eq!(warned, 1, "{:?}", desk.telegram.texts(it::OWNER));
}

/// A process that dies while it waits for a summary leaves what it reserved for it. That counts at its estimate, stands on the
/// bill, and is reserved no more.
#[test]
fn what_a_killed_summary_reserved_is_settled() {
    let server = ModelServer::start(Script::by(|request, _| {
        let text = "word ".repeat(150);
        let prompt = request.raw.len() as u64 / 4;
        Reply::text(&text).usage(Usage { prompt, completion: 100, cached: 0 })
    }));
    let home = Setup::of(&server)
        .provider(&format!("context = 8000\n{PRICED}"))
        .more("[spending]\nreply_tokens = 100\nday = 100.0\n[agent.budget]\nhistory = \"25%\"")
        .home();
    let mut killed = false;
    for n in 0..40 {
        let mut command = it::agent(&home, "default", &format!("please do w-{n} now"));
        command.env("FACTOTUM_FAILPOINT", "compaction.asked:1:kill");
        killed = run(&mut command).code.is_none();
        if killed {
            break;
        }
    }
    assert!(killed, "no summary was made");
    let compactions = || {
        let bill = run(home.command().args(["usage", "--by", "purpose", "--json"])).with_code(0);
        let rows = parse_lines(&bill.out);
        let of = rows.iter().find(|row| row["group"] == "compaction" || row["purpose"] == "compaction");
        of.map_or(0, |row| row["calls"].as_u64().unwrap())
    };
    let sql = |sql: &str| {
        let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); r = c.execute(sys.argv[2]).fetchall(); c.commit(); print(r)";
        let file = home.path().join("factotum.db");
        let done = std::process::Command::new("python3").args(["-c", script]).arg(&file).arg(sql).output();
        String::from_utf8(done.unwrap().stdout).unwrap()
    };
    let open = "SELECT count(*) FROM reservations WHERE purpose = 1";
    assert_eq!((sql(open).trim(), compactions()), ("[(1,)]", 0));
    // An hour passes.
    sql("UPDATE reservations SET at = at - 3600000");
    say(&home, "other", "hello").ends(0);
    assert_eq!((sql(open).trim(), compactions()), ("[(0,)]", 1));
}
