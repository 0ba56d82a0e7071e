//! What the offline provider understands, as data. Help and documentation are made of this table.

/// What a request wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Time,
    Calculate,
    /// An expression and nothing else; stricter, since there is no verb that says so.
    Bare,
    List,
    Read,
    Search,
    Save,
    Get,
    Find,
    Notes,
    Forget,
    Help,
}

/// A row: a kind of plain request.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// How a person may put it.
    pub ask: &'static str,
    /// The tool that answers it; empty where none is needed.
    pub tool: &'static str,
    /// What it does.
    pub does: &'static str,
    pub(super) want: Want,
    /// All forms, in lower case; `{x}` stands for any text. Within the table the first form that fits wins.
    pub(super) forms: &'static [&'static str],
}

/// All rows.
pub const TABLE: &[Row] = &[
    Row {
        ask: "what time is it in Europe/Berlin",
        tool: "current_datetime",
        does: "time and date, here or in a time zone",
        want: Want::Time,
        forms: &[
            "what time is it in {zone}",
            "what time is it",
            "what's the time in {zone}",
            "what's the time",
            "what is the time in {zone}",
            "what is the time",
            "what's the date",
            "what is the date",
            "what is today's date",
            "what day is it",
            "what day is today",
            "time in {zone}",
            "date in {zone}",
            "time",
            "date",
            "time and date",
            "date and time",
            "the time",
            "the date",
            "now",
        ],
    },
    Row {
        ask: "what is 17.5% of 1234.56",
        tool: "calculate_expression",
        does: "exact arithmetic",
        want: Want::Calculate,
        forms: &[
            "what is {expression}",
            "what's {expression}",
            "how much is {expression}",
            "calculate {expression}",
            "compute {expression}",
            "calc {expression}",
        ],
    },
    Row {
        ask: "list files in docs",
        tool: "list_dir",
        does: "the files of a directory of the workspace",
        want: Want::List,
        forms: &[
            "list files in {path}",
            "list the files in {path}",
            "list files",
            "list the files",
            "show files in {path}",
            "show files",
            "show me the files",
            "what files are there in {path}",
            "what files are there",
            "which files are there",
            "list directory {path}",
            "ls {path}",
            "ls",
        ],
    },
    Row {
        ask: "search for invoice in docs",
        tool: "grep",
        does: "a text in the files of the workspace",
        want: Want::Search,
        forms: &[
            "search for {text} in files",
            "search for {text} in the files",
            "search for {text} in {path}",
            "search for {text}",
            "search {text} in files",
            "search {text} in the files",
            "search {text} in {path}",
            "find {text} in files",
            "find {text} in the files",
            "find {text} in {path}",
            "grep {text} in {path}",
            "grep {text}",
        ],
    },
    Row {
        ask: "read notes.md",
        tool: "read_file",
        does: "a file of the workspace",
        want: Want::Read,
        forms: &[
            "read the file {path}",
            "read file {path}",
            "read {path}",
            "show me the file {path}",
            "show the file {path}",
            "show file {path}",
            "open {path}",
            "cat {path}",
            "what is in {path}",
            "what's in {path}",
        ],
    },
    Row {
        ask: "what do you remember about the door",
        tool: "kv_memory",
        does: "notes in which a text occurs",
        want: Want::Find,
        forms: &[
            "what do you remember about {text}",
            "what do you know about {text}",
            "search notes for {text}",
            "search my notes for {text}",
        ],
    },
    Row {
        ask: "what do you remember",
        tool: "kv_memory",
        does: "all notes",
        want: Want::Notes,
        forms: &["what do you remember", "list notes", "list my notes", "show my notes", "my notes"],
    },
    Row {
        ask: "recall door code",
        tool: "kv_memory",
        does: "one note",
        want: Want::Get,
        forms: &["recall {key}", "do you remember {key}"],
    },
    Row {
        ask: "forget door code",
        tool: "kv_memory",
        does: "deletes a note",
        want: Want::Forget,
        forms: &["forget {key}", "delete the note {key}", "delete note {key}"],
    },
    Row {
        ask: "remember door code is 4711",
        tool: "kv_memory",
        does: "keeps a note",
        want: Want::Save,
        forms: &[
            "remember that {key} is {value}",
            "remember that {key} are {value}",
            "remember {key} is {value}",
            "remember {key} = {value}",
            "remember {key}: {value}",
            "remember that {text}",
            "remember: {text}",
            "note that {key} is {value}",
            "note that {text}",
            "note: {text}",
        ],
    },
    Row {
        ask: "help",
        tool: "",
        does: "this list",
        want: Want::Help,
        forms: &[
            "help",
            "what can you do",
            "who are you",
            "what are you",
            "hello",
            "hi",
            "hey",
            "good morning",
            "good evening",
        ],
    },
    Row {
        ask: "2 + 2",
        tool: "calculate_expression",
        does: "the same, without a verb",
        want: Want::Bare,
        forms: &["{expression}"],
    },
];

/// The table as Markdown, as it stands in the documentation.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from("| Ask for example | It answers with | By the tool |\n|---|---|---|\n");
    for Row { ask, does, tool, .. } in TABLE {
        let tool = if tool.is_empty() { "none".to_owned() } else { format!("`{tool}`") };
        text.push_str(&format!("| {ask} | {does} | {tool} |\n"));
    }
    text
}

/// The table for a person on a terminal or in a chat.
#[must_use]
pub fn help() -> String {
    let mut text = String::from(
        "Without a language model I understand these requests, in English, several at once if joined by \"and\":\n",
    );
    for Row { ask, does, .. } in TABLE {
        text.push_str(&format!("- {ask} ({does})\n"));
    }
    text
}
