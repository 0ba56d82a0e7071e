//! When a scheduled job runs, and what it is.
//!
//! A [`When`] says when: an interval, a cron expression with a zone, or one moment. [`When::timetable`] makes it ready to be
//! asked, and [`Timetable::next_after`] answers. [`JobDefinition`] is what a job's row of the store holds as text;
//! [`JobRequest`] is what somebody asks for, checked and made into a row. [`due::decide`] says what becomes of a job
//! whose time has come, also when that was long ago.
//!
//! What is absent: no clock is read here, nothing is stored and nothing runs. The zone database comes as a value
//! ([`Zones`]).

mod cron;
mod definition;
pub mod due;
mod error;
mod goal;
mod length;
mod natural;
mod request;
mod when;
mod zones;

pub use cron::Cron;
pub use definition::{JobDefinition, Misfire, Payload};
pub use error::ScheduleError;
pub use goal::GoalNotes;
pub use length::parse_length;
pub use natural::parse_when;
pub use request::{JobRequest, MIN_INTERVAL, is_job, session_of};
pub use when::{Timetable, When};
pub use zones::Zones;
