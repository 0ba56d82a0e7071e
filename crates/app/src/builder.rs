//! From a configuration to an assistant.

mod models;
mod vectors;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agent_core::{
    CaughtUp, Core, EventBus, Factotum, Hook, LearntPrompts, LocalBus, Models, Ports, PromptSource,
    ReadSkill, SkillSource, Speak, Transcriber, WithVectors, WithWorkingMemory, gateway::Channels,
};
use futures_util::future::BoxFuture;
use providers::Switchboard;
use schedule::Zones;
use secrecy::SecretString;
use session_api::{Clock, IdSource, KvStore, LeasePolicy, StoreError, Stores, WorkerId};
use sqlite_store::{Durability, OpenOptions, SqliteStore};
use tool_api::{AlwaysAsk, Approver, AskAfterOutside, Registry, Tool, ToolSource, Typed, TypedTool as _};
use tools::{Taint, Workspace};

use crate::{
    App, Assistant, Environment, SetupError, SetupProblem, SystemClock, SystemIds,
    config::{self, Config, LoadInput},
    notes::WorkspaceNotes,
    prompts::{Profiles, WorkspacePrompts},
    provider_choice::Choice,
    skills::SkillLibrary,
    tasks::Tasks,
};

/// Puts an assistant together. Every part has a default made from the configuration and can be replaced.
pub struct Builder {
    config: Config,
    home: PathBuf,
    environment: Environment,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    bus: Arc<dyn EventBus>,
    stores: Option<Stores>,
    models: Option<Models>,
    tools: Vec<Arc<dyn ToolSource>>,
    hooks: Vec<Arc<dyn Hook>>,
    approver: Option<Arc<dyn Approver>>,
    prompts: Option<Arc<dyn PromptSource>>,
    board: Option<Arc<Switchboard>>,
}

/// What a core works with.
struct Equipment {
    kv: Arc<dyn KvStore>,
    tools: Registry,
    skills: Arc<dyn SkillSource>,
    /// Where the profiles are, where there may be agents.
    profiles: Option<Workspace>,
}

/// The zones of this machine, and the user's among them.
pub(crate) fn zones(config: &Config) -> Zones {
    let configured = config.tools.timezone.clone();
    Zones::when_needed(move || {
        let local = configured.or_else(|| jiff::tz::TimeZone::system().iana_name().map(str::to_owned));
        (jiff::tz::db().clone(), local.unwrap_or_else(|| "UTC".into()))
    })
}

impl Builder {
    /// From the configuration file at `path`, or the usual one, and the process's environment.
    pub fn from_config(path: Option<&Path>) -> Result<Self, SetupError> {
        let environment = Environment::of_process();
        let home = environment.home().ok_or(SetupProblem::NoHome)?;
        let input = LoadInput::new(home.clone(), path.map(Path::to_owned), &environment);
        let config = crate::config::load(&input)?.config;
        Ok(Self::new(config, home, environment))
    }

    /// From a configuration that was loaded before. `home` is the data directory.
    #[must_use]
    pub fn new(config: Config, home: PathBuf, environment: Environment) -> Self {
        Self {
            config,
            home,
            environment,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(SystemIds),
            bus: Arc::new(LocalBus::default()),
            stores: None,
            models: None,
            tools: Vec::new(),
            hooks: Vec::new(),
            approver: None,
            prompts: None,
            board: None,
        }
    }

    /// Another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of ids.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// Other stores; no database is opened then.
    #[must_use]
    pub fn stores(mut self, stores: Stores) -> Self {
        self.stores = Some(stores);
        self
    }

    /// Other models; no provider is set up from the configuration then.
    #[must_use]
    pub fn models(mut self, models: Models) -> Self {
        self.models = Some(models);
        self
    }

    /// More tools. Their names must differ from the built-in ones.
    #[must_use]
    pub fn tools(mut self, source: Arc<dyn ToolSource>) -> Self {
        self.tools.push(source);
        self
    }

    /// A hook for every run.
    #[must_use]
    pub fn hook(mut self, hook: Arc<dyn Hook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Another judge of tool calls.
    #[must_use]
    pub fn approver(mut self, approver: Arc<dyn Approver>) -> Self {
        self.approver = Some(approver);
        self
    }

    /// Other instructions.
    #[must_use]
    pub fn prompts(mut self, prompts: Arc<dyn PromptSource>) -> Self {
        self.prompts = Some(prompts);
        self
    }

    /// Checks everything and reports all problems at once. Opens the database and the workspace; starts nothing.
    pub async fn build(mut self) -> Result<App, SetupError> {
        let mut problems: Vec<SetupProblem> = Vec::new();
        // Whatever the environment holds under a name that speaks of a secret shall not be seen in a log.
        for (name, value) in self.environment.0.iter().filter(|(name, _)| config::names_a_secret(name)) {
            tracing::trace!(name, "hidden from the log");
            self.config.redactor().add(&SecretString::from(value.as_str()));
        }
        let choice = self.choice(&mut problems).await;
        let transcriber = self.transcriber(&mut problems);
        let embedder = self.embedder(&mut problems);
        let workspace_dir = self.config.workspace(&self.home);
        let workspace = match crate::workspace::make_home(&self.home)
            .and_then(|()| std::fs::create_dir_all(&workspace_dir))
            .map_err(|error| SetupProblem::Folder(workspace_dir.clone(), error))
        {
            Ok(()) => Workspace::open(&workspace_dir).map_err(SetupProblem::from),
            Err(problem) => Err(problem),
        };
        let workspace = workspace.map_err(|problem| problems.push(problem)).ok();
        let worker = WorkerId::new(self.ids.as_ref());
        let mut writer: Option<BoxFuture<'static, Result<(), StoreError>>> = None;
        let mut database = None;
        let stores = match self.stores.take() {
            Some(stores) => Some(stores),
            // Nothing is opened, and so nothing is made, for a configuration that cannot run.
            None if problems.is_empty() => match self.open(worker).await {
                Ok((store, run)) => {
                    writer = Some(run);
                    database = Some(store.clone());
                    Some(Stores::of(Arc::new(store)))
                }
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            },
            None => None,
        };
        let vectors = match (&stores, embedder) {
            (Some(stores), Some(embedder)) => Some(self.vectors(stores, embedder)),
            _ => None,
        };
        // Whoever searches finds what was said and noted until then.
        let stores = stores.map(|stores| {
            let files = Arc::new(WorkspaceNotes { workspace: workspace_dir.clone() });
            let memory = match &vectors {
                Some(vectors) => Arc::new(WithVectors::new(stores.memory.clone(), vectors.clone())),
                None => stores.memory.clone(),
            };
            Stores { memory: Arc::new(CaughtUp::new(memory, files)), ..stores }
        });
        let equipment = match (&workspace, &stores) {
            (Some(workspace), Some(stores)) => self.equipment(workspace.clone(), stores, &mut problems),
            _ => None,
        };
        let (Some(choice), Some(stores), Some(equipment)) = (choice, stores, equipment) else {
            return Err(SetupError(problems));
        };
        // A problem that stands in nobody's way so far, such as that of the transcription.
        if !problems.is_empty() {
            return Err(SetupError(problems));
        }
        let core = self.core(&choice, equipment, transcriber);
        let tasks = Tasks::default();
        let ports = Ports {
            stores: stores.clone(),
            clock: self.clock,
            ids: self.ids,
            bus: self.bus,
            spawn: Arc::new(tasks.clone()),
            channels: Channels::default(),
            redact: Arc::new(self.config.redactor().clone()),
            worker,
            lease_ttl: LeasePolicy::default().ttl,
        };
        Ok(App {
            factotum: Factotum::new(ports, core),
            stores,
            vectors,
            tasks,
            writer,
            database,
            choice,
            workspace: workspace_dir,
            home: self.home,
            config: self.config,
            environment: self.environment,
        })
    }

    /// The core alone, for an assistant that runs already: what a reload puts in its place.
    pub(crate) async fn build_core(
        mut self,
        running: &Assistant,
    ) -> Result<(Core, Config, Choice), SetupError> {
        let mut problems = Vec::new();
        let stores = running.stores();
        self.board = running.registry().map(|registry| registry.board().clone());
        let choice = self.choice(&mut problems).await;
        let transcriber = self.transcriber(&mut problems);
        let workspace = Workspace::open(&self.config.workspace(&self.home)).map_err(SetupProblem::from);
        let workspace = workspace.map_err(|problem| problems.push(problem)).ok();
        let equipment = workspace.and_then(|workspace| self.equipment(workspace, stores, &mut problems));
        match (choice, equipment) {
            (Some(choice), Some(equipment)) if problems.is_empty() => {
                Ok((self.core(&choice, equipment, transcriber), self.config, choice))
            }
            _ => Err(SetupError(problems)),
        }
    }

    fn core(&mut self, choice: &Choice, parts: Equipment, transcriber: Option<Arc<dyn Transcriber>>) -> Core {
        let Equipment { kv, tools, skills, profiles } = parts;
        let scopes = crate::scopes::scopes(&self.config.tools);
        for line in scopes.without_effect(&tools.names().collect::<Vec<_>>()) {
            tracing::warn!("{line}");
        }
        let agent = &self.config.agent;
        let workspace = self.config.workspace(&self.home);
        let always = AlwaysAsk(agent.ask.clone());
        let approver = self.approver.take().unwrap_or_else(|| match self.config.tools.taint {
            Taint::Ask => Arc::new(AskAfterOutside(always)),
            Taint::Off => Arc::new(always),
        });
        let names = tools.names().map(str::to_owned).collect();
        let profiles = profiles.map(|workspace| Profiles { workspace, tools: names });
        let prompts = self
            .prompts
            .take()
            .unwrap_or_else(|| Arc::new(WorkspacePrompts { workspace, skills: skills.clone(), profiles }));
        let prompts = Arc::new(LearntPrompts::new(prompts, kv.clone()));
        let prompts = Arc::new(WithWorkingMemory::new(prompts, kv));
        // That the name means something was checked with the choice, unless the models came from elsewhere.
        let summariser = self.config.compaction.model.as_deref().and_then(|name| {
            let unknown =
                |error| tracing::warn!(name, %error, "the conversation's own model writes summaries");
            choice.models.resolve(name).map_err(unknown).ok()
        });
        Core {
            models: choice.models.clone(),
            tools,
            approver,
            hooks: std::mem::take(&mut self.hooks),
            prompts,
            skills,
            scopes,
            transcriber,
            verify: agent.verify.into(),
            limits: agent.limits,
            caps: self.config.spending.caps(),
            budget: agent.budget,
            compaction: self.config.compaction.compaction(summariser),
            effort: agent.effort,
            approval_expiry: Duration::from_secs(u64::from(agent.approval_minutes) * 60),
            zones: zones(&self.config),
            autonomy: self.config.autonomy(),
        }
    }

    async fn open(
        &self,
        worker: WorkerId,
    ) -> Result<(SqliteStore, BoxFuture<'static, Result<(), StoreError>>), SetupProblem> {
        let mut options = OpenOptions::new(&self.home, worker);
        options.durability = match self.config.storage.durability {
            crate::config::Durability::Power => Durability::Power,
            crate::config::Durability::Process => Durability::Process,
        };
        let (store, writer) = SqliteStore::open(options, self.clock.clone(), self.ids.clone()).await?;
        Ok((store, Box::pin(writer.run())))
    }

    fn equipment(
        &self,
        workspace: Workspace,
        stores: &Stores,
        problems: &mut Vec<SetupProblem>,
    ) -> Option<Equipment> {
        let (kv, blobs) = (stores.kv.clone(), stores.blobs.clone());
        let agents = self.config.agents.tools(stores, &self.clock, &self.ids, &workspace);
        let known = agents.as_ref().map(|agents| agents.known.clone()).unwrap_or_default();
        let profiles = agents.is_some().then(|| workspace.clone());
        let deps = tools::Deps {
            workspace: workspace.clone(),
            kv,
            blobs,
            ids: self.ids.clone(),
            jobs: stores.jobs.clone(),
            memory: stores.memory.clone(),
            sessions: stores.sessions.clone(),
            zones: zones(&self.config),
            agents,
        };
        let built_in = match tools::register(&self.config.tools, deps) {
            Ok(built_in) => built_in,
            Err(error) => {
                problems.push(error.into());
                return None;
            }
        };
        let mut sources: Vec<Arc<dyn ToolSource>> = vec![Arc::new(built_in)];
        sources.extend(self.tools.iter().cloned());
        let mut names: Vec<String> =
            sources.iter().flat_map(|source| source.tools()).map(|tool| tool.spec().name.clone()).collect();
        names.push(ReadSkill::NAME.into());
        let skills: Arc<dyn SkillSource> =
            Arc::new(SkillLibrary::new(workspace, self.environment.clone(), names));
        let mut of_core: Vec<Arc<dyn Tool>> =
            vec![Arc::new(Typed::new(ReadSkill { skills: skills.clone() }))];
        if let Some(speaker) = self.speaker(problems) {
            let (blobs, ids) = (stores.blobs.clone(), self.ids.clone());
            of_core.push(Arc::new(Typed::new(Speak { speaker, blobs, ids })));
        }
        sources.push(Arc::new(of_core));
        match Registry::new(&sources) {
            Ok(tools) => {
                known.get_or_init(|| tools.names().map(str::to_owned).collect());
                Some(Equipment { kv: stores.kv.clone(), tools, skills, profiles })
            }
            Err(duplicates) => {
                problems.extend(duplicates.into_iter().map(Into::into));
                None
            }
        }
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("home", &self.home).finish_non_exhaustive()
    }
}
