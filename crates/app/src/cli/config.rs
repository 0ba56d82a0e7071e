//! `factotum config check|show|schema`.

use std::io::{self, Write};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::config::{self, ConfigError, LoadInput, Loaded, Origin, Problem};

/// What to do with the configuration.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and report everything that is wrong with it
    Check {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration in force, where each value comes from, and no secrets
    Show {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON schema of the configuration file
    Schema {
        /// Print the keys as a table in Markdown instead
        #[arg(long)]
        table: bool,
    },
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigCommandError {
    /// The configuration makes no sense: exit code 78.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// Runs the command. Warnings of `check` are part of its output; `check --json` prints its object for a configuration
/// that makes no sense too.
pub(crate) fn run(
    command: &ConfigCommand,
    input: &LoadInput<'_>,
    out: &mut dyn Write,
) -> Result<(), ConfigCommandError> {
    match command {
        ConfigCommand::Schema { table: true } => write!(out, "{}", config::reference_table())?,
        ConfigCommand::Schema { table: false } => print(&config::schema(), out)?,
        ConfigCommand::Show { json: true } => print(&config::load(input)?.show_json(), out)?,
        ConfigCommand::Show { json: false } => write!(out, "{}", config::load(input)?.show())?,
        ConfigCommand::Check { json: true } => {
            let loaded = config::load(input);
            print(&report(&loaded), out)?;
            loaded?;
        }
        ConfigCommand::Check { json: false } => {
            let loaded = config::load(input)?;
            for warning in &loaded.warnings {
                writeln!(out, "warning: {warning}")?;
            }
            let state = if loaded.exists { "makes sense" } else { "does not exist; the defaults hold" };
            writeln!(out, "{}: {state}", loaded.path.display())?;
        }
    }
    Ok(())
}

fn print(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn report(loaded: &Result<Loaded, ConfigError>) -> Value {
    let list = |problems: &[Problem]| problems.iter().map(entry).collect::<Vec<_>>();
    match loaded {
        Ok(loaded) => json!({
            "ok": true, "file": loaded.path, "exists": loaded.exists,
            "problems": [], "warnings": list(&loaded.warnings),
        }),
        Err(error) => json!({ "ok": false, "problems": list(&error.problems), "warnings": [] }),
    }
}

fn entry(problem: &Problem) -> Value {
    let (file, line, variable) = match &problem.origin {
        Origin::File { path, line } => (Some(path), *line, None),
        Origin::Env { variable } => (None, None, Some(variable)),
        Origin::Default | Origin::Flag => (None, None, None),
    };
    json!({
        "key": problem.key.to_string(), "message": problem.message, "hint": problem.hint,
        "file": file, "line": line, "variable": variable, "text": problem.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    fn ran(command: &ConfigCommand, text: &str) -> (String, Result<(), String>) {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), text).unwrap();
        let environment = Environment::default();
        let input = LoadInput::new(home.path().to_owned(), None, &environment);
        let mut out = Vec::new();
        let result = run(command, &input, &mut out).map_err(|error| error.to_string());
        (String::from_utf8(out).unwrap(), result)
    }

    #[test]
    fn check_says_yes_or_lists_what_is_wrong() {
        let odd = "[channels.email]\nenabled = true\naddress = \"a@b.example\"\nimap_host = \"i\"\nsmtp_host = \"s\"\n";
        let (out, result) = ran(&ConfigCommand::Check { json: false }, odd);
        assert_eq!(result, Ok(()));
        assert!(out.contains("makes sense") && out.contains("warning: "), "{out}");
        let (out, result) = ran(&ConfigCommand::Check { json: false }, "[agent]\nmodle = 1\n[lgo]\n");
        let message = result.unwrap_err();
        assert_eq!((out.as_str(), message.lines().count()), ("", 2), "{message}");
    }

    #[test]
    fn check_for_programs_prints_one_object_either_way() {
        let command = ConfigCommand::Check { json: true };
        let (out, result) = ran(&command, "[agent]\nmodle = 1\n");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert!(result.is_err());
        assert_eq!(report["ok"], false);
        assert_eq!(report["problems"][0]["key"], "agent.modle");
        assert_eq!(report["problems"][0]["line"], 2);
        assert_eq!(report["problems"][0]["hint"], "did you mean `agent.model`?");
        let (out, result) = ran(&command, "");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((result, &report["ok"]), (Ok(()), &Value::Bool(true)));
    }

    #[test]
    fn show_and_schema_print_what_their_names_say() {
        let text = "[agent]\nmodel = \"m/x\"\n";
        let (out, result) = ran(&ConfigCommand::Show { json: false }, text);
        assert_eq!(result, Ok(()));
        assert!(out.contains("model = \"m/x\"  # file, line 2"), "{out}");
        let (out, _) = ran(&ConfigCommand::Show { json: true }, text);
        let shown: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(shown["config"]["agent"]["model"], "m/x");
        assert_eq!(shown["origins"]["agent.model"]["line"], 2);
        assert_eq!(shown["origins"]["log.level"]["from"], "default");
        let (out, _) = ran(&ConfigCommand::Schema { table: false }, "");
        let schema: Value = serde_json::from_str(&out).unwrap();
        assert!(schema["properties"]["agent"]["properties"]["model"].is_object());
        let (out, _) = ran(&ConfigCommand::Schema { table: true }, "");
        assert!(out.contains("| `agent.model` |"), "{out}");
    }
}
