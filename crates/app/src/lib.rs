//! Factotum, put together: the configuration, the adapters, and the command line.
//!
//! Other programs embed the assistant through [`Builder`]:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use factotum::{Builder, RunRequest, SessionKey};
//!
//! let app = Builder::from_config(None)?.build().await?; // nothing runs yet
//! let assistant = app.start();
//! let request = RunRequest::new(SessionKey::new("library", "local", "demo"), "what time is it?");
//! println!("{}", assistant.run(request).await?.content);
//! assistant.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Only this crate reads the environment, configuration files, the clock and signals. Only this crate knows adapters.

mod assistant;
mod builder;
mod channel_kinds;
pub mod cli;
pub mod config;
mod env;
pub mod exit;
mod failpoint;
mod gateway;
mod memory;
mod notes;
mod observe;
mod prompts;
mod provider_choice;
mod routing;
mod scopes;
mod setup_error;
mod skills;
mod system;
mod tasks;
mod workspace;

pub use agent_core::{
    AgentError, Factotum, Hook, HookError, RunEvent, RunEventKind, RunInfo, RunRequest, RunResult, RunStream,
};
pub use assistant::{App, Assistant};
pub use builder::Builder;
pub use env::Environment;
pub use observe::Redactor;
pub use session_api::{Principal, RunOverrides, SessionKey};
pub use setup_error::{SetupError, SetupProblem};
pub use system::{SystemClock, SystemIds};
