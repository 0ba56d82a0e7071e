//! A conversation that is longer than anything may read at once.

use agent_core::{BudgetConfig, ChosenModel, Compaction, Core, Gauge, ModelRequest, ScriptedReply};
use session_api::{Message, MessageId, Part, Principal, Role, Scope, Timestamp, TurnId, WindowBudget};
use uuid::Uuid;

use crate::support::{TestApp, core, script, session};

const MESSAGES: u64 = 100_000;
const WINDOW: u32 = 16_000;
/// As long as it must be for what it stands for, and it names a message that even the first of several summaries has read.
const SUMMARY: &str = "- The person counts up, and the assistant counts along with them, one number after the other [#99210]\n\
    - Each number came with the same forty words behind it; nobody said what they are for, or when this ends [#99211]";

/// Questions and answers of some fifty tokens each.
fn imported() -> Vec<Message> {
    let message = |number: u64| {
        let asks = number % 2 == 1;
        Message {
            id: MessageId(Uuid::from_u128((1 << 100) | u128::from(number))),
            role: if asks { Role::User } else { Role::Assistant },
            principal: asks.then(|| Principal::owner().id),
            turn: TurnId(Uuid::from_u128((2 << 100) | u128::from(number.div_ceil(2)))),
            at: Timestamp(1_763_700_000_000),
            parts: vec![Part::text(format!("imported {number} {}", "word ".repeat(40)))],
        }
    };
    (1..=MESSAGES).map(message).collect()
}

fn length(request: &ModelRequest) -> u64 {
    let gauge = Gauge::default();
    gauge.text(&request.system) + request.messages.iter().map(|message| gauge.message(message)).sum::<u64>()
}

#[tokio::test]
async fn a_hundred_thousand_messages_are_answered_within_the_window_and_summarised() {
    let (main, small) = (
        script(vec![ScriptedReply::text("counted on"), ScriptedReply::text("and on")]),
        script(vec![ScriptedReply::text(SUMMARY); 8]),
    );
    let core = Core {
        budget: BudgetConfig { unknown_window: WINDOW, ..BudgetConfig::default() },
        compaction: Compaction {
            model: Some(ChosenModel::new(small.clone(), "small")),
            ..Compaction::default()
        },
        ..core(main.clone(), Vec::new())
    };
    let most = core.budget.history_messages;
    let app = TestApp::new(core);
    let sessions = &app.stores.sessions;
    assert_eq!(
        sessions.import_session(&session(), &Principal::owner().id, imported()).await.unwrap(),
        MESSAGES
    );
    assert_eq!(app.in_time(app.say("count on")).await.content, "counted on");
    let first = main.requests().pop().unwrap();
    assert!(first.messages.len() <= most && length(&first) < u64::from(WINDOW), "{}", length(&first));
    let before_last = first.messages.len() - 2;
    assert!(first.messages[before_last].text().starts_with(&format!("imported {MESSAGES} ")));

    let session = session();
    let settled = app.factotum.settle_compactions(&session, std::time::Duration::from_secs(600));
    let made = app.in_time(settled).await.pop().unwrap();
    assert!(made.upto > MESSAGES - most as u64 && made.after < made.before, "{made:?}");
    let asked = small.requests();
    assert!(!asked.is_empty() && asked.len() <= 8, "{}", asked.len());
    assert!(
        asked.iter().all(|request| length(request) < u64::from(WINDOW)),
        "a summariser's window holds too"
    );
    assert!(asked[0].messages[0].text().contains("too far back to be part of this"));

    assert_eq!(app.in_time(app.say("and on")).await.content, "and on");
    let second = main.requests().pop().unwrap();
    assert!(second.messages[0].text().ends_with(SUMMARY), "{}", second.messages[0].text());
    assert!(second.messages.len() < first.messages.len() && length(&second) < length(&first));
    let newest = WindowBudget { messages: 1, bytes: 1 << 20 };
    let window = sessions.window(&Scope::All, &session, newest).await.unwrap();
    assert_eq!(window.messages.last().unwrap().seq, MESSAGES + 4, "nothing is lost");
}
