use mail_parser::MessageParser;

use super::*;

fn shown(raw: &[u8]) -> (String, Vec<(String, Option<String>, usize)>) {
    let message = MessageParser::default().parse(raw).unwrap_or_default();
    let body = of(&message, "");
    let files = body.attachments.iter().map(|file| (file.mime.clone(), file.name.clone(), file.bytes.len()));
    (body.text, files.collect())
}

#[test]
fn charsets_are_read_as_they_are_declared() {
    for (charset, bytes, text) in [
        ("utf-8", "Grüße".as_bytes(), "Grüße"),
        ("iso-8859-1", b"Gr\xFC\xDFe", "Grüße"),
        ("windows-1252", b"\x8010", "€10"),
        ("windows-1251", b"\xCF\xF0\xE8\xE2\xE5\xF2", "Привет"),
        ("koi8-r", b"\xF0\xD2\xC9\xD7\xC5\xD4", "Привет"),
        ("iso-2022-jp", b"\x1b$B$3$s$K$A$O\x1b(B", "こんにちは"),
        ("shift_jis", b"\x93\xFA\x96\x7B", "日本"),
        ("gb18030", b"\xC4\xE3\xBA\xC3", "你好"),
        ("gb2312", b"\xC4\xE3\xBA\xC3", "你好"),
        ("big5", b"\xA7\x41\xA6\x6E", "你好"),
        ("euc-kr", b"\xBE\xC8\xB3\xE7", "안녕"),
        ("nonsense", "plain".as_bytes(), "plain"),
    ] {
        for kind in ["plain", "html"] {
            let mut raw = format!("Content-Type: text/{kind}; charset={charset}\r\n\r\n").into_bytes();
            raw.extend_from_slice(bytes);
            assert_eq!(shown(&raw).0, text, "{charset} {kind}");
        }
    }
}

#[test]
fn broken_encodings_give_what_can_be_read() {
    for (encoding, content, part) in [
        ("quoted-printable", "a=3Db =ZZ c=", "a=b"),
        ("base64", "aGVsbG8gd29ybGQ", "hello"),
        ("base64", "aGVs\r\n bG8=\r\n", "hello"),
        ("7bit", "hello", "hello"),
        ("x-unknown", "hello", "hello"),
    ] {
        let raw =
            format!("Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{content}");
        assert!(shown(raw.as_bytes()).0.contains(part), "{encoding} {content}: {}", shown(raw.as_bytes()).0);
    }
}

const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";

fn mixed(parts: &[&str]) -> Vec<u8> {
    let mut raw = MIXED.to_owned();
    for part in parts {
        raw.push_str("--b\r\n");
        raw.push_str(part);
        raw.push_str("\r\n");
    }
    raw.push_str("--b--\r\n");
    raw.into_bytes()
}

#[test]
fn what_was_written_is_told_from_what_was_attached() {
    let alternative = "Content-Type: multipart/alternative; boundary=c\r\n\r\n\
        --c\r\nContent-Type: text/plain\r\n\r\nplain words\r\n\
        --c\r\nContent-Type: text/html\r\n\r\n<b>html words</b>\r\n--c--\r\n";
    let html = "Content-Type: text/html\r\n\r\n<p>only html</p>";
    let first = "Content-Type: text/plain\r\n\r\none";
    let second = "Content-Type: text/plain\r\n\r\ntwo";
    let notes = "Content-Type: text/plain; name=notes.txt\r\nContent-Disposition: attachment\r\n\r\nnot said";
    let image = "Content-Type: image/png\r\nContent-ID: <i>\r\nContent-Disposition: inline; filename=\"p.png\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=";
    let inner = "Content-Type: message/rfc822\r\n\r\nFrom: x@y\r\nSubject: inner\r\n\r\ninner words\r\n";
    let long = "Content-Type: application/pdf\r\n\
        Content-Disposition: attachment; filename*0*=UTF-8''%C3%84; filename*1*=%2Fb.pdf\r\n\r\n%PDF-";
    for (name, raw, text, files) in [
        ("alternative", mixed(&[alternative]), "plain words", vec![]),
        ("html only", mixed(&[html]), "only html", vec![]),
        (
            "two texts around an image",
            mixed(&[first, image, second]),
            "one\ntwo",
            vec![("image/png", Some("p.png"))],
        ),
        ("attached text", mixed(&[first, notes]), "one", vec![("text/plain", Some("notes.txt"))]),
        ("a forwarded mail", mixed(&[first, inner]), "one", vec![("message/rfc822", None)]),
        ("a coded name", mixed(&[first, long]), "one", vec![("application/pdf", Some("Ä/b.pdf"))]),
        ("no end", format!("{MIXED}--b\r\n{first}").into_bytes(), "one", vec![]),
        ("no parts", MIXED.as_bytes().to_vec(), "", vec![]),
    ] {
        let (found, attached) = shown(&raw);
        let attached: Vec<_> =
            attached.iter().map(|(mime, name, _)| (mime.as_str(), name.as_deref())).collect();
        assert_eq!((found.as_str(), attached), (text, files), "{name}");
    }
}
