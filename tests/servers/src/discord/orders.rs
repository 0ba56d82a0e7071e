//! What a test orders the fake to do to its client.

use std::time::Duration;

use serde_json::json;

use super::fault::{RestFault, Waiting};
use super::server::FakeDiscord;
use super::world::Order;

impl FakeDiscord {
    /// Asks the client to reconnect (op 7).
    pub fn reconnect(&self) -> bool {
        self.shared.read().order(Order::Frame(json!({"op": 7, "s": null, "t": null, "d": null})))
    }

    /// Declares the session invalid (op 9); one that cannot be resumed is forgotten.
    pub fn invalidate(&self, resumable: bool) -> bool {
        self.shared.change(|world| {
            let told = world.order(Order::Frame(json!({"op": 9, "s": null, "t": null, "d": resumable})));
            if !resumable {
                world.current = None;
            }
            told
        })
    }

    /// Forgets the session without telling: the next resume is refused.
    pub fn forget_session(&self) {
        self.shared.change(|world| world.current = None);
    }

    /// Closes the connection with this code.
    pub fn close(&self, code: u16) -> bool {
        self.shared.read().order(Order::Close(code))
    }

    /// Answers the next Identify by closing with this code.
    pub fn refuse_identify(&self, code: u16) {
        self.shared.change(|world| world.refuse_identify.push_back(code));
    }

    /// Resets the connection. What is said from now on waits for the resume.
    pub fn reset(&self) -> bool {
        self.shared.change(|world| {
            let told = world.order(Order::Reset);
            world.live = None;
            told
        })
    }

    /// Ends the connection without a close frame.
    pub fn end(&self) -> bool {
        self.shared.read().order(Order::End)
    }

    /// Writes nothing to the connection any more: no event, no heartbeat acknowledgement.
    pub fn fall_silent(&self) -> bool {
        self.shared.read().order(Order::Deaf)
    }

    /// Writes a text frame as it is.
    pub fn garbage(&self, text: &str) -> bool {
        self.shared.read().order(Order::Text(text.to_owned()))
    }

    /// Leaves sequence numbers out.
    pub fn skip_sequence(&self, by: u64) {
        self.shared.change(|world| {
            let current = world.current.clone().unwrap_or_default();
            if let Some(session) = world.sessions.get_mut(&current) {
                session.seq += by;
            }
        });
    }

    /// Repeats at a resume the event that the client saw last.
    pub fn repeat_on_resume(&self) {
        self.shared.change(|world| world.repeat_on_resume = true);
    }

    /// Sends events as zlib frames.
    pub fn compress(&self, on: bool) {
        self.shared.change(|world| world.compress = on);
    }

    /// The heartbeat interval of connections from now on.
    pub fn heartbeat(&self, every: Duration) {
        let millis = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        self.shared.change(|world| world.heartbeat_ms = millis);
    }

    /// Refuses new gateway connections, or not any more.
    pub fn down(&self, down: bool) {
        self.shared.change(|world| world.down = down);
    }

    /// Lets the next call of this method whose path holds `path` go wrong.
    pub fn fault(&self, method: &str, path: &str, fault: RestFault) {
        let waiting = Waiting { method: method.to_owned(), path: path.to_owned(), fault };
        self.shared.change(|world| world.waiting.push(waiting));
    }
}
