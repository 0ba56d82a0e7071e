//! `HEARTBEAT.md`.

/// Most tasks that one beat takes up.
const MOST: usize = 50;
/// Longest task in characters; the rest of its line is left out.
const LONGEST: usize = 1000;

/// Something to look after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatTask {
    /// As it stands in the file, without its conditions.
    pub text: String,
    /// When it is worth a model call: all of them hold.
    pub conditions: Vec<Condition>,
}

/// What can be looked at without a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It is this minute of the day or later.
    After(u32),
    /// This file of the workspace is not what it was at the last beat.
    Changed(String),
    /// The check of this name ends well.
    Check(String),
}

/// What there is to do. Blank lines, headings, comments, rules, ticked boxes and empty ones are nothing. A line that is
/// indented belongs to the one above it.
#[must_use]
pub fn heartbeat_tasks(text: &str) -> Vec<HeartbeatTask> {
    let mut tasks: Vec<HeartbeatTask> = Vec::new();
    // Whether what is indented below belongs to nothing, since the line above is done.
    let mut done = false;
    for line in without_comments(text).lines() {
        let body = line.trim();
        if body.is_empty()
            || body.starts_with('#')
            || body.chars().all(|c| matches!(c, '-' | '*' | '_' | '='))
        {
            continue;
        }
        let indented = line.starts_with([' ', '\t']);
        if indented && done {
            continue;
        }
        let item = body.strip_prefix(['-', '*', '+']).map_or(body, str::trim_start);
        let ticked = item.get(..3).is_some_and(|mark| mark.eq_ignore_ascii_case("[x]"));
        if !indented {
            done = ticked;
        }
        let item = item.strip_prefix("[ ]").map_or(item, str::trim_start);
        if ticked || item.is_empty() || item == "[]" {
            continue;
        }
        let (text, conditions) = conditions(item);
        let text: String = text.chars().take(LONGEST).collect();
        let full = tasks.len() >= MOST;
        match tasks.last_mut().filter(|_| indented) {
            Some(above) => {
                above.text.push_str("\n  ");
                above.text.push_str(&text);
                above.conditions.extend(conditions);
            }
            None if full => break,
            None => tasks.push(HeartbeatTask { text, conditions }),
        }
    }
    tasks
}

/// The text without `<!-- … -->`; one that is not closed goes to the end.
fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// Takes `(after 18:00)`, `(if changed PATH)` and `(if NAME)` off the end of a line.
fn conditions(mut text: &str) -> (&str, Vec<Condition>) {
    let mut found = Vec::new();
    while let Some((before, inside)) = text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        let inside = inside.trim();
        let condition = if let Some(time) = inside.strip_prefix("after ") {
            minute_of_day(time.trim()).map(Condition::After)
        } else if let Some(path) = inside.strip_prefix("if changed ") {
            Some(Condition::Changed(path.trim().to_owned()))
        } else {
            let name = inside.strip_prefix("if ").map(str::trim);
            name.filter(|name| !name.is_empty() && !name.contains(char::is_whitespace))
                .map(|name| Condition::Check(name.to_owned()))
        };
        let Some(condition) = condition else { break };
        found.push(condition);
        text = before.trim_end();
    }
    (text, found)
}

/// `18:30` as minutes since midnight.
pub(super) fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}
