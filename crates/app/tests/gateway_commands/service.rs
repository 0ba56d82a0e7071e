//! `factotum service`, with a systemctl that writes down what it is told.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

use servers::TempHome;

use crate::support::Said;

const UNIT: &str = "home/.config/systemd/user/factotum.service";

/// A folder with nothing but a systemctl that ends so.
fn systemctl(home: &TempHome, ends: &str) -> PathBuf {
    let log = home.root().join("systemctl.log");
    let script = format!("#!/bin/sh\necho \"$@\" >> {}\n{ends}\n", log.display());
    let path = home.write("bin/systemctl", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.parent().unwrap().to_owned()
}

fn service(home: &TempHome, path: &PathBuf, arguments: &[&str]) -> Said {
    let mut command = home.command();
    Said::of(&command.arg("service").args(arguments).env("PATH", path).output().unwrap())
}

#[test]
fn a_service_is_installed_and_taken_away_step_by_step() {
    let home = TempHome::new();
    let path = systemctl(&home, "exit 0");
    service(&home, &path, &["uninstall"]).is(66, &["not installed"]);
    service(&home, &path, &["install"])
        .is(0, &["wrote ", "systemctl --user daemon-reload", "enable --now factotum.service"]);
    let unit = home.read(UNIT).unwrap();
    let data = home.path().display().to_string();
    assert!(unit.contains(&format!("gateway run --home {data}\n")), "{unit}");
    assert!(unit.contains("Type=notify") && unit.contains("Restart=on-failure"), "{unit}");
    service(&home, &path, &["uninstall"]).is(0, &["disable --now", "removed "]);
    assert_eq!(home.read(UNIT), None);
    let told = home.read("systemctl.log").unwrap();
    let told: Vec<&str> = told.lines().filter(|line| *line != "--user show-environment").collect();
    let expected = [
        "--user daemon-reload",
        "--user enable --now factotum.service",
        "--user disable --now factotum.service",
        "--user daemon-reload",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_dry_run_changes_nothing() {
    let home = TempHome::new();
    let path = systemctl(&home, "exit 0");
    service(&home, &path, &["install", "--dry-run"])
        .is(0, &["ExecStart=", "# would be run: systemctl --user enable --now"]);
    service(&home, &path, &["uninstall", "--dry-run"]).is(0, &["# would be removed: "]);
    assert_eq!((home.read(UNIT), home.read("systemctl.log")), (None, None));
}

#[test]
fn without_systemd_nothing_is_changed() {
    let home = TempHome::new();
    let none = home.root().join("nothing");
    service(&home, &none, &["install"]).is(1, &["no systemd", "nothing was changed"]);
    let path = systemctl(&home, "echo 'Failed to connect to bus' >&2\nexit 1");
    service(&home, &path, &["install"]).is(1, &["Failed to connect to bus", "nothing was changed"]);
    assert_eq!(home.read(UNIT), None);
}
