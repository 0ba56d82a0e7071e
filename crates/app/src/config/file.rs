//! Reads the file.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use toml_edit::ImDocument;

use super::{ConfigError, LoadInput, Origin, locate};
use crate::observe::Redactor;

/// Most bytes of a configuration file.
const LARGEST: u64 = 1 << 20;
/// Most characters of what the parser says.
const SHOWN: usize = 200;

/// Where the file is: the flag, else `FACTOTUM_CONFIG`, else `config.toml` in the data directory. And whether somebody
/// named it, so that it must exist.
pub(super) fn place(input: &LoadInput<'_>) -> (PathBuf, bool) {
    let named =
        input.explicit.clone().or_else(|| input.environment.get("FACTOTUM_CONFIG").map(PathBuf::from));
    match named {
        Some(path) => (path, true),
        None => (input.home.join("config.toml"), false),
    }
}

/// The file's text; `None` when it does not exist and need not.
pub(super) fn read(path: &Path, must_exist: bool) -> Result<Option<String>, ConfigError> {
    let origin = |line| Origin::File { path: path.to_owned(), line };
    let fail = |message: String, hint: Option<&str>| {
        ConfigError::one(origin(None), message, hint.map(str::to_owned))
    };
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            fail("there is no such file".to_owned(), Some("name another with --config or FACTOTUM_CONFIG"))
        }
        io::ErrorKind::PermissionDenied => fail(
            "the file cannot be read: permission denied".to_owned(),
            Some("make it readable for this user"),
        ),
        kind => fail(format!("the file cannot be read: {kind}"), None),
    };
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if kind.is_dir() {
        return Err(fail("this is a directory, not a configuration file".to_owned(), None));
    }
    // A pipe or a device might never end, or never begin.
    if !kind.is_file() {
        return Err(fail("this is not a regular file".to_owned(), None));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(fail("the file is longer than 1 MB, which is no configuration".to_owned(), None));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        ConfigError::one(origin(Some(line)), "the file is not UTF-8 text from here on", None)
    })?;
    // Some editors put a mark in front that is no part of the text.
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// What is wrong with the text as TOML. The parser's own message would quote the line, and the line may hold a secret.
pub(super) fn syntax(path: &Path, text: &str, otherwise: &str) -> ConfigError {
    let (line, message) = match ImDocument::parse(text) {
        Err(error) => {
            let line = error.span().map(|span| locate::line_of(text, span.start));
            (line, error.message().to_owned())
        }
        Ok(_) => (None, otherwise.to_owned()),
    };
    let message = message.lines().collect::<Vec<_>>().join(", ");
    let message: String = Redactor::default().redact(&message).chars().take(SHOWN).collect();
    ConfigError::one(Origin::File { path: path.to_owned(), line }, format!("not valid TOML: {message}"), None)
}
