//! What the offline provider says.

use session_api::{Part, ToolResult, ToolStatus};

use super::{
    plan::{Planned, Step},
    table::{Want, help},
};

/// Stands under every reply, so that nobody takes it for a language model's.
pub const FOOTER: &str = "— offline provider: no language model is configured; see `factotum status`";

/// What became of a planned call.
pub(super) enum Outcome<'a> {
    /// It was made.
    Result(&'a ToolResult),
    /// It was made and nothing came back.
    Lost,
    /// The tool is not on offer.
    NotOffered,
}

/// The whole reply, in the order of the message.
pub(super) fn answer<'a>(steps: &[Step], outcome: impl Fn(&Planned) -> Outcome<'a>) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    for step in steps {
        match step {
            Step::Call(planned) => said.push(told(planned, &outcome(planned))),
            Step::Help => said.push(help().trim_end().to_owned()),
            Step::Unknown(text) => unknown.push(text),
        }
    }
    if !unknown.is_empty() {
        said.push(not_understood(&unknown, said.is_empty()));
    }
    said.push(FOOTER.to_owned());
    said.join("\n\n")
}

fn told(planned: &Planned, outcome: &Outcome<'_>) -> String {
    let Planned { want, tool, about, .. } = planned;
    let result = match outcome {
        Outcome::Result(result) => result,
        Outcome::Lost => return format!("`{tool}` was called and its result is missing."),
        Outcome::NotOffered => return format!("That needs the tool `{tool}`, which is not on offer here."),
    };
    let text = result.content.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n");
    let text = text.trim();
    match (result.status, want) {
        (ToolStatus::Error, _) => format!("`{tool}` failed: {text}"),
        (ToolStatus::Unknown, _) => {
            format!("`{tool}` was started, and how it ended is unknown. {text}").trim_end().to_owned()
        }
        (ToolStatus::Ok, Want::Time) => time(text),
        (ToolStatus::Ok, Want::Calculate | Want::Bare) => format!("{about} = {text}"),
        (ToolStatus::Ok, Want::List) => format!("Files in `{about}`:\n{text}"),
        (ToolStatus::Ok, Want::Read) => format!("`{about}` says:\n{text}"),
        (ToolStatus::Ok, Want::Search) => format!("`{about}` in the files:\n{text}"),
        (ToolStatus::Ok, Want::Get) => format!("{about}: {text}"),
        (ToolStatus::Ok, Want::Find) => format!("Notes about `{about}`:\n{text}"),
        (ToolStatus::Ok, Want::Notes) => format!("All notes:\n{text}"),
        (ToolStatus::Ok, Want::Save | Want::Forget | Want::Help) => text.to_owned(),
    }
}

/// The tool writes for models (`2026-11-21T14:05:00+01:00 (Saturday), Europe/Berlin, unix …`); this is for people. What
/// does not look like that is said as it is.
fn time(text: &str) -> String {
    let parts = || {
        let (stamp, rest) = text.split_once(' ')?;
        let (date, clock) = stamp.split_once('T')?;
        let (day, rest) = rest.strip_prefix('(')?.split_once("), ")?;
        let zone = rest.split(',').next()?;
        Some(format!("It is {} on {day}, {date} ({zone}).", clock.get(..8)?))
    };
    parts().unwrap_or_else(|| format!("It is {text}"))
}

fn not_understood(unknown: &[&str], all: bool) -> String {
    const LONGEST: usize = 120;
    let quoted: Vec<String> = unknown
        .iter()
        .map(|text| match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("\"{}…\"", &text[..end]),
            None => format!("\"{text}\""),
        })
        .collect();
    let what = quoted.join(", ");
    if !all {
        return format!("I did not understand {what}; for that a language model is needed.");
    }
    format!(
        "I cannot answer {what}: that needs a language model, and none is set up. To set one up, do one of these:\n\
         - set OPENAI_API_KEY (and OPENAI_BASE_URL for a server other than OpenAI's)\n\
         - write a [providers.NAME] table into config.toml\n\
         - run `factotum onboard`\n\n{}",
        help().trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::plan::plan;

    #[test]
    fn the_time_is_told_for_people() {
        assert_eq!(
            time("2026-11-21T14:05:09+01:00 (Saturday), Europe/Berlin, unix 1795266309"),
            "It is 14:05:09 on Saturday, 2026-11-21 (Europe/Berlin)."
        );
        assert_eq!(time("half past nine"), "It is half past nine");
    }

    #[test]
    fn what_is_not_understood_names_the_ways_out() {
        let text = answer(&plan("write me a poem"), |_| Outcome::NotOffered);
        for part in [
            "\"write me a poem\"",
            "OPENAI_API_KEY",
            "[providers.NAME]",
            "factotum onboard",
            "list files",
            FOOTER,
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn a_tool_that_is_not_on_offer_is_named() {
        let text = answer(&plan("what time is it"), |_| Outcome::NotOffered);
        assert!(text.starts_with("That needs the tool `current_datetime`"), "{text}");
        assert!(text.ends_with(FOOTER));
    }
}
