//! Where a message goes, as the model writes it and as the configuration allows it.

use session_api::Route;
use tool_api::ToolError;

/// Longest field in bytes.
const MAX_FIELD: usize = 300;

/// A chat that somebody named: `KIND:CHAT` or `KIND:ACCOUNT:CHAT`, with `%` and `:` inside a field written as `%25` and
/// `%3A`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) channel: String,
    /// The bot's own account there; none where nobody said which.
    pub(super) account: Option<String>,
    pub(super) chat: String,
}

impl Target {
    /// Reads `text`. What could be more than one address, or could break out of a header, is none.
    pub(super) fn parse(text: &str) -> Result<Self, ToolError> {
        let wrong = |what: &str| ToolError::InvalidArguments(format!("`to` {what}"));
        let target = split(text).ok_or_else(|| {
            wrong("must be KIND:CHAT or KIND:ACCOUNT:CHAT, such as telegram:123 or email:a@example.org")
        })?;
        let fields = [Some(&target.channel), target.account.as_ref(), Some(&target.chat)];
        if !fields.into_iter().flatten().all(|field| is_plain(field)) {
            return Err(wrong("holds characters that no address has"));
        }
        if target.channel == "email" && target.chat.matches('@').count() != 1 {
            return Err(wrong("must name one email address"));
        }
        Ok(target)
    }

    /// Whether it is the chat that `route` leads to.
    pub(super) fn is_chat_of(&self, route: &Route) -> bool {
        let account = self.account.as_ref().is_none_or(|account| *account == route.account);
        account && self.channel == route.channel && self.same(&self.chat, &route.chat)
    }

    /// Addresses of mail are the same whatever their case; ids of chats are not.
    fn same(&self, a: &str, b: &str) -> bool {
        if self.channel == "email" { a.eq_ignore_ascii_case(b) } else { a == b }
    }

    /// Whether `rule` allows it; the account it would be sent from is `account`.
    fn fits(&self, rule: &Self, account: &str) -> bool {
        let fits = |pattern: &str, text: &str| {
            if self.channel == "email" {
                wildcard(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
            } else {
                wildcard(pattern, text)
            }
        };
        rule.channel == self.channel
            && rule.account.as_ref().is_none_or(|rule| fits(rule, account))
            && fits(&rule.chat, &self.chat)
    }
}

/// Whether a value can stand in an address and nothing but one.
pub(super) fn is_plain(field: &str) -> bool {
    let odd = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, ',' | ';' | '<' | '>' | '"' | '\\')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    !field.is_empty() && field.len() <= MAX_FIELD && !field.chars().any(odd)
}

fn split(text: &str) -> Option<Target> {
    let unescape = |field: &str| field.replace("%3A", ":").replace("%25", "%");
    let fields: Vec<String> = text.trim().split(':').map(unescape).collect();
    if fields.iter().any(String::is_empty) {
        return None;
    }
    let (channel, account, chat) = match fields.as_slice() {
        [channel, chat] => (channel, None, chat),
        [channel, account, chat] => (channel, Some(account.clone()), chat),
        _ => return None,
    };
    Some(Target { channel: channel.to_ascii_lowercase(), account, chat: chat.clone() })
}

/// `tools.message.allow`, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Allowed(Vec<Target>);

impl Allowed {
    /// The rules, each a target in which `*` stands for any characters of its field.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn parse(rules: &[String]) -> Result<Self, String> {
        let rule = |text: &String| match split(text) {
            Some(rule) if !rule.channel.contains('*') => Ok(rule),
            _ => Err(format!("{text:?} is not KIND:CHAT or KIND:ACCOUNT:CHAT, such as telegram:123")),
        };
        Ok(Self(rules.iter().map(rule).collect::<Result<_, _>>()?))
    }

    /// Whether a message to `target` from `account` is allowed.
    pub(super) fn allows(&self, target: &Target, account: &str) -> bool {
        self.0.iter().any(|rule| target.fits(rule, account))
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters, also none.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let tail = pieces.pop().unwrap_or_default();
    // The earliest place of each piece leaves the most room for those behind it.
    for piece in pieces {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_are_read_field_by_field() {
        let parsed = |text: &str| {
            Target::parse(text).map(|t| (t.channel, t.account, t.chat)).map_err(|error| error.class())
        };
        let some = |c: &str, a: Option<&str>, chat: &str| Ok((c.into(), a.map(str::to_owned), chat.into()));
        assert_eq!(parsed("telegram:-100123"), some("telegram", None, "-100123"));
        assert_eq!(parsed("Telegram:99:123"), some("telegram", Some("99"), "123"));
        assert_eq!(parsed("matrix:!room%3Aexample.org"), some("matrix", None, "!room:example.org"));
        assert_eq!(parsed("email:a@example.org"), some("email", None, "a@example.org"));
        for bad in [
            "",
            "123",
            "telegram:",
            ":123",
            "a:b:c:d",
            "email:a",
            "email:a@b@c",
            "email:a@b,c",
            "email:a@b c",
            "email:<a@b>",
            "telegram:1\n2",
            "telegram:1\u{202e}2",
        ] {
            assert_eq!(parsed(bad), Err("invalid_arguments"), "{bad:?}");
        }
    }

    #[test]
    fn a_rule_allows_its_chats_and_no_others() {
        for (rule, target, allowed) in [
            ("telegram:123", "telegram:123", true),
            ("telegram:123", "telegram:99:123", true),
            ("telegram:123", "telegram:1234", false),
            ("telegram:123", "discord:123", false),
            ("telegram:bot:123", "telegram:123", true),
            ("telegram:other:123", "telegram:123", false),
            ("telegram:*", "telegram:5", true),
            ("email:*@example.org", "email:Ann@Example.ORG", true),
            ("email:*@example.org", "email:ann@example.org.evil", false),
            ("email:*@example.org", "email:ann@sub.example.org", false),
            ("slack:c1", "slack:C1", false),
        ] {
            let rules = Allowed::parse(&[rule.to_owned()]).unwrap();
            let target = Target::parse(target).unwrap();
            let account = target.account.clone().unwrap_or_else(|| "bot".into());
            assert_eq!(rules.allows(&target, &account), allowed, "{rule} {target:?}");
        }
        for bad in ["", "telegram", "*:1", "a:b:c:d", "telegram:"] {
            assert!(Allowed::parse(&[bad.to_owned()]).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_with_anything_starred(text in "[a-c]{0,6}", from in 0usize..6, to in 0usize..6) {
            let (from, to) = (from.min(text.len()), to.min(text.len()));
            let (from, to) = (from.min(to), from.max(to));
            let pattern = format!("{}*{}", &text[..from], &text[to..]);
            prop_assert!(wildcard(&pattern, &text));
            prop_assert!(wildcard(&text, &text));
        }

        #[test]
        fn a_pattern_fits_what_a_regular_expression_fits(pattern in "[ab*]{0,5}", text in "[ab]{0,6}") {
            let expression = regex::Regex::new(&format!("^{}$", pattern.replace('*', ".*"))).unwrap();
            prop_assert_eq!(wildcard(&pattern, &text), expression.is_match(&text));
        }
    }
}
