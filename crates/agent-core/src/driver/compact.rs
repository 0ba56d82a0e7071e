//! A summary in the middle of a turn: only when the model refused a request as too long, and once.

use super::run::Run;

impl Run<'_> {
    pub(super) async fn compact_inline(&self) {}
}
