//! A client that does what the documentation asks of it hears everything once, whatever happens.

use agent_core::ScriptedReply;
use servers::socket::{SocketClient, SocketLog};

use crate::support::{DEADLINE, Gateway, TOKEN};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_cut_and_servers_started_again_cost_nothing_and_double_nothing() {
    const ROUNDS: usize = 10;
    const SESSIONS: [&str; 3] = ["one", "two", "three"];
    let mut gateway = Gateway::saying(vec![ScriptedReply::text("An answer in several words.")]).await;
    gateway.work();
    let client = SocketClient::start(gateway.addr, TOKEN);
    let reaches = |what: &str, wanted: &dyn Fn(&SocketLog) -> bool| {
        tokio::task::block_in_place(|| client.wait(what, DEADLINE, wanted)).expect("it comes in time")
    };
    reaches("a connection", &|log| log.connections > 0);
    for round in 0..ROUNDS {
        let before = client.log();
        for session in SESSIONS {
            client.say(session, &format!("{session} {round}"));
        }
        // Each round is cut off a little later in the life of its messages.
        match round % 5 {
            0 => {}
            1 => drop(reaches("an acceptance", &|log| log.accepted.len() > before.accepted.len())),
            2 => drop(reaches("a live event", &|log| log.events.len() > before.events.len())),
            3 => drop(reaches("an answer", &|log| log.heard.len() > before.heard.len())),
            _ => drop(reaches("an end", &|log| log.settled.len() > before.settled.len())),
        }
        if round % 2 == 0 {
            client.cut();
        } else {
            gateway.stop().await;
            gateway.serve().await;
            client.move_to(gateway.addr);
        }
        reaches("another connection", &|log| log.connections > before.connections);
    }
    let total = ROUNDS * SESSIONS.len();
    let log = reaches("the end of every message", &|log| log.settled.len() == total);
    assert!(log.connections > ROUNDS, "{}", log.connections);
    assert!(log.open().is_empty() && log.errors.is_empty(), "{log:#?}");
    assert!(log.doubled().is_empty(), "{:?}", log.doubled());
    assert!(log.settled.values().all(|outcome| outcome == "replied"));
    for session in SESSIONS {
        let answered: Vec<_> = log
            .replies()
            .filter(|reply| reply["session"] == session)
            .map(|reply| log.said[reply["in_reply_to"].as_str().expect("an id")].1.clone())
            .collect();
        let expected: Vec<_> = (0..ROUNDS).map(|round| format!("{session} {round}")).collect();
        assert_eq!(answered, expected, "each once, in order");
    }
}
