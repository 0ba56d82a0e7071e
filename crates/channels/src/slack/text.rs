//! What people write, freed from Slack's encoding.

/// The text as people read it: mentions, channels and links as words, escapes as their characters, and the mention of
/// the bot itself taken out.
pub(super) fn decode(text: &str, bot: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        unescape(&rest[..at], &mut out);
        rest = &rest[at + 1..];
        // A `<` that a person typed comes as `&lt;`; a bare one without its end is shown as it is.
        let Some(end) = rest.find('>') else {
            out.push('<');
            break;
        };
        let token = &rest[..end];
        rest = &rest[end + 1..];
        if is_mention(token, bot) {
            // The blank that followed it goes as well, where one stands before it.
            if out.is_empty() || out.ends_with(char::is_whitespace) {
                rest = rest.trim_start_matches([' ', '\u{A0}']);
            }
            continue;
        }
        readable(token, &mut out);
    }
    unescape(rest, &mut out);
    out.trim().to_owned()
}

/// Whether the text names the bot.
pub(super) fn mentions(text: &str, bot: &str) -> bool {
    text.split('<').skip(1).any(|rest| rest.split('>').next().is_some_and(|token| is_mention(token, bot)))
}

fn is_mention(token: &str, user: &str) -> bool {
    let id = token.strip_prefix('@').map(|rest| rest.split('|').next().unwrap_or(rest));
    id == Some(user)
}

/// `@U1|name`, `#C1|name`, `!here`, `https://x|label`.
fn readable(token: &str, out: &mut String) {
    let (target, label) = match token.split_once('|') {
        Some((target, label)) => (target, Some(label).filter(|label| !label.is_empty())),
        None => (token, None),
    };
    let named = |sign: char, id: &str, out: &mut String| {
        let label = label.unwrap_or(id);
        if !label.starts_with(sign) {
            out.push(sign);
        }
        unescape(label, out);
    };
    match target.chars().next() {
        Some('@') => named('@', &target[1..], out),
        Some('#') => named('#', &target[1..], out),
        // `!here`, `!subteam^S1|@team`, `!date^…|in words`.
        Some('!') if target.starts_with("!date") => unescape(label.unwrap_or(""), out),
        Some('!') => {
            let id = &target[1..];
            named('@', id.rsplit('^').next().unwrap_or(id), out);
        }
        _ => {
            let plain = target.strip_prefix("mailto:").unwrap_or(target);
            match label {
                Some(label) if label != plain && label != target => {
                    unescape(label, out);
                    out.push_str(" (");
                    unescape(plain, out);
                    out.push(')');
                }
                _ => unescape(plain, out),
            }
        }
    }
}

/// Slack escapes these three and no others; each is undone once.
fn unescape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
        let found = known.iter().find(|(escape, _)| rest.starts_with(escape));
        let (length, character) = found.map_or((1, '&'), |(escape, character)| (escape.len(), *character));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::{decode, mentions};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    #[test]
    fn texts_are_freed_from_the_encoding() {
        for (raw, plain) in [
            ("hi", "hi"),
            ("<@UBOT> hello", "hello"),
            ("<@UBOT|factotum>: hello", ": hello"),
            ("hey <@UBOT> hello", "hey hello"),
            ("hello <@UBOT>", "hello"),
            ("ask <@U1> and <@U2|ann>", "ask @U1 and @ann"),
            ("in <#C1|general> or <#C2>", "in #general or #C2"),
            ("<!here> and <!subteam^S1|@ops> and <!subteam^S2>", "@here and @ops and @S2"),
            ("<!date^1392734382^{date}|Feb 18> it is", "Feb 18 it is"),
            ("see <https://a.example/x?a=1&amp;b=2>", "see https://a.example/x?a=1&b=2"),
            ("see <https://a.example|the page>", "see the page (https://a.example)"),
            ("<mailto:a@b.example|a@b.example>", "a@b.example"),
            ("<https://a.example|https://a.example>", "https://a.example"),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
            ("&amp;lt;", "&lt;"),
            ("&nbsp; & co", "&nbsp; & co"),
            ("a <unfinished", "a <unfinished"),
            ("<>", ""),
        ] {
            assert_eq!(decode(raw, "UBOT"), plain, "{raw}");
        }
    }

    #[test]
    fn only_the_bots_own_id_is_a_mention() {
        for (text, expected) in [
            ("<@UBOT>", true),
            ("x <@UBOT|name> y", true),
            ("<@UBOTHER>", false),
            ("@UBOT", false),
            ("&lt;@UBOT&gt;", false),
        ] {
            assert_eq!(mentions(text, "UBOT"), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_slack_escapes_comes_back_as_it_was_typed(text in any::<String>()) {
            let escaped = super::super::markup::escape(&text);
            prop_assert_eq!(decode(&escaped, "UBOT"), text.trim());
        }
    }
}
