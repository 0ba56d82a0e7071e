//! Time zones.

use std::fmt;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::ScheduleError;

/// The zones that there are, and the one to take where nobody names one. Cheap to clone.
#[derive(Clone)]
pub struct Zones {
    database: TimeZoneDatabase,
    local: String,
}

impl Zones {
    /// The zones of `database`; `local` is the name of the one to take where nobody names one.
    ///
    /// # Errors
    /// `local` is not among them.
    pub fn new(database: TimeZoneDatabase, local: &str) -> Result<Self, ScheduleError> {
        let mut zones = Self { database, local: "UTC".into() };
        zones.find(local)?;
        local.clone_into(&mut zones.local);
        Ok(zones)
    }

    /// UTC and nothing else.
    #[must_use]
    pub fn utc() -> Self {
        Self { database: TimeZoneDatabase::none(), local: "UTC".into() }
    }

    /// The name of the zone to take where nobody names one.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The zone with this IANA name.
    ///
    /// # Errors
    /// There is none in the database.
    pub fn find(&self, name: &str) -> Result<TimeZone, ScheduleError> {
        let name = name.trim();
        if name.eq_ignore_ascii_case("UTC") || name.eq_ignore_ascii_case("Etc/UTC") {
            return Ok(TimeZone::UTC);
        }
        self.database.get(name).map_err(|_| {
            let shown: String = name.chars().take(64).collect();
            let reason = format!("there is no time zone `{shown}`; write an IANA name such as Europe/Berlin");
            ScheduleError::new("zone", reason)
        })
    }
}

impl Default for Zones {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Debug for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zones").field("local", &self.local).finish_non_exhaustive()
    }
}
