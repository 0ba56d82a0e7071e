//! The contract of every channel.

use std::sync::Arc;

use agent_core::{
    Channel,
    contract::channel::{ChannelHarness, check},
};
use async_trait::async_trait;
use servers::telegram::Say;

use crate::rig::{FRIEND, Rig, STRANGER};

struct Harness(Rig);

#[async_trait]
impl ChannelHarness for Harness {
    fn channel(&self) -> Arc<dyn Channel> {
        Arc::clone(&self.0.channel)
    }

    fn chat(&self, n: u8) -> String {
        (100 + i64::from(n)).to_string()
    }

    fn friend(&self) -> String {
        FRIEND.to_string()
    }

    fn stranger(&self) -> String {
        STRANGER.to_string()
    }

    async fn say(&self, event: u64, sender: &str, chat: &str, text: &str) {
        let (sender, chat) = (sender.parse().unwrap(), chat.parse().unwrap());
        self.0.telegram.say_as(event.try_into().unwrap(), Say::group(chat, sender, text));
    }

    async fn acknowledged(&self, event: u64) {
        self.0.acknowledged(event.try_into().unwrap()).await;
    }

    async fn shown(&self, chat: &str) -> Vec<String> {
        self.0.telegram.texts(chat.parse().unwrap())
    }
}

#[tokio::test]
async fn telegram_keeps_the_contract() {
    check(&Harness(Rig::new())).await;
}
