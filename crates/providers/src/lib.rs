//! Adapters for language models.
//!
//! [`build`] makes a provider of a kind's name and its table in the configuration; [`kinds`] lists what this binary
//! has. Each kind has a folder, a feature of the same name and a page of documentation.
//!
//! # Adding a kind
//!
//! 1. A folder `src/<kind>/` with `mod.rs`, `config.rs` (a struct with `deny_unknown_fields` and defaults), `wire.rs`,
//!    `convert.rs`, `stream.rs`, `error.rs` and `docs.md`, as far as it needs them.
//! 2. A feature in `Cargo.toml` and one entry in `KINDS` in `src/setup.rs`.
//! 3. A harness over `servers::ModelServer` or recorded transcripts, and `agent_core::provider_contract!` with it.

#[cfg(feature = "anthropic")]
pub mod anthropic;
#[cfg(feature = "openai")]
pub mod detect;
#[cfg(feature = "embeddings")]
pub mod embeddings;
#[cfg(feature = "openai")]
mod exchange;
pub mod layers;
#[cfg(feature = "offline")]
pub mod offline;
#[cfg(any(feature = "whisper", feature = "speech", feature = "embeddings"))]
mod oneshot;
#[cfg(feature = "openai")]
pub mod openai;
#[cfg(feature = "openai")]
pub mod price;
#[cfg(feature = "openai")]
mod probe;
#[cfg(feature = "openai")]
mod registry;
#[cfg(feature = "openai-responses")]
pub mod responses;
mod setup;
#[cfg(feature = "speech")]
pub mod speech;
#[cfg(feature = "openai")]
mod sse;
#[cfg(feature = "openai")]
mod switchboard;
#[cfg(feature = "openai")]
pub mod table;
#[cfg(feature = "whisper")]
pub mod whisper;

#[cfg(feature = "embeddings")]
pub use embeddings::{EmbedderOf, embedder, embedder_of};
#[cfg(feature = "openai")]
pub use exchange::clients::Clients;
#[cfg(feature = "openai")]
pub use probe::{Outcome, Tested};
#[cfg(feature = "openai")]
pub use registry::{Part, Preset, ProviderSettings, Ready, Registry, RegistryError, Settings, Target};
pub use setup::{Kind, ProviderSetupError, build, kinds};
#[cfg(feature = "speech")]
pub use speech::speaker;
#[cfg(feature = "openai")]
pub use switchboard::{LineState, Switchboard};
#[cfg(feature = "whisper")]
pub use whisper::transcriber;
