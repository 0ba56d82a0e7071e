//! The WebSocket channel, with one client that follows the gateway wherever it is started again.

use std::net::SocketAddr;

use parking_lot::Mutex;
use servers::socket::{SocketClient, SocketLog};

use super::{Platform, TOKEN};
use crate::gateway::Gateway;

/// A client; chat 3 is the session `chat3`.
#[derive(Debug, Default)]
pub struct Socket(Mutex<Option<SocketClient>>, Mutex<Vec<(usize, String)>>);

impl Socket {
    /// One that goes nowhere yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it was told.
    #[must_use]
    pub fn log(&self) -> SocketLog {
        self.0.lock().as_ref().map(SocketClient::log).unwrap_or_default()
    }

    fn go(&self, addr: SocketAddr) {
        let mut client = self.0.lock();
        match &*client {
            Some(client) => client.move_to(addr),
            None => {
                let new = SocketClient::start(addr, TOKEN);
                for (chat, text) in self.1.lock().drain(..) {
                    new.say(&session(chat), &text);
                }
                *client = Some(new);
            }
        }
    }
}

fn session(chat: usize) -> String {
    format!("chat{chat}")
}

impl Platform for Socket {
    fn kind(&self) -> &'static str {
        "websocket"
    }

    fn table(&self) -> String {
        String::new()
    }

    fn say(&self, chat: usize, text: &str) {
        match &*self.0.lock() {
            Some(client) => {
                client.say(&session(chat), text);
            }
            None => self.1.lock().push((chat, text.to_owned())),
        }
    }

    fn texts(&self, chat: usize) -> Vec<String> {
        let own = session(chat);
        let log = self.log();
        let mut seen = Vec::new();
        let heard = log.heard.iter().filter(|frame| frame["session"] == own.as_str());
        heard
            .filter(|frame| {
                // The same event under the same id is the same message for a client.
                let id = frame["event_id"].as_str().unwrap_or_default().to_owned();
                let new = !seen.contains(&id);
                seen.push(id);
                new
            })
            .map(|frame| frame["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    fn acknowledged(&self) -> usize {
        self.log().accepted.len()
    }

    fn follow(&self, gateway: &Gateway) {
        if let Some(addr) = gateway.http_or_end() {
            self.go(addr);
        }
    }
}
