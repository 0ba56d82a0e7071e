//! Blocks: buttons below a question, and texts that are too long for the plain field.

use serde_json::{Value, json};

/// Most characters of one section block.
const LONGEST_SECTION: usize = 3000;

/// Most blocks of one message.
const MOST_BLOCKS: usize = 50;

/// What opens and closes a block of code.
const FENCE: &str = "```";

/// A text as sections, each short enough for Slack; with a button below for each choice, given as its label and the
/// command that it stands for.
pub(super) fn blocks(mrkdwn: &str, choices: &[(&str, String)]) -> Value {
    let room = MOST_BLOCKS - usize::from(!choices.is_empty());
    let section = |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
    let mut blocks: Vec<Value> = sections(mrkdwn).into_iter().take(room).map(section).collect();
    if !choices.is_empty() {
        // The first choice is the one that goes on.
        let styles = ["primary", "danger"].into_iter().chain(std::iter::repeat("danger"));
        let button = |(place, ((label, command), style)): (usize, (&(&str, String), &str))| {
            json!({
                "type": "button", "style": style, "action_id": format!("choice{place}"), "value": command,
                "text": {"type": "plain_text", "text": label},
            })
        };
        let elements: Vec<Value> = choices.iter().zip(styles).enumerate().map(button).collect();
        blocks.push(json!({"type": "actions", "elements": elements}));
    }
    Value::Array(blocks)
}

/// Cuts mrkdwn into texts that each fit into a section block, at line ends where there are any. A block of code that is
/// cut is closed and opened again.
fn sections(mrkdwn: &str) -> Vec<String> {
    // Room for closing and opening a block of code.
    let room = LONGEST_SECTION - 2 * (FENCE.len() + 1);
    let mut sections = Vec::new();
    let mut section = String::new();
    let mut code = false;
    for line in mrkdwn.split_inclusive('\n') {
        for piece in pieces(line, room) {
            if section.chars().count() + piece.chars().count() > room && !section.trim().is_empty() {
                if code {
                    section.push_str("\n```");
                }
                sections.push(std::mem::take(&mut section));
                if code {
                    section.push_str("```\n");
                }
            }
            section.push_str(piece);
            code ^= piece.matches(FENCE).count() % 2 == 1;
        }
    }
    sections.push(section);
    sections.retain(|section| !section.trim().is_empty());
    sections
}

/// The text in pieces of at most `most` characters; an escape such as `&amp;` stays whole.
fn pieces(text: &str, most: usize) -> Vec<&str> {
    // The longest escape is five characters.
    const TORN: usize = 5;
    let mut rest = text;
    let mut pieces = Vec::new();
    while let Some((end, _)) = rest.char_indices().nth(most) {
        let open = |at: &usize| *at > 0 && end - at < TORN && !rest[*at..end].contains(';');
        let (piece, after) = rest.split_at(rest[..end].rfind('&').filter(open).unwrap_or(end));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::{FENCE, LONGEST_SECTION, blocks, sections};
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use session_api::OutboxKind;

    #[test]
    fn a_question_has_two_buttons_that_carry_its_commands() {
        let approval = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        let question = OutboxKind::Question { approval };
        insta::assert_json_snapshot!(blocks("May I *delete* it?", &question.choices()));
    }

    #[test]
    fn code_that_is_cut_is_closed_and_opened_again() {
        let text = format!("```\n{}```\nend", "let x = 1;\n".repeat(500));
        let cut = sections(&text);
        assert!(cut.len() > 1);
        for section in &cut {
            assert_eq!(section.matches(FENCE).count() % 2, 0, "{section}");
        }
    }

    proptest! {
        #[test]
        fn sections_fit_and_lose_nothing_but_white_space(text in "([a-z ]{0,9}(&amp;|&lt;|\n|ä|x{900}){0,3}){0,12}") {
            let cut = sections(&text);
            for section in &cut {
                prop_assert!(section.chars().count() <= LONGEST_SECTION);
                let torn = section.rfind('&').is_some_and(|at| !section[at..].contains(';'));
                prop_assert!(!torn);
            }
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&cut.concat()), bare(&text));
        }
    }
}
