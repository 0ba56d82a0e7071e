//! What a turn may read of what was said and noted.

use session_api::{Scope, SessionStore, StoreError};
use tool_api::ToolContext;

/// In a session in which one person alone speaks: what was said in such sessions of theirs, and their files. In one that
/// several share: that session, since all of them read the answer.
pub(crate) async fn scope(context: &ToolContext, sessions: &dyn SessionStore) -> Result<Scope, StoreError> {
    let here = Scope::Session(context.session.clone());
    let info = sessions.session(&here, &context.session).await?;
    let alone =
        context.alone && info.is_some_and(|info| !info.shared && info.principal == context.principal.id);
    Ok(if alone { Scope::Of(context.principal.id.clone()) } else { here })
}
