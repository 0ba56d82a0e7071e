//! `Authentication-Results` (RFC 8601): what the receiving server found out about a sender.

use crate::heads::skip_comment;

/// One header, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AuthResults {
    /// The server that says so, in lower case.
    pub(crate) server: String,
    results: Vec<MethodResult>,
}

/// What one method found: `dkim=pass header.d=example.com`.
#[derive(Debug, PartialEq, Eq)]
struct MethodResult {
    method: String,
    result: String,
    properties: Vec<(String, String)>,
}

impl MethodResult {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Equals,
    Semicolon,
}

impl AuthResults {
    /// Takes a value apart; `None` when a comment or quotation in it never ends.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let tokens = tokens(value)?;
        let mut segments = tokens.split(|token| *token == Token::Semicolon);
        let Some([Token::Word(server), ..]) = segments.next() else { return None };
        let results = segments.filter_map(method).collect();
        Some(Self { server: server.to_ascii_lowercase(), results })
    }

    /// Whether they vouch for this domain as the one in `From`.
    pub(crate) fn vouch_for(&self, from: &str) -> bool {
        let of = |method: &'static str| self.results.iter().filter(move |found| found.method == method);
        // A policy that says no is not outvoted by a signature.
        if of("dmarc").any(|found| found.result == "fail") {
            return false;
        }
        let dmarc = |found: &MethodResult| {
            let about = found.property("header.from").map(host);
            about.is_none_or(|about| aligned(&about, from))
        };
        let dkim = |found: &MethodResult| {
            let signer = found.property("header.d").or_else(|| found.property("header.i")).map(host);
            signer.is_some_and(|signer| aligned(&signer, from))
        };
        let spf = |found: &MethodResult| {
            found.property("smtp.mailfrom").map(host).is_some_and(|sender| aligned(&sender, from))
        };
        let passes = |method, check: &dyn Fn(&MethodResult) -> bool| {
            of(method).any(|found| found.result == "pass" && check(found))
        };
        passes("dmarc", &dmarc) || passes("dkim", &dkim) || passes("spf", &spf)
    }
}

/// The domain of an address or of `@domain`, or the domain itself.
fn host(value: &str) -> String {
    value.rsplit('@').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

/// Whether who controls `proven` may speak for `from`: the same domain, or the one above it. Not one below it: the
/// holder of `me.github.io` is not GitHub; where such mail is fine, the server says `dmarc=pass`.
fn aligned(proven: &str, from: &str) -> bool {
    let above = || from.strip_suffix(proven).is_some_and(|rest| rest.ends_with('.'));
    proven == from || (proven.contains('.') && above())
}

fn method(segment: &[Token]) -> Option<MethodResult> {
    let [Token::Word(method), Token::Equals, Token::Word(result), rest @ ..] = segment else { return None };
    let mut properties = Vec::new();
    let mut rest = rest;
    loop {
        rest = match rest {
            [Token::Word(name), Token::Equals, Token::Word(value), rest @ ..] => {
                properties.push((name.to_ascii_lowercase(), value.clone()));
                rest
            }
            [_, rest @ ..] => rest,
            [] => break,
        };
    }
    // `dkim/1`: a version may follow the method.
    let method = method.split('/').next().unwrap_or_default().to_ascii_lowercase();
    Some(MethodResult { method, result: result.to_ascii_lowercase(), properties })
}

fn tokens(value: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let token = match c {
            '(' => {
                skip_comment(&mut chars)?;
                None
            }
            '"' => {
                loop {
                    match chars.next()? {
                        '\\' => word.push(chars.next()?),
                        '"' => break,
                        c => word.push(c),
                    }
                }
                continue;
            }
            ';' => Some(Token::Semicolon),
            '=' => Some(Token::Equals),
            c if c.is_whitespace() => None,
            c => {
                word.push(c);
                continue;
            }
        };
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(&mut word)));
        }
        tokens.extend(token);
    }
    if !word.is_empty() {
        tokens.push(Token::Word(word));
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vouch(value: &str) -> bool {
        AuthResults::parse(value).is_some_and(|found| found.vouch_for("test.local"))
    }

    #[test]
    fn aligned_proofs_vouch() {
        for value in [
            "mx; dmarc=pass header.from=test.local",
            "mx; dmarc=pass",
            "mx 1; dkim=pass header.d=test.local",
            "mx; dkim=pass (2048-bit key) header.d=Test.Local header.i=@x header.b=abc=",
            "mx; dkim=pass header.i=@test.local",
            "mx; spf=pass (mx: domain of alice@test.local designates) smtp.mailfrom=alice@test.local",
            "mx; spf=pass smtp.mailfrom=test.local",
            "mx; dkim=fail header.d=test.local; dkim=pass header.d=test.local",
            "mx; dkim/1 = pass reason=\"fine; really\" header.d = test.local",
        ] {
            assert!(vouch(value), "{value}");
        }
    }

    #[test]
    fn other_proofs_do_not() {
        for value in [
            "mx; none",
            "mx",
            "",
            "mx; dkim=pass header.d=evil.example",
            "mx; dkim=pass",
            "mx; spf=pass smtp.mailfrom=x@evil.example",
            "mx; spf=pass smtp.helo=test.local",
            "mx; spf=softfail smtp.mailfrom=x@test.local",
            "mx; dmarc=pass header.from=evil.example",
            "mx; dmarc=fail header.from=test.local; dkim=pass header.d=test.local",
            "mx; dkim=pass header.d=local",
            "mx; dkim=pass header.d=sub.test.local",
            "mx; dkim=pass header.d=xtest.local",
            "mx; dkim=fail (dkim=pass header.d=test.local)",
            "mx; dkim=fail reason=\"; dkim=pass header.d=test.local\"",
            "mx; x=y (unclosed; dmarc=pass",
            "mx; spf=pass smtp.mailfrom=\"test.local;dmarc=pass\"",
        ] {
            assert!(!vouch(value), "{value}");
        }
    }

    #[test]
    fn the_domain_above_speaks_for_the_one_below() {
        let found = AuthResults::parse("mx; dkim=pass header.d=example.com").unwrap();
        assert!(found.vouch_for("mail.example.com"));
        assert!(!found.vouch_for("badexample.com"));
    }
}
