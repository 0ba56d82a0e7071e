use super::*;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

#[test]
fn each_construct_has_its_form() {
    for (markdown, expected) in [
        ("plain", "plain"),
        ("a < b & c > d \"e\"", "a &lt; b &amp; c &gt; d &quot;e&quot;"),
        (
            "**bold** *it* _it_ ~~gone~~ `x<y`",
            "<b>bold</b> <i>it</i> <i>it</i> <s>gone</s> <code>x&lt;y</code>",
        ),
        ("# Head *line*\ntext", "<b>Head <i>line</i></b>\n\ntext"),
        ("## **Head**", "<b>Head</b>"),
        ("one\ntwo\n\nthree", "one\ntwo\n\nthree"),
        ("- a\n- b\n  - c\n- d\n\nend", "• a\n• b\n  • c\n• d\n\nend"),
        ("3. c\n4. d", "3. c\n4. d"),
        ("- [x] done\n- [ ] open", "• ☑ done\n• ☐ open"),
        ("- a\n\n- b", "• a\n• b"),
        ("> quoted\n> more\n\nafter", "<blockquote>quoted\nmore</blockquote>\n\nafter"),
        ("> a\n>> b", "<blockquote>a\n\nb</blockquote>"),
        ("```rust\nfn a<T>() {}\n```", "<pre><code class=\"language-rust\">fn a&lt;T&gt;() {}</code></pre>"),
        ("```\nx\n\n```\ny", "<pre>x</pre>\n\ny"),
        ("    indented", "<pre>indented</pre>"),
        ("[site](https://a.b/?c=1&d=2)", "<a href=\"https://a.b/?c=1&amp;d=2\">site</a>"),
        ("<https://a.b>", "https://a.b"),
        ("<ann@a.b>", "ann@a.b"),
        ("[file](notes/a.md)", "file (notes/a.md)"),
        ("[x](javascript:alert(1))", "x (javascript:alert(1))"),
        ("![alt](https://a.b/i.png)", "<a href=\"https://a.b/i.png\">alt</a>"),
        ("![](https://a.b/i.png)", "https://a.b/i.png"),
        ("[![alt](https://i.png)](https://a.b)", "<a href=\"https://a.b\">alt (https://i.png)</a>"),
        (
            "[used][1]\n\n[1]: https://a.b\n[2]: https://c.d",
            "<a href=\"https://a.b\">used</a>\n\n[2]: https://c.d",
        ),
        ("a\n\n---\n\nb", "a\n\n———\n\nb"),
        ("<div>raw</div>", "&lt;div&gt;raw&lt;/div&gt;"),
        ("a<br>b", "a\nb"),
        (
            "| a | b |\n|---|---|\n| 1 | long |\n| `x` | **y** |",
            "<pre>a | b\n--+-----\n1 | long\nx | y</pre>",
        ),
        ("a|b\n-|-\nc|d|e", "<pre>a | b |\n--+---+--\nc | d | e</pre>"),
        ("snake_case_name 2*3*4", "snake_case_name 2<i>3</i>4"),
        ("\\*not\\*", "*not*"),
    ] {
        assert_eq!(html(markdown).as_deref(), Some(expected), "{markdown}");
    }
}

#[test]
fn markup_alone_is_nothing_to_see() {
    for markdown in ["", "  \n ", "# ", "-", "> ", "```\n```"] {
        assert_eq!(html(markdown), None, "{markdown:?}");
    }
}

#[test]
fn a_typical_answer_reads_well() {
    let answer = "# Report\n\nThe **build** is _green_ since `3b8c561`:\n\n1. Tests: 412 passed\n2. Lints:\n   - clippy\n   \
                  - fmt\n\n> Quoted from the log\n> in two lines\n\n| Step | Time |\n|------|-----:|\n| build | 84 s |\n| test \
                  | 9 s |\n\n```sh\ncargo test && echo \"<ok>\"\n```\n\nSee [the page](https://example.com/a?b=1&c=2) or \
                  https://example.com.\n\n---\n\n- [x] shipped\n- [ ] announced";
    insta::assert_snapshot!(html(answer).unwrap());
}

/// The text without tags, and what was wrong with them.
fn visible(html: &str) -> Result<String, String> {
    let (mut text, mut open, mut rest) = (String::new(), Vec::new(), html);
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(tail) = rest.strip_prefix('<') {
            let (tag, tail) = tail.split_once('>').ok_or("an open tag")?;
            rest = tail;
            match tag.strip_prefix('/') {
                Some(name) => {
                    let last = open.pop().ok_or("a tag closed twice")?;
                    if last != name {
                        return Err(format!("{last} closed as {name}"));
                    }
                }
                None => open.push(tag.split(' ').next().unwrap_or_default()),
            }
        } else {
            let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"')];
            let (code, c) = known.iter().find(|(code, _)| rest.starts_with(code)).ok_or("an odd entity")?;
            text.push(*c);
            rest = &rest[code.len()..];
        }
    }
    text.push_str(rest);
    open.is_empty().then_some(text).ok_or_else(|| format!("{open:?} never closed"))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

proptest! {
    #[test]
    fn any_text_becomes_balanced_markup(text in "\\PC*|[ \\n*_~`#>|\\[\\]()!<&a-c1.:-]{0,80}") {
        if let Some(html) = html(&text) {
            prop_assert!(visible(&html).is_ok(), "{html}: {:?}", visible(&html));
        }
    }

    /// Without code fences (whose language is no text), links and HTML, every letter is shown, in order.
    #[test]
    fn no_letter_is_lost(text in "([ \\n*_#>|+äßa-f.-]|~~ ){0,120}") {
        let shown = html(&text).map(|html| visible(&html).unwrap()).unwrap_or_default();
        prop_assert_eq!(letters(&shown), letters(&text));
    }

    #[test]
    fn no_letter_of_a_table_is_lost(rows in proptest::collection::vec("[|a-c *]{1,12}", 1..5)) {
        let text = format!("x|y\n-|-\n{}", rows.join("\n"));
        let shown = html(&text).map(|html| visible(&html).unwrap()).unwrap_or_default();
        prop_assert_eq!(letters(&shown), letters(&text));
    }

    #[test]
    fn no_letter_of_a_link_or_its_definition_is_lost(label in "[a-z]{1,8}", to in "[a-z]{1,8}", used: bool) {
        let text = format!("see {}\n\n[{label}]: {to}", if used { format!("[{label}]") } else { "it".into() });
        let shown = html(&text).map(|html| visible(&html).unwrap()).unwrap_or_default();
        prop_assert!(shown.contains(&label) && shown.contains(&to), "{}", shown);
    }
}
