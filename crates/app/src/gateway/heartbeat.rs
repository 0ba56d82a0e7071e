//! What the heartbeat looks at: a file of the workspace, marks of other files, and the checks of the configuration.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use agent_core::{Heartbeat, HeartbeatSource, QuietHours};
use async_trait::async_trait;
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::config::Config;

/// So much of the file is read: a task list is not longer.
const MOST: u64 = 256 << 10;
/// How long a check may take.
const CHECK_TIME: Duration = Duration::from_secs(10);

/// The heartbeat of a configuration; `None` where it is off.
pub(super) fn of(config: &Config, workspace: &Path) -> Option<Heartbeat> {
    let section = &config.heartbeat;
    section.enabled.then(|| Heartbeat {
        every: Duration::from_secs(u64::from(section.every_minutes) * 60),
        quiet: section.quiet_hours.as_deref().and_then(QuietHours::parse),
        model: section.model.clone(),
        reply: section.route().or_else(|| config.gateway.notify_route()),
        source: Arc::new(Workspace { root: workspace.to_owned(), checks: section.checks.clone() }),
    })
}

struct Workspace {
    root: PathBuf,
    checks: BTreeMap<String, String>,
}

#[async_trait]
impl HeartbeatSource for Workspace {
    async fn text(&self) -> Option<String> {
        let file = tokio::fs::File::open(self.root.join("HEARTBEAT.md")).await.ok()?;
        let mut bytes = Vec::new();
        match file.take(MOST).read_to_end(&mut bytes).await {
            Ok(_) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                tracing::warn!(%error, "HEARTBEAT.md cannot be read");
                None
            }
        }
    }

    async fn mark(&self, path: &str) -> Option<String> {
        // Only what lies in the workspace: the file is the model's to write.
        let path = Path::new(path);
        let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let known = tokio::fs::symlink_metadata(inside.then(|| self.root.join(path))?).await.ok()?;
        let changed = known.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!("{}:{}", known.len(), changed.as_nanos()))
    }

    async fn check(&self, name: &str) -> bool {
        let Some(command) = self.checks.get(name) else {
            tracing::warn!(name, "HEARTBEAT.md names a check that is not in heartbeat.checks");
            return false;
        };
        let mut child = Command::new("sh");
        child.arg("-c").arg(command).current_dir(&self.root).kill_on_drop(true);
        child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match tokio::time::timeout(CHECK_TIME, child.status()).await {
            Ok(Ok(status)) => status.success(),
            Ok(Err(error)) => {
                tracing::warn!(name, %error, "a check of the heartbeat cannot be run");
                false
            }
            Err(_) => {
                tracing::warn!(name, "a check of the heartbeat did not end within ten seconds");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(dir: &Path, checks: &[(&str, &str)]) -> Workspace {
        let checks = checks.iter().map(|(name, command)| ((*name).to_owned(), (*command).to_owned()));
        Workspace { root: dir.to_owned(), checks: checks.collect() }
    }

    #[tokio::test]
    async fn a_file_of_fifty_megabytes_is_read_in_part() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(dir.path(), &[]);
        assert_eq!(source.text().await, None);
        std::fs::write(dir.path().join("HEARTBEAT.md"), vec![b'a'; 50 << 20]).unwrap();
        assert_eq!(source.text().await.unwrap().len() as u64, MOST);
    }

    #[tokio::test]
    async fn marks_change_with_their_file_and_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(dir.path(), &[]);
        assert_eq!(source.mark("a").await, None);
        std::fs::write(dir.path().join("a"), "1").unwrap();
        let first = source.mark("a").await.unwrap();
        std::fs::write(dir.path().join("a"), "12").unwrap();
        assert_ne!(source.mark("a").await, Some(first));
        for outside in ["/etc/passwd", "../a", "./a"] {
            assert_eq!(source.mark(outside).await, None, "{outside}");
        }
    }

    #[tokio::test]
    async fn a_check_is_a_command_of_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(dir.path(), &[("yes", "true"), ("no", "exit 3")]);
        assert!(source.check("yes").await);
        assert!(!source.check("no").await && !source.check("touch here").await);
    }
}
