//! Summaries of chats: made beside what goes on, and told of once.

use std::{sync::Arc, time::Duration};

use agent_core::{BudgetConfig, ChosenModel, Compaction, Room, ScriptedProvider, ScriptedReply};

use crate::support::{Platform, TestApp, core, script};

use super::{Running, arrival, start};

struct Rig {
    app: TestApp,
    small: Arc<ScriptedProvider>,
    platform: Arc<Platform>,
    running: Running,
}

fn begin(compaction: &Compaction) -> Rig {
    let long = "word ".repeat(300);
    let answers = (0..9).map(|n| ScriptedReply::text(&format!("answer {n} {long}"))).collect();
    let small = script(vec![ScriptedReply::text("- they spoke of words [#1-#4], many of them [#2]"); 3]);
    let mut core = core(script(answers), vec![]);
    core.budget = BudgetConfig { history: Room::Tokens(4_000), ..BudgetConfig::default() };
    let model = Some(ChosenModel::new(small.clone(), "small"));
    core.compaction = Compaction { model, ..compaction.clone() };
    let app = TestApp::new(core);
    let platform = Platform::sound();
    let running = start(&app, &platform);
    Rig { app, small, platform, running }
}

impl Rig {
    fn shown(&self, what: &str) -> usize {
        self.platform.inner.shown("chat").iter().filter(|text| text.starts_with(what)).count()
    }

    async fn until(&self, what: &str, count: usize) {
        let wait = async {
            while self.shown(what) < count {
                tokio::task::yield_now().await;
            }
        };
        let limit = self.app.elapsed() + Duration::from_secs(900);
        let bounded = async {
            tokio::select! {
                () = wait => {}
                () = async { while self.app.elapsed() < limit { tokio::task::yield_now().await } } => {
                    panic!("{what} is not shown: {:?}", self.platform.inner.shown("chat"));
                }
            }
        };
        self.app.in_time(bounded).await;
    }

    async fn talk(&self, from: usize, turns: usize) {
        for n in from..from + turns {
            self.platform.inner.put(arrival(&n.to_string(), "ann", "chat", "go on"));
            self.until(&format!("answer {n} "), 1).await;
        }
    }

    async fn pass(&self, time: Duration) {
        let until = self.app.elapsed() + time;
        self.app
            .in_time(async {
                while self.app.elapsed() < until {
                    tokio::task::yield_now().await;
                }
            })
            .await;
    }

    async fn end(self) {
        self.running.stop.cancel();
        self.app.in_time(self.running.task).await.unwrap();
    }
}

#[tokio::test]
async fn a_chat_is_told_once_that_its_older_part_was_summarised() {
    let rig = begin(&Compaction::default());
    rig.talk(0, 8).await;
    rig.until("I summarised the older part of this conversation, messages #1-#", 1).await;
    rig.pass(Duration::from_secs(100)).await;
    assert_eq!((rig.shown("I summarised"), rig.small.requests().len()), (1, 1));
    rig.end().await;
}

#[tokio::test]
async fn a_conversation_that_rests_is_summarised_once() {
    let idle = Some(Duration::from_secs(240));
    let rig = begin(&Compaction { enabled: false, idle, ..Compaction::default() });
    rig.talk(0, 6).await;
    rig.pass(Duration::from_secs(150)).await;
    assert_eq!(rig.small.requests().len(), 0, "it does not rest for long enough");
    rig.until("I summarised", 1).await;
    rig.pass(Duration::from_secs(500)).await;
    assert_eq!((rig.shown("I summarised"), rig.small.requests().len()), (1, 1));
    rig.end().await;
}
