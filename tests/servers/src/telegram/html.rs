//! Telegram's HTML: which tags it takes, and the text and entities that come of them.

use serde_json::{Value, json};

/// A text after its markup was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed {
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
}

struct Open {
    tag: String,
    kind: &'static str,
    extra: Option<(&'static str, String)>,
    at: usize,
}

/// Reads markup as the real server does; the error is the end of its sentence.
pub(super) fn parse(html: &str) -> Result<Parsed, String> {
    let mut text = String::new();
    let (mut open, mut entities): (Vec<Open>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        let offset = html.len() - rest.len();
        match c {
            '<' => {
                let end =
                    rest.find('>').ok_or_else(|| format!("Unclosed start tag at byte offset {offset}"))?;
                let inside = &rest[1..end];
                rest = &rest[end + 1..];
                if let Some(name) = inside.strip_prefix('/') {
                    close(name.trim(), &mut open, &mut entities, units(&text), offset)?;
                } else {
                    open.push(begin(inside, &open, units(&text), offset)?);
                }
            }
            '&' => {
                let (decoded, length) = entity(rest).unwrap_or(('&', 1));
                text.push(decoded);
                rest = &rest[length..];
            }
            _ => {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    match open.pop() {
        Some(left) => Err(format!("Can't find end tag corresponding to start tag \"{}\"", left.tag)),
        None => Ok(Parsed { text, entities }),
    }
}

fn begin(inside: &str, open: &[Open], at: usize, offset: usize) -> Result<Open, String> {
    let (tag, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let tag = tag.to_ascii_lowercase();
    let value = |name: &str| {
        let start = attributes.find(&format!("{name}=\""))? + name.len() + 2;
        let end = attributes[start..].find('"')?;
        Some(decode(&attributes[start..start + end]))
    };
    let mut extra = None;
    let kind = match tag.as_str() {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "u" | "ins" => "underline",
        "s" | "strike" | "del" => "strikethrough",
        "tg-spoiler" => "spoiler",
        "span" if value("class").as_deref() == Some("tg-spoiler") => "spoiler",
        "code" => {
            let class = value("class");
            extra = class.and_then(|class| Some(("language", class.strip_prefix("language-")?.to_owned())));
            "code"
        }
        "pre" => "pre",
        "a" => {
            extra = value("href").map(|url| ("url", url));
            "text_link"
        }
        "blockquote" if open.iter().any(|open| open.tag == "blockquote") => {
            return Err(format!("Can't nest blockquotes at byte offset {offset}"));
        }
        "blockquote" => "blockquote",
        "tg-emoji" => "custom_emoji",
        _ => return Err(format!("Unsupported start tag \"{tag}\" at byte offset {offset}")),
    };
    Ok(Open { tag, kind, extra, at })
}

fn close(
    name: &str,
    open: &mut Vec<Open>,
    entities: &mut Vec<Value>,
    end: usize,
    offset: usize,
) -> Result<(), String> {
    let Some(last) = open.pop() else { return Err(format!("Unexpected end tag at byte offset {offset}")) };
    if !name.is_empty() && !name.eq_ignore_ascii_case(&last.tag) {
        return Err(format!(
            "Unmatched end tag at byte offset {offset}, expected \"</{}>\", found \"</{name}>\"",
            last.tag
        ));
    }
    if end == last.at {
        return Ok(());
    }
    let mut entity = json!({"type": last.kind, "offset": last.at, "length": end - last.at});
    // `<pre><code class="language-x">` is one entity.
    let within_pre = last.kind == "code" && open.last().is_some_and(|outer| outer.kind == "pre");
    if within_pre {
        if let Some(outer) = open.last_mut() {
            outer.extra = last.extra;
        }
        return Ok(());
    }
    if let Some((key, value)) = last.extra {
        entity[key] = value.into();
    }
    entities.push(entity);
    Ok(())
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn decode(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let (decoded, length) = entity(rest).unwrap_or((c, c.len_utf8()));
        out.push(decoded);
        rest = &rest[length..];
    }
    out
}

/// The character that a text such as `&lt;…` begins with, and how many bytes it takes there.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.strip_prefix('&')?.find(';').filter(|end| *end < 12)?;
    let name = &text[1..=end];
    let c = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((c, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text_and_entities_in_utf16_units() {
        let parsed = parse("😀 <b>fat &amp; <i>x</i></b> <a href=\"https://a?b&amp;c\">l</a>").unwrap();
        assert_eq!(parsed.text, "😀 fat & x l");
        assert_eq!(
            parsed.entities,
            [
                json!({"type": "italic", "offset": 9, "length": 1}),
                json!({"type": "bold", "offset": 3, "length": 7}),
                json!({"type": "text_link", "offset": 11, "length": 1, "url": "https://a?b&c"}),
            ]
        );
        let code = parse("<pre><code class=\"language-rust\">x &lt; y</code></pre>").unwrap();
        assert_eq!(code.text, "x < y");
        assert_eq!(code.entities, [json!({"type": "pre", "offset": 0, "length": 5, "language": "rust"})]);
    }

    #[test]
    fn broken_markup_is_refused() {
        for (html, wrong) in [
            ("<b>x", "Can't find end tag"),
            ("x</b>", "Unexpected end tag"),
            ("<b><i>x</b></i>", "Unmatched end tag"),
            ("<h1>x</h1>", "Unsupported start tag \"h1\""),
            ("a < b", "Unclosed start tag"),
            ("<blockquote>a<blockquote>b</blockquote></blockquote>", "Can't nest"),
        ] {
            let error = parse(html).unwrap_err();
            assert!(error.contains(wrong), "{html}: {error}");
        }
        assert_eq!(parse("a & b &nope; > c").unwrap().text, "a & b &nope; > c");
    }
}
