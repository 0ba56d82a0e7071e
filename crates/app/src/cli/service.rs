//! `factotum service`: the gateway as a systemd service of this user.

mod unit;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{args::Service, error::CliError, out, start::Start};
use crate::{Environment, exit};

/// The unit's file name.
const UNIT: &str = "factotum.service";

pub(super) fn run(start: &Start, command: &Service) -> Result<u8, CliError> {
    let path = place(&start.environment)?;
    match command {
        Service::Install { dry_run } => install(start, &path, *dry_run),
        Service::Uninstall { dry_run } => uninstall(&path, *dry_run),
    }
}

fn place(environment: &Environment) -> Result<PathBuf, CliError> {
    let config = environment.get("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| environment.get("HOME").map(|home| Path::new(home).join(".config")));
    let config =
        config.ok_or_else(|| CliError::Failed("HOME is not set: there is no place for the unit".into()))?;
    Ok(config.join("systemd/user").join(UNIT))
}

fn install(start: &Start, path: &Path, dry_run: bool) -> Result<u8, CliError> {
    let absolute = |path: &Path| std::path::absolute(path);
    let unit = unit::Unit {
        binary: std::env::current_exe()?,
        home: absolute(&start.home)?,
        config: start.config_path.as_deref().map(absolute).transpose()?,
    };
    let text = unit.text().map_err(CliError::Input)?;
    let steps: [&[&str]; 2] = [&["daemon-reload"], &["enable", "--now", UNIT]];
    if dry_run {
        out::line(&format!("# would be written to {}\n{text}", path.display()));
        for step in steps {
            out::line(&format!("# would be run: systemctl --user {}", step.join(" ")));
        }
        return Ok(exit::OK);
    }
    systemd()?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, &text)?;
    out::line(&format!("wrote {}", path.display()));
    for step in steps {
        systemctl(step)?;
    }
    out::line("The gateway runs; `factotum gateway status` says how it is.");
    if let Some(user) = start.environment.get("USER") {
        out::line(&format!(
            "So that it also runs while you are not logged in: loginctl enable-linger {user}"
        ));
    }
    Ok(exit::OK)
}

fn uninstall(path: &Path, dry_run: bool) -> Result<u8, CliError> {
    if dry_run {
        out::line(&format!("# would be run: systemctl --user disable --now {UNIT}"));
        out::line(&format!("# would be removed: {}", path.display()));
        return Ok(out::line("# would be run: systemctl --user daemon-reload"));
    }
    if !path.exists() {
        return Err(CliError::NotFound(format!(
            "the service is not installed: there is no {}",
            path.display()
        )));
    }
    systemd()?;
    systemctl(&["disable", "--now", UNIT])?;
    fs::remove_file(path)?;
    out::line(&format!("removed {}", path.display()));
    systemctl(&["daemon-reload"])?;
    Ok(exit::OK)
}

/// Refuses a machine without systemd, or a log-in that it does not look after, before anything is changed.
fn systemd() -> Result<(), CliError> {
    let asked = Command::new("systemctl").args(["--user", "show-environment"]).output();
    let why = match asked {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            format!("systemd does not look after this log-in ({})", out::short(&said, 200))
        }
        Err(_) => "there is no systemd here".to_owned(),
    };
    Err(CliError::Failed(format!(
        "{why}, so nothing was changed; have another supervisor or a container run `factotum gateway` (docs/operations.md)"
    )))
}

fn systemctl(arguments: &[&str]) -> Result<(), CliError> {
    let shown = format!("systemctl --user {}", arguments.join(" "));
    out::line(&shown);
    let output = Command::new("systemctl").arg("--user").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(CliError::Failed(format!("`{shown}` failed: {}", out::plain(&said))))
}
