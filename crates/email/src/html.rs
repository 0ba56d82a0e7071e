//! HTML to text, without what the mail hides from its reader.

use html2text::render::{TaggedLine, TextDecorator};

/// Most bytes of HTML that are looked at. What people write is far below; newsletters come close.
const MOST: usize = 512 << 10;
/// Deepest nesting that is laid out, which takes time in the square of it; deeper pages only lose their tags.
const DEEPEST: usize = 400;
/// Wide enough that lines are broken where their writer broke them.
const WIDTH: usize = 1000;

/// The text of a page, links as `text (url)`.
pub(crate) fn to_text(html: &str) -> String {
    let mut end = html.len().min(MOST);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let html = &html[..end];
    if depth(html) > DEEPEST {
        return stripped(html);
    }
    let config = html2text::config::with_decorator(Plain { links: Vec::new() });
    let config = config.use_doc_css().no_table_borders().allow_width_overflow().link_footnotes(false);
    config
        .string_from_read(with_hiding_spelled_out(html).as_bytes(), WIDTH)
        .unwrap_or_else(|_| stripped(html))
}

/// The pieces of a page, in order: text before a tag, and the tag without its brackets.
fn pieces(html: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let tag = rest.find('<').and_then(|open| rest[open..].find('>').map(|close| (open, open + close)));
        let Some((open, close)) = tag else {
            return Some((std::mem::take(&mut rest), None));
        };
        let piece = (&rest[..open], Some(&rest[open + 1..close]));
        rest = &rest[close + 1..];
        Some(piece)
    })
}

/// How many elements are open at most.
fn depth(html: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for (_, tag) in pieces(html) {
        match tag {
            Some(tag) if tag.starts_with('/') => open = open.saturating_sub(1),
            Some(tag) if tag.ends_with('/') || is_single(tag) => {}
            Some(_) => open += 1,
            None => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Elements that hold nothing or need no end.
fn is_single(tag: &str) -> bool {
    const SINGLE: [&str; 12] =
        ["br", "img", "hr", "meta", "link", "input", "col", "p", "li", "td", "tr", "!--"];
    let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
    name.starts_with('!') || SINGLE.iter().any(|single| single.eq_ignore_ascii_case(name))
}

/// The page with every way of hiding an element written as the one that the renderer knows, and with the last
/// declaration of each rule ended as it wants it.
fn with_hiding_spelled_out(html: &str) -> String {
    let mut page = String::with_capacity(html.len() + 64);
    let mut in_style = false;
    for (text, tag) in pieces(html) {
        if in_style {
            page.push_str(&text.replace('}', ";}"));
        } else {
            page.push_str(text);
        }
        let Some(tag) = tag else { continue };
        let name_end = tag.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(tag.len());
        in_style = tag[..name_end].eq_ignore_ascii_case("style");
        page.push('<');
        if name_end > 0 && is_hidden(&tag[name_end..]) {
            // Of two attributes of one name the first one counts.
            page.push_str(&tag[..name_end]);
            page.push_str(" style=\"display:none;\"");
            page.push_str(&tag[name_end..]);
        } else {
            page.push_str(tag);
        }
        page.push('>');
    }
    page
}

/// Whether a tag's attributes make its element invisible.
fn is_hidden(attributes: &str) -> bool {
    let lower = attributes.to_ascii_lowercase();
    if lower.split([' ', '\t', '\n', '/']).any(|word| word == "hidden" || word.starts_with("hidden=")) {
        return true;
    }
    let Some((_, style)) = lower.split_once("style") else { return false };
    let tight: String = style.chars().filter(|c| !c.is_whitespace()).collect();
    let zero = |property: &str| {
        let mut found = tight.match_indices(property).map(|(at, _)| &tight[at + property.len()..]);
        found.any(|value| {
            value.starts_with('0')
                && !value.starts_with("0.")
                && !value[1..].starts_with(|c: char| c.is_ascii_digit())
        })
    };
    tight.contains("display:none")
        || tight.contains("visibility:hidden")
        || tight.contains("mso-hide:all")
        || zero("font-size:")
        || zero("opacity:")
}

/// The page without its tags, scripts and styles.
fn stripped(html: &str) -> String {
    let mut text = String::new();
    let mut unseen = false;
    for (before, tag) in pieces(html) {
        if !unseen {
            text.push_str(before);
        }
        let tag = tag.unwrap_or_default().trim_start().to_ascii_lowercase();
        unseen = tag.starts_with("script") || tag.starts_with("style") || unseen && !tag.starts_with('/');
        if !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    }
    text.trim().to_owned()
}

#[derive(Debug, Clone, Default)]
struct Plain {
    links: Vec<String>,
}

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        self.links.push(url.trim().to_owned());
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        match self.links.pop() {
            Some(url) if !url.is_empty() && !url.starts_with('#') => format!(" ({url})"),
            _ => String::new(),
        }
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _src: &str, title: &str) -> (String, ()) {
        let title = title.trim();
        (if title.is_empty() { String::new() } else { format!("[image: {title}]") }, ())
    }

    fn header_prefix(&self, _level: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "- ".to_owned()
    }

    fn ordered_item_prefix(&self, i: i64) -> String {
        format!("{i}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        Self::default()
    }

    fn finalise(&mut self, _links: Vec<String>) -> Vec<TaggedLine<()>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees_is_kept_and_nothing_else() {
        for (html, text) in [
            ("<p>Hello <b>you</b></p><p>Bye</p>", "Hello you\n\nBye"),
            ("<a href=\"https://x.example/a\">here</a> now", "here (https://x.example/a) now"),
            ("a<script>alert(1)</script><style>p{}</style>b", "ab"),
            ("<p>seen</p><div style=\"display:none\">hidden order</div>", "seen"),
            ("<style>.h{color:red;display:none}</style><p class=h>hidden</p><p>seen</p>", "seen"),
            ("<p style='Font-Size: 0px'>hidden</p><p style='font-size:0.9em'>seen</p>", "seen"),
            (
                "<p style=\"opacity:0\">hidden</p><p hidden>hidden</p><p style='visibility : hidden'>hidden</p>seen",
                "seen",
            ),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("<ul><li>one<li>two</ul>", "- one\n- two"),
            ("new<blockquote>old<br>older</blockquote>", "new\n\n> old\n> older"),
            ("<img src=\"https://track.example/p.gif\" alt=\"\">x", "x"),
        ] {
            assert_eq!(to_text(html).trim(), text, "{html}");
        }
    }

    #[test]
    fn deep_pages_lose_their_tags_and_huge_ones_their_end() {
        let deep = format!("{}x<script>no</script>{}", "<div>".repeat(20_000), "</div>".repeat(20_000));
        assert_eq!(to_text(&deep), "x");
        assert!(to_text(&"x ä ".repeat(300_000)).len() < MOST);
        assert_eq!(to_text(&"<br>".repeat(1000)).trim(), "");
    }
}
