//! Taking out of an answer what it only quotes: the conversation is known already.

/// Most characters of a mail's text that go to the model.
const MOST: usize = 12_000;

/// The words that follow a name in the line before a quotation.
const WROTE: [&str; 12] = [
    "wrote",
    "schrieb",
    "a écrit",
    "escribió",
    "ha scritto",
    "schreef",
    "escreveu",
    "napisał",
    "skrev",
    "kirjoitti",
    "пишет",
    "写道",
];

/// The first words of the header block that Outlook puts before a quotation, with those that follow them.
const OUTLOOK: [(&str, &str); 6] = [
    ("from:", "sent:"),
    ("from:", "date:"),
    ("von:", "gesendet:"),
    ("de :", "envoyé :"),
    ("de:", "enviado:"),
    ("da:", "inviato:"),
];

/// The text without quoted history and signature. The whole text where nothing else is in it, or where it is forwarded.
pub(crate) fn cut(text: &str, subject: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if is_forwarded(&text, subject) {
        return capped(text.trim());
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let rest = &lines[at..];
        if line == "-- "
            || line.trim_end() == "--" && rest.len() <= 12
            || is_original(line)
            || is_outlook(rest)
        {
            break;
        }
        if let Some(Attribution { lines, certain }) = attribution(rest) {
            let after = rest[lines..].iter().find(|line| !line.trim().is_empty());
            if after.is_some_and(|line| line.trim_start().starts_with('>')) {
                at += lines;
                continue;
            }
            // Nothing marks where a quotation without `>` ends: it goes to the end.
            if certain {
                break;
            }
        }
        if !line.trim_start().starts_with('>') {
            kept.push(line);
        }
        at += 1;
    }
    let left = squeezed(&kept);
    capped(if left.is_empty() { text.trim() } else { &left })
}

/// Whether words of others stand in what [`cut`] left of a mail.
pub(crate) fn holds_others(text: &str, subject: &str) -> bool {
    is_forwarded(text, subject) || text.lines().any(|line| line.trim_start().starts_with('>'))
}

fn is_forwarded(text: &str, subject: &str) -> bool {
    ["fwd:", "fw:", "wg:", "tr:", "rv:"].iter().any(|mark| starts(subject, mark))
        || text.contains("---------- Forwarded message")
}

fn starts(text: &str, mark: &str) -> bool {
    text.trim_start().get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark))
}

/// `On Monday, Bob wrote:`.
struct Attribution {
    /// How many lines it takes; mail programs break it.
    lines: usize,
    /// Whether it can be nothing else, such as a sentence of the answer's own.
    certain: bool,
}

/// The attribution at the start of `lines`.
fn attribution(lines: &[&str]) -> Option<Attribution> {
    let first = lines.first()?.trim();
    if first.is_empty() || first.starts_with('>') {
        return None;
    }
    let mut joined = String::new();
    for (n, line) in lines.iter().take(3).enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('>') {
            return None;
        }
        joined = format!("{joined} {line}");
        if joined.len() > 300 {
            return None;
        }
        if line.ends_with(':') || line.ends_with('：') {
            let lower = joined.to_lowercase();
            let says = WROTE.iter().any(|word| lower.contains(word));
            let digits = joined.chars().filter(char::is_ascii_digit).count();
            let start = joined.trim_start();
            let named = ["On ", "Am ", "Le ", "El ", "Il ", "Op "].iter().any(|word| start.starts_with(word));
            // A name or a date must be there as well: `He wrote:` may well be the answer's own sentence.
            let found = says && (joined.contains('@') || named || digits >= 3);
            let certain = joined.contains('@') || named && digits >= 4 && joined.contains(',');
            return found.then_some(Attribution { lines: n + 1, certain });
        }
    }
    None
}

fn is_original(line: &str) -> bool {
    let line = line.trim();
    let inner = line.trim_matches('-');
    line.starts_with("-----") && line.ends_with("-----") && inner.chars().any(char::is_alphabetic)
}

fn is_outlook(lines: &[&str]) -> bool {
    let bare = |line: &&str| line.replace('*', "").trim().to_lowercase();
    let first = lines.first().map(bare).unwrap_or_default();
    if first.starts_with("________________________________") {
        return lines.get(1..).is_some_and(is_outlook);
    }
    let next = lines.get(1).map(bare).unwrap_or_default();
    OUTLOOK.iter().any(|(from, sent)| first.starts_with(from) && next.starts_with(sent))
}

/// The lines as a text without empty lines at its ends and with at most one between paragraphs.
fn squeezed(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let line = line.trim_end();
        if line.is_empty() && (text.is_empty() || text.ends_with("\n\n")) {
            continue;
        }
        text.push_str(line);
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn capped(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}\n[the mail goes on; {MOST} characters of it are shown]", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_left() {
        for (name, text, left) in [
            ("plain", "hello\n\nworld", "hello\n\nworld"),
            ("gmail", "yes\n\nOn Mon, 3 Mar 2025 at 10:00, Bot <b@x> wrote:\n> no\n> more\n", "yes"),
            ("broken line", "yes\n\nOn Mon, 3 Mar 2025 at 10:00, Bot\n<b@x> wrote:\n\n> no\n", "yes"),
            ("german", "ja\n\nAm 03.03.25 um 10:00 schrieb Bot:\n> nein\n", "ja"),
            ("french", "oui\r\n\r\nLe lun. 3 mars 2025, Bot a écrit :\r\n> non\r\n", "oui"),
            (
                "spec",
                "thanks, and now as a table\n\nOn Mon, bot wrote:\n> ...\n",
                "thanks, and now as a table",
            ),
            ("inline", "On Mon, bot wrote:\n> one?\nyes\n> two?\nno", "yes\nno"),
            ("outlook", "ok\n\n-----Original Message-----\nFrom: b\nold", "ok"),
            (
                "outlook block",
                "ok\n________________________________\nFrom: Bot <b@x>\nSent: Monday\nold",
                "ok",
            ),
            ("bold block", "ok\n\n*From:* Bot\n*Sent:* Monday\nold", "ok"),
            ("unmarked quotation", "ok\n\nOn Mon, 3 Mar 2025, b@x wrote:\nold line\nold line", "ok"),
            ("signature", "ok\n\n-- \nAlice\n+49 30 1", "ok"),
            ("own sentence", "He wrote:\nnothing", "He wrote:\nnothing"),
            ("own list", "On 3.4.2024 she wrote:\n- milk", "On 3.4.2024 she wrote:\n- milk"),
            ("list", "To do:\n- milk\n--\n", "To do:\n- milk"),
            ("only a quotation", "> what now?\n", "> what now?"),
            ("many empty lines", "a\n\n\n\n\nb\n\n", "a\n\nb"),
        ] {
            assert_eq!(cut(text, "Re: x"), left, "{name}");
        }
    }

    #[test]
    fn what_is_forwarded_stays() {
        let text = "see below\n\n-----Original Message-----\nFrom: x\nbody";
        assert_eq!(cut(text, "FW: x"), text);
        let text = "look\n\n---------- Forwarded message ---------\nFrom: x\n> y";
        assert_eq!(cut(text, ""), text);
    }

    #[test]
    fn long_texts_are_capped_and_say_so() {
        let long = cut(&"ä".repeat(20_000), "");
        assert!(long.starts_with('ä') && long.ends_with("characters of it are shown]"));
        assert_eq!(long.chars().filter(|c| *c == 'ä').count(), MOST);
    }
}
