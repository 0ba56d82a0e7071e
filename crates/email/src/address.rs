//! Mail addresses, and the one address that may stand in `From`.

use crate::heads::skip_comment;

/// The part behind the `@`.
pub(crate) fn domain(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or_default()
}

/// An address in lower case, its domain in ASCII (IDNA); `None` for what is no plain address. Quoted local parts, which
/// nobody has, are none.
pub(crate) fn normalise(text: &str) -> Option<String> {
    let (local, domain) = text.trim().rsplit_once('@')?;
    let fits = |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && !"()<>[]:;@\\,\"".contains(c));
    if local.is_empty() || local.len() > 64 || !local.chars().all(fits) {
        return None;
    }
    let domain = idna::domain_to_ascii(domain).ok()?;
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let fits = domain.len() <= 253 && domain.split('.').all(label);
    fits.then(|| format!("{}@{domain}", local.to_lowercase()))
}

/// The one address of a `From` header's raw value, normalised.
///
/// Stricter than mail is in general: a header that two programs could read differently (several addresses, a bare `@` in
/// the display name, something behind the closing bracket) is refused, since the server that checked the sender must
/// have read the same address.
pub(crate) fn only(from: &str) -> Option<String> {
    let mut outside = String::new();
    let mut inside: Option<String> = None;
    let mut chars = from.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => skip_quoted(&mut chars)?,
            '(' => skip_comment(&mut chars)?,
            '<' if inside.is_none() => {
                let mut address = String::new();
                loop {
                    match chars.next()? {
                        '>' => break,
                        '<' | '"' | '(' | ',' | ';' => return None,
                        c => address.push(c),
                    }
                }
                inside = Some(address);
            }
            '<' | '>' | ',' | ';' | ':' => return None,
            c if inside.is_some() && !c.is_whitespace() => return None,
            c => outside.push(c),
        }
    }
    match inside {
        Some(address) if !outside.contains('@') => normalise(&address),
        Some(_) => None,
        None => normalise(outside.trim()).filter(|_| !outside.trim().contains(char::is_whitespace)),
    }
}

fn skip_quoted(chars: &mut std::str::Chars<'_>) -> Option<()> {
    loop {
        match chars.next()? {
            '\\' => {
                chars.next()?;
            }
            '"' => return Some(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_address_is_found_and_normalised() {
        for (from, address) in [
            ("alice@test.local", "alice@test.local"),
            (" Alice@Test.Local ", "alice@test.local"),
            ("Alice <alice@test.local>", "alice@test.local"),
            ("=?UTF-8?B?QWxpY2U=?= <alice@test.local>", "alice@test.local"),
            ("\"Liddell, Alice <x@y>\" <alice@test.local>", "alice@test.local"),
            ("alice@test.local (Alice, of <course>)", "alice@test.local"),
            ("Ä <ä.b@bücher.example>", "ä.b@xn--bcher-kva.example"),
        ] {
            assert_eq!(only(from).as_deref(), Some(address), "{from}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for from in [
            "",
            "Alice",
            "alice@test.local, mallory@evil.example",
            "alice@test.local <mallory@evil.example>",
            "Alice <alice@test.local> <mallory@evil.example>",
            "Alice <alice@test.local> x",
            "friends: alice@test.local;",
            "<@relay.example:alice@test.local>",
            "\"alice@test.local",
            "(alice@test.local",
            "alice@test.local mallory@evil.example",
            "alice@",
            "@test.local",
            "al ice@test.local",
            "<alice@test.local\u{0}>",
            "alice@test..local",
        ] {
            assert_eq!(only(from), None, "{from}");
        }
    }
}
