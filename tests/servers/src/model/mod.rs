//! The scripted model server and what its script is made of.

mod embeddings;
mod gate;
mod log;
mod plan;
mod reply;
mod request;
mod script;
mod serve;
mod server;
mod wire;

pub use gate::{Gate, Hold};
pub use log::TooFew;
pub use plan::End;
pub use reply::{Call, Reply, Usage};
pub use request::Request;
pub use script::Script;
pub use server::ModelServer;
