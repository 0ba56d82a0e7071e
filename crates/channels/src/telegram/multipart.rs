//! A form with a file in it.

use bytes::{Bytes, BytesMut};

/// A form in the making. Its boundary is the id of the part that is sent, 36 letters that no file holds by chance, and
/// a file that holds them all the same could only spoil its own upload.
pub(super) struct Form {
    boundary: String,
    body: BytesMut,
}

impl Form {
    /// An empty form.
    pub(super) fn new(boundary: String) -> Self {
        Self { boundary, body: BytesMut::new() }
    }

    /// Adds a field.
    pub(super) fn field(mut self, name: &str, value: &str) -> Self {
        self.head(&format!("name=\"{name}\""), None);
        self.body.extend_from_slice(value.as_bytes());
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a file.
    pub(super) fn file(mut self, name: &str, file_name: &str, mime: &str, bytes: &Bytes) -> Self {
        // What would end the quoted name or the line becomes an underscore; the names of the core have none of these.
        let clean = |text: &str| -> String {
            text.chars().map(|c| if c == '"' || c == '\\' || c.is_control() { '_' } else { c }).collect()
        };
        let (file_name, mime) = (clean(file_name), clean(mime));
        self.body.reserve(bytes.len() + 512);
        self.head(&format!("name=\"{name}\"; filename=\"{file_name}\""), Some(&mime));
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    fn head(&mut self, disposition: &str, mime: Option<&str>) {
        let kind = mime.map_or_else(String::new, |mime| format!("Content-Type: {mime}\r\n"));
        let head =
            format!("--{}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n", self.boundary);
        self.body.extend_from_slice(head.as_bytes());
    }

    /// The content type and the body.
    pub(super) fn finish(mut self) -> (String, Bytes) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_fields_and_a_file() {
        let bytes = Bytes::from_static(b"\x00\xff");
        let form = Form::new("B".into()).field("chat_id", "5").file(
            "document",
            "a\"b\r\n.txt",
            "text/plain",
            &bytes,
        );
        let (kind, body) = form.finish();
        assert_eq!(kind, "multipart/form-data; boundary=B");
        let text = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(
            text,
            "--B\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n5\r\n--B\r\nContent-Disposition: form-data; \
             name=\"document\"; filename=\"a_b__.txt\"\r\nContent-Type: text/plain\r\n\r\n\0\u{fffd}\r\n--B--\r\n"
        );
    }
}
