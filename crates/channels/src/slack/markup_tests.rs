//! How markdown looks in Slack.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::markup::to_mrkdwn;

#[test]
fn inline_markup_becomes_slacks_own() {
    for (markdown, mrkdwn) in [
        ("plain", "plain"),
        ("**bold** and *italic* and ~~gone~~", "*bold* and _italic_ and ~gone~"),
        ("***both***", "_*both*_"),
        ("`a < b && c`", "`a &lt; b &amp;&amp; c`"),
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("# Title\nText", "*Title*\nText"),
        ("## A **bold** title", "*A bold title*"),
        ("[here](https://a.example/?x=1&y=2)", "<https://a.example/?x=1&amp;y=2|here>"),
        ("<https://a.example>", "<https://a.example>"),
        ("[https://a.example](https://a.example)", "<https://a.example>"),
        ("[a|b](https://a.example/x|y)", "<https://a.example/x%7Cy|a|b>"),
        ("[script](javascript:alert(1))", "script (javascript:alert(1))"),
        ("[relative](docs/a.md)", "relative (docs/a.md)"),
        ("<a@b.example>", "<mailto:a@b.example>"),
        ("![a cat](https://a.example/cat.png)", "<https://a.example/cat.png|a cat>"),
        ("[![badge](https://i.example/b.png)](https://a.example)", "<https://a.example|badge>"),
        ("<!channel> and <@U1>", "&lt;!channel&gt; and &lt;@U1&gt;"),
        ("<b>html</b>", "&lt;b&gt;html&lt;/b&gt;"),
        ("one  \ntwo\nthree", "one\ntwo\nthree"),
        ("---", "───"),
        ("", ""),
    ] {
        assert_eq!(to_mrkdwn(markdown), mrkdwn, "{markdown}");
    }
}

#[test]
fn a_whole_answer_reads_well() {
    let markdown = r#"# Summary

Two things **matter**:

- the first
  - inside of it
  - and again
    with a second line
- the second, with `code`

1. one
2. two

   more of two

> quoted *words*
> and more
>
> apart

```rust
fn main() {
    println!("a < b");

}
```

| Name | Size |
|------|-----:|
| a.txt | 1 |
| **b** & c | 1234 |

- [x] done
- [ ] open

<div>
raw & html
</div>

The end.
"#;
    insta::assert_snapshot!(to_mrkdwn(markdown));
}

#[test]
fn a_fence_inside_of_code_does_not_end_it() {
    let shown = to_mrkdwn("````\n```\ninner\n```\n````\nafter");
    assert_eq!(shown.matches("```").count(), 2, "{shown}");
    assert!(shown.ends_with("after"), "{shown}");
}

proptest! {
    #[test]
    fn nothing_but_links_begins_with_an_angle_bracket(markdown in "[a-z<>!@#|&`*_~ \n()\\[\\]:/.-]{0,80}") {
        let shown = to_mrkdwn(&markdown);
        for (at, _) in shown.match_indices('<') {
            let rest = &shown[at + 1..];
            let link = ["http://", "https://", "mailto:"].iter().any(|start| rest.starts_with(start));
            prop_assert!(link, "{shown}");
        }
    }

    #[test]
    fn plain_words_are_never_lost(words in "[a-zäß]{1,9}( [a-zäß]{1,9}){0,9}") {
        prop_assert_eq!(to_mrkdwn(&words), words);
    }

    #[test]
    fn no_text_makes_it_stumble(markdown in any::<String>()) {
        let _ = to_mrkdwn(&markdown);
    }
}
