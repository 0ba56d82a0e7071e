//! Albums: several messages that a person sent as one.
//!
//! Their parts come as updates of their own, a few milliseconds apart, so that one poll may end in the middle of an
//! album. Such an album is held back: what stands before it is committed, and a short while later the next poll, which
//! starts at the album's first part, brings all of it. Nothing is confirmed before it is committed, so that a kill in
//! between costs nothing.

use std::collections::VecDeque;

use super::inbound::Incoming;

/// How many albums that were waited for are remembered: enough for all that one batch can hold.
const REMEMBERED: usize = 100;

/// Which albums were waited for.
#[derive(Debug, Default)]
pub(super) struct Albums(VecDeque<(String, String)>);

impl Albums {
    /// How many updates from the front of `batch` can be committed now; `None` stands for one that is not for us. The
    /// albums behind that are taken as complete the next time.
    pub(super) fn ready(&mut self, batch: &[Option<Incoming>]) -> usize {
        let mut ready = batch.len();
        for (index, incoming) in batch.iter().enumerate().rev() {
            let Some(key) = incoming.as_ref().and_then(key) else { continue };
            // Something newer in the same chat ends an album.
            let ended = batch[index + 1..]
                .iter()
                .flatten()
                .any(|later| later.arrival.chat == key.0 && later.album.as_ref() != Some(&key.1));
            if !ended && !self.0.contains(&key) {
                ready = index;
            }
        }
        for key in batch[ready..].iter().flatten().filter_map(key) {
            if !self.0.contains(&key) {
                self.0.push_back(key);
            }
        }
        while self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
        ready
    }
}

fn key(incoming: &Incoming) -> Option<(String, String)> {
    Some((incoming.arrival.chat.clone(), incoming.album.clone()?))
}

/// Merges the parts of each album into the first of them.
pub(super) fn merge(batch: Vec<Incoming>) -> Vec<Incoming> {
    let mut merged: Vec<Incoming> = Vec::with_capacity(batch.len());
    for incoming in batch {
        let wanted = key(&incoming);
        let first =
            wanted.and_then(|wanted| merged.iter_mut().find(|first| key(first).as_ref() == Some(&wanted)));
        match first {
            Some(first) => {
                first.arrival.parts.extend(incoming.arrival.parts);
                first.arrival.addressed |= incoming.arrival.addressed;
                first.files.extend(incoming.files);
            }
            None => merged.push(incoming),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegram::{addressed::Bot, inbound};
    use serde_json::json;
    use session_api::Timestamp;

    fn one(id: u64, chat: i64, album: Option<&str>) -> Option<Incoming> {
        let message = json!({"message_id": id, "from": {"id": 5}, "chat": {"id": chat, "type": "private"},
            "media_group_id": album, "caption": format!("{id}"), "photo": [{"file_id": "f"}]});
        inbound::read(id.to_string(), json!({"message": message}), &Bot::default(), Timestamp(0)).unwrap()
    }

    #[test]
    fn an_album_that_may_go_on_is_held_back_once() {
        for (batch, ready) in [
            (vec![one(1, 7, None)], 1),
            (vec![one(1, 7, None), one(2, 7, Some("a"))], 1),
            (vec![one(1, 7, Some("a")), one(2, 7, Some("a"))], 0),
            // Another chat says nothing about it.
            (vec![one(1, 7, Some("a")), one(2, 8, None)], 0),
            (vec![one(1, 7, Some("a")), one(2, 7, None)], 2),
            (vec![one(1, 7, Some("a")), None, one(2, 7, Some("b"))], 2),
            (vec![None], 1),
        ] {
            let mut albums = Albums::default();
            assert_eq!(albums.ready(&batch), ready, "{batch:?}");
            assert_eq!(albums.ready(&batch[ready..]), batch.len() - ready, "{batch:?}");
        }
    }

    #[test]
    fn the_parts_of_an_album_become_one_arrival() {
        let batch = [one(1, 7, Some("a")), one(2, 8, Some("a")), one(3, 7, Some("a")), one(4, 7, None)];
        let merged = merge(batch.into_iter().flatten().collect());
        let shape: Vec<_> =
            merged.iter().map(|one| (one.arrival.external_id.as_str(), one.files.len())).collect();
        assert_eq!(shape, [("1", 2), ("2", 1), ("4", 1)]);
        let captions: Vec<_> =
            merged[0].arrival.parts.iter().filter_map(session_api::Part::as_text).collect();
        assert_eq!(captions, ["1", "3"]);
    }
}
