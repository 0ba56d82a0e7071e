//! Taking a turn up again.

use session_api::CallId;

use super::{
    Command, Machine, Question, Stamp,
    machine::{Progress, State},
    tools,
};

impl Machine {
    /// What was commanded and has not been answered, in a machine that was just restored.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Command> {
        match &self.state {
            State::Preparing | State::Done { .. } => Vec::new(),
            State::CallingModel => vec![Command::CallModel { shrink: self.shared.shrink }],
            State::Judging { calls, .. } => vec![Command::Judge(calls.clone())],
            State::RunningTools { slots, .. } => {
                let issued = slots.iter().filter(|slot| slot.progress == Progress::Issued);
                vec![Command::Run(issued.map(|slot| slot.call.clone()).collect())]
            }
            State::Suspended { slots, .. } => {
                let questions = slots.iter().filter_map(|slot| match &slot.progress {
                    Progress::Asking { reason, needs } => {
                        Some(Question { call: slot.call.clone(), reason: reason.clone(), needs: *needs })
                    }
                    _ => None,
                });
                vec![Command::Suspend(questions.collect())]
            }
            State::Absorbing => vec![Command::Absorb],
            State::Finalizing { ending, parts } => {
                vec![Command::Finish { ending: ending.clone(), parts: parts.clone() }]
            }
        }
    }

    /// The restored machine, and what to do now. `doubtful` are calls that were started, left no result, and must not be
    /// repeated: their result is that nobody knows. Every other call under way is commanded again.
    #[must_use]
    pub fn resume(mut self, doubtful: &[CallId], stamp: Stamp) -> (Self, Vec<Command>) {
        let State::RunningTools { slots, direct } = self.state else {
            let commands = self.outstanding();
            return (self, commands);
        };
        let mut slots = slots;
        for slot in &mut slots {
            if slot.progress != Progress::Issued {
                continue;
            }
            slot.progress = if doubtful.contains(&slot.call.id) {
                self.shared.doubts.push(slot.call.name.clone());
                Progress::Ended(tools::unknown(&slot.call))
            } else {
                Progress::Ready
            };
        }
        let (state, commands) = tools::advance(&mut self.shared, slots, direct, stamp);
        (Self { shared: self.shared, state }, commands)
    }

    /// The calls that were commanded and have no result yet.
    #[must_use]
    pub fn calls_under_way(&self) -> Vec<session_api::ToolCall> {
        match &self.state {
            State::RunningTools { slots, .. } => slots
                .iter()
                .filter(|slot| slot.progress == Progress::Issued)
                .map(|slot| slot.call.clone())
                .collect(),
            _ => Vec::new(),
        }
    }
}
