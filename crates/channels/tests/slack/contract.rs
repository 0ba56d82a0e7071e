//! The channel keeps the contract of the port.

use std::{collections::BTreeMap, sync::Arc};

use agent_core::{
    Channel,
    contract::channel::{ChannelHarness, check},
};
use async_trait::async_trait;
use servers::slack::{FakeSlack, Say};
use session_api::{ManualClock, Stores};
use tokio::sync::Mutex;

use crate::bench::{FRIEND, SOON, STRANGER, build, stores, table};

struct Harness {
    fake: FakeSlack,
    stores: Stores,
    /// The envelopes of the suite's events.
    said: Mutex<BTreeMap<u64, String>>,
}

#[async_trait]
impl ChannelHarness for Harness {
    fn channel(&self) -> Arc<dyn Channel> {
        build(table(&self.fake), &self.stores, &ManualClock::default())
    }

    fn chat(&self, n: u8) -> String {
        format!("D{n}")
    }

    fn friend(&self) -> String {
        FRIEND.into()
    }

    fn stranger(&self) -> String {
        STRANGER.into()
    }

    async fn say(&self, event: u64, sender: &str, chat: &str, text: &str) {
        let mut said = self.said.lock().await;
        if let Some(envelope) = said.get(&event) {
            // Under a new envelope, as after a reconnect: only the message's own id is the same.
            let again = self.fake.again(envelope);
            assert!(again.is_some(), "it was said before");
            return;
        }
        let (envelope, _) = self.fake.say(&Say::new(chat, sender, text));
        said.insert(event, envelope);
    }

    async fn acknowledged(&self, event: u64) {
        let envelope = self.said.lock().await.get(&event).cloned().expect("it was said");
        self.fake
            .reached("an acknowledgement", SOON, |world| world.acked(&envelope))
            .await
            .expect("it is acknowledged");
    }

    async fn shown(&self, chat: &str) -> Vec<String> {
        self.fake.read(|world| world.answers(chat)).into_iter().map(|message| message.text).collect()
    }
}

#[tokio::test]
async fn slack_keeps_the_contract_of_a_channel() {
    let harness = Harness { fake: FakeSlack::start(), stores: stores(), said: Mutex::default() };
    check(&harness).await;
}
