//! Which reply follows which request.

use std::fmt;

use serde_json::Value;

use super::reply::Reply;
use super::request::Request;

type Choose = Box<dyn FnMut(&Request, usize) -> Reply + Send>;

/// Decides what each request for a completion is answered with.
///
/// A single [`Reply`] turns into a script that repeats it for ever; a list (`Vec` or array) repeats its last one.
pub struct Script(Choose);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script(..)")
    }
}

impl Script {
    /// A function of the request and its number, counted from 0 over the life of the server.
    pub fn by(choose: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Self {
        Self(Box::new(choose))
    }

    /// Exactly these, in order. A request too many gets status 400 with a text that says so, which no client should
    /// repeat.
    pub fn in_order(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies = replies.into_iter().collect::<Vec<_>>().into_iter();
        Self::by(move |_, n| {
            let exhausted =
                || Reply::error(400, &format!("the script has no reply for request number {n} (from 0)"));
            replies.next().unwrap_or_else(exhausted)
        })
    }

    /// These in order, then the last one for ever.
    pub fn repeating(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        Self::by(move |_, n| match replies.get(n).or(replies.last()) {
            Some(reply) => reply.clone(),
            None => Reply::error(400, "the script is empty"),
        })
    }

    /// One tool call for a user's message, the text once results are there. It looks at the conversation only, so that
    /// repeated requests and restarts do not disturb it.
    #[must_use]
    pub fn tool_then_text(tool: &str, arguments: Value, text: &str) -> Self {
        let (call, text) = (Reply::tool(tool, arguments), Reply::text(text));
        Self::by(
            move |request, _| if request.tool_results().is_empty() { call.clone() } else { text.clone() },
        )
    }

    pub(super) fn next(&mut self, request: &Request) -> Reply {
        (self.0)(request, request.n)
    }
}

impl From<Reply> for Script {
    fn from(reply: Reply) -> Self {
        Self::repeating([reply])
    }
}

impl From<Vec<Reply>> for Script {
    fn from(replies: Vec<Reply>) -> Self {
        Self::repeating(replies)
    }
}

impl<const N: usize> From<[Reply; N]> for Script {
    fn from(replies: [Reply; N]) -> Self {
        Self::repeating(replies)
    }
}
