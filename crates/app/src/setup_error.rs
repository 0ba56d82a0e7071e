//! Why an assistant cannot be put together.

use std::fmt;

use sqlite_store::OpenError;

use crate::{config::ConfigError, exit};

/// One thing in the way.
#[derive(Debug, thiserror::Error)]
pub enum SetupProblem {
    /// The configuration.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A provider's section.
    #[error("{0}")]
    Provider(#[from] providers::ProviderSetupError),
    /// The section `[tools]`.
    #[error("{0}")]
    Tools(#[from] tools::ToolsError),
    /// Two tools have one name.
    #[error("{0}")]
    Duplicate(#[from] tool_api::DuplicateTool),
    /// The choice of a model.
    #[error("{0}")]
    Model(String),
    /// The workspace.
    #[error("{0}")]
    Workspace(#[from] tools::WorkspaceError),
    /// A folder that cannot be made.
    #[error("the folder {} cannot be made: {}", .0.display(), .1)]
    Folder(std::path::PathBuf, std::io::Error),
    /// The database.
    #[error("{0}")]
    Storage(#[from] OpenError),
    /// There is no data directory.
    #[error("there is no data directory: set FACTOTUM_HOME, or HOME")]
    NoHome,
}

/// Everything in the way, all at once.
#[derive(Debug)]
pub struct SetupError(pub Vec<SetupProblem>);

impl SetupError {
    /// The exit code for it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let storage = |problem: &SetupProblem| {
            matches!(
                problem,
                SetupProblem::Storage(_)
                    | SetupProblem::Workspace(_)
                    | SetupProblem::Folder(..)
                    | SetupProblem::NoHome
            )
        };
        if self.0.iter().all(storage) { exit::STORAGE } else { exit::CONFIG }
    }
}

impl<P: Into<SetupProblem>> From<P> for SetupError {
    fn from(problem: P) -> Self {
        Self(vec![problem.into()])
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(with_causes).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// The problem and what caused it, as far as its own words do not say so already.
fn with_causes(problem: &SetupProblem) -> String {
    let mut text = problem.to_string();
    let mut cause = std::error::Error::source(problem);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

impl std::error::Error for SetupError {}
