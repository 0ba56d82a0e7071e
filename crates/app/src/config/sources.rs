//! Where each value came from.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use serde_json::Value;

use super::{
    Config, ConfigError, KeyPath, Origin, Problem, SecretRef, SecretResolver, layers::Layer, locate::Places,
    suggest,
};
use crate::{Environment, observe::Redactor};

/// Where values came from, and the redactor that knows the secrets among them. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    pub(super) known: Arc<Known>,
    pub(super) redactor: Redactor,
}

/// What was learnt while loading.
#[derive(Default)]
pub(super) struct Known {
    pub(super) home: PathBuf,
    /// The file and the places in it, if there is one.
    pub(super) file: Option<(PathBuf, Places)>,
    /// The layer of each value, by its path.
    pub(super) layers: BTreeMap<KeyPath, Layer>,
    /// The variable behind each path that the environment sets.
    pub(super) variables: BTreeMap<KeyPath, String>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Sources {
    /// Where the value at `key` comes from; for a table, where the first value in it comes from.
    pub(super) fn origin(&self, key: &KeyPath) -> Origin {
        let known = &self.known;
        let below = || {
            let inside = |(path, _): &(&KeyPath, &Layer)| path.0.starts_with(&key.0);
            let found = known.layers.range(key.clone()..).take_while(inside);
            found.map(|(_, layer)| *layer).find(|layer| *layer != Layer::Default)
        };
        let layer = known.layers.get(key).copied().filter(|layer| *layer != Layer::Default).or_else(below);
        match layer {
            None | Some(Layer::Default) => Origin::Default,
            Some(Layer::File) => match &known.file {
                Some((path, places)) => Origin::File { path: path.clone(), line: places.line(key) },
                None => Origin::Default,
            },
            Some(Layer::Env) => match self.variable(key) {
                Some(variable) => Origin::Env { variable },
                None => Origin::Default,
            },
            Some(Layer::Flag) => Origin::Flag,
        }
    }

    fn variable(&self, key: &KeyPath) -> Option<String> {
        let variables = &self.known.variables;
        let above =
            std::iter::successors(Some(key.clone()), KeyPath::parent).find_map(|path| variables.get(&path));
        let below = || variables.iter().find(|(path, _)| path.0.starts_with(&key.0)).map(|(_, name)| name);
        above.or_else(below).cloned()
    }

    /// A problem with `key`. Says where the key stands; if nobody wrote it, where the nearest table around it does.
    pub(super) fn problem(&self, key: KeyPath, message: impl AsRef<str>, hint: Option<String>) -> Problem {
        let around = std::iter::successors(Some(key.clone()), KeyPath::parent);
        let sections = around.filter(|path| !path.0.is_empty());
        let written = sections.map(|path| self.origin(&path)).find(|origin| *origin != Origin::Default);
        let origin = written.unwrap_or_else(|| match &self.known.file {
            Some((path, _)) => Origin::File { path: path.clone(), line: None },
            None => Origin::Default,
        });
        let redact = |text: &str| self.redactor.redact(text).into_owned();
        Problem { key, origin, message: redact(message.as_ref()), hint: hint.map(|hint| redact(&hint)) }
    }
}

impl Config {
    /// Hides every secret of this configuration that is known so far: those written out, and those resolved.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.sources.redactor
    }

    /// Where the value at `key` (`providers.main.base_url`) comes from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.sources.origin(&KeyPath::parse(key))
    }

    /// A problem with `key` that was found later, by an adapter for instance, with the place where the key stands.
    #[must_use]
    pub fn problem(&self, key: &str, message: &str) -> Problem {
        let (message, hint) = suggest::from_serde(message);
        self.sources.problem(KeyPath::parse(key), message, hint)
    }

    /// The secret behind the reference at `key`. May run a program, and then blocks for up to 10 s.
    ///
    /// # Errors
    /// When there is none; names the key and the reference, never a value.
    pub fn resolve(
        &self,
        key: KeyPath,
        reference: &SecretRef,
        environment: &Environment,
    ) -> Result<SecretString, ConfigError> {
        let resolver = self.resolver(environment);
        resolver.resolve(reference).map_err(|error| self.sources.problem(key, error.to_string(), None).into())
    }

    /// The adapter's keys of `[SECTION.NAME]` (`providers` or `channels`) or of `[SECTION]` (`transcription` or `speech`), with
    /// the references under secret names (`headers.authorization`) replaced by their secrets.
    ///
    /// # Errors
    /// All references without a secret.
    pub fn resolve_table(&self, path: &KeyPath, environment: &Environment) -> Result<Value, ConfigError> {
        let names: Vec<&str> = path.0.iter().map(String::as_str).collect();
        let mut table = match names.as_slice() {
            ["providers", name] => self.providers.get(*name).map(super::ProviderSection::table),
            ["channels", name] => self.channels.get(*name).map(super::ChannelSection::table),
            ["transcription"] => Some(self.transcription.table()),
            ["speech"] => Some(self.speech.table()),
            _ => None,
        }
        .unwrap_or_default();
        let mut problems = Vec::new();
        each_secret(&mut table, path, &mut |path, text| {
            let resolved = SecretRef::parse(text).map_err(|error| error.to_string()).and_then(|reference| {
                self.resolver(environment).resolve(&reference).map_err(|error| error.to_string())
            });
            match resolved {
                Ok(secret) => *text = secrecy::ExposeSecret::expose_secret(&secret).to_owned(),
                Err(message) => problems.push(self.sources.problem(path.clone(), message, None)),
            }
        });
        if problems.is_empty() { Ok(table) } else { Err(ConfigError { problems }) }
    }

    fn resolver<'a>(&'a self, environment: &'a Environment) -> SecretResolver<'a> {
        let home: &Path = &self.sources.known.home;
        SecretResolver::new(environment, home, self.sources.redactor.clone())
    }
}

/// Calls `visit` with every text below `path` that stands under a name that speaks of a secret.
pub(super) fn each_secret(value: &mut Value, path: &KeyPath, visit: &mut dyn FnMut(&KeyPath, &mut String)) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                each_secret(value, &path.child(name.as_str()), visit);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter_mut().enumerate() {
                each_secret(value, &path.child(at.to_string()), visit);
            }
        }
        Value::String(text) if path.is_secret() => visit(path, text),
        _ => {}
    }
}
