//! The one place that turns the name of a model into a provider that is ready to be asked.
//!
//! `find` says where a model is to be had, `error` why it is not, `settings` is what the configuration says. A name means,
//! in this order:
//!
//! 1. `offline`: the provider without a model;
//! 2. `NAME/MODEL` and `NAME` of a configured provider; `NAME` alone means the first model that its server lists;
//! 3. `VENDOR/MODEL` and `VENDOR` of the [table](crate::table);
//! 4. a model of the default provider, unless its server is one of a vendor that has no such model;
//! 5. a model that one of the vendors with a key has.

mod directory;
mod error;
mod find;
mod settings;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use agent_core::{ChosenModel, LlmProvider, RetryingProvider, TokenUsage};
use parking_lot::Mutex;
use serde::Serialize;
use session_api::{Clock, Effort};

pub use error::{Part, RegistryError};
pub use settings::{Preset, ProviderSettings, Settings};

use crate::{
    layers::{
        BreakingProvider, FailoverProvider, FirstModelProvider, JustInTimeProvider, Link,
        RateLimitedProvider, TextToolsProvider,
    },
    switchboard::{Line, Switchboard},
    table::{self, Price},
};

/// Most names that are remembered: people make new ones up, with `/model`.
const MOST_NAMES: usize = 256;

/// Longest chain: more would be asked one after the other while somebody waits.
const LONGEST_CHAIN: usize = 8;

/// Turns names into models, by one configuration. What belongs to servers is in its [`Switchboard`], which outlives it.
pub struct Registry {
    settings: Settings,
    board: Arc<Switchboard>,
    /// Those made so far, by name and by whether their models take images.
    made: Mutex<BTreeMap<(String, bool), Made>>,
    /// What names came to, up to [`MOST_NAMES`]: each turn asks again, and it means the same for as long as the settings live.
    ready: Mutex<HashMap<String, Ready>>,
}

/// A provider, made once.
#[derive(Clone)]
struct Made {
    /// Without layers.
    bare: Arc<dyn LlmProvider>,
    /// With its own layers, waiting for its turn.
    patient: Arc<dyn LlmProvider>,
    /// As that, for one that has another one behind it.
    hasty: Arc<dyn LlmProvider>,
}

impl Made {
    fn new(
        bare: Arc<dyn LlmProvider>,
        found: &find::Found,
        line: Option<&Line>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        // Without a server there is nothing to be careful with.
        let Some(line) = line else {
            return Self { patient: bare.clone(), hasty: bare.clone(), bare };
        };
        let own = table::is_own(found.target.vendor.and_then(table::vendor));
        let spoken: Arc<dyn LlmProvider> = Arc::new(TextToolsProvider::new(bare.clone(), found.tools, own));
        let spoken: Arc<dyn LlmProvider> = if found.just_in_time {
            Arc::new(JustInTimeProvider::new(spoken, line.gate.clone(), clock.clone()))
        } else {
            spoken
        };
        let guarded = |patient: bool| -> Arc<dyn LlmProvider> {
            let limited = RateLimitedProvider::new(spoken.clone(), line.rate.clone(), clock.clone(), patient);
            let breaking = BreakingProvider::new(Arc::new(limited), line.breaker.clone(), clock.clone());
            Arc::new(FirstModelProvider::new(Arc::new(breaking)))
        };
        Self { patient: guarded(true), hasty: guarded(false), bare }
    }
}

/// A model that is ready to be asked.
#[derive(Clone)]
pub struct Ready {
    /// The provider with all its layers; goes by the name of the first of `chain`.
    pub provider: Arc<dyn LlmProvider>,
    /// The model, as the provider names it.
    pub model: String,
    /// Who is asked, in this order.
    pub chain: Vec<Target>,
    /// How hard it is to think, where a preset says so.
    pub effort: Option<Effort>,
}

/// Where a model is to be had, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The provider's name.
    pub provider: String,
    /// Its kind.
    pub kind: String,
    /// The model there.
    pub model: String,
    /// The server: host and port; empty where there is none.
    pub server: String,
    /// The vendor at that address, where it is one that is known.
    pub vendor: Option<&'static str>,
    /// The most tokens that a request may hold, where that is known.
    pub context: Option<u32>,
    /// Whether it takes images, where that is known.
    pub images: Option<bool>,
    /// What it costs, where that is known.
    pub price: Option<Price>,
}

impl Ready {
    /// For a [`Core`](agent_core::Core).
    #[must_use]
    pub fn chosen(&self) -> ChosenModel {
        let behind = self.chain.iter().skip(1).map(|target| (target.provider.clone(), target.model.clone()));
        ChosenModel {
            behind: behind.collect(),
            effort: self.effort,
            ..ChosenModel::new(self.provider.clone(), &self.model)
        }
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry for this configuration. Touches no network and makes no provider yet.
    #[must_use]
    pub fn new(settings: Settings, board: Arc<Switchboard>) -> Self {
        Self { settings, board, made: Mutex::default(), ready: Mutex::default() }
    }

    /// The model of this name, with the usual ones behind it.
    ///
    /// # Errors
    /// [`RegistryError`], which says what to do.
    pub fn model(&self, name: &str) -> Result<Ready, RegistryError> {
        if let Some(ready) = self.ready.lock().get(name) {
            return Ok(ready.clone());
        }
        let ready = self.ready(name, &self.settings.fallback)?;
        let mut names = self.ready.lock();
        if names.len() < MOST_NAMES {
            names.insert(name.to_owned(), ready.clone());
        }
        Ok(ready)
    }

    /// The model of this preset, with those behind it that the preset names.
    ///
    /// # Errors
    /// [`RegistryError`], which says what to do.
    pub fn preset(&self, name: &str) -> Result<Ready, RegistryError> {
        let Some(preset) = self.settings.presets.get(name.trim()) else {
            let known = self.settings.presets.keys().cloned().collect();
            return Err(RegistryError::NoPreset { name: name.to_owned(), known });
        };
        let fallback = preset.fallback.as_ref().unwrap_or(&self.settings.fallback);
        Ok(Ready { effort: preset.effort, ..self.ready(&preset.model, fallback)? })
    }

    /// The model or preset of this name with `main` behind it, and behind that the usual ones; a preset with a fallback of its
    /// own keeps that.
    ///
    /// # Errors
    /// [`RegistryError`], which says what to do.
    pub fn in_front_of(&self, name: &str, main: &str) -> Result<Ready, RegistryError> {
        match self.settings.presets.get(name.trim()) {
            Some(preset) if preset.fallback.is_some() => self.preset(name),
            preset => {
                let mut behind = vec![main.to_owned()];
                behind.extend(self.settings.fallback.iter().cloned());
                let ready = self.ready(preset.map_or(name, |preset| &preset.model), &behind)?;
                Ok(Ready { effort: preset.and_then(|preset| preset.effort), ..ready })
            }
        }
    }

    /// The model of this name, or of the preset of this name, with nobody behind it.
    ///
    /// # Errors
    /// [`RegistryError`], which says what to do.
    pub fn alone(&self, name: &str) -> Result<Ready, RegistryError> {
        let preset = self.settings.presets.get(name.trim());
        let ready = self.ready(preset.map_or(name, |preset| &preset.model), &[])?;
        Ok(Ready { effort: preset.and_then(|preset| preset.effort), ..ready })
    }

    /// Whether there is a preset of this name.
    #[must_use]
    pub fn is_preset(&self, name: &str) -> bool {
        self.settings.presets.contains_key(name.trim())
    }

    /// Where the model of this name is to be had, without making anything of it.
    ///
    /// # Errors
    /// [`RegistryError`], which says what to do.
    pub fn resolve(&self, name: &str) -> Result<Target, RegistryError> {
        self.find(name).map(|found| found.target)
    }

    /// Every model that is known to be had with the keys at hand, those of configured providers first. Where a server may have
    /// any, [`FIRST`](crate::layers::FIRST) stands for them.
    #[must_use]
    pub fn known(&self) -> Vec<Target> {
        self.everything().into_iter().filter_map(|name| self.resolve(&name).ok()).collect()
    }

    /// Makes every configured provider and every preset once, to find out what is wrong with them. Touches no network.
    #[must_use]
    pub fn check(&self) -> Vec<RegistryError> {
        let providers = self.settings.providers.keys().filter_map(|name| self.bare(name).err());
        let presets = self.settings.presets.keys().filter_map(|name| self.preset(name).err());
        let fallback = self.settings.fallback.iter().filter_map(|name| {
            let wrong = |source| RegistryError::Fallback { name: name.clone(), source: Box::new(source) };
            self.bare(name).err().map(wrong)
        });
        providers.chain(presets).chain(fallback).collect()
    }

    /// What a call costs, in millionths of a US dollar; `None` where nobody knows the price. `provider` and `model` are as a
    /// bill has them: the name of the provider that answered, and the model that it said had.
    #[must_use]
    pub fn cost(&self, provider: &str, model: &str, usage: &TokenUsage) -> Option<u64> {
        self.price(provider, model).map(|price| price.of(usage))
    }

    /// The price behind [`cost`](Self::cost).
    #[must_use]
    pub fn price(&self, provider: &str, model: &str) -> Option<Price> {
        match self.settings.providers.get(provider) {
            Some(section) => find::price(section, model),
            None if provider == find::OFFLINE => Some(Price::FREE),
            None => table::of(table::vendor(provider)?, model).price(),
        }
    }

    /// How all servers are doing that were set up so far.
    #[must_use]
    pub fn board(&self) -> &Arc<Switchboard> {
        &self.board
    }

    /// The provider of a model without any layer, for a question that must show what the server itself says.
    pub(crate) fn bare(&self, name: &str) -> Result<(Arc<dyn LlmProvider>, Target), RegistryError> {
        let found = self.find(name)?;
        let made = self.make(&found)?;
        Ok((made.bare, found.target))
    }

    fn ready(&self, name: &str, fallback: &[String]) -> Result<Ready, RegistryError> {
        let first = self.find(name)?;
        let mut chain = vec![(self.make(&first)?, first.target)];
        for name in fallback {
            let wrong = |source| RegistryError::Fallback { name: name.clone(), source: Box::new(source) };
            let found = self.find(name).map_err(wrong)?;
            let same = |(_, target): &(Made, Target)| {
                target.provider == found.target.provider && target.model == found.target.model
            };
            if chain.len() < LONGEST_CHAIN && !chain.iter().any(same) {
                chain.push((self.make(&found).map_err(wrong)?, found.target));
            }
        }
        let last = chain.len() - 1;
        let mut links = chain.iter().enumerate().map(|(index, (made, target))| Link {
            provider: if index == last { made.patient.clone() } else { made.hasty.clone() },
            model: (index > 0).then(|| target.model.clone()),
        });
        let model = chain[0].1.model.clone();
        let clock = &self.board.clock;
        let provider: Arc<dyn LlmProvider> = match links.next() {
            Some(first) if last > 0 => Arc::new(FailoverProvider::new(first, links.collect(), clock.clone())),
            Some(only) => only.provider,
            None => chain[0].0.patient.clone(),
        };
        let provider = Arc::new(RetryingProvider::new(
            provider,
            self.settings.retry,
            clock.clone(),
            self.board.ids.clone(),
        ));
        let chain = chain.into_iter().map(|(_, target)| target).collect();
        Ok(Ready { provider, model, chain, effort: None })
    }

    /// The provider of a found model, made at its first use.
    fn make(&self, found: &find::Found) -> Result<Made, RegistryError> {
        let id = (found.target.provider.clone(), found.target.images.unwrap_or(true));
        if let Some(made) = self.made.lock().get(&id) {
            return Ok(made.clone());
        }
        let (name, kind) = (&found.target.provider, &found.target.kind);
        let clients = self.board.clients();
        let bare = crate::setup::build_sharing(name, kind, found.table.clone(), found.key.clone(), clients)?;
        let line = (!found.target.server.is_empty()).then(|| {
            let key = found.key.as_ref();
            self.board.line(name, &found.target.server, key, self.settings.breaker, found.rate)
        });
        let made = Made::new(bare, found, line.as_deref(), &self.board.clock);
        self.made.lock().insert(id, made.clone());
        Ok(made)
    }
}
