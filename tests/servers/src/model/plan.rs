//! A reply, worked out for one request: what goes onto the wire, in which steps, and how it ends.

use std::collections::VecDeque;

use bytes::Bytes;

use super::gate::Hold;
use super::reply::{Content, Message, Reply};
use super::request::Request;
use super::wire;

/// How an answer ends once all its bytes are out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In order: HTTP says that the body is complete, and the connection stays usable.
    Close,
    /// The connection closes, and HTTP's end of the body is missing.
    Cut,
    /// The connection is reset (RST).
    Reset,
    /// Nothing more comes; the connection stays until the client or the server goes away.
    Hang,
}

/// One step of sending a body.
#[derive(Debug)]
pub(super) enum Step {
    Send(Bytes),
    Wait(Hold),
}

/// Everything that the connection needs to know.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) before: Vec<Hold>,
    pub(super) steps: VecDeque<Step>,
    pub(super) end: End,
}

/// Works a reply out for the request that it answers.
pub(super) fn plan(reply: Reply, request: &Request) -> Plan {
    if let Content::Message(message) = &reply.content
        && let Some(mistake) = unoffered(message, request)
    {
        return plan(Reply::error(400, &mistake), request);
    }
    let mut headers = Vec::new();
    let (mut pieces, mut end) = match reply.content {
        Content::Message(message) if request.wants_stream() => {
            headers.push(pair("content-type", "text/event-stream"));
            (wire::events(&message, request), End::Close)
        }
        Content::Message(message) => {
            headers.push(pair("content-type", "application/json"));
            (vec![wire::document(&message, request)], End::Close)
        }
        Content::Body { kind, bytes } => {
            headers.push(pair("content-type", kind));
            (vec![bytes], End::Close)
        }
        Content::Chunks { chunks, end } => {
            headers.push(pair("content-type", "text/event-stream"));
            (chunks, end)
        }
    };
    if let [whole] = pieces.as_slice()
        && !request.wants_stream()
    {
        headers.push(pair("content-length", &whole.len().to_string()));
    }
    if let Some((bytes, how)) = reply.cut {
        pieces = first_bytes(pieces, bytes);
        end = how;
    }
    headers.retain(|(name, _)| reply.headers.iter().all(|(given, _)| given != name));
    headers.extend(reply.headers);
    Plan { status: reply.status, headers, before: reply.before, steps: steps(pieces, &reply.within), end }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What is wrong with the calls of a script, if anything is.
fn unoffered(message: &Message, request: &Request) -> Option<String> {
    let offered = request.tools();
    let call = message.calls.iter().find(|call| !offered.contains(&call.name.as_str()))?;
    message.offered_only.then(|| {
        format!("the script calls `{}`, but the request offers only [{}]", call.name, offered.join(", "))
    })
}

fn first_bytes(pieces: Vec<Bytes>, mut left: usize) -> Vec<Bytes> {
    let mut kept = Vec::new();
    for piece in pieces {
        let take = piece.len().min(left);
        left -= take;
        if take > 0 {
            kept.push(piece.slice(..take));
        }
    }
    kept
}

fn steps(pieces: Vec<Bytes>, within: &[(usize, Hold)]) -> VecDeque<Step> {
    let holds_at = |at: usize| within.iter().filter(move |(after, _)| *after == at);
    let mut steps: VecDeque<Step> = holds_at(0).map(|(_, hold)| Step::Wait(hold.clone())).collect();
    for (index, piece) in pieces.into_iter().enumerate() {
        steps.push_back(Step::Send(piece));
        steps.extend(holds_at(index + 1).map(|(_, hold)| Step::Wait(hold.clone())));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{first_bytes, steps};
    use crate::model::gate::{Gate, Hold};
    use crate::model::reply::split;
    use bytes::Bytes;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn a_split_text_is_whole_again_when_joined(text: String, pieces in 0_usize..20) {
            let parts = split(&text, pieces);
            prop_assert_eq!(&parts.concat(), &text);
            prop_assert!(parts.len() <= pieces.max(1));
            prop_assert!(text.is_empty() || parts.iter().all(|part| !part.is_empty()));
        }

        #[test]
        fn a_cut_keeps_exactly_the_first_bytes(pieces: Vec<Vec<u8>>, cut in 0_usize..200) {
            let whole = pieces.concat();
            let kept = first_bytes(pieces.into_iter().map(Bytes::from).collect(), cut);
            prop_assert_eq!(kept.concat(), whole[..cut.min(whole.len())].to_vec());
        }
    }

    #[test]
    fn holds_stand_where_they_were_put() {
        let gate = || Hold::Until(Gate::new());
        let steps = steps(
            vec![Bytes::from("a"), Bytes::from("b")],
            &[(0, gate()), (1, gate()), (2, gate()), (9, gate())],
        );
        let kinds: String =
            steps.iter().map(|step| if matches!(step, super::Step::Send(_)) { 's' } else { 'w' }).collect();
        assert_eq!(kinds, "wswsw");
    }
}
