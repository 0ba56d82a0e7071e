//! What a call could do that text from outside must not talk a model into.

use std::fmt;

/// Why a call asks first in a turn that has read text from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// It says something to somebody who is not part of the conversation.
    Sends,
    /// It takes something away.
    Deletes,
    /// It runs a command that does more than look.
    Runs,
    /// It changes what later turns are told: memory, instructions, skills.
    Remembers,
    /// It changes what happens at other times.
    Schedules,
    /// It does something that nothing more is known of.
    Acts,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sends => "this would send something to another chat",
            Self::Deletes => "this would delete something",
            Self::Runs => "this command does more than look",
            Self::Remembers => "this would change what later turns are told",
            Self::Schedules => "this would change what is scheduled",
            Self::Acts => "this may do something that cannot be undone",
        })
    }
}
