//! The only place that reads the environment.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The environment as it was at the start. Variables that are not UTF-8 are left out.
#[derive(Debug, Clone, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// The process's own.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(utf8).collect())
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The data directory: `FACTOTUM_HOME`, else `.factotum` in the user's home.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        let own = self.get("FACTOTUM_HOME").map(PathBuf::from);
        own.or_else(|| self.get("HOME").map(|home| Path::new(home).join(".factotum")))
    }
}
