-- What a gateway asks: what did not reach its reader, what nobody works on, what was noted about somebody.
--
-- From here on `parts.doubted` is a count; the 0 or 1 that it held before are counts already. `inbox.plain` says
-- whether a row may join a running turn: no overrides, and it steers. Kind 5 of the inbox is a lock.

-- When a part failed or became unknown. NULL otherwise, and once somebody took its message off the list.
ALTER TABLE parts ADD COLUMN failed_at INTEGER;
UPDATE parts SET failed_at = coalesce(
    (SELECT CASE WHEN json_valid(body) THEN CAST(body ->> '$.at' AS INTEGER) END FROM outbox WHERE no = outbox_no), 0)
    WHERE state > 2;
CREATE INDEX parts_failed ON parts (outbox_no, idx) WHERE failed_at IS NOT NULL;

-- As before, and with the state, so that what is unsent is counted without reading it.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, chat, no, state) WHERE state < 2;

-- The one message of each chat of which a part is being sent.
CREATE INDEX outbox_sending ON outbox (channel, chat) WHERE worker IS NOT NULL;

CREATE INDEX inbox_pending ON inbox (accepted_at, no) WHERE state = 0;

-- Read from the body, so that no copy of it can be forgotten. A body that cannot be read is for the chain to find.
ALTER TABLE audit ADD COLUMN subject TEXT
    GENERATED ALWAYS AS (CASE WHEN json_valid(body) THEN body ->> '$.subject' END) VIRTUAL;
CREATE INDEX audit_subject ON audit (subject);
