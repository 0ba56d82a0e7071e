//! HTTP: health, metrics, webhooks, and the WebSocket channel.
//!
//! ```text
//!  bind ─▶ Server (address known) ─▶ serve ─┬─ GET /healthz /readyz /metrics ─▶ Operations
//!                                           ├─ POST /hooks/CHANNEL ──────────▶ Operations
//!                                           ├─ GET /blobs/ID ────────────────▶ Factotum
//!                                           └─ GET /ws ─▶ a task per client ─▶ Inlet, and what the store says
//! ```
//!
//! Who may call: everything but webhooks needs a known `Host`, and a known `Origin` where a browser names one. What
//! tells or changes anything needs the token besides, which never stands in a URL. There is no CORS.

mod answer;
mod config;
mod error;
mod guard;
mod operations;
mod routes;
mod server;
mod state;
mod token;
mod websocket;

pub use config::{HttpConfig, HttpLimits, WebSocketLimits, WebSocketPolicy};
pub use error::HttpError;
pub use operations::{ChannelHealth, Health, Operations, Readiness};
pub use server::{Server, bind};
