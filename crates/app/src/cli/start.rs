//! What every command starts with.

use std::{future::Future, path::PathBuf, sync::Arc};

use providers::Registry;

use super::{args::Global, error::CliError};
use crate::{
    Assistant, Builder, Environment, SetupProblem,
    config::{LoadInput, Loaded, Origin},
    failpoint::Failpoint,
    observe,
};

/// The environment, the places, and the runtime.
pub(super) struct Start {
    pub(super) environment: Environment,
    pub(super) home: PathBuf,
    pub(super) config_path: Option<PathBuf>,
    verbose: u8,
}

/// A running assistant.
pub(super) struct Running {
    pub(super) assistant: Assistant,
}

/// Whether somebody wants a log who did not say so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Always,
    Sometimes,
}

impl Start {
    pub(super) fn new(global: Global) -> Result<Self, CliError> {
        let environment = Environment::of_process();
        let home = global
            .home
            .or_else(|| environment.home())
            .ok_or(crate::SetupError::from(SetupProblem::NoHome))?;
        Ok(Self { environment, home, config_path: global.config, verbose: global.verbose })
    }

    pub(super) fn load_input(&self) -> LoadInput<'_> {
        LoadInput::new(self.home.clone(), self.config_path.clone(), &self.environment)
    }

    pub(super) fn load(&self) -> Result<Loaded, CliError> {
        Ok(crate::config::load(&self.load_input())?)
    }

    /// An assistant with the configuration as it stands, started.
    pub(super) async fn assistant(&self) -> Result<Running, CliError> {
        self.assistant_with(|builder| builder).await
    }

    /// As [`assistant`](Self::assistant), with the log in a file where nothing else is configured: its lines would
    /// stand in the middle of a conversation.
    pub(super) async fn conversation(&self) -> Result<Running, CliError> {
        let mut loaded = self.load()?;
        loaded.config.log.file.get_or_insert_with(|| "agent.log".into());
        self.begin(loaded, Asked::Sometimes, |builder| builder).await
    }

    /// The assistant of a gateway.
    pub(super) async fn gateway(&self) -> Result<Running, CliError> {
        let mut loaded = self.load()?;
        loaded.config.fit_gateway();
        self.begin(loaded, Asked::Always, |builder| builder).await
    }

    /// As [`assistant`](Self::assistant), with changes.
    pub(super) async fn assistant_with(
        &self,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Result<Running, CliError> {
        self.begin(self.load()?, Asked::Sometimes, change).await
    }

    /// What names of models can mean, and the name of the default. Nothing else is built, so that nothing else can be in the way.
    pub(super) async fn known_models(&self) -> Result<(Arc<Registry>, String), CliError> {
        let builder = self.builder(self.load()?, Asked::Sometimes)?;
        Ok(builder.known_models().await?)
    }

    async fn begin(
        &self,
        loaded: Loaded,
        asked: Asked,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Result<Running, CliError> {
        let builder = self.builder(loaded, asked)?;
        Ok(Running { assistant: change(builder).build().await?.start() })
    }

    /// The builder for this configuration, with the log running.
    fn builder(&self, loaded: Loaded, asked: Asked) -> Result<Builder, CliError> {
        let filter = self.environment.get("FACTOTUM_LOG");
        let log = &loaded.config.log;
        // A command says itself what went wrong; warnings on the same screen would say it twice. Whoever names a level
        // or a file gets them.
        let unasked = asked == Asked::Sometimes
            && filter.is_none()
            && log.file.is_none()
            && loaded.config.origin("log.level") == Origin::Default;
        let input = observe::LogInput {
            config: log,
            home: &self.home,
            verbosity: observe::Verbosity { verbose: self.verbose, quiet: self.verbose == 0 && unasked },
            filter,
            colors: self.environment.get("NO_COLOR").is_none(),
            redactor: loaded.config.redactor(),
        };
        let failpoint = self.environment.get("FACTOTUM_FAILPOINT").map(Failpoint::parse).transpose();
        match observe::init(&input, failpoint.map_err(CliError::Input)?) {
            // `doctor` and `status` may start twice.
            Ok(()) | Err(observe::LogError::Twice) => {}
            Err(error) => return Err(CliError::Failed(error.to_string())),
        }
        for warning in &loaded.warnings {
            tracing::warn!("configuration: {warning}");
        }
        Ok(Builder::new(loaded.config, self.home.clone(), self.environment.clone()))
    }

    /// Runs a command that does many things at once.
    pub(super) fn block_on_many<T>(
        &self,
        command: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.clamp(1, 4))
            .enable_all()
            .build()?;
        let result = runtime.block_on(command);
        runtime.shutdown_background();
        result
    }

    /// Runs a command on a small runtime: one thread suffices for one conversation, and starts fastest.
    pub(super) fn block_on<T>(
        &self,
        command: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(command);
        // A read of the terminal that nobody answered must not keep the process; everything else has ended.
        runtime.shutdown_background();
        result
    }
}

impl Running {
    /// Ends the assistant; an error of the command itself counts more than one of the end.
    pub(super) async fn end<T>(self, result: Result<T, CliError>) -> Result<T, CliError> {
        let ended = self.assistant.shutdown().await;
        let value = result?;
        ended?;
        Ok(value)
    }
}
