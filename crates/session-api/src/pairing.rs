//! The code with which a stranger asks to be let in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::IdSource;

/// Letters and digits that nobody mistakes for another (Crockford's base 32, in lower case).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Fifty random bits: with five tries in ten minutes nobody guesses one.
const DIGITS: u32 = 10;

/// A pairing code: `k3m9x-07qrt`. Letter case, dashes and spaces do not matter when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PairingCode(u64);

impl PairingCode {
    /// A new one. The last eight bytes of an id hold sixty-two random bits.
    #[must_use]
    pub fn new(ids: &dyn IdSource) -> Self {
        let low = ids.next_uuid().as_u128() as u64;
        Self(low & ((1 << (5 * DIGITS)) - 1))
    }
}

impl fmt::Display for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..DIGITS).rev() {
            let digit = ALPHABET[usize::try_from((self.0 >> (5 * place)) & 31).unwrap_or(0)];
            write!(f, "{}", char::from(digit))?;
            if place == DIGITS / 2 {
                f.write_str("-")?;
            }
        }
        Ok(())
    }
}

/// A text that is no pairing code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pairing code has ten letters and digits, as in k3m9x-07qrt")]
pub struct PairingCodeError;

impl FromStr for PairingCode {
    type Err = PairingCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut code = 0;
        let mut digits = 0;
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                c => c,
            };
            let digit = ALPHABET.iter().position(|known| char::from(*known) == c).ok_or(PairingCodeError)?;
            digits += 1;
            if digits > DIGITS {
                return Err(PairingCodeError);
            }
            code = code << 5 | digit as u64;
        }
        if digits == DIGITS { Ok(Self(code)) } else { Err(PairingCodeError) }
    }
}

impl TryFrom<String> for PairingCode {
    type Error = PairingCodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PairingCode> for String {
    fn from(code: PairingCode) -> Self {
        code.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SequentialIds;

    #[test]
    fn a_code_is_read_as_it_was_written_and_forgives_what_people_do() {
        let code = PairingCode(0x0003_1415_9265_3589 & ((1 << 50) - 1));
        let text = code.to_string();
        assert_eq!(text.len(), 11);
        for written in [text.clone(), text.to_uppercase(), text.replace('-', ""), text.replace('-', " ")] {
            assert_eq!(written.parse(), Ok(code), "{written}");
        }
        for wrong in ["", "abc", "k3m9x-07qr!", "k3m9x-07qrtt"] {
            assert_eq!(wrong.parse::<PairingCode>(), Err(PairingCodeError), "{wrong}");
        }
        assert_ne!(PairingCode::new(&SequentialIds::default()), PairingCode(0));
    }
}
