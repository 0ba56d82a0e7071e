//! The parameters of a call, whichever way the client packs them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};

/// A file that came with a call.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
}

/// The parameters of one call. Forms carry everything as text, so that numbers and JSON are read from text as well.
#[derive(Debug, Clone, Default)]
pub(super) struct Params {
    pub(super) fields: Map<String, Value>,
    pub(super) files: BTreeMap<String, Upload>,
}

impl Params {
    /// Reads a query and a body of the given content type. What makes no sense is left out, as the real server does.
    pub(super) fn read(query: Option<&str>, content_type: &str, body: &Bytes) -> Self {
        let mut params = Self::default();
        params.urlencoded(query.unwrap_or_default());
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind {
            "application/json" => {
                if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
                    params.fields.extend(fields);
                }
            }
            "application/x-www-form-urlencoded" => params.urlencoded(&String::from_utf8_lossy(body)),
            "multipart/form-data" => {
                if let Some((_, boundary)) = content_type.split_once("boundary=") {
                    params.multipart(boundary.trim_matches('"'), body);
                }
            }
            _ => {}
        }
        params
    }

    fn urlencoded(&mut self, text: &str) {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |text: &str| percent_decode(&text.replace('+', " "));
            self.fields.insert(read(name), Value::String(read(value)));
        }
    }

    fn multipart(&mut self, boundary: &str, body: &Bytes) {
        let mark = format!("--{boundary}");
        let mut at = find(body, mark.as_bytes(), 0);
        while let Some(start) = at {
            let start = start + mark.len();
            // The mark after the last part ends with two dashes.
            if body[start..].starts_with(b"--") {
                return;
            }
            let next = find(body, format!("\r\n{mark}").as_bytes(), start);
            let end = next.unwrap_or(body.len());
            self.part(&body.slice(start.min(end)..end));
            at = next.map(|next| next + 2);
        }
    }

    fn part(&mut self, part: &Bytes) {
        let Some(head_end) = find(part, b"\r\n\r\n", 0) else { return };
        let head = String::from_utf8_lossy(&part[..head_end]).into_owned();
        let content = part.slice(head_end + 4..);
        let (mut name, mut file, mut mime) = (String::new(), None, "application/octet-stream".to_owned());
        for line in head.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            match key.trim().to_ascii_lowercase().as_str() {
                "content-disposition" => {
                    for (key, value) in value.split(';').filter_map(|item| item.trim().split_once('=')) {
                        let value = value.trim_matches('"').to_owned();
                        match key {
                            "name" => name = value,
                            "filename" => file = Some(value),
                            // The form for names that are not ASCII: `UTF-8''percent-encoded`.
                            "filename*" => {
                                file = value.rsplit_once('\'').map(|(_, name)| percent_decode(name));
                            }
                            _ => {}
                        }
                    }
                }
                "content-type" => mime = value.trim().to_owned(),
                _ => {}
            }
        }
        match file {
            Some(file) => {
                self.files.insert(name, Upload { name: file, mime, bytes: content });
            }
            None => {
                let text = String::from_utf8_lossy(&content).into_owned();
                self.fields.insert(name, Value::String(text));
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        match self.fields.get(name)? {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_i64(),
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.fields.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.to_lowercase().as_str(), "true" | "1"),
            _ => false,
        }
    }

    /// A parameter that is itself JSON.
    pub(super) fn json(&self, name: &str) -> Option<Value> {
        match self.fields.get(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            Value::Null => None,
            value => Some(value.clone()),
        }
    }
}

/// Turns `%41` into `A`; what is no code stays.
pub(super) fn percent_decode(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).and_then(|code| std::str::from_utf8(code).ok());
        match code.filter(|_| byte == b'%').and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where `needle` begins in `bytes`, from `from` on.
fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = from;
    while let Some(step) = bytes.get(at..)?.iter().position(|byte| *byte == first) {
        at += step;
        if bytes[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_whichever_way_it_is_packed() {
        let body = Bytes::from_static(b"chat_id=5&text=a+b%21");
        let form = Params::read(Some("x=1"), "application/x-www-form-urlencoded", &body);
        assert_eq!((form.int("chat_id"), form.text("text"), form.int("x")), (Some(5), Some("a b!"), Some(1)));

        let body = Bytes::from_static(
            b"--B\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n5\r\n--B\r\nContent-Disposition: form-data; \
              name=\"document\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n--Not\r\n--B--\r\n",
        );
        let form = Params::read(None, "multipart/form-data; boundary=B", &body);
        assert_eq!(form.int("chat_id"), Some(5));
        let file = &form.files["document"];
        assert_eq!(
            (file.name.as_str(), file.mime.as_str(), &file.bytes[..]),
            ("a.txt", "text/plain", &b"x\r\n--Not"[..])
        );

        let body = Bytes::from_static(br#"{"chat_id":5,"reply_parameters":{"message_id":1}}"#);
        let form = Params::read(None, "application/json; charset=utf-8", &body);
        assert_eq!(form.json("reply_parameters").unwrap()["message_id"], 1);
    }

    #[test]
    fn percent_codes_are_decoded_and_others_stay() {
        for (text, decoded) in
            [("photos%2Ff_0.jpg", "photos/f_0.jpg"), ("100%", "100%"), ("%zz%C3%A4", "%zzä")]
        {
            assert_eq!(percent_decode(text), decoded);
        }
    }
}
