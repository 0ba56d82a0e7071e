//! The message, from the command line or from stdin.

use std::{
    ffi::OsStr,
    io::{self, Read as _},
};

use super::super::error::CliError;

/// Longest message in bytes. What is longer belongs into a file of the workspace.
const LONGEST: u64 = 1 << 20;

/// The message, checked; none where none was given.
pub(in crate::cli) fn read(message: Option<&OsStr>) -> Result<Option<String>, CliError> {
    let Some(given) = message else { return Ok(None) };
    let bytes = if given == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes)?;
        bytes
    } else {
        given.as_encoded_bytes().to_vec()
    };
    check(bytes).map(Some)
}

fn check(bytes: Vec<u8>) -> Result<String, CliError> {
    if bytes.len() as u64 > LONGEST {
        let why =
            "the message is longer than 1 MiB; put it into a file of the workspace and ask about the file";
        return Err(CliError::Input(why.into()));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        CliError::Input(format!("the message is not UTF-8 (byte {at}); convert it, for example with iconv"))
    })?;
    if text.trim().is_empty() {
        return Err(CliError::Input(
            "the message is empty; write one behind -m, or pipe it into `-m -`".into(),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_messages_say_what_is_wrong() {
        for (bytes, expected) in [
            (b"".to_vec(), "empty"),
            (b" \n".to_vec(), "empty"),
            (b"ab\xff".to_vec(), "byte 2"),
            (vec![b'a'; (LONGEST + 1) as usize], "1 MiB"),
        ] {
            let error = check(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(check(b"hello\n".to_vec()).unwrap(), "hello\n");
    }
}
