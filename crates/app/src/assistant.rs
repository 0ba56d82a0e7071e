//! An assistant that is put together, and one that runs.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

use agent_core::{Core, Factotum, Vectors};
use futures_util::future::BoxFuture;
use providers::Registry;
use session_api::{StoreError, Stores};
use sqlite_store::SqliteStore;

use crate::{Environment, config::Config, provider_choice::Choice, tasks::Tasks};

/// An assistant that is put together and does not run yet.
pub struct App {
    pub(crate) factotum: Factotum,
    pub(crate) stores: Stores,
    pub(crate) vectors: Option<Arc<Vectors>>,
    pub(crate) tasks: Tasks,
    pub(crate) writer: Option<BoxFuture<'static, Result<(), StoreError>>>,
    pub(crate) database: Option<SqliteStore>,
    pub(crate) choice: Choice,
    pub(crate) workspace: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) config: Config,
    pub(crate) environment: Environment,
}

impl App {
    /// Starts the database's writer. From here on the assistant answers.
    #[must_use]
    pub fn start(self) -> Assistant {
        let Self {
            factotum,
            stores,
            vectors,
            tasks,
            writer,
            database,
            choice,
            workspace,
            home,
            config,
            environment,
        } = self;
        let writer = writer.map(|run| {
            #[expect(clippy::disallowed_methods, reason = "owned by Assistant, which awaits it in shutdown")]
            tokio::spawn(run)
        });
        Assistant {
            factotum,
            stores,
            vectors,
            tasks,
            writer,
            database,
            choice,
            workspace,
            home,
            config,
            environment,
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("home", &self.home).finish_non_exhaustive()
    }
}

/// A running assistant. It is a [`Factotum`]; end it with [`shutdown`](Self::shutdown).
#[derive(Debug)]
pub struct Assistant {
    factotum: Factotum,
    stores: Stores,
    vectors: Option<Arc<Vectors>>,
    tasks: Tasks,
    writer: Option<tokio::task::JoinHandle<Result<(), StoreError>>>,
    database: Option<SqliteStore>,
    choice: Choice,
    workspace: PathBuf,
    home: PathBuf,
    config: Config,
    environment: Environment,
}

impl Assistant {
    /// Waits for what runs, then for the database's writer.
    pub async fn shutdown(self) -> Result<(), StoreError> {
        let Self { factotum, stores, vectors, tasks, writer, database, .. } = self;
        factotum.end_compactions(crate::tasks::GRACE).await;
        tasks.end().await;
        // The writer ends with the last handle of the store.
        drop((factotum, stores, vectors, database));
        match writer {
            Some(writer) => match tokio::time::timeout(crate::tasks::GRACE, writer).await {
                Ok(Ok(ended)) => ended,
                Ok(Err(panicked)) => {
                    Err(StoreError::Unavailable { what: panicked.to_string(), source: None })
                }
                Err(_) => Err(StoreError::Unavailable {
                    what: "its writer did not end in time".into(),
                    source: None,
                }),
            },
            None => Ok(()),
        }
    }

    /// Why the default model is what it is.
    #[must_use]
    pub fn model_reason(&self) -> &str {
        &self.choice.reason
    }

    /// Where names become models; none where the embedding program brought models of its own.
    pub(crate) fn registry(&self) -> Option<&Arc<Registry>> {
        self.choice.registry.as_ref()
    }

    /// What gives texts their vectors; none where the configuration names no model for that.
    pub(crate) fn vectors(&self) -> Option<&Arc<Vectors>> {
        self.vectors.as_ref()
    }

    /// Puts another core in the place of the one that is there. Turns under way keep theirs.
    pub(crate) fn reload(&mut self, core: Core, choice: Choice) {
        self.factotum.swap_core(core);
        self.choice = choice;
    }

    /// The directory that the file tools work in.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// The configuration that it was made from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The assistant itself, without what was put together around it.
    #[must_use]
    pub fn factotum(&self) -> &Factotum {
        &self.factotum
    }

    pub(crate) fn stores(&self) -> &Stores {
        &self.stores
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The data directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The database, where there is one.
    #[must_use]
    pub fn database(&self) -> Option<&SqliteStore> {
        self.database.as_ref()
    }
}

impl Deref for Assistant {
    type Target = Factotum;

    fn deref(&self) -> &Factotum {
        &self.factotum
    }
}
