use proptest::prelude::*;

use super::*;

#[test]
fn what_discord_does_not_know_is_put_another_way() {
    let text = "\
#### Small heading
# Big heading

| Name | Count |
|------|------:|
| apples | 3 |
| [pears](https://x.y) | 12 |

An ![image](https://x.y/a.png) and __bold__ and *thin* and **bold** and _thin_.

    indented code

- [link](https://x.y)
";
    insta::assert_snapshot!(discord(text), @r"
    **Small heading**
    # Big heading

    ```
    Name              | Count
    ------------------|------
    apples            | 3
    https://x.y pears | 12
    ```

    An [image](https://x.y/a.png) and **bold** and *thin* and **bold** and _thin_.

    ```
    indented code
    ```

    - [link](https://x.y)
    ");
}

#[test]
fn what_discord_knows_stays_as_it_is() {
    for text in [
        "plain",
        "two\n\nparagraphs",
        "`code` **bold** ~~gone~~ ||hidden|| <@42> @everyone",
        "```rust\nfn main() {}\n| a | b |\n|---|---|\n```",
        "> quote\n> more",
        "1. one\n2. two\n   - three",
        "### Heading\ntext",
        "snake__case__name",
        "\\*escaped\\*",
        "",
        "  \n ",
    ] {
        assert_eq!(discord(text), text);
    }
}

#[test]
fn a_table_too_wide_to_be_aligned_is_shown_as_it_was_written() {
    let wide = "x".repeat(300);
    let rows: String = (0..20).map(|n| format!("| {n} | b |\n")).collect();
    let text = format!("| {wide} | b |\n|---|---|\n{rows}");
    let shown = discord(&text);
    assert!(shown.starts_with("```\n| xxx"), "{shown}");
    assert!(shown.encode_utf16().count() <= DISCORD_LIMIT);
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zäπ🦀]{1,12}",
        "[ \\n]{1,3}",
        prop::sample::select(vec![
            "| a | b |\n|---|---|\n| 1 | 2 |\n",
            "|x|\n|-|\n|```|\n",
            "![p](http://u/i.png)",
            "__b__",
            "**b**",
            "#### h\n",
            "```\n",
            "    code\n",
            "> ",
            "- ",
            "|",
            "`",
            "[",
            "](",
            ")",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn a_part_within_our_limit_is_within_discords(pieces in prop::collection::vec(piece(), 0..400)) {
        let mut text: String = pieces.concat();
        while text.encode_utf16().count() > TEXT_LIMIT {
            text.pop();
        }
        let shown = discord(&text);
        prop_assert!(shown.encode_utf16().count() <= DISCORD_LIMIT);
        prop_assert!(shown.chars().count() <= DISCORD_LIMIT);
    }

    #[test]
    fn no_word_is_lost(pieces in prop::collection::vec(piece(), 0..60)) {
        let text: String = pieces.concat();
        let words = |text: &str| {
            let mut letters: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
            letters.sort_unstable();
            letters
        };
        prop_assert_eq!(words(&discord(&text)), words(&text));
    }
}
