//! Many chats at once, and the reckoning afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use servers::TempHome;

use crate::look::{dead_letters, parse_lines};
use crate::platform::Platform;
use crate::process::run;
use crate::remains::InFlight;
use crate::talk::{Want, answers, canaries, canary, mark, marks, message};
use crate::wait::until;

/// How every notice begins that says that there is no answer.
const NOTICE: &str = "I could not answer";

/// Chats, numbered through over all platforms, and what was said in them.
pub struct Crowd<'a> {
    /// Each chat's platform.
    chats: Vec<&'a dyn Platform>,
    /// How many messages were said in each.
    counts: Vec<usize>,
    tools: BTreeSet<String>,
}

impl fmt::Debug for Crowd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowd").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl<'a> Crowd<'a> {
    /// So many chats on each of these platforms, in this order.
    #[must_use]
    pub fn of(platforms: &[&'a dyn Platform], each: usize) -> Self {
        Self::with(platforms.iter().map(|platform| (*platform, each)))
    }

    /// As many chats on each platform as stand beside it.
    #[must_use]
    pub fn with(platforms: impl IntoIterator<Item = (&'a dyn Platform, usize)>) -> Self {
        let chats: Vec<_> =
            platforms.into_iter().flat_map(|(one, count)| std::iter::repeat_n(one, count)).collect();
        let counts = vec![0; chats.len()];
        Self { chats, counts, tools: BTreeSet::new() }
    }

    /// How many chats there are.
    #[must_use]
    pub fn chats(&self) -> usize {
        self.chats.len()
    }

    /// Says the next message of a chat; returns its mark.
    pub fn say(&mut self, chat: usize, want: Want) -> String {
        self.say_more(chat, want, "")
    }

    /// The same with more text.
    pub fn say_more(&mut self, chat: usize, want: Want, more: &str) -> String {
        self.counts[chat] += 1;
        let n = self.counts[chat];
        let mark = mark(chat, n);
        if want == Want::Tool {
            self.tools.insert(mark.clone());
        }
        let text = format!("{} {more}", message(chat, n, want));
        self.chats[chat].say(chat, text.trim_end());
        mark
    }

    /// How many messages were said.
    #[must_use]
    pub fn said(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Whether a message of this chat has its answer.
    #[must_use]
    pub fn is_answered(&self, chat: usize, mark: &str) -> bool {
        self.texts(chat).iter().any(|text| answers(text, mark))
    }

    /// What the assistant shows in a chat.
    #[must_use]
    pub fn texts(&self, chat: usize) -> Vec<String> {
        self.chats[chat].texts(chat)
    }

    /// Messages of a chat without an answer.
    fn open(&self, chat: usize) -> Vec<String> {
        let texts = self.texts(chat);
        let answered: BTreeSet<String> =
            texts.iter().filter(|text| text.contains("answer to")).flat_map(|text| marks(text)).collect();
        (1..=self.counts[chat]).map(|n| mark(chat, n)).filter(|mark| !answered.contains(mark)).collect()
    }

    /// All messages without an answer.
    #[must_use]
    pub fn unanswered(&self) -> Vec<String> {
        (0..self.chats()).flat_map(|chat| self.open(chat)).collect()
    }

    /// Waits until every message has an answer.
    ///
    /// # Panics
    /// When one stays without.
    pub fn wait_answers(&self) {
        let mut chat = 0;
        let mut open = Vec::new();
        let what = format!("answers in {} chats", self.chats());
        until(&what, || {
            while chat < self.chats() {
                open = self.open(chat);
                if !open.is_empty() {
                    return None;
                }
                chat += 1;
            }
            Some(())
        });
    }

    /// Counts everything up. `ledger`: the side effects; `dead`: the marks in dead letters.
    #[must_use]
    pub fn reckon(&self, in_flight: &InFlight, ledger: &[String], dead: &BTreeSet<String>) -> Reckoning {
        let mut found = Reckoning { said: self.said(), ..Reckoning::default() };
        let mut platforms: Vec<&dyn Platform> = Vec::new();
        for (chat, platform) in self.chats.iter().enumerate() {
            if !platforms.iter().any(|known| known.kind() == platform.kind()) {
                platforms.push(*platform);
            }
            self.reckon_chat(chat, &mut found);
        }
        found.acknowledged = platforms.iter().map(|platform| platform.acknowledged()).sum();
        found.answered = found.said - found.lost.len();
        found.dead = found.lost.extract_if(.., |mark| dead.contains(mark)).collect();
        let forsaken: BTreeSet<String> = platforms.iter().flat_map(|platform| platform.forsaken()).collect();
        found.forsaken = found.lost.extract_if(.., |mark| forsaken.contains(mark)).collect();
        found.in_flight = in_flight.clone();
        found.effects = ledger.len();
        let mut once = BTreeSet::new();
        for line in ledger {
            if !once.insert(line.trim()) {
                found.effects_twice.push(line.clone());
            }
        }
        found
    }

    /// Sets apart what was given up by a turn, if its chat shows a notice.
    pub fn set_told_apart(&self, found: &mut Reckoning, given_up: &BTreeSet<String>) {
        let noticed: BTreeSet<String> = (0..self.chats())
            .filter(|chat| self.texts(*chat).iter().any(|text| text.contains(NOTICE)))
            .flat_map(|chat| (1..=self.counts[chat]).map(move |n| mark(chat, n)))
            .collect();
        let told = |mark: &mut String| given_up.contains(mark) && noticed.contains(mark);
        found.told = found.lost.extract_if(.., told).collect();
    }

    fn reckon_chat(&self, chat: usize, found: &mut Reckoning) {
        let own = canary(chat);
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        let mut order = Vec::new();
        for text in self.texts(chat) {
            found.foreign.extend(canaries(&text).into_iter().filter(|word| *word != own));
            for mark in marks(&text).into_iter().filter(|mark| answers(&text, mark)) {
                let count = times.entry(mark.clone()).or_default();
                *count += 1;
                if *count == 1 {
                    order.push(mark);
                }
            }
        }
        let number = |mark: &String| mark.split_once('-').and_then(|(_, n)| n.parse::<usize>().ok());
        if !order.is_sorted_by_key(number) {
            found.disordered.push(format!("chat {chat}: {}", order.join(" ")));
        }
        let expected = (1..=self.counts[chat]).map(|n| mark(chat, n));
        found.lost.extend(expected.filter(|mark| !times.contains_key(mark)));
        found.doubled.extend(times.into_iter().filter(|(_, times)| *times > 1));
    }
}

/// What came of everything that was said.
#[derive(Debug, Clone, Default)]
pub struct Reckoning {
    /// Messages that people sent.
    pub said: usize,
    /// Messages that the platforms saw acknowledged.
    pub acknowledged: usize,
    /// Messages with an answer.
    pub answered: usize,
    /// Messages without one that lie among the dead letters, for the owner to see.
    pub dead: Vec<String>,
    /// Messages whose turn was given up, and whose sender was told so.
    pub told: Vec<String>,
    /// Messages that the platform gave up to deliver and that nobody acknowledged.
    pub forsaken: Vec<String>,
    /// Messages that are nowhere.
    pub lost: Vec<String>,
    /// Messages whose answer stands there more than once, and how often.
    pub doubled: Vec<(String, usize)>,
    /// What was being sent at kills.
    pub in_flight: InFlight,
    /// Canaries in chats of others.
    pub foreign: Vec<String>,
    /// Chats whose answers are out of order.
    pub disordered: Vec<String>,
    /// Lines in the ledger of side effects.
    pub effects: usize,
    /// Those that stand there again.
    pub effects_twice: Vec<String>,
}

impl Reckoning {
    /// Sends too many, and how many of them were in flight at a kill.
    #[must_use]
    pub fn duplicates(&self) -> (usize, usize) {
        let extra = self.doubled.iter().map(|(mark, times)| {
            let kills = self.in_flight.marks.get(mark).copied().unwrap_or_default();
            (times - 1, (times - 1).min(kills))
        });
        extra.fold((0, 0), |(all, flying), (more, explained)| (all + more, flying + explained))
    }

    /// What must not be: empty when all is well.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut note = |what: &str, which: &[String]| {
            if !which.is_empty() {
                found.push(format!("{what}: {}", which.join(", ")));
            }
        };
        note("lost", &self.lost);
        note("foreign canaries", &self.foreign);
        note("out of order", &self.disordered);
        note("side effects twice", &self.effects_twice);
        let unexplained = |(mark, times): &(String, usize)| {
            let kills = self.in_flight.marks.get(mark).copied().unwrap_or_default();
            (times - 1 > kills).then(|| format!("{mark} ×{times}, in flight at {kills} kills"))
        };
        note("doubled without need", &self.doubled.iter().filter_map(unexplained).collect::<Vec<_>>());
        // Dead letters and notices are no loss, but a gateway of which little else comes shows nothing.
        if self.answered * 2 < self.said {
            found.push(format!("only {} of {} messages were answered", self.answered, self.said));
        }
        found
    }

    /// Asserts that there are none.
    ///
    /// # Panics
    /// With all of them.
    pub fn assert_clean(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "{}\n{self:#?}", violations.join("\n"));
    }
}

/// The marks in the dead letters.
///
/// # Panics
/// When they cannot be listed.
#[must_use]
pub fn dead_marks(home: &TempHome) -> BTreeSet<String> {
    dead_letters(home).iter().flat_map(|letter| marks(&letter.to_string())).collect()
}

/// Asserts that nothing is left over and that the database is whole. The gateway has ended.
///
/// # Panics
/// When something is left.
pub fn sound(home: &TempHome) {
    let dead = dead_letters(home);
    assert!(dead.is_empty(), "{dead:#?}");
    whole(home);
}

/// Asserts that the database is whole and that nothing waits or runs any more. The gateway has ended.
///
/// # Panics
/// When it is not so.
pub fn whole(home: &TempHome) {
    let checked = run(home.command().args(["doctor", "--json"]));
    for found in parse_lines(&checked.out).first().and_then(|all| all.as_array().cloned()).unwrap_or_default()
    {
        assert!(found["ok"] == true || found["name"] == "dead letters", "{checked}");
    }
    let listed = run(home.command().args(["sessions", "list", "--json"])).with_code(0);
    for info in parse_lines(&listed.out) {
        assert!(info["open_turn"].is_null() && info["pending"] == 0, "{info}");
    }
}

#[cfg(test)]
mod tests {
    use super::{InFlight, Reckoning};

    #[test]
    fn whatever_was_lost_doubled_or_mixed_up_is_a_violation() {
        let fine = Reckoning { said: 4, answered: 3, dead: vec!["m1-1".into()], ..Reckoning::default() };
        assert!(fine.violations().is_empty(), "{:?}", fine.violations());
        let flying = |kills| InFlight { marks: [("m1-2".to_owned(), kills)].into(), ..InFlight::default() };
        let doubled = vec![("m1-2".to_owned(), 2)];
        let explained = Reckoning { doubled: doubled.clone(), in_flight: flying(1), ..fine.clone() };
        assert!(explained.violations().is_empty(), "{:?}", explained.violations());
        assert_eq!(explained.duplicates(), (1, 1));

        let one = || vec!["m2-1".to_owned()];
        for (wrong, said) in [
            (Reckoning { lost: one(), ..fine.clone() }, "lost: m2-1"),
            (Reckoning { foreign: one(), ..fine.clone() }, "foreign canaries: m2-1"),
            (Reckoning { disordered: one(), ..fine.clone() }, "out of order: m2-1"),
            (Reckoning { effects_twice: one(), ..fine.clone() }, "side effects twice: m2-1"),
            (Reckoning { doubled, ..fine.clone() }, "doubled without need: m1-2 ×2, in flight at 0 kills"),
            (
                Reckoning { doubled: vec![("m1-2".into(), 3)], in_flight: flying(1), ..fine.clone() },
                "doubled without need: m1-2 ×3, in flight at 1 kills",
            ),
            (Reckoning { answered: 1, ..fine }, "only 1 of 4 messages were answered"),
        ] {
            assert_eq!(wrong.violations(), [said]);
        }
    }
}
