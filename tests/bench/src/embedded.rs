//! The assistant as a program embeds it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use factotum::config::{LoadInput, load};
use factotum::{Assistant, Builder, Environment, RunRequest, SessionKey};
use tempfile::TempDir;

/// `[storage] durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Power,
    Process,
}

impl Durability {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Process => "process",
        }
    }
}

/// A data directory with a configuration for the model server at `base_url`.
pub(crate) fn home(dir: &Path, base_url: &str, durability: Durability) -> Result<TempDir> {
    let home = tempfile::Builder::new().prefix("home-").tempdir_in(dir)?;
    let config = format!(
        "[agent]\nmodel = \"bench/quick\"\n\n[providers.bench]\nkind = \"openai\"\nbase_url = \"{base_url}\"\n\n\
         [storage]\ndurability = \"{}\"\n\n[tools.exec]\nenabled = true\nsandbox = \"none\"\n",
        durability.word()
    );
    fs::write(home.path().join("config.toml"), config)?;
    Ok(home)
}

/// As a gateway runs it: one worker thread for each of two cores.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("no runtime")
}

pub(crate) async fn assistant(home: &Path) -> Result<Assistant> {
    let environment = Environment(BTreeMap::new());
    let config = load(&LoadInput::new(home.to_owned(), None, &environment))?.config;
    Ok(Builder::new(config, home.to_owned(), environment).build().await?.start())
}

/// One turn; anything but an answer is an error.
pub(crate) async fn say(assistant: &Assistant, session: &SessionKey, text: &str) -> Result<()> {
    let result = assistant.run(RunRequest::new(session.clone(), text)).await?;
    if result.error.is_some() || result.content != servers::quick::TEXT {
        bail!("instead of an answer: {} ({})", result.content, result.stop_reason);
    }
    Ok(())
}

pub(crate) fn session(name: impl Into<String>) -> SessionKey {
    SessionKey::new("library", "local", name)
}
