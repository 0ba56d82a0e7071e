//! Time zones.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::ScheduleError;

/// The zones that there are, and the one to take where nobody names one. Cheap to clone.
#[derive(Clone)]
pub struct Zones(Arc<LazyLock<Known, Load>>);

type Load = Box<dyn FnOnce() -> Known + Send>;

struct Known {
    database: TimeZoneDatabase,
    local: String,
}

impl Zones {
    /// The zones of `database`; `local` is the name of the one to take where nobody names one.
    ///
    /// # Errors
    /// `local` is not among them.
    pub fn new(database: TimeZoneDatabase, local: &str) -> Result<Self, ScheduleError> {
        let local = local.to_owned();
        let zones = Self::when_needed(move || (database, local));
        zones.find(zones.local())?;
        Ok(zones)
    }

    /// As [`new`](Self::new), looked up when they are first asked for: to find them may take a while. A `local` that is not
    /// among the zones is told of when it is used.
    pub fn when_needed(load: impl FnOnce() -> (TimeZoneDatabase, String) + Send + 'static) -> Self {
        let load: Load = Box::new(move || {
            let (database, local) = load();
            Known { database, local }
        });
        Self(Arc::new(LazyLock::new(load)))
    }

    /// UTC and nothing else.
    #[must_use]
    pub fn utc() -> Self {
        Self::when_needed(|| (TimeZoneDatabase::none(), "UTC".into()))
    }

    /// The name of the zone to take where nobody names one.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.0.local
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
        self.0.database.get(name).map_err(|_| {
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
        f.write_str("Zones")
    }
}
