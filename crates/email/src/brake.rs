//! The brake on loops that no header gives away: so many mails an hour from one sender, so many turns in one thread.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use session_api::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
/// Most senders and threads that are remembered; beyond it the one that was quiet longest is forgotten.
const MOST: usize = 2000;

/// Counts accepted mails, by the time at which the mail server got them, so that a pile that waited while the assistant
/// was off does not look like a flood. It lives as long as the process.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    senders: BTreeMap<String, VecDeque<(Timestamp, String)>>,
    threads: BTreeMap<String, (usize, Timestamp)>,
}

impl Brake {
    /// Whether `sender` had `limit` other mails accepted in the hour around `at`.
    pub(crate) fn sender_is_over(&self, sender: &str, event: &str, at: Timestamp, limit: usize) -> bool {
        let known = self.senders.get(sender).into_iter().flatten();
        let near = |then: Timestamp| at.since(then).max(then.since(at)) < HOUR;
        known.filter(|(then, known)| near(*then) && known != event).count() >= limit
    }

    /// Mails accepted in a thread.
    pub(crate) fn thread_turns(&self, thread: &str) -> usize {
        self.threads.get(thread).map_or(0, |(turns, _)| *turns)
    }

    /// Counts an accepted mail; the same event again is not counted.
    pub(crate) fn count(&mut self, sender: &str, thread: &str, event: &str, at: Timestamp) {
        let events = self.senders.entry(sender.to_owned()).or_default();
        if events.iter().any(|(_, known)| known == event) {
            return;
        }
        events.push_back((at, event.to_owned()));
        while events.len() > 200 {
            events.pop_front();
        }
        let (turns, last) = self.threads.entry(thread.to_owned()).or_insert((0, at));
        *turns += 1;
        *last = at;
        if self.senders.len() > MOST {
            let oldest = self.senders.iter().min_by_key(|(_, events)| events.back().map(|(at, _)| *at));
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.map(|name| self.senders.remove(&name));
        }
        if self.threads.len() > MOST {
            let oldest = self.threads.iter().min_by_key(|(_, (_, last))| *last).map(|(name, _)| name.clone());
            oldest.map(|name| self.threads.remove(&name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: i64) -> Timestamp {
        Timestamp(n * 60_000)
    }

    #[test]
    fn the_eleventh_mail_of_an_hour_is_over_and_one_of_the_next_hour_is_not() {
        let mut brake = Brake::default();
        for n in 0..10 {
            assert!(!brake.sender_is_over("a", &n.to_string(), minute(n), 10));
            brake.count("a", "t", &n.to_string(), minute(n));
            brake.count("a", "t", &n.to_string(), minute(n));
        }
        assert!(brake.sender_is_over("a", "10", minute(10), 10));
        assert!(!brake.sender_is_over("a", "3", minute(3), 10), "a redelivery does not count against itself");
        assert!(!brake.sender_is_over("b", "10", minute(10), 10));
        assert!(!brake.sender_is_over("a", "10", minute(61), 10));
        assert_eq!(brake.thread_turns("t"), 10);
    }

    #[test]
    fn memory_is_bounded() {
        let mut brake = Brake::default();
        for n in 0..3000 {
            brake.count(&format!("s{n}"), &format!("t{n}"), "e", minute(n));
        }
        assert_eq!((brake.senders.len(), brake.threads.len()), (MOST, MOST));
        assert!(brake.senders.contains_key("s2999") && !brake.senders.contains_key("s0"));
    }
}
