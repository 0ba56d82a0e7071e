//! Tool calls out of the events in which servers send them.

use serde_json::Value;
use session_api::{CallId, ToolCall};

/// Most calls in one reply.
pub(super) const MOST_CALLS: usize = 128;

/// More than [`MOST_CALLS`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// A call as far as it has come.
#[derive(Debug)]
pub(super) struct Begun {
    /// Its place in the output.
    index: u64,
    call: ToolCall,
    done: bool,
}

/// The calls of one reply, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Begun>);

impl Calls {
    /// Takes an item as it begins or as it ends; what it says then counts. Says how many bytes it added.
    pub(super) fn item(&mut self, index: u64, item: &Value, done: bool) -> Result<usize, TooMany> {
        let text = |key: &str| item[key].as_str().unwrap_or("").to_owned();
        let arguments = match &item["arguments"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            // Some servers send the object itself.
            other => other.to_string(),
        };
        let call = ToolCall { id: CallId(text("call_id")), name: text("name"), arguments };
        let bytes = call.id.0.len() + call.name.len() + call.arguments.len();
        let full = self.0.len() == MOST_CALLS;
        match self.open(index) {
            Some(begun) => {
                let begun_with = std::mem::replace(&mut begun.call, call);
                if begun.call.arguments.is_empty() {
                    begun.call.arguments = begun_with.arguments;
                }
                if begun.call.name.is_empty() {
                    begun.call.name = begun_with.name;
                }
                if begun.call.id.0.is_empty() {
                    begun.call.id = begun_with.id;
                }
                begun.done = done;
            }
            None if full => return Err(TooMany),
            None => self.0.push(Begun { index, call, done }),
        }
        Ok(bytes)
    }

    /// More arguments of a call that has begun.
    pub(super) fn more(&mut self, index: u64, piece: &str) {
        if let Some(begun) = self.open(index) {
            begun.call.arguments.push_str(piece);
        }
    }

    /// All arguments of a call that has begun.
    pub(super) fn whole(&mut self, index: u64, arguments: String) {
        if let Some(begun) = self.open(index).filter(|_| !arguments.is_empty()) {
            begun.call.arguments = arguments;
        }
    }

    /// The newest call at that place that has not ended.
    fn open(&mut self, index: u64) -> Option<&mut Begun> {
        self.0.iter_mut().rev().find(|begun| begun.index == index && !begun.done)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The calls, as whole as they came.
    pub(super) fn take(&mut self) -> impl Iterator<Item = ToolCall> + use<> {
        std::mem::take(&mut self.0).into_iter().map(|begun| begun.call)
    }
}
