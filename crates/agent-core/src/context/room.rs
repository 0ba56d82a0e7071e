//! An amount of room in a request.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of tokens, or a part of what the model takes. Written as `4000` or `"10%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So many tokens.
    Tokens(u32),
    /// So many hundredths of the model's window.
    Percent(u8),
}

impl Room {
    /// The tokens of a window of `window` tokens.
    #[must_use]
    pub fn of(self, window: u64) -> u64 {
        match self {
            Self::Tokens(tokens) => u64::from(tokens),
            Self::Percent(percent) => u64::from(percent) * (window / 100),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|percent| *percent <= 100).map(Self::Percent),
            None => text.parse().ok().map(Self::Tokens),
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens(tokens) => write!(f, "{tokens}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Room {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Tokens(tokens) => serializer.serialize_u32(*tokens),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Room {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Room;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number of tokens such as 4000, or a part of the model's window such as \"10%\"",
                )
            }

            fn visit_u64<E: de::Error>(self, tokens: u64) -> Result<Room, E> {
                let unexpected = de::Unexpected::Unsigned(tokens);
                u32::try_from(tokens).map(Room::Tokens).map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_i64<E: de::Error>(self, tokens: i64) -> Result<Room, E> {
                let unexpected = de::Unexpected::Signed(tokens);
                u32::try_from(tokens).map(Room::Tokens).map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Room, E> {
                Room::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_read_as_they_are_written() {
        for (text, room) in [
            ("4000", Some(Room::Tokens(4000))),
            ("\"10%\"", Some(Room::Percent(10))),
            ("\" 7 % \"", Some(Room::Percent(7))),
            ("\"300\"", Some(Room::Tokens(300))),
            ("\"101%\"", None),
            ("\"-1%\"", None),
            ("\"%\"", None),
            ("-5", None),
            ("0.5", None),
            ("5000000000", None),
        ] {
            assert_eq!(serde_json::from_str::<Room>(text).ok(), room, "{text}");
        }
        for room in [Room::Tokens(12), Room::Percent(34)] {
            let written = serde_json::to_string(&room).unwrap();
            assert_eq!(serde_json::from_str::<Room>(&written).unwrap(), room);
        }
    }
}
