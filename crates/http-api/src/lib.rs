//! HTTP: health, metrics, webhooks, and the WebSocket channel.
