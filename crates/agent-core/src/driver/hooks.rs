//! Calling hooks: whatever one does, the turn goes on.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;

use super::run::Run;
use crate::{Hook, HookError, RunInfo};

/// How long one call of a hook may take: a turn whose hook hangs would neither end nor notice a stop.
const HOOK_TIME: Duration = Duration::from_secs(10);

impl Run<'_> {
    /// What one call of a hook gave. Failures, panics and calls that do not end are logged and have no other effect.
    pub(super) async fn bounded<T>(
        &self,
        hook: &dyn Hook,
        call: impl Future<Output = Result<T, HookError>> + Send,
    ) -> Option<T> {
        let outcome = tokio::select! {
            outcome = AssertUnwindSafe(call).catch_unwind() => outcome,
            () = self.ports.clock.sleep(HOOK_TIME) => {
                let seconds = HOOK_TIME.as_secs();
                tracing::error!(hook = hook.name(), seconds, "a hook did not end in time; the run goes on without it");
                return None;
            }
        };
        match outcome {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => tracing::warn!(hook = hook.name(), %error, "a hook failed"),
            Err(_) => tracing::error!(hook = hook.name(), "a hook crashed; this is a bug in it"),
        }
        None
    }

    /// Calls one method of every hook, in order.
    pub(super) async fn hooks<'h, F>(&'h self, call: impl Fn(&'h dyn Hook, &'h RunInfo) -> F)
    where
        F: Future<Output = Result<(), HookError>> + Send + 'h,
    {
        for hook in &self.core.hooks {
            self.bounded(hook.as_ref(), call(hook.as_ref(), &self.info)).await;
        }
    }
}
