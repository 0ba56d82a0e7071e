//! The table `[http]`.

use std::{net::SocketAddr, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::HttpError;

/// A shorter token can be guessed, in bytes.
const LEAST_TOKEN: usize = 16;

/// Where to listen, and who may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The address and port to listen on; port 0 takes any that is free.
    pub bind: SocketAddr,
    /// What callers must present. Without one only this machine is listened to, and there is no WebSocket channel.
    pub token: Option<SecretString>,
    /// Names under which the server is reached, besides `localhost` and IP addresses: those of a reverse proxy.
    pub hosts: Vec<String>,
    /// Origins (`https://chat.example.org`) of web pages that may call, besides those that this server itself would
    /// serve.
    pub origins: Vec<String>,
    /// The WebSocket channel; off where it is absent.
    pub websocket: Option<WebSocketPolicy>,
    /// What a caller can use up. Not part of the file.
    #[serde(skip)]
    pub limits: HttpLimits,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8420)),
            token: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            websocket: None,
            limits: HttpLimits::default(),
        }
    }
}

impl HttpConfig {
    /// Refuses what would let strangers in.
    pub(crate) fn check(&self) -> Result<(), HttpError> {
        match &self.token {
            None if !self.bind.ip().is_loopback() => Err(HttpError::PublicWithoutToken(self.bind)),
            None if self.websocket.is_some() => Err(HttpError::WebSocketWithoutToken),
            Some(token) if token.expose_secret().trim().is_empty() => Err(HttpError::EmptyToken),
            _ => Ok(()),
        }
    }

    /// Whether the token could be guessed by somebody who tries for long enough.
    pub(crate) fn weak_token(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.expose_secret().len() < LEAST_TOKEN)
    }
}

/// What a caller can use up before it is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Most bytes of a request's body.
    pub body: usize,
    /// Most bytes of a request's first line and headers.
    pub head: usize,
    /// The longest for a request's headers to arrive, and for a connection to stay without a request.
    pub head_timeout: Duration,
    /// The longest for a request's body to arrive.
    pub body_timeout: Duration,
    /// The longest for a webhook to be dealt with.
    pub hook_timeout: Duration,
    /// The longest that a connection is kept which did not become a WebSocket.
    pub connection_life: Duration,
    /// Most connections at a time; clients of the WebSocket channel have a limit of their own.
    pub connections: usize,
    /// The longest that a stop waits for calls under way.
    pub drain: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body: 4 << 20,
            head: 32 << 10,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            hook_timeout: Duration::from_secs(30),
            connection_life: Duration::from_secs(300),
            connections: 256,
            drain: Duration::from_secs(5),
        }
    }
}

/// The table `[http.websocket]`: what the WebSocket channel allows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebSocketPolicy {
    /// Most clients at a time.
    pub connections: usize,
    /// Most messages that one client may send in a minute.
    pub messages_per_minute: u32,
    /// Everything else that is bounded. Not part of the file.
    #[serde(skip)]
    pub limits: WebSocketLimits,
}

impl Default for WebSocketPolicy {
    fn default() -> Self {
        Self { connections: 64, messages_per_minute: 60, limits: WebSocketLimits::default() }
    }
}

/// The bounds of one WebSocket connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketLimits {
    /// Most bytes of a frame from a client.
    pub frame: usize,
    /// Most frames of any kind that a client may send in a minute.
    pub frames_per_minute: u32,
    /// The longest to wait for the token.
    pub hello: Duration,
    /// How often a silent client is asked whether it still lives; twice without an answer ends it.
    pub ping: Duration,
    /// The longest that a frame may take to be taken in by the client, slow lines included.
    pub stall: Duration,
    /// Most frames that wait for a slow client. Half of them may be live events.
    pub queue_frames: usize,
    /// Most bytes that wait for a slow client. Half of them may be live events.
    pub queue_bytes: usize,
    /// Most conversations that one client follows.
    pub sessions: usize,
    /// Most messages of one client that are not settled.
    pub in_flight: usize,
    /// Most bytes of a file that is sent inside a frame; larger ones are fetched by their id.
    pub inline: usize,
    /// How far back a client can take up a conversation, in messages of the assistant.
    pub catch_up: usize,
    /// The shortest time between two looks into the store on behalf of one client.
    pub look_again: Duration,
}

impl Default for WebSocketLimits {
    fn default() -> Self {
        Self {
            frame: 4 << 20,
            frames_per_minute: 1200,
            hello: Duration::from_secs(5),
            ping: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            queue_frames: 256,
            queue_bytes: 4 << 20,
            sessions: 16,
            in_flight: 64,
            inline: 1 << 20,
            catch_up: 4096,
            look_again: Duration::from_millis(50),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(table: serde_json::Value) -> HttpConfig {
        serde_json::from_value(table).expect("the table is understood")
    }

    #[test]
    fn nobody_is_let_in_who_was_not_asked() {
        let token = "0123456789abcdef";
        for (table, refused) in [
            (serde_json::json!({}), None),
            (serde_json::json!({ "bind": "[::1]:0" }), None),
            (serde_json::json!({ "bind": "0.0.0.0:80" }), Some("other machines")),
            (serde_json::json!({ "bind": "[::]:80" }), Some("other machines")),
            (serde_json::json!({ "bind": "0.0.0.0:80", "token": token }), None),
            (serde_json::json!({ "token": "" }), Some("is empty")),
            (serde_json::json!({ "token": " " }), Some("is empty")),
            // Weak, which is said in the log, and no reason to stay away.
            (serde_json::json!({ "token": "short" }), None),
            (serde_json::json!({ "websocket": {} }), Some("needs `http.token`")),
            (serde_json::json!({ "websocket": {}, "token": token }), None),
        ] {
            match (config(table.clone()).check(), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(why)) => assert!(error.to_string().contains(why), "{table}: {error}"),
                (other, _) => panic!("{table}: {other:?}"),
            }
        }
    }

    #[test]
    fn no_text_of_it_holds_the_token() {
        let config = config(serde_json::json!({ "token": "a-very-secret-token" }));
        assert!(!format!("{config:?}").contains("a-very-secret-token"));
    }

    #[test]
    fn slips_in_the_table_are_found() {
        for table in
            [serde_json::json!({ "tokn": "x" }), serde_json::json!({ "websocket": { "conections": 3 } })]
        {
            assert!(serde_json::from_value::<HttpConfig>(table.clone()).is_err(), "{table}");
        }
    }
}
