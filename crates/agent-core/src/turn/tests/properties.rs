//! What holds for every order of events.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const MODEL_CALLS: u32 = 5;
const CALLS_OF_A_REPLY: u8 = 4;
/// The beginning, two shrunken requests, and for each model call: its reply, the verdicts, each call's end, the answers
/// to the questions, what was absorbed. Then the commit.
const MOST_ANSWERS: usize = 4 + MODEL_CALLS as usize * (4 + CALLS_OF_A_REPLY as usize);

/// Bytes that decide, over and over.
struct Dice {
    bytes: Vec<u8>,
    at: usize,
}

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u8) -> u8 {
        // Mixed with the place, so that a short script does not repeat itself exactly.
        let byte = self.bytes[self.at % self.bytes.len()].wrapping_add((self.at / self.bytes.len()) as u8);
        self.at += 1;
        byte % sides
    }

    /// A call of one of two tools, with an id and arguments that may be repeated, empty or no JSON.
    fn call(&mut self) -> ToolCall {
        let id = ["", "a", "b", "c", "d", "e"][usize::from(self.roll(6))];
        let name = ["look", "send"][usize::from(self.roll(2))];
        let arguments = ["{}", " { } ", r#"{"x":1}"#, r#"{"x":2}"#, "broken"][usize::from(self.roll(5))];
        ToolCall { id: CallId(id.into()), name: name.into(), arguments: arguments.into() }
    }

    fn result(&mut self, id: &CallId) -> Event {
        let (status, text) =
            [(ToolStatus::Ok, "fine"), (ToolStatus::Error, "broken"), (ToolStatus::Error, "away")]
                [usize::from(self.roll(3))];
        Event::ToolEnded(result(&id.0, status, text))
    }

    fn reply(&mut self) -> Event {
        match self.roll(8) {
            0 => says("an answer"),
            1 => replied(Vec::new()),
            2 => model_failed(ModelErrorKind::ContextTooLong),
            3 if self.roll(4) == 0 => model_failed(ModelErrorKind::Unavailable),
            _ => {
                let count = 1 + self.roll(CALLS_OF_A_REPLY);
                replied((0..count).map(|_| Part::ToolCall(self.call())).collect())
            }
        }
    }

    fn judged(&mut self, count: usize) -> Event {
        let letters: String =
            (0..count).map(|_| ['p', 'p', 'u', 'r', 'q'][usize::from(self.roll(5))]).collect();
        judged(&letters)
    }

    fn state(&mut self) -> ApprovalState {
        use ApprovalState::{Allowed, Denied, Expired, Superseded};
        [Allowed, Denied, Superseded, Expired][usize::from(self.roll(4))]
    }

    fn intake(&mut self) -> Event {
        let intake = match self.roll(8) {
            0 => Intake::Tool(self.call()),
            1 => Intake::Reply("known".into()),
            _ => Intake::Chat,
        };
        Event::Begun { messages: vec![row(1, "hello")], intake }
    }

    fn absorbed(&mut self) -> Event {
        let rows = (0..self.roll(3)).map(|_| row(2 + u128::from(self.roll(5)), "and"));
        Event::Absorbed(rows.collect())
    }

    /// What a driver could answer to what is outstanding; `None` when nothing is.
    fn answer(&mut self, machine: &Machine) -> Option<Event> {
        if machine.state == State::Preparing {
            return Some(self.intake());
        }
        Some(match machine.outstanding().pop()? {
            Command::CallModel { .. } => self.reply(),
            Command::Judge(calls) => self.judged(calls.len()),
            Command::Run(calls) => {
                let place = usize::from(self.roll(255)) % calls.len();
                self.result(&calls[place].id)
            }
            Command::Suspend(questions) => Event::Answered(
                questions.into_iter().map(|question| (question.call.id, self.state())).collect(),
            ),
            Command::Absorb => self.absorbed(),
            Command::CancelWork => return None,
            Command::Finish { .. } => Event::Committed,
        })
    }

    /// Anything at all, whether it fits or not.
    fn noise(&mut self) -> Event {
        let id = CallId(["a", "b", "call_1", "call_2", "z"][usize::from(self.roll(5))].into());
        match self.roll(8) {
            0 => self.intake(),
            1 => self.reply(),
            2 => {
                let count = usize::from(self.roll(4));
                self.judged(count)
            }
            3 => self.result(&id),
            4 => self.absorbed(),
            5 => Event::Answered(vec![(id, self.state())]),
            6 => Event::Committed,
            _ => match self.roll(6) {
                0 => Event::Stopped,
                1 => Event::OutOfTime,
                _ => self.absorbed(),
            },
        }
    }
}

fn small() -> Machine {
    machine(Limits { model_calls: MODEL_CALLS, tool_calls: 9, seconds: 60 })
}

/// Plays a turn to its end with noise between the answers, and shows `look` each machine with the commands that led
/// from the one before. Returns how many answers it took.
fn play(bytes: Vec<u8>, noisy: bool, mut look: impl FnMut(&Machine, &[Command])) -> usize {
    let mut dice = Dice { bytes, at: 0 };
    let mut machine = small();
    let (mut answers, mut steps) = (0, 0);
    look(&machine, &[]);
    while !matches!(machine.state, State::Done { .. }) {
        let event = if noisy && dice.roll(3) == 0 {
            dice.noise()
        } else {
            answers += 1;
            dice.answer(&machine).expect("a turn that is not over waits for something")
        };
        steps += 1;
        assert!(answers <= MOST_ANSWERS, "no end after {answers} answers: {machine:#?}");
        let (next, commands) = machine.step(event, stamp(steps));
        machine = next;
        look(&machine, &commands);
    }
    answers
}

proptest! {
    #[test]
    fn any_order_of_events_ends_within_the_limits(
        bytes in prop::collection::vec(any::<u8>(), 1..80),
        noisy in any::<bool>(),
    ) {
        let answers = play(bytes, noisy, |machine, _| {
            assert!(machine.model_calls() <= MODEL_CALLS);
        });
        prop_assert!(answers <= MOST_ANSWERS);
    }

    #[test]
    fn every_state_survives_a_restart(bytes in prop::collection::vec(any::<u8>(), 1..80)) {
        play(bytes, true, |machine, commands| {
            let again = Machine::restore(&machine.record().unwrap()).unwrap();
            assert_eq!(&again, machine);
            assert_eq!(again.outstanding(), machine.outstanding());
            let ordered: Vec<&Command> =
                commands.iter().filter(|command| **command != Command::CancelWork).collect();
            if !ordered.is_empty() {
                assert_eq!(ordered, again.outstanding().iter().collect::<Vec<_>>());
            }
            let (resumed, outstanding) = again.resume(&[], stamp(9999));
            assert_eq!(&resumed, machine);
            assert_eq!(outstanding, machine.outstanding());
        });
    }

    #[test]
    fn calls_and_results_are_never_split(bytes in prop::collection::vec(any::<u8>(), 1..80)) {
        play(bytes, true, |machine, _| {
            if matches!(machine.state, State::Finalizing { .. } | State::Done { .. }) {
                assert_pairs(machine.added());
            }
            for end in [Event::Stopped, Event::OutOfTime, Event::GivenUp("it cannot".into())] {
                let (ended, commands) = machine.clone().step(end, stamp(9999));
                assert_pairs(ended.added());
                if !matches!(machine.state, State::Finalizing { .. } | State::Done { .. }) {
                    assert_eq!(commands[0], Command::CancelWork);
                    assert!(matches!(commands[1..], [Command::Finish { .. }]));
                }
            }
            let doubtful: Vec<CallId> = machine.calls_under_way().into_iter().map(|call| call.id).collect();
            let (resumed, _) = machine.clone().resume(&doubtful, stamp(9999));
            let (ended, _) = resumed.step(Event::Stopped, stamp(10_000));
            assert_pairs(ended.added());
        });
    }

    #[test]
    fn no_call_is_commanded_twice_nor_run_beside_one_that_must_run_alone(
        bytes in prop::collection::vec(any::<u8>(), 1..80),
    ) {
        let mut commanded: HashSet<CallId> = HashSet::new();
        play(bytes, true, |machine, commands| {
            for command in commands {
                let Command::Run(calls) = command else { continue };
                assert!(!calls.is_empty());
                for call in calls {
                    assert!(commanded.insert(call.id.clone()), "{} runs twice", call.id);
                }
            }
            if let State::RunningTools { slots, .. } = &machine.state {
                let issued: Vec<&Slot> =
                    slots.iter().filter(|slot| slot.progress == Progress::Issued).collect();
                assert!(issued.len() == 1 || issued.iter().all(|slot| slot.beside), "{issued:?}");
            }
        });
    }

    #[test]
    fn an_absorbed_row_joins_once(bytes in prop::collection::vec(any::<u8>(), 1..80)) {
        play(bytes, true, |machine, _| {
            let distinct: HashSet<&InboundId> = machine.taken().iter().collect();
            assert_eq!(distinct.len(), machine.taken().len());
            let people = machine.added().iter().filter(|message| message.role == Role::User).count();
            assert_eq!(people, machine.taken().len());
        });
    }

    #[test]
    fn records_of_other_versions_are_refused(version in any::<u32>()) {
        let mut record = small().record().unwrap();
        record.version = version;
        prop_assert_eq!(Machine::restore(&record).is_ok(), version == super::super::RECORD_VERSION);
    }
}
