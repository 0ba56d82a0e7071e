//! A conversation of thousands of turns in a small window: what it costs, and that it never overflows.
//!
//! Facts are planted early, and recall is asked for them at the end.

use anyhow::Result;
use factotum::RunRequest;
use serde_json::{Value, json};
use servers::{ModelServer, Reply, Request, Script, Usage};
use session_api::MemoryQuery;

use crate::Setting;
use crate::embedded::{Durability, assistant, home, runtime, session};
use crate::figure::{Figure, Goal, Samples};
use crate::machine::Stopwatch;

/// What the model takes, in tokens.
const WINDOW: usize = 8_000;
/// One in each of the first turns, and what is asked for at the end.
const PLANTED: [(&str, &str); 5] = [
    ("the boat is called Elke", "how is the boat called"),
    ("the spare key is under the third stone", "where is the spare key"),
    ("the allergy is against walnuts", "which allergy"),
    ("the flat is in the Holtenauer Strasse", "flat street"),
    ("the door code is 4711", "code of the door"),
];
/// Hits that are looked at, as many as the tool shows.
const HITS: usize = 8;
/// Turns on each side whose costs are compared.
const SIDE: usize = 200;

/// `COUNT` is the number of turns.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(Script::by(answer));
    let home = home(&setting.dir, &server.base_url(), Durability::Process)?;
    let path = home.path().join("config.toml");
    let config = std::fs::read_to_string(&path)?
        .replace("kind = \"openai\"", &format!("kind = \"openai\"\ncontext = {WINDOW}"));
    std::fs::write(&path, config)?;
    let key = session("long");
    let mut samples = Vec::with_capacity(setting.count);
    let (found, upto) = runtime()?.block_on(async {
        let assistant = assistant(home.path()).await?;
        for turn in 0..setting.count {
            let fact =
                PLANTED.get(turn).map_or_else(String::new, |(fact, _)| format!("Keep in mind: {fact}. "));
            let text = format!("{fact}Please work number {turn} out for me, and tell me what comes of it.");
            let watch = Stopwatch::start();
            let result = assistant.run(RunRequest::new(key.clone(), text)).await?;
            samples.push(watch.elapsed());
            anyhow::ensure!(result.error.is_none(), "turn {turn}: {}", result.content);
            assistant.settle_compactions(&key, std::time::Duration::from_secs(30)).await;
        }
        assistant.memory().catch_up(|_| ()).await?;
        let mut found = 0;
        for (fact, question) in PLANTED {
            let query = MemoryQuery { text: question.into(), limit: HITS, ..MemoryQuery::default() };
            let hits = assistant.memory().search(&query).await?.hits;
            found += usize::from(hits.iter().any(|hit| hit.text.contains(fact)));
        }
        let upto = assistant.context(&key).await?.history.summary_upto;
        assistant.shutdown().await?;
        anyhow::Ok((found, upto))
    })?;
    let requests = server.requests();
    let (summaries, turns): (Vec<_>, Vec<_>) = requests.iter().partition(|request| is_summary(request));
    let split = turns.iter().filter(|request| splits_a_pair(request)).count();
    // As the model's own tokenizer would count, which for English is a quarter of the bytes.
    let longest = turns.iter().map(|request| request.raw.len() / 4).max().unwrap_or_default();
    let side = SIDE.min(samples.len() / 3);
    let cost = |range: std::ops::Range<usize>| {
        let mut costs = Samples::default();
        samples[range].iter().for_each(|took| costs.add(*took));
        costs.median()
    };
    let (early, late) = (cost(side..side * 2), cost(samples.len() - side..samples.len()));
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let number = |count: usize| count as f64;
    let turns_made = setting.count;
    Ok(vec![
        Figure::new(format!("longest request of {turns_made} turns"), "tokens", number(longest))
            .beside("the model's window", number(WINDOW))
            .goal(Goal::AtMost(number(WINDOW))),
        Figure::new(
            format!("calls parted from their results in {} requests", turns.len()),
            "",
            number(split),
        )
        .goal(Goal::AtMost(0.0)),
        Figure::new(
            format!("turns {}-{turns_made} against {side}-{}", turns_made - side, side * 2),
            "x",
            late / early,
        )
        .goal(Goal::AtMost(1.25))
        .note(format!(
            "{early:.2} and {late:.2} ms; {} summaries, the last up to #{}",
            summaries.len(),
            upto.unwrap_or(0)
        )),
        Figure::new(
            format!("of {} facts planted early are among the first {HITS} hits of recall", PLANTED.len()),
            "",
            number(found),
        )
        .goal(Goal::AtLeast(number(PLANTED.len()))),
    ])
}

fn is_summary(request: &Request) -> bool {
    request.body["messages"][0]["content"].as_str().is_some_and(|text| text.contains("You write the summary"))
}

/// Every other turn calls a tool first.
fn answer(request: &Request, n: usize) -> Reply {
    let tokens = |bytes: usize| bytes as u64 / 4;
    let usage =
        |text: &str| Usage { prompt: tokens(request.raw.len()), completion: tokens(text.len()), cached: 0 };
    if is_summary(request) {
        let text = request.last_user_text().unwrap_or_default();
        let newest = text.rsplit("[#").next().and_then(|rest| rest.split(']').next()).unwrap_or("1");
        let facts: Vec<&str> =
            PLANTED.iter().map(|(fact, _)| *fact).filter(|fact| text.contains(fact)).collect();
        let summary = format!("- {}\n- numbers were worked out, the last in [#{newest}]", facts.join("\n- "));
        let usage = usage(&summary);
        return Reply::text(&summary).usage(usage);
    }
    if request.tool_results().is_empty() && n.is_multiple_of(2) {
        let reply = Reply::tool("calculate_expression", json!({ "expression": format!("{n} * 17.5") }));
        return reply.usage(usage("calculate"));
    }
    let text =
        format!("Number {n} came to what you would expect. {}", "It took a while to be sure. ".repeat(4));
    let usage = usage(&text);
    Reply::text(&text).usage(usage)
}

/// Whether a result stands without its call before it, or a call without its result behind it.
fn splits_a_pair(request: &Request) -> bool {
    let mut open: Vec<String> = Vec::new();
    for message in request.messages() {
        let id = |value: &Value| value.as_str().map(str::to_owned);
        if message["role"] == "tool" {
            let Some(at) = id(&message["tool_call_id"]).and_then(|id| open.iter().position(|one| *one == id))
            else {
                return true;
            };
            open.remove(at);
            continue;
        }
        if !open.is_empty() {
            return true;
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.filter_map(|call| id(&call["id"])).collect();
    }
    !open.is_empty()
}
