//! From a message to what is to be done about it.

use serde_json::{Value, json};

use super::{
    fit::{Captures, fit, get, pieces, plain, strip_prefix},
    table::{TABLE, Want},
};

/// Longest message that is looked at, in bytes; nobody types more by hand.
const LONGEST_MESSAGE: usize = 16 * 1024;
/// Most requests in one message.
const MOST_PIECES: usize = 32;

/// A part of a message, in the order of the message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// A tool answers it.
    Call(Planned),
    /// The table answers it.
    Help,
    /// Nothing here does.
    Unknown(String),
}

/// A call to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    pub(super) want: Want,
    pub(super) tool: &'static str,
    /// JSON, always the same for the same request.
    pub(super) arguments: String,
    /// What it is about, for the answer.
    pub(super) about: String,
}

/// What to do about a message. Of all ways to cut it into requests the one that leaves the least over, and of those the
/// one with the most requests.
pub(super) fn plan(message: &str) -> Vec<Step> {
    let ranges = if message.len() > LONGEST_MESSAGE { Vec::new() } else { pieces(message) };
    if ranges.is_empty() || ranges.len() > MOST_PIECES {
        let text = message.trim();
        return if text.is_empty() { vec![Step::Help] } else { vec![Step::Unknown(text.to_owned())] };
    }
    // best[i]: pieces understood, requests, and the steps for the pieces from i on.
    let mut best: Vec<(usize, usize, Vec<Step>)> = vec![(0, 0, Vec::new())];
    for from in (0..ranges.len()).rev() {
        let rest = |to: usize| &best[ranges.len() - to];
        let (understood, requests, steps) = rest(from + 1);
        let mut chosen =
            (*understood, *requests, with(Step::Unknown(plain(&message[ranges[from].clone()])), steps));
        for to in from + 1..=ranges.len() {
            let text = plain(&message[ranges[from].start..ranges[to - 1].end]);
            let Some(step) = understand(&text) else { continue };
            let (understood, requests, steps) = rest(to);
            let score = (understood + to - from, requests + 1);
            if score > (chosen.0, chosen.1) {
                chosen = (score.0, score.1, with(step, steps));
            }
        }
        best.push(chosen);
    }
    let mut steps = best.pop().map(|(_, _, steps)| steps).unwrap_or_default();
    let mut seen: Vec<Step> = Vec::new();
    steps.retain(|step| {
        let new = !seen.contains(step);
        if new {
            seen.push(step.clone());
        }
        new
    });
    steps
}

fn with(step: Step, rest: &[Step]) -> Vec<Step> {
    std::iter::once(step).chain(rest.iter().cloned()).collect()
}

/// The first row and form of the table that fit and make sense.
fn understand(text: &str) -> Option<Step> {
    TABLE.iter().find_map(|row| row.forms.iter().find_map(|form| step(row.want, row.tool, &fit(form, text)?)))
}

fn step(want: Want, tool: &'static str, captures: &Captures<'_>) -> Option<Step> {
    let (arguments, about): (Value, String) = match want {
        Want::Help => return Some(Step::Help),
        Want::Time => match get(captures, "zone") {
            Some(zone) => {
                let zone = zone_name(zone)?;
                (json!({ "timezone": zone }), zone)
            }
            None => (json!({}), String::new()),
        },
        Want::Calculate | Want::Bare => {
            let text = get(captures, "expression")?;
            let expression = expression(text)?;
            if want == Want::Bare && !text.contains(['+', '*', '/', '^', '%', '(', '×', '÷']) {
                return None;
            }
            (json!({ "expression": expression }), expression)
        }
        Want::List => {
            let path = path(get(captures, "path").unwrap_or("."))?;
            (json!({ "path": path }), path)
        }
        Want::Read => {
            let path = path(get(captures, "path")?)?;
            (json!({ "path": path }), path)
        }
        Want::Search => {
            let text = unquoted(get(captures, "text")?);
            let path = path(get(captures, "path").unwrap_or("."))?;
            (json!({ "pattern": literally(text), "path": path, "ignore_case": true }), text.to_owned())
        }
        Want::Save => {
            let (key, value) = note(captures)?;
            (json!({ "action": "save", "key": key, "value": value }), key)
        }
        Want::Get | Want::Forget => {
            let key = key(get(captures, "key")?)?;
            let action = if want == Want::Get { "get" } else { "delete" };
            (json!({ "action": action, "key": key }), key)
        }
        Want::Find => {
            let text = key(get(captures, "text")?)?;
            (json!({ "action": "search", "key": text }), text)
        }
        Want::Notes => (json!({ "action": "list" }), String::new()),
    };
    Some(Step::Call(Planned { want, tool, arguments: arguments.to_string(), about }))
}

/// `europe/berlin` or `new york` as a name that the tool looks up.
fn zone_name(text: &str) -> Option<String> {
    let name = unquoted(text).replace(' ', "_");
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    (name.len() <= 64 && name.chars().all(fits)).then_some(name)
}

/// A path in the workspace; one with spaces must stand in quotation marks.
fn path(text: &str) -> Option<String> {
    let bare = unquoted(text);
    let quoted = bare.len() < text.len();
    (!bare.is_empty() && bare.len() <= 1000 && (quoted || !bare.contains(char::is_whitespace)))
        .then(|| bare.to_owned())
}

fn unquoted(text: &str) -> &str {
    for mark in ['"', '`', '\''] {
        if let Some(inside) = text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark)) {
            return inside;
        }
    }
    text
}

/// A regular expression that finds `text` and nothing else.
fn literally(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation()
            && !matches!(
                c,
                '_' | '-' | '/' | '"' | '\'' | ',' | ':' | ';' | '<' | '>' | '=' | '@' | '!' | '%' | '`'
            )
        {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Name and text of a note. One without a name is filed under its first words.
fn note(captures: &Captures<'_>) -> Option<(String, String)> {
    if let (Some(name), Some(value)) = (get(captures, "key"), get(captures, "value"))
        // A long name is half a sentence that has `is` in it.
        && name.split_whitespace().count() <= 5
    {
        return Some((key(name)?, unquoted(value).to_owned()));
    }
    let text = unquoted(get(captures, "text")?);
    let words: Vec<&str> = text.split_whitespace().take(5).collect();
    Some((key(&words.join(" "))?, text.to_owned()))
}

/// A note's name: lower case and without article, so that it is found again however it is asked for.
fn key(text: &str) -> Option<String> {
    let mut text = unquoted(text);
    for article in ["the ", "my ", "our ", "a ", "an "] {
        text = strip_prefix(text, article).unwrap_or(text);
    }
    let key = text.trim().to_lowercase();
    (!key.is_empty() && key.len() <= 200).then_some(key)
}

/// The expression in a text, or `None` when it is none: some digit, and no word that the calculator does not know.
fn expression(text: &str) -> Option<String> {
    const WORDS: &[(&str, &str)] = &[
        ("multiplied by", "*"),
        ("divided by", "/"),
        ("to the power of", "^"),
        ("square root of", "sqrt"),
        ("percent", "%"),
        ("squared", "^2"),
        ("plus", "+"),
        ("minus", "-"),
        ("times", "*"),
        ("over", "/"),
        ("×", "*"),
        ("÷", "/"),
    ];
    const KNOWN: &[&str] = &["of", "sqrt", "abs", "round", "floor", "ceil", "min", "max", "pi", "e"];
    let mut expression = text.to_lowercase();
    for (word, sign) in WORDS {
        expression = expression.replace(word, sign);
    }
    // `the sqrt 2` is how people say sqrt(2).
    let expression = expression.trim_end_matches('=').trim_start_matches("the ").trim();
    let expression = match expression.strip_prefix("sqrt ") {
        Some(number) => format!("sqrt({})", number.trim()),
        None => expression.replace(" x ", " * ").replace(" %", "%"),
    };
    let signs = |c: char| c.is_ascii_digit() || c.is_ascii_whitespace() || "+-*/%^(),.".contains(c);
    let words_known = expression
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .all(|word| KNOWN.contains(&word));
    let open = expression.matches('(').count();
    let fits = expression.chars().all(|c| signs(c) || c.is_ascii_alphabetic())
        && expression.contains(|c: char| c.is_ascii_digit())
        && words_known
        && open == expression.matches(')').count()
        && expression.len() <= 1000;
    fits.then_some(expression)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
