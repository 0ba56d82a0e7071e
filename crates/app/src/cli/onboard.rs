//! `factotum onboard`.

mod wizard;

use std::{fs, io::IsTerminal as _, path::Path};

use super::{args::Onboard, error::CliError, out, start::Start};
use crate::{exit, workspace};

const NEXT: &str = "Next: `factotum status` shows which model answers, `factotum agent` talks to it.";

/// What goes into a new configuration.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Answers {
    model: Option<String>,
    base_url: Option<String>,
    api_key: Option<String>,
}

pub(super) fn run(start: &Start, onboard: &Onboard) -> Result<u8, CliError> {
    let home = &start.home;
    crate::workspace::make_home(home)
        .map_err(|error| CliError::Failed(format!("{}: {error}", home.display())))?;
    let path = start.config_path.clone().unwrap_or_else(|| home.join("config.toml"));
    let mut answers = Answers {
        model: onboard.model.clone(),
        base_url: onboard.base_url.clone(),
        api_key: onboard.api_key.clone(),
    };
    let given = answers != Answers::default();
    let there = path.exists();
    if !there && !given && !onboard.yes && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        answers = wizard::ask()?;
    }
    if there {
        // Checked before anything is said about it.
        start.load()?;
        if given && !onboard.refresh {
            return Err(CliError::Failed(format!(
                "{} is there already; edit it, or add --refresh to set what is not set in it",
                path.display()
            )));
        }
        if onboard.refresh {
            refresh(&path, &answers)?;
        }
        out::line(&format!("Kept:    {}", path.display()));
    } else {
        write(&path, &text(&answers)?)?;
        if let Err(error) = start.load() {
            // A file that cannot be read back would stand in the way of the next try.
            fs::remove_file(&path)?;
            return Err(error);
        }
        out::line(&format!("Written: {}", path.display()));
    }
    let config = start.load()?.config;
    let folder = config.workspace(home);
    let written = workspace::write_templates(&folder)
        .map_err(|error| CliError::Failed(format!("{}: {error}", folder.display())))?;
    for name in &written {
        out::line(&format!("Written: {}", folder.join(name).display()));
    }
    if written.is_empty() {
        out::line(&format!("Kept:    {}", folder.display()));
    }
    out::line(NEXT);
    Ok(exit::OK)
}

/// A configuration with the answers in it and everything else at its default.
fn text(answers: &Answers) -> Result<String, CliError> {
    let mut text =
        String::from("# Factotum's configuration. All keys with their defaults: config.example.toml\n");
    let Answers { model, base_url, api_key } = answers;
    let Some(model) = model else {
        if base_url.is_some() || api_key.is_some() {
            return Err(CliError::Input("--base-url and --api-key need --model PROVIDER/MODEL".into()));
        }
        text.push_str(
            "\n# [agent]\n# model = \"openai/gpt-5-mini\"\n\n# [providers.openai]\n# kind = \"openai\"\n",
        );
        text.push_str("# api_key = \"env:OPENAI_API_KEY\"\n");
        return Ok(text);
    };
    let (provider, _) = model
        .split_once('/')
        .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        .ok_or_else(|| {
            CliError::Input(format!("`{model}` is no model; write PROVIDER/MODEL, such as openai/gpt-5-mini"))
        })?;
    text.push_str(&format!("\n[agent]\nmodel = {}\n", quoted(model)));
    if provider != "offline" {
        let name = if provider.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
            provider.to_owned()
        } else {
            quoted(provider)
        };
        text.push_str(&format!("\n[providers.{name}]\nkind = \"openai\"\n"));
        for (key, value) in [("base_url", base_url), ("api_key", api_key)] {
            if let Some(value) = value {
                text.push_str(&format!("{key} = {}\n", quoted(value)));
            }
        }
    }
    Ok(text)
}

/// As a TOML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Sets what is not set yet; comments, order and values stay.
fn refresh(path: &Path, answers: &Answers) -> Result<(), CliError> {
    let bad = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
    let old = fs::read_to_string(path)?;
    let mut document: toml_edit::DocumentMut =
        old.parse().map_err(|error: toml_edit::TomlError| bad(&error))?;
    let new: toml_edit::DocumentMut =
        text(answers)?.parse().map_err(|error: toml_edit::TomlError| bad(&error))?;
    add_missing(document.as_table_mut(), new.as_table());
    let text = document.to_string();
    if text != old {
        write(path, &text)?;
    }
    Ok(())
}

fn add_missing(into: &mut toml_edit::Table, from: &toml_edit::Table) {
    for (key, item) in from {
        match (into.get_mut(key), item) {
            (Some(toml_edit::Item::Table(into)), toml_edit::Item::Table(from)) => add_missing(into, from),
            (Some(_), _) => {}
            (None, item) => {
                into.insert(key, item.clone());
            }
        }
    }
}

/// Whole or not at all, and readable by its owner only: it may hold a key.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let failed = |error: std::io::Error| CliError::Failed(format!("{}: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let beside = path.with_extension("toml.new");
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_keeps_what_is_set() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, "# mine\n[agent]\nmodel = \"a/b\" # stays\n").unwrap();
        let answers = Answers {
            model: Some("c/d".into()),
            base_url: Some("http://127.0.0.1:1/v1".into()),
            api_key: None,
        };
        refresh(&path, &answers).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\n[agent]\nmodel = \"a/b\" # stays\n"), "{text}");
        assert!(text.contains("[providers.c]") && text.contains("http://127.0.0.1:1/v1"), "{text}");
        refresh(&path, &answers).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "a second time changes nothing");
    }

    #[test]
    fn a_model_needs_its_provider() {
        let answers = Answers { model: Some("gpt".into()), ..Answers::default() };
        assert!(text(&answers).unwrap_err().to_string().contains("PROVIDER/MODEL"));
        let answers = Answers { api_key: Some("env:X".into()), ..Answers::default() };
        assert!(text(&answers).unwrap_err().to_string().contains("--model"));
    }
}
