//! Loads a configuration.

use std::{fmt, path::PathBuf, sync::Arc};

use serde_json::Value;

use super::{
    Config, ConfigError, KeyPath, Origin, Problem, SecretRef, adapters,
    check::check,
    file,
    layers::{Tree, from_environment, merge},
    locate::Places,
    rules, schema,
    sources::{Known, Sources, each_secret},
    suggest,
};
use crate::{Environment, observe::Redactor};

/// Most problems that are reported one by one. A file that is no configuration at all has thousands.
const MOST: usize = 100;

/// Where a configuration comes from.
#[derive(Debug, Clone)]
pub struct LoadInput<'a> {
    /// The data directory.
    pub home: PathBuf,
    /// The file that a flag named. It must exist then.
    pub explicit: Option<PathBuf>,
    /// The environment.
    pub environment: &'a Environment,
    /// What flags say, as an object in the shape of the file: `{"agent": {"model": "main/large"}}`.
    pub flags: Value,
}

impl<'a> LoadInput<'a> {
    /// Without flags.
    #[must_use]
    pub fn new(home: PathBuf, explicit: Option<PathBuf>, environment: &'a Environment) -> Self {
        Self { home, explicit, environment, flags: Value::Null }
    }

    /// With what flags say.
    #[must_use]
    pub fn flags(mut self, flags: Value) -> Self {
        self.flags = flags;
        self
    }
}

/// A configuration that makes sense.
#[derive(Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is odd and does no harm.
    pub warnings: Vec<Problem>,
    /// The file, whether it exists or not.
    pub path: PathBuf,
    /// Whether the file exists.
    pub exists: bool,
    /// The merged values as they were written, for `config show`.
    pub(super) tree: Value,
}

impl fmt::Debug for Loaded {
    /// Without the values as they were written: secrets are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("config", &self.config)
            .field("warnings", &self.warnings)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Merges the layers and checks them. Reads one file and nothing else; runs nothing; secrets stay references.
///
/// # Errors
/// Everything that is wrong, all at once.
pub fn load(input: &LoadInput<'_>) -> Result<Loaded, ConfigError> {
    let (path, must_exist) = file::place(input);
    let text = file::read(&path, must_exist)?;
    let schema = schema();
    let mut from_env = from_environment(input.environment, &schema);
    let variables = std::mem::take(&mut from_env.variables);
    let strangers = std::mem::take(&mut from_env.strangers);
    let Tree { value: mut tree, layers } = merge(text.as_deref(), from_env, &input.flags)
        .map_err(|otherwise| file::syntax(&path, text.as_deref().unwrap_or_default(), &otherwise))?;

    let exists = text.is_some();
    let file = text.map(|text| (path.clone(), Places::new(text)));
    let known = Known { home: input.home.clone(), file, layers, variables };
    let sources = Sources { known: Arc::new(known), redactor: Redactor::default() };
    // Before any message is made, so that none can hold a secret that is written out.
    each_secret(&mut tree, &KeyPath::default(), &mut |_, text| {
        if let Ok(SecretRef::Literal(secret)) = SecretRef::parse(text) {
            sources.redactor.add(&secret);
        }
    });

    let mut findings = check(&schema, &tree);
    findings.extend(rules::errors(&tree));
    let said = adapters::ask(&tree);
    findings.extend(said.errors);
    let problem =
        |finding: super::check::Finding| sources.problem(finding.key, finding.message, finding.hint);
    let more = findings.len().saturating_sub(MOST);
    let mut problems: Vec<Problem> = findings.into_iter().take(MOST).map(problem).collect();
    let config = if problems.is_empty() { read(&tree, &sources, &mut problems) } else { None };
    let Some(mut config) = config else { return Err(sorted(problems, more)) };
    rules::expand(&mut config, input.environment);

    let odd = rules::warnings(&tree).into_iter().chain(said.warnings);
    let mut warnings: Vec<Problem> = odd.map(problem).collect();
    warnings.extend(strangers.into_iter().map(stranger));
    config.sources = sources;
    Ok(Loaded { config, warnings, path, exists, tree })
}

/// The last step: the checks above leave little for serde to find.
fn read(tree: &Value, sources: &Sources, problems: &mut Vec<Problem>) -> Option<Config> {
    match serde_path_to_error::deserialize(tree) {
        Ok(config) => Some(config),
        Err(error) => {
            let path = error.path().to_string();
            let key = KeyPath::parse(if path == "." { "" } else { &path });
            let (message, hint) = suggest::from_serde(&error.inner().to_string());
            // serde quotes what it found.
            let message = if key.is_hidden() { "has a value of the wrong form".to_owned() } else { message };
            problems.push(sources.problem(key, message, hint));
            None
        }
    }
}

fn sorted(mut problems: Vec<Problem>, more: usize) -> ConfigError {
    let place = |problem: &Problem| match &problem.origin {
        Origin::File { line, .. } => (0, line.unwrap_or(usize::MAX)),
        Origin::Default => (1, 0),
        Origin::Env { .. } => (2, 0),
        Origin::Flag => (3, 0),
    };
    problems.sort_by_key(place);
    problems.dedup();
    if more > 0 {
        let message = format!("and {more} more problems");
        let (key, origin, hint) = (KeyPath::default(), Origin::Default, None);
        problems.push(Problem { key, origin, message, hint });
    }
    ConfigError { problems }
}

fn stranger(variable: String) -> Problem {
    let hint = "keys are written FACTOTUM_SECTION__KEY, with two underscores between levels".to_owned();
    Problem {
        key: KeyPath::default(),
        origin: Origin::Env { variable },
        message: "means nothing here and is ignored".to_owned(),
        hint: Some(hint),
    }
}
