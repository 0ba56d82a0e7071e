//! One REST call, as it came in.

use bytes::Bytes;
use serde_json::Value;

/// A file that came with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What was asked of the REST side.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path behind `/api/v10`, or the whole path of a file.
    pub path: String,
    /// What stood behind the question mark.
    pub query: String,
    /// The JSON body, also where it came as `payload_json` beside files.
    pub body: Value,
    /// The files.
    pub files: Vec<Upload>,
    /// Whether it carried the bot's token.
    pub authorized: bool,
    /// The `User-Agent`.
    pub agent: String,
}

impl Call {
    /// A parameter of the query.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|p| p.1)
    }

    /// Splits a `multipart/form-data` body into its JSON and its files.
    pub(super) fn read_multipart(&mut self, content_type: &str, raw: &Bytes) {
        let Some((_, boundary)) = content_type.split_once("boundary=") else { return };
        let mark = format!("--{}", boundary.trim_matches('"'));
        let mut at = 0;
        let mut starts = Vec::new();
        while let Some(found) = find(&raw[at..], mark.as_bytes()) {
            starts.push(at + found);
            at += found + mark.len();
        }
        for pair in starts.windows(2) {
            // Behind the mark a line end, before the next mark another one.
            let piece = raw.slice(pair[0] + mark.len() + 2..pair[1] - 2);
            let Some(gap) = find(&piece, b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&piece[..gap]).into_owned();
            let body = piece.slice(gap + 4..);
            if head.contains("name=\"payload_json\"") {
                self.body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                continue;
            }
            let between = |from: &str, to: &str| {
                let rest = head.split_once(from)?.1;
                Some(rest.split_once(to).map_or(rest, |(found, _)| found).trim().to_owned())
            };
            self.files.push(Upload {
                name: between("filename=\"", "\"").unwrap_or_default(),
                mime: between("Content-Type:", "\r\n").unwrap_or_default(),
                bytes: body,
            });
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
