//! Two outputs that may be the same terminal: where their lines end, and what a terminal may get.

use std::io::{self, ErrorKind, Write};

use super::{Options, markdown::Markdown, neutral::neutralised, spinner::Spinner};

/// stdout and stderr. When both are terminals they are taken for the same one.
#[derive(Debug)]
pub(super) struct Page<O, E> {
    out: O,
    err: E,
    stdout_tty: bool,
    stderr_tty: bool,
    markdown: Option<Markdown>,
    spinner: Option<Spinner>,
    /// stdout stands in the middle of a line.
    in_text: bool,
    /// stderr stands in the middle of a line of thinking aloud.
    in_reasoning: bool,
    failure: Option<io::Error>,
}

impl<O: Write, E: Write> Page<O, E> {
    pub(super) fn new(out: O, err: E, options: Options) -> Self {
        let Options { stdout_tty, stderr_tty, markdown, quiet, .. } = options;
        Self {
            out,
            err,
            stdout_tty,
            stderr_tty,
            markdown: (markdown && stdout_tty).then(Markdown::default),
            spinner: (stderr_tty && !quiet).then(Spinner::default),
            in_text: false,
            in_reasoning: false,
            failure: None,
        }
    }

    /// From now on text is wrapped at this many columns.
    pub(super) fn set_width(&mut self, width: Option<usize>) {
        if let Some(markdown) = &mut self.markdown {
            markdown.set_width(width);
        }
    }

    /// More of what the assistant says.
    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.clear_spinner();
        self.end_reasoning();
        match &mut self.markdown {
            Some(markdown) => {
                let mut rendered = String::new();
                markdown.push(text, &mut rendered);
                self.write_out(&rendered);
            }
            None if self.stdout_tty => self.write_out(&neutralised(text)),
            None => self.write_out(text),
        }
    }

    /// Ends what the assistant says: what is held back is shown, and its last line is ended.
    pub(super) fn end_text(&mut self) {
        self.clear_spinner();
        if let Some(markdown) = &mut self.markdown {
            let mut rendered = String::new();
            markdown.end(&mut rendered);
            self.write_out(&rendered);
        }
        if self.in_text {
            self.write_out("\n");
        }
    }

    /// More thinking aloud.
    pub(super) fn reasoning(&mut self, text: &str) {
        self.before_err();
        let text = self.for_err(text);
        self.in_reasoning = !text.ends_with('\n');
        self.write_err(&self.dimmed(&text));
    }

    /// Ends the last line of thinking aloud.
    pub(super) fn end_reasoning(&mut self) {
        if std::mem::take(&mut self.in_reasoning) {
            self.write_err("\n");
        }
    }

    /// A line beside the conversation.
    pub(super) fn line(&mut self, text: &str) {
        self.before_err();
        self.end_reasoning();
        let text = self.for_err(text);
        self.write_err(&format!("{}\n", self.dimmed(&text)));
    }

    /// What went wrong.
    pub(super) fn error(&mut self, text: &str) {
        self.before_err();
        self.end_reasoning();
        let text = self.for_err(text);
        self.write_err(&format!("{text}\n"));
    }

    pub(super) fn has_spinner(&self) -> bool {
        self.spinner.is_some()
    }

    /// Shows the next picture of the spinner, unless a line of text stands open where it would be.
    pub(super) fn beat(&mut self, label: &str) {
        let text_in_the_way = self.in_text && self.stdout_tty;
        if text_in_the_way || self.in_reasoning {
            return;
        }
        if let Some(spinner) = &mut self.spinner {
            let bytes = spinner.beat(&neutralised(label));
            self.write_err(&bytes);
        }
    }

    pub(super) fn clear_spinner(&mut self) {
        if let Some(spinner) = &mut self.spinner {
            let bytes = spinner.clear();
            self.write_err(bytes);
        }
    }

    /// Why the text could not be written; a reader that went away does not count.
    pub(super) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref().filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }

    /// Both may be one terminal: an open line of text is ended before a line of stderr.
    fn before_err(&mut self) {
        self.clear_spinner();
        if self.stdout_tty && self.stderr_tty {
            self.end_text();
        }
    }

    fn for_err(&self, text: &str) -> String {
        if self.stderr_tty { neutralised(text).into_owned() } else { text.to_owned() }
    }

    fn dimmed(&self, text: &str) -> String {
        if self.stderr_tty { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn write_out(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.in_text = !text.ends_with('\n');
        if self.failure.is_none() {
            let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
            self.failure = written.err();
        }
    }

    fn write_err(&mut self, text: &str) {
        // There is nowhere left to tell that stderr cannot be written.
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }
}

#[cfg(test)]
impl<O: Write, E: Write> Page<O, E> {
    pub(super) fn into_writers(self) -> (O, E) {
        (self.out, self.err)
    }
}
