//! The contract suite of channels.

use std::sync::Arc;

use agent_core::Channel;
use agent_core::contract::channel::{ChannelHarness, check};
use async_trait::async_trait;
use mail_parser::MessageParser;

use crate::desk::{Desk, mail};
use crate::office::{FRIEND, eventually};

struct Mail {
    desk: Desk,
    /// What was said and not delivered yet: what lies in the mailbox before the first start is never answered.
    waiting: parking_lot::Mutex<Vec<(u64, String)>>,
}

#[async_trait]
impl ChannelHarness for Mail {
    fn channel(&self) -> Arc<dyn Channel> {
        self.desk.channel()
    }

    fn chat(&self, _n: u8) -> String {
        FRIEND.to_owned()
    }

    fn friend(&self) -> String {
        FRIEND.to_owned()
    }

    fn stranger(&self) -> String {
        "mallory@test.local".to_owned()
    }

    async fn say(&self, event: u64, sender: &str, _chat: &str, text: &str) {
        self.waiting.lock().push((event, mail(&format!("event-{event}@test.local"), sender, "", text)));
    }

    async fn acknowledged(&self, event: u64) {
        self.desk.listens(1).await;
        let inbox = self.desk.dovecot.inbox();
        let waiting = std::mem::take(&mut *self.waiting.lock());
        let names: Vec<_> = waiting.iter().map(|(event, mail)| (*event, inbox.deliver(mail))).collect();
        let name = names
            .iter()
            .find(|(known, _)| *known == event)
            .map(|(_, name)| name.clone())
            .expect("it was said");
        eventually("it is marked as read", || inbox.seen(&name)).await;
    }

    async fn shown(&self, chat: &str) -> Vec<String> {
        let mails = self.desk.smtp.mails();
        let here = mails.iter().filter(|mail| mail.to == [chat]);
        here.map(|mail| {
            let parsed = MessageParser::default().parse(mail.data.as_bytes()).expect("it is a mail");
            parsed.body_text(0).expect("it has a text").trim().to_owned()
        })
        .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn email_keeps_the_contract_of_channels() {
    let Some(desk) = Desk::open() else { return };
    check(&Mail { desk, waiting: parking_lot::Mutex::default() }).await;
}
