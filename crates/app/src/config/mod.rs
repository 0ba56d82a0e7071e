//! The configuration: what it may say, where it comes from, and what is wrong with it.
//!
//! Four layers, each above the one before: defaults, the file, variables `FACTOTUM_…`, flags. [`load`] merges them and
//! reports everything that is wrong at once, with file, line, key and the nearest right key. Nothing here reads the
//! environment by itself: [`LoadInput`] brings it. No error text and no output holds the value of a secret.

mod adapters;
mod agents;
mod check;
mod compaction;
mod describe;
mod file;
mod gateway;
mod key_path;
mod layers;
mod load;
mod locate;
mod memory;
mod models;
mod problem;
mod resolve;
mod routing;
mod rules;
mod schema;
mod secret_ref;
mod sections;
mod show;
mod sources;
mod suggest;

pub use agents::AgentsSection;
pub use compaction::CompactionSection;
pub use describe::{KeyRow, reference, reference_table};
pub use gateway::{
    AudioSection, Busy, ChannelSection, Doubt, GatewaySection, Groups, HeartbeatSection, HttpSection,
};
pub use key_path::KeyPath;
pub use load::{LoadInput, Loaded, load};
pub use memory::{ConsolidationSection, EmbeddingsSection, MemorySection};
pub use models::{BreakerSection, PresetSection, PriceSection, RateSection, SpendingSection, ToolsSection};
pub use problem::{ConfigError, Origin, Problem};
pub use resolve::{ResolveError, SecretResolver};
pub use routing::{RoutingSection, RuleSection};
pub use schema::schema;
pub use secret_ref::{SecretRef, SecretRefError, names_a_secret};
pub use sections::{
    AgentSection, Config, Durability, LogConfig, LogFormat, ProviderSection, StorageSection, VerifyMode,
};
pub(crate) use suggest::nearest;

#[cfg(test)]
mod tests;
