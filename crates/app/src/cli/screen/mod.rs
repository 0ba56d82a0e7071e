//! What a person sees while a run goes on: the answer on stdout, everything else on stderr.

mod inline;
mod markdown;
mod neutral;
mod page;
mod spinner;
mod table;
mod tool_line;
mod wrap;

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io::{self, Stderr, Stdout, Write},
    pin::pin,
    time::Duration,
};

use agent_core::{AgentError, RunEvent, RunEventKind, RunResult, RunStream};
use tokio::time::{MissedTickBehavior, interval};

use page::Page;
use tool_line::ToolLines;

/// How things are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    /// stdout is a terminal: what is printed is made harmless for it.
    pub(crate) stdout_tty: bool,
    /// stderr is a terminal: it gets a spinner and dimmed lines.
    pub(crate) stderr_tty: bool,
    /// Markdown is rendered where stdout is a terminal.
    pub(crate) markdown: bool,
    /// The model's thinking aloud is shown.
    pub(crate) reasoning: bool,
    /// The answer and errors, nothing else.
    pub(crate) quiet: bool,
    /// A reply is shown when it is whole: another model may begin it anew, and what was printed cannot be taken back.
    pub(crate) whole: bool,
}

/// Shows runs, one after the other.
///
/// stdout gets what the assistant says and nothing else; without a terminal it is exactly the text. stderr gets a line
/// for each tool call, thinking aloud where it was asked for, and the notice when a run ended without an answer. Open
/// questions are not shown: whoever follows the run asks them.
#[derive(Debug)]
pub(crate) struct Screen<O = Stdout, E = Stderr> {
    page: Page<O, E>,
    reasoning: bool,
    quiet: bool,
    whole: bool,
    tools: ToolLines,
    /// The model call whose text is shown.
    iteration: u32,
    /// What of its text has been shown.
    streamed: String,
    /// How many columns the terminal has now.
    columns: fn() -> Option<usize>,
}

impl Screen {
    /// A screen on the process's stdout and stderr.
    pub(crate) fn new(options: Options) -> Self {
        Self { columns: terminal_columns, ..Self::with(io::stdout(), io::stderr(), options) }
    }
}

fn terminal_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

impl<O: Write, E: Write> Screen<O, E> {
    /// A screen on any two writers.
    pub(crate) fn with(out: O, err: E, options: Options) -> Self {
        Self {
            page: Page::new(out, err, options),
            reasoning: options.reasoning && !options.quiet,
            quiet: options.quiet,
            whole: options.whole,
            tools: ToolLines::default(),
            iteration: 0,
            streamed: String::new(),
            columns: || None,
        }
    }

    /// Shows a run until it is over. When `stop` is over first, the run is asked to stop, once, and followed to its end.
    ///
    /// A reader of stdout that went away does not end the run; a stdout that cannot be written for another reason is an
    /// error, told when the run is over.
    pub(crate) async fn follow(
        &mut self,
        mut stream: RunStream,
        stop: impl Future<Output = ()>,
    ) -> Result<RunResult, AgentError> {
        self.begin();
        let mut stop = pin!(stop);
        let mut stopped = false;
        let mut beat = interval(Duration::from_millis(spinner::BEAT_MILLIS));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let alive = self.page.has_spinner();
        loop {
            tokio::select! {
                biased;
                () = &mut stop, if !stopped => {
                    stopped = true;
                    self.tools.stopping();
                    if let Err(error) = stream.cancel().await {
                        self.error(&error);
                    }
                }
                event = stream.next() => match event {
                    Some(event) => self.event(event),
                    None => break,
                },
                _ = beat.tick(), if alive => self.page.beat(&self.tools.label()),
            }
        }
        let result = stream.wait().await;
        self.page.clear_spinner();
        if let Ok(result) = &result {
            self.finish(result);
        }
        self.page.end_text();
        match self.page.failure() {
            Some(failed) => Err(AgentError::Context(format!("the answer could not be written: {failed}"))),
            None => result,
        }
    }

    /// Prints something the assistant says that no run streamed.
    pub(crate) fn say(&mut self, text: &str) {
        self.page.set_width((self.columns)());
        self.page.text(text);
        self.page.end_text();
    }

    /// Prints a line for the person beside the conversation; quiet screens leave it out.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.quiet {
            self.page.line(text);
        }
    }

    /// Prints what went wrong.
    pub(crate) fn error(&mut self, error: &dyn std::fmt::Display) {
        self.page.error(&format!("error: {error}"));
    }

    fn begin(&mut self) {
        self.page.set_width((self.columns)());
        self.iteration = 0;
        self.streamed.clear();
        self.tools = ToolLines::default();
    }

    fn event(&mut self, event: RunEvent) {
        match event.kind {
            RunEventKind::TextDelta { .. } if self.whole => {}
            RunEventKind::TextDelta { text, iteration } => {
                self.turn_to(iteration);
                self.page.text(&text);
                self.streamed.push_str(&text);
            }
            RunEventKind::TextCompleted { text, iteration, resuming } => {
                self.turn_to(iteration);
                self.complete(&text);
                if resuming {
                    self.page.end_text();
                }
            }
            // What was printed cannot be taken back: the line ends, and the answer begins anew below it.
            // That the same model is asked again is nobody's business.
            RunEventKind::AttemptFailed { provider, model, error, next, iteration, .. } => {
                self.turn_to(iteration);
                let begun = !self.streamed.is_empty();
                self.page.end_text();
                self.streamed.clear();
                if begun || next != format!("{provider}/{model}") {
                    self.note(&format!("{error}; asking {next}"));
                }
            }
            RunEventKind::ReasoningDelta { text, .. } if self.reasoning => self.page.reasoning(&text),
            RunEventKind::ReasoningCompleted { .. } if self.reasoning => self.page.end_reasoning(),
            RunEventKind::ToolStarted { name, tool_call_id, arguments, .. } => {
                self.tools.started(name, tool_call_id, &arguments);
            }
            RunEventKind::ToolCompleted { name, tool_call_id, millis } => {
                let line = self.tools.ended(&name, &tool_call_id, millis, None);
                self.note(&line);
            }
            RunEventKind::ToolFailed { name, tool_call_id, error, millis } => {
                let line = self.tools.ended(&name, &tool_call_id, millis, Some(&error));
                self.note(&line);
            }
            // What they say stands in the result too, or is asked by whoever follows the run.
            RunEventKind::RunStarted { .. }
            | RunEventKind::ReasoningDelta { .. }
            | RunEventKind::ReasoningCompleted { .. }
            | RunEventKind::ApprovalRequested { .. }
            | RunEventKind::RunCompleted { .. }
            | RunEventKind::RunFailed { .. } => {}
        }
    }

    /// Text of another model call begins on a line of its own.
    fn turn_to(&mut self, iteration: u32) {
        if iteration != self.iteration {
            self.page.end_text();
            self.streamed.clear();
            self.iteration = iteration;
        }
    }

    /// Shows what is missing of `whole`. Deltas are best effort: when some are missing in the middle, all is shown again.
    fn complete(&mut self, whole: &str) {
        match whole.strip_prefix(self.streamed.as_str()) {
            Some(rest) => self.page.text(rest),
            None => {
                self.page.end_text();
                self.page.text(whole);
            }
        }
        whole.clone_into(&mut self.streamed);
    }

    fn finish(&mut self, result: &RunResult) {
        match result.stop_reason.as_str() {
            "suspended" => {}
            "stopped" => self.note(&result.content),
            _ if result.error.is_some() => self.page.error(&result.content),
            _ => self.complete(&result.content),
        }
    }
}
