//! The queue of updates: new ones, confirmation by offset, and deliveries that the bot did not ask for.

use std::time::Duration;

use serde_json::Value;

use super::state::{Queued, State};

/// How far above the newest id an offset may lie and still be meant; a larger one comes from another numbering, and the
/// real server then answers from the beginning of its queue.
const FAR: i64 = 10;

impl State {
    /// Queues an update under its id, or under the next one.
    pub(super) fn push(&mut self, mut update: Value, id: Option<i64>) -> i64 {
        let id = id.unwrap_or(self.next_update);
        self.next_update = self.next_update.max(id + 1);
        update["update_id"] = id.into();
        self.history.push((id, update.clone()));
        self.queue.push_back(Queued { id, update, again: false, given: false });
        id
    }

    /// Takes what lies below `offset` as received.
    pub(super) fn confirm(&mut self, offset: i64) {
        if offset < 0 {
            let keep = usize::try_from(-offset).unwrap_or(usize::MAX);
            while self.queue.len() > keep {
                self.acknowledged.extend(self.queue.pop_front().map(|queued| queued.id));
            }
            return;
        }
        if offset > self.next_update + FAR {
            return;
        }
        let acknowledged = &mut self.acknowledged;
        self.queue.retain(|queued| {
            let done = if queued.again { queued.given } else { queued.id < offset };
            if done && !queued.again {
                acknowledged.push(queued.id);
            }
            !done
        });
    }

    /// What a poll gets.
    pub(super) fn take(&mut self, limit: usize) -> Vec<Value> {
        let batch = self.queue.iter_mut().take(limit);
        batch
            .map(|queued| {
                queued.given = true;
                queued.update.clone()
            })
            .collect()
    }

    /// Delivers all updates there ever were again, so many times, in an order that depends on `seed` alone.
    pub(super) fn redeliver(&mut self, times: usize, seed: u64) {
        let history = self.history.clone();
        let mut all: Vec<Queued> = std::iter::repeat_n(history, times)
            .flatten()
            .map(|(id, update)| Queued { id, update, again: true, given: false })
            .collect();
        // Knuth's generator: enough to mix, and the same everywhere.
        let mut random = seed;
        for last in (1..all.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = usize::try_from(random >> 33).unwrap_or(0) % (last + 1);
            all.swap(last, other);
        }
        self.queue.extend(all);
    }

    /// Numbers anew from `next` on, as the real server does after an idle week.
    pub(super) fn renumber(&mut self, next: i64, pause: Duration) {
        self.next_update = next;
        // Dates follow message ids, a second each.
        self.next_message += i64::try_from(pause.as_secs()).unwrap_or(0);
    }
}
