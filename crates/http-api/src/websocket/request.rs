//! Frames from a client.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use session_api::{ApprovalId, SessionKey};

use super::{
    ACCOUNT, CHANNEL, VERSION,
    frame::{ErrorCode, Refusal},
};

/// The longest name of a session, in characters.
const LONGEST_NAME: usize = 64;
/// The longest id that a client gives, in bytes.
const LONGEST_ID: usize = 128;

/// What a client asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    /// Says who it is.
    Hello {
        /// The token, where no header carried it.
        #[serde(default)]
        token: Option<SecretString>,
    },
    /// Follows a conversation.
    Attach {
        /// Its name.
        session: String,
        /// The last event that the client has.
        #[serde(default)]
        after: Option<String>,
    },
    /// Says something.
    Message(Box<Said>),
    /// Ends what runs in a conversation.
    Stop {
        /// Its name.
        session: String,
    },
    /// Lets a call run.
    Approve {
        /// The question.
        approval: ApprovalId,
    },
    /// Refuses a call.
    Deny {
        /// The question.
        approval: ApprovalId,
    },
    /// Asks for a `pong`.
    Ping {},
}

/// A message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    /// The client's own id of it: the same one twice is one message.
    pub(super) id: String,
    /// The conversation's name.
    pub(super) session: String,
    /// What is said.
    #[serde(default)]
    pub(super) text: String,
    /// What comes with it.
    #[serde(default)]
    pub(super) files: Vec<SentFile>,
}

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentFile {
    /// Its name.
    pub(super) name: String,
    /// Its media type.
    pub(super) mime: String,
    /// Its bytes.
    pub(super) base64: String,
}

/// A frame, taken apart as far as that goes.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The id that an error is to name.
    pub(super) id: Option<String>,
    /// What is asked, or what is wrong with the frame.
    pub(super) request: Result<Request, Refusal>,
}

/// Takes a frame apart.
pub(super) fn parse(text: &str) -> Parsed {
    let refused = |why: String| Parsed { id: None, request: Err(Refusal::new(ErrorCode::BadFrame, why)) };
    let mut fields: Map<String, Value> = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return refused("a frame is a JSON object".into()),
        Err(error) => return refused(format!("this is not JSON: {error}")),
    };
    let id = fields.get("id").and_then(Value::as_str).filter(|id| good_id(id)).map(str::to_owned);
    let version = fields.remove("v");
    if version.is_some_and(|version| version != VERSION) {
        let why = format!("this server speaks version {VERSION} of the protocol");
        return Parsed { id, request: Err(Refusal::new(ErrorCode::UnsupportedVersion, why)) };
    }
    // An id is welcome on every frame; only a message has a use for it.
    if fields.get("type").is_none_or(|kind| kind != "message") {
        fields.remove("id");
    }
    let request = serde_json::from_value(Value::Object(fields));
    Parsed { id, request: request.map_err(|error| Refusal::new(ErrorCode::BadFrame, error.to_string())) }
}

/// The key of a conversation of this name.
pub(super) fn session(name: &str) -> Result<SessionKey, Refusal> {
    let letters = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !letters || name.is_empty() || name.chars().count() > LONGEST_NAME {
        let why = format!("a session's name has 1 to {LONGEST_NAME} letters, digits, `.`, `_` or `-`");
        return Err(Refusal::new(ErrorCode::BadSession, why));
    }
    Ok(SessionKey::new(CHANNEL, ACCOUNT, name))
}

fn good_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_ID && !id.chars().any(char::is_control)
}

/// The id of a message, checked.
pub(super) fn message_id(id: &str) -> Result<(), Refusal> {
    let why = || format!("a message's id has 1 to {LONGEST_ID} bytes and no control characters");
    good_id(id).then_some(()).ok_or_else(|| Refusal::new(ErrorCode::BadId, why()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Result<(), ErrorCode> {
        parse(text).request.map(|_| ()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn frames_are_told_apart() {
        let approval = "01890a5d-ac96-774b-bcce-b302099a8057";
        for text in [
            r#"{"type":"hello","v":1,"token":"x"}"#.to_owned(),
            r#"{"type":"hello","v":1}"#.into(),
            r#"{"type":"attach","session":"a"}"#.into(),
            r#"{"type":"attach","session":"a","after":"0"}"#.into(),
            r#"{"type":"message","id":"1","session":"a","text":"hi","files":[]}"#.into(),
            r#"{"v":1,"type":"message","id":"1","session":"a","files":[{"name":"a","mime":"b","base64":""}]}"#.into(),
            r#"{"type":"stop","session":"a","id":"7"}"#.into(),
            format!(r#"{{"type":"approve","approval":"{approval}"}}"#),
            format!(r#"{{"type":"deny","approval":"{approval}"}}"#),
            r#"{"type":"ping"}"#.into(),
        ] {
            assert_eq!(code(&text), Ok(()), "{text}");
        }
        for (text, expected) in [
            ("", ErrorCode::BadFrame),
            ("hello", ErrorCode::BadFrame),
            ("[]", ErrorCode::BadFrame),
            ("null", ErrorCode::BadFrame),
            ("{}", ErrorCode::BadFrame),
            ("\u{a0}{\"type\":\"ping\"}", ErrorCode::BadFrame),
            (r#"{"type":"ping"} {"type":"ping"}"#, ErrorCode::BadFrame),
            (r#"{"type":"dance"}"#, ErrorCode::BadFrame),
            (r#"{"type":5}"#, ErrorCode::BadFrame),
            (r#"{"type":"attach"}"#, ErrorCode::BadFrame),
            (r#"{"type":"attach","session":"a","afer":"x"}"#, ErrorCode::BadFrame),
            (r#"{"type":"message","id":"1","session":"a","text":5}"#, ErrorCode::BadFrame),
            (r#"{"type":"approve","approval":"soon"}"#, ErrorCode::BadFrame),
            (r#"{"type":"ping","v":2}"#, ErrorCode::UnsupportedVersion),
            (r#"{"type":"ping","v":"1"}"#, ErrorCode::UnsupportedVersion),
            (r#"{"type":"dance","v":2}"#, ErrorCode::UnsupportedVersion),
        ] {
            assert_eq!(code(text), Err(expected), "{text}");
        }
        assert_eq!(code(&"{\"a\":".repeat(50_000)), Err(ErrorCode::BadFrame), "deep objects");
    }

    #[test]
    fn what_the_documentation_shows_is_understood() {
        let page = include_str!("../../../../docs/channels/websocket.md");
        let frames: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("→ ")).collect();
        assert_eq!(frames.len(), 7, "one of each type");
        for frame in frames {
            assert_eq!(code(frame), Ok(()), "{frame}");
        }
    }

    #[test]
    fn an_error_names_the_message_it_belongs_to() {
        let parsed = parse(r#"{"type":"message","id":"m-1","session":5}"#);
        assert_eq!(parsed.id.as_deref(), Some("m-1"));
        assert!(parsed.request.is_err());
    }

    #[test]
    fn names_of_sessions_are_plain() {
        for name in ["main", "a", "Ärzte.2-b_c", &"x".repeat(64)] {
            assert_eq!(session(name).unwrap().to_string(), format!("websocket:factotum:{name}"));
        }
        for name in ["", " ", "a b", "a/b", "../x", "a:b", "a%b", "a\n", "\u{202e}a", &"x".repeat(65)] {
            assert!(session(name).is_err(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC*") {
            parse(&text);
        }
    }
}
