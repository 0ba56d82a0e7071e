//! Line editing.

use std::{
    borrow::Cow,
    io,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use reedline::{
    Color, ColumnarMenu, EditCommand, Emacs, FileBackedHistory, KeyCode, KeyModifiers, MenuBuilder as _,
    Prompt, PromptEditMode, PromptHistorySearch, PromptHistorySearchStatus, Reedline, ReedlineEvent,
    ReedlineMenu, Signal, default_emacs_keybindings,
};

use super::{
    commands::{CommandHint, Commands},
    editor::{Ask, Input},
    history,
    multiline::Continued,
};

const MENU: &str = "commands";
/// What stands before a message.
const SIGN: &str = "› ";

/// Two editors: one with everything for messages, a bare one for answers, whose lines belong to no history.
pub(super) struct Lines {
    messages: Reedline,
    answers: Reedline,
    continued: Continued,
}

impl Lines {
    /// `cut` ends a read within a tenth of a second.
    pub(super) fn new(history: Option<PathBuf>, cut: &Arc<AtomicBool>) -> Self {
        let continued = Continued::default();
        let mut keys = default_emacs_keybindings();
        let complete =
            ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]);
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
        let new_line = ReedlineEvent::Edit(vec![EditCommand::InsertNewline]);
        keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, new_line);
        let menu = ColumnarMenu::default().with_name(MENU).with_columns(1).with_marker(SIGN);
        let mut messages = Reedline::create()
            .with_edit_mode(Box::new(Emacs::new(keys)))
            .with_completer(Box::new(Commands))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_hinter(Box::new(CommandHint::default()))
            .with_validator(Box::new(continued.clone()))
            // A line that begins with a space is not remembered.
            .with_history_exclusion_prefix(Some(" ".to_owned()))
            .with_break_signal(cut.clone())
            .use_bracketed_paste(true);
        if let Some(path) = history {
            match FileBackedHistory::with_file(history::LINES, path) {
                Ok(file) => messages = messages.with_history(Box::new(file)),
                Err(error) => tracing::warn!(%error, "the history cannot be used"),
            }
        }
        let answers = Reedline::create().with_break_signal(cut.clone());
        Self { messages, answers, continued }
    }

    /// Reads once; an error is the terminal's.
    pub(super) fn read(&mut self, ask: Ask) -> io::Result<Input> {
        let editor = match ask {
            Ask::Message => &mut self.messages,
            Ask::Question => &mut self.answers,
        };
        let input = match editor.read_line(&Sign(ask)).map_err(io::Error::other)? {
            Signal::Success(text) => Input::Line(self.continued.message(text)),
            Signal::CtrlC => Input::Interrupted,
            Signal::CtrlD => Input::End,
            Signal::ExternalBreak(_) => Input::Terminated,
            _ => Input::Line(String::new()),
        };
        if ask == Ask::Message {
            // Written at once: a kill later loses nothing that was typed.
            if let Err(error) = self.messages.sync_history() {
                tracing::warn!(%error, "the history could not be written");
            }
        }
        Ok(input)
    }
}

/// What stands before a line.
struct Sign(Ask);

impl Prompt for Sign {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed(match self.0 {
            Ask::Message => SIGN,
            Ask::Question => "[y]es / [n]o › ",
        })
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("… ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let found = match search.status {
            PromptHistorySearchStatus::Passing => "",
            PromptHistorySearchStatus::Failing => "nothing ",
        };
        Cow::Owned(format!("({found}found: {}) ", search.term))
    }

    fn get_prompt_multiline_color(&self) -> Color {
        Color::DarkGray
    }
}
