//! `exec`.

mod environment;
mod family;
mod looking;
mod output;
mod process;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, os::fd::OwnedFd, process::Stdio, time::Duration};

use async_trait::async_trait;
use rustix::{fs, io::Errno};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt, net::unix::pipe, process::Command, time::timeout};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

pub(crate) use self::environment::is_name;
use self::{
    family::{Ended, Family},
    output::HeadAndTail,
};
use crate::Workspace;

/// How long after its own time limit a call may still take to end what it started.
const ENDING: Duration = Duration::from_secs(5);
/// How long the output of processes that have ended is read on.
const DRAINING: Duration = Duration::from_millis(500);

/// `[tools.exec]`: whether and how commands may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExecConfig {
    /// Whether the tool is offered at all. Off unless written out.
    pub enabled: bool,
    /// What holds commands in. Only `"none"` exists as yet, and must be written out: commands then run with all
    /// rights of this program.
    pub sandbox: Option<String>,
    /// The longest a command may run, in seconds.
    pub timeout_seconds: u64,
    /// Bytes of output that are kept: one half from the beginning, the other from the end.
    pub max_output_bytes: usize,
    /// Names of environment variables that commands get besides `PATH`, `HOME`, `LANG`, `TZ`, `TERM` and `TMPDIR`.
    pub env_allow: Vec<String>,
}

impl Default for ExecConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            sandbox: None,
            timeout_seconds: 60,
            max_output_bytes: 32 << 10,
            env_allow: Vec::new(),
        }
    }
}

/// Runs commands in the workspace and ends whatever they leave behind.
#[derive(Debug, Clone)]
pub struct Exec {
    workspace: Workspace,
    limit: Duration,
    max_output: usize,
    environment: BTreeMap<String, String>,
}

impl Exec {
    /// The tool by its configuration, which has been checked.
    #[must_use]
    pub fn new(workspace: Workspace, config: &ExecConfig) -> Self {
        let environment = environment::for_commands(&workspace, &config.env_allow);
        let limit = Duration::from_secs(config.timeout_seconds.max(1));
        Self { workspace, limit, max_output: config.max_output_bytes, environment }
    }

    /// Starts `command` as the first of a family, and what reads its output.
    fn start(&self, command: &str) -> io::Result<(Family, pipe::Receiver)> {
        self.make_tmp()?;
        let mark = family::new_mark()?;
        let (output, input) = io::pipe()?;
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
        // The mark is a limit that means nothing to any kernel since 2.4. Children inherit it whatever they do to their
        // environment, session and parent, and it can be read even when they are dead. The command cannot fork before
        // it is set.
        let prelude = r#"ulimit -c 0; ulimit -x "$1" 2>/dev/null; exec "$BASH" -c "$2""#;
        let mut bash = Command::new("bash");
        bash.args(["-c", prelude, "bash", &mark.to_string(), command])
            .current_dir(self.workspace.path())
            .env_clear()
            .envs(&self.environment)
            .env(family::VARIABLE, mark.to_string())
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input)
            .process_group(0)
            .kill_on_drop(true);
        let child = bash.spawn()?;
        Ok((Family::new(child, mark), output))
    }

    /// The directory that `TMPDIR` names.
    fn make_tmp(&self) -> io::Result<()> {
        let root =
            fs::open(self.workspace.path(), fs::OFlags::PATH | fs::OFlags::CLOEXEC, fs::Mode::empty())?;
        match fs::mkdirat(root, environment::TMP, fs::Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Arguments of `exec`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecArgs {
    /// Command line for bash.
    command: String,
    /// Seconds it may run; 0 = as long as allowed.
    #[serde(default)]
    timeout_seconds: u64,
}

/// Why a command is over.
enum Over {
    Exited(io::Result<std::process::ExitStatus>),
    TimedOut,
    Cancelled,
}

#[async_trait]
impl TypedTool for Exec {
    type Args = ExecArgs;
    const NAME: &'static str = "exec";
    const DESCRIPTION: &'static str =
        "Run a bash command in the workspace, without input. All its processes are ended when it exits.";
    const EFFECT: Effect = Effect::Unsafe;

    fn reads_outside(&self, args: &Self::Args) -> bool {
        looking::uses_network(&args.command)
    }

    fn risk(&self, _context: &ToolContext, args: &Self::Args) -> Option<Risk> {
        (!looking::only_looks(&args.command)).then_some(Risk::Runs)
    }

    fn timeout(&self) -> Duration {
        self.limit + ENDING
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        if args.command.contains('\0') {
            return Err(ToolError::InvalidArguments("the command contains a NUL character".into()));
        }
        if context.cancel.is_cancelled() {
            return Err(ToolError::Cancelled);
        }
        let wanted =
            if args.timeout_seconds == 0 { self.limit } else { Duration::from_secs(args.timeout_seconds) };
        let limit = wanted.min(self.limit).min(context.timeout);
        let (mut family, mut pipe) = self
            .start(&args.command)
            .map_err(|error| ToolError::Failed(format!("the command could not be started: {error}")))?;
        let mut kept = HeadAndTail::new(self.max_output);
        let over = {
            let waits = timeout(limit, family.exit());
            tokio::pin!(waits);
            let mut buffer = vec![0; 16 << 10];
            let mut open = true;
            loop {
                tokio::select! {
                    biased;
                    () = context.cancel.cancelled() => break Over::Cancelled,
                    exited = &mut waits => break exited.map_or(Over::TimedOut, Over::Exited),
                    read = pipe.read(&mut buffer), if open => match read {
                        Ok(count) if count > 0 => kept.push(&buffer[..count]),
                        _ => open = false,
                    },
                }
            }
        };
        let ended = family.end().await;
        // Nobody is left who could write; what stands in the pipe is all there is.
        let _in_time = timeout(DRAINING, async {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
                kept.push(&buffer[..count]);
            }
        })
        .await;
        finish(over, &ended, kept, limit)
    }
}

fn finish(over: Over, ended: &Ended, kept: HeadAndTail, limit: Duration) -> Result<ToolOutput, ToolError> {
    let mut notes = Vec::new();
    if ended.survivors > 0 {
        notes.push(format!("{} processes could not be ended", ended.survivors));
    }
    match over {
        Over::Cancelled => Err(ToolError::Cancelled),
        Over::TimedOut => {
            let seconds = limit.as_secs();
            let mut reason =
                format!("ended after {seconds} s; it may have had effects. Its output until then:\n");
            reason.push_str(&kept.show());
            Err(ToolError::Limit { class: "timeout", reason })
        }
        Over::Exited(Err(error)) => Err(ToolError::Failed(format!("the command was lost: {error}"))),
        Over::Exited(Ok(status)) => {
            use std::os::unix::process::ExitStatusExt;
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("killed by signal {signal}"),
                (None, None) => "ended".to_owned(),
            };
            notes.insert(0, how);
            if ended.left_behind > 0 {
                notes.push(format!("{} processes left in the background were ended", ended.left_behind));
            }
            let mut text = kept.show();
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!("[{}]", notes.join("; ")));
            Ok(ToolOutput::text(text))
        }
    }
}
