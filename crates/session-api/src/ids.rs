//! Identifiers. Each kind has its own type, so that a turn's id cannot stand where a message's id belongs.

use std::{fmt, str::FromStr, sync::atomic::AtomicU64, sync::atomic::Ordering};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where new identifiers come from. Ids are unique; nothing may rely on their order (a wall clock can jump).
pub trait IdSource: Send + Sync {
    /// A value that was never given out before, by this source or another.
    fn next_uuid(&self) -> Uuid;
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id from `ids`.
            pub fn new(ids: &dyn IdSource) -> Self {
                Self(ids.next_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id! {
    /// One accepted message, command, answer, stop or result.
    InboundId
}
id! {
    /// One turn: a fixed list of inbound rows and what was done about them.
    TurnId
}
id! {
    /// One message of a session's history.
    MessageId
}
id! {
    /// One whole outgoing message.
    OutboxId
}
id! {
    /// One part of an outgoing message, as the platform gets it.
    PartId
}
id! {
    /// One question whether a tool call may run.
    ApprovalId
}
id! {
    /// One scheduled job.
    JobId
}
id! {
    /// One reservation of money or tokens.
    ReservationId
}
id! {
    /// One process that takes leases. A process that starts again is another worker.
    WorkerId
}

/// Ids 1, 2, 3 …, for tests and replays.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl IdSource for SequentialIds {
    fn next_uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}
