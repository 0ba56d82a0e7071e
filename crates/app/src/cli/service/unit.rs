//! The text of the unit.

use std::path::{Path, PathBuf};

/// What a unit is made of. All paths are absolute.
pub(super) struct Unit {
    pub(super) binary: PathBuf,
    pub(super) home: PathBuf,
    pub(super) config: Option<PathBuf>,
}

impl Unit {
    /// The unit, or the path that cannot stand in one.
    pub(super) fn text(&self) -> Result<String, String> {
        let mut command = format!("{} gateway run --home {}", word(&self.binary)?, word(&self.home)?);
        if let Some(config) = &self.config {
            command.push_str(" --config ");
            command.push_str(&word(config)?);
        }
        let variables = plain(&self.home.join("gateway.env"))?;
        Ok(format!(
            "\
[Unit]
Description=Factotum, a personal assistant
Documentation=man:factotum(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
# A gateway that stands by says that it is ready when it takes over.
TimeoutStartSec=infinity
# Running turns get 10 seconds; what is left is resumed by the next start.
TimeoutStopSec=30
KillMode=mixed
Restart=on-failure
RestartSec=2
# Keys, as NAME=value lines: a service does not see the variables of your shell.
EnvironmentFile=-{variables}
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"
        ))
    }
}

/// A path that systemd takes as it is, but for `%`.
fn plain(path: &Path) -> Result<String, String> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    let text = text.ok_or_else(|| format!("{path:?} cannot stand in a unit: it is not plain UTF-8"))?;
    Ok(text.replace('%', "%%"))
}

/// A path as one word of a command line.
fn word(path: &Path) -> Result<String, String> {
    let text = plain(path)?;
    let bare =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | '%' | '@');
    if text.chars().all(bare) {
        return Ok(text);
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_runs_this_binary_on_this_data() {
        let unit = Unit {
            binary: "/home/me/.local/bin/factotum".into(),
            home: "/home/me/.factotum".into(),
            config: Some("/home/me/my 100% \"own\" $x.toml".into()),
        };
        let text = unit.text().unwrap();
        let start = text.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        assert_eq!(
            start,
            "ExecStart=/home/me/.local/bin/factotum gateway run --home /home/me/.factotum --config \
             \"/home/me/my 100%% \\\"own\\\" $$x.toml\""
        );
        for line in
            ["Type=notify", "Restart=on-failure", "ExecReload=kill -HUP $MAINPID", "NoNewPrivileges=yes"]
        {
            assert!(text.lines().any(|known| known == line), "{line}");
        }
    }

    #[test]
    fn a_path_that_would_break_the_unit_is_refused() {
        let unit =
            Unit { binary: "/bin/factotum".into(), home: "/x\nExecStartPre=/bin/rm".into(), config: None };
        assert!(unit.text().unwrap_err().contains("cannot stand in a unit"));
    }
}
