//! The one secret that callers present.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The token's digest. Digests are compared, so that neither the token's length nor its beginning shows in the time taken.
#[derive(Clone)]
pub(crate) struct Token([u8; 32]);

/// What a caller presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presented {
    /// The token.
    Right,
    /// Something else.
    Wrong,
    /// Nothing.
    Nothing,
}

impl Token {
    pub(crate) fn new(token: &SecretString) -> Self {
        Self(Sha256::digest(token.expose_secret().as_bytes()).into())
    }

    /// Whether this is the token.
    pub(crate) fn is(&self, candidate: &[u8]) -> bool {
        let candidate: [u8; 32] = Sha256::digest(candidate).into();
        self.0.ct_eq(&candidate).into()
    }

    fn judge(&self, candidate: &[u8]) -> Presented {
        if self.is(candidate) { Presented::Right } else { Presented::Wrong }
    }

    /// What `Authorization: Bearer …` says. A second such header, or another scheme, is wrong.
    pub(crate) fn in_header(&self, headers: &HeaderMap) -> Presented {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Presented::Nothing,
            (Some(value), None) => {
                bearer(value.as_bytes()).map_or(Presented::Wrong, |token| self.judge(token))
            }
            (Some(_), Some(_)) => Presented::Wrong,
        }
    }

    /// What `bearer.TOKEN` among the offered WebSocket protocols says.
    pub(crate) fn in_protocols<'a>(&self, offered: impl Iterator<Item = &'a [u8]>) -> Presented {
        let mut presented = Presented::Nothing;
        for token in offered.filter_map(|protocol| protocol.strip_prefix(b"bearer.")) {
            presented = match (presented, self.judge(token)) {
                (Presented::Wrong, _) => Presented::Wrong,
                (_, judged) => judged,
            };
        }
        presented
    }
}

/// The token behind the word `Bearer`, whose letter case does not matter.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token() -> Token {
        Token::new(&SecretString::from("correct-horse-battery"))
    }

    #[test]
    fn only_the_token_in_one_bearer_header_is_right() {
        for (values, presented) in [
            (&[][..], Presented::Nothing),
            (&["Bearer correct-horse-battery"], Presented::Right),
            (&["bearer  correct-horse-battery "], Presented::Right),
            (&["Bearer correct-horse-batterx"], Presented::Wrong),
            (&["Bearer correct-horse-batter"], Presented::Wrong),
            (&["Bearer correct-horse-battery-"], Presented::Wrong),
            (&["Bearer "], Presented::Wrong),
            (&["Bearer"], Presented::Wrong),
            (&[""], Presented::Wrong),
            (&["Basic correct-horse-battery"], Presented::Wrong),
            (&["correct-horse-battery"], Presented::Wrong),
            (&["Bearer correct-horse-battery", "Bearer correct-horse-battery"], Presented::Wrong),
            (&["Bearer wrong", "Bearer correct-horse-battery"], Presented::Wrong),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(token().in_header(&headers), presented, "{values:?}");
        }
    }

    #[test]
    fn the_token_may_stand_among_the_protocols() {
        for (offered, presented) in [
            (&[][..], Presented::Nothing),
            (&["factotum.v1"], Presented::Nothing),
            (&["factotum.v1", "bearer.correct-horse-battery"], Presented::Right),
            (&["bearer.correct-horse-battery"], Presented::Right),
            (&["bearer.wrong"], Presented::Wrong),
            (&["bearer."], Presented::Wrong),
            (&["bearer.wrong", "bearer.correct-horse-battery"], Presented::Wrong),
            (&["bearer.correct-horse-battery", "bearer.wrong"], Presented::Wrong),
        ] {
            let protocols = offered.iter().map(|protocol| protocol.as_bytes());
            assert_eq!(token().in_protocols(protocols), presented, "{offered:?}");
        }
    }
}
