//! `Mailbox::settle_part`.

use session_api::{PartClaim, Settlement, StoreError};

use crate::{
    encode::{Reading, bytes, int},
    error::stale,
    script::Script,
    transaction::Transaction,
};

pub(crate) async fn settle(
    transaction: &mut Transaction,
    claim: PartClaim,
    settlement: Settlement,
) -> Result<(), StoreError> {
    let index = i64::from(claim.part.index);
    let mut script = Script::new(
        "SELECT o.no FROM outbox o JOIN parts p ON p.outbox_no = o.no
         WHERE o.id = ? AND p.idx = ? AND p.state = 1 AND p.token = ?",
    );
    script.bind(bytes(claim.part.message.0)).bind(index).bind(int(claim.token));
    let Some(row) = transaction.run(script).await?.first(0) else {
        return Err(stale(format!("part {} is not claimed under this token any more", claim.part.id)));
    };
    let no = Reading { file: &transaction.shared.layout.database, row: &row }.int(0)?;
    let now = transaction.now().0;
    let mut hold_until = 0;
    let mut script = Script::default();
    match settlement {
        Settlement::Sent { platform_id } => {
            script.add(
                "UPDATE parts SET state = 2, error = NULL, platform_id = coalesce(?, platform_id)
                 WHERE outbox_no = ? AND idx = ?",
            );
            script.bind(platform_id).bind(no).bind(index);
        }
        Settlement::RetryAt { at, error } => {
            hold_until = at.0;
            script.add("UPDATE parts SET state = 0, error = ? WHERE outbox_no = ? AND idx = ?");
            script.bind(error).bind(no).bind(index);
        }
        Settlement::Failed { error } => {
            // The rest of the message is not sent. Drafts left over are still deleted: what they show is not the answer.
            script.add(
                "UPDATE parts SET state = 3, error = ?, failed_at = ?
                 WHERE outbox_no = ? AND state < 2 AND (idx = ? OR (idx > ? AND body IS NOT NULL))",
            );
            script.bind(error).bind(now).bind(no).bind(index).bind(index);
        }
        Settlement::Unknown { error } => {
            script.add(
                "UPDATE parts SET error = ?, doubted = doubted + 1, state = CASE doubted WHEN 0 THEN 0 ELSE 4 END,
                    failed_at = CASE doubted WHEN 0 THEN NULL ELSE ? END WHERE outbox_no = ? AND idx = ?",
            );
            script.bind(error).bind(now).bind(no).bind(index);
        }
    }
    script.add(
        "UPDATE outbox SET worker = NULL, hold_until = ?, state = CASE WHEN EXISTS (
            SELECT 1 FROM parts WHERE outbox_no = outbox.no AND state = 0) THEN 1 ELSE 2 END WHERE no = ?",
    );
    script.bind(hold_until).bind(no);
    transaction.finish(script).await.map(drop)
}
