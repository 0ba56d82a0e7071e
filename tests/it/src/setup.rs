//! Homes with a configuration, and the commands that tests give most.

use std::process::Command;

use servers::{ModelServer, Request, TempHome};

use crate::process::{Output, run};

/// A configuration with one provider, `test`, whose retries do not wait.
#[derive(Debug, Clone)]
pub struct Setup {
    url: String,
    agent: String,
    provider: String,
    more: String,
}

impl Setup {
    /// The provider is this server.
    #[must_use]
    pub fn of(server: &ModelServer) -> Self {
        Self::at(server.base_url())
    }

    /// The provider is at this base URL.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), agent: String::new(), provider: String::new(), more: String::new() }
    }

    /// A line more in `[agent]`.
    #[must_use]
    pub fn agent(mut self, line: &str) -> Self {
        self.agent.push_str(line);
        self.agent.push('\n');
        self
    }

    /// A line more in `[providers.test]`.
    #[must_use]
    pub fn provider(mut self, line: &str) -> Self {
        self.provider.push_str(line);
        self.provider.push('\n');
        self
    }

    /// More tables.
    #[must_use]
    pub fn more(mut self, text: &str) -> Self {
        self.more.push_str(text);
        self.more.push('\n');
        self
    }

    /// `exec`, with its danger written out.
    #[must_use]
    pub fn exec(self) -> Self {
        self.more("[tools.exec]\nenabled = true\nsandbox = \"none\"")
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { url, agent, provider, more } = self;
        let model = if agent.contains("model =") { "" } else { "model = \"test/scripted\"\n" };
        format!(
            "[agent]\n{model}{agent}[agent.retry]\nbase_millis = 1\n[providers.test]\nkind = \"openai\"\n\
             base_url = \"{url}\"\n{provider}{more}"
        )
    }

    /// A home with this configuration.
    #[must_use]
    pub fn home(&self) -> TempHome {
        TempHome::with_config(&self.text())
    }
}

/// `agent -s SESSION -m TEXT`, not run yet.
#[must_use]
pub fn agent(home: &TempHome, session: &str, text: &str) -> Command {
    let mut command = home.command();
    command.args(["agent", "-s", session, "-m", text]);
    command
}

/// `factotum ARGUMENTS` in a terminal that `script` makes; what is printed is its standard output, both streams in one.
#[must_use]
pub fn in_terminal(home: &TempHome, arguments: &str) -> Command {
    let direct = home.command();
    let mut command = Command::new("script");
    // In place of the shell, which would end by Ctrl-C with a code of its own.
    let line = format!("exec {} {arguments}", direct.get_program().to_string_lossy());
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm").current_dir(home.work());
    for (name, value) in direct.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// Says something and waits for what comes of it.
#[must_use = "look at what it said, or drop it openly"]
pub fn say(home: &TempHome, session: &str, text: &str) -> Output {
    run(&mut agent(home, session, text))
}

/// The marked words (`w-…`) in the newest message of the user, so that a script knows which message it answers whatever
/// else the request tells.
#[must_use]
pub fn words(request: &Request) -> Vec<String> {
    let text = request.last_user_text().unwrap_or_default();
    text.split_whitespace().filter(|word| word.starts_with("w-")).map(str::to_owned).collect()
}

/// Whether a command of this machine works. A test that needs it and does not have it says so with [`skip`].
#[must_use]
pub fn runnable(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Says that a test was skipped, and why.
pub fn skip(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}
