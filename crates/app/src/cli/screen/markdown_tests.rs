use proptest::prelude::*;

use super::*;

/// The text in pieces of `size` characters, with styles written as `<…>`.
fn shown(text: &str, size: usize) -> String {
    let (mut markdown, mut out) = (Markdown::default(), String::new());
    let chars: Vec<char> = text.chars().collect();
    for piece in chars.chunks(size) {
        markdown.push(&piece.iter().collect::<String>(), &mut out);
    }
    markdown.end(&mut out);
    out.replace(RESET, "<>").replace("\x1b[", "<")
}

#[test]
fn blocks_are_shown_as_what_they_are() {
    for (text, expected) in [
        ("one\ntwo\n", "one\ntwo\n"),
        ("# Title\ntext", "<><1;4mTitle<>\ntext"),
        ("####### x", "####### x"),
        ("#tag", "#tag"),
        ("- a\n  * b\n+ c", "• a\n  • b\n• c"),
        ("1. a\n2. **b**", "1. a\n2. <><1mb<>"),
        ("> quoted", "<2m│<> <><2mquoted<>"),
        ("a\n\n---\nb", "a\n\n<2m────────────────────────<>\nb"),
        ("```rust\nlet a = *b*;\n\n```\nend", "<36mlet a = *b*;<>\n\nend"),
        ("~~~\n```\n~~~\n", "<36m```<>\n"),
        ("```inline``` x", "<><36minline<> x"),
        ("**bold** start", "<><1mbold<> start"),
        ("*it* start", "<><3mit<> start"),
        ("-", "-"),
        ("  ", ""),
        ("a\u{1b}[2Jb", "a␛[2Jb"),
    ] {
        assert_eq!(shown(text, 1000), expected, "{text:?}");
    }
}

#[test]
fn tables_are_aligned() {
    let table = "| a | long |\n|---|:---:|\n| **wide** | 漢 |\nafter";
    assert_eq!(shown(table, 1000), "a     long\n<2m──────────<>\n<><1mwide<>  漢\nafter");
}

#[test]
fn text_is_shown_before_its_line_ends() {
    let (mut markdown, mut out) = (Markdown::default(), String::new());
    markdown.push("The answer is ", &mut out);
    assert_eq!(out, "The answer is ");
}

#[test]
fn an_unclosed_code_block_leaves_no_style_behind() {
    assert_eq!(shown("```\ncode", 1000), "<36mcode<>");
}

#[test]
fn lines_are_wrapped_under_their_text() {
    let mut markdown = Markdown::default();
    let mut out = String::new();
    markdown.set_width(Some(20));
    markdown.push(
        "a plain line of more than twenty\n- an item that is too long\n> and a quoted line too",
        &mut out,
    );
    markdown.end(&mut out);
    let expected =
        "a plain line of more\nthan twenty\n• an item that is\n  too long\n│ and a quoted line\n│ too";
    assert_eq!(out.replace(RESET, "").replace("\x1b[2m", ""), expected);
}

proptest! {
    #[test]
    fn where_a_text_is_cut_changes_nothing(text in "[ab `*_#>|~\n-]{0,60}", size in 1_usize..7) {
        prop_assert_eq!(shown(&text, size), shown(&text, 1000));
    }

    #[test]
    fn every_escape_of_the_text_is_shown_as_a_picture(text in "[\u{1b}\u{9b}a\\[0-9m\n]{0,40}") {
        let (mut markdown, mut out) = (Markdown::default(), String::new());
        markdown.push(&text, &mut out);
        markdown.end(&mut out);
        let count = |text: &str, c: char| text.chars().filter(|other| *other == c).count();
        prop_assert_eq!(count(&out, '␛'), count(&text, '\u{1b}'));
        prop_assert_eq!(count(&out, '\u{9b}'), 0);
    }
}
