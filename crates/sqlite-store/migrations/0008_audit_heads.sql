-- What the audit log came to on each day, each day after the one before: so that it shows when its end is taken away. `last` is
-- the `no` of the newest row that a head covers. Rows from before there were heads are counted only, as day -1.

CREATE TABLE audit_heads (
    day  INTEGER PRIMARY KEY,
    rows INTEGER NOT NULL,
    hash TEXT NOT NULL,
    last INTEGER NOT NULL
) STRICT;

INSERT INTO audit_heads (day, rows, hash, last)
    SELECT -1, count(*), '', max(no) FROM audit HAVING count(*) > 0;

-- The digest of a payload that was taken away; the chain covers it in the place of the payload.
ALTER TABLE audit ADD COLUMN erased TEXT;

-- Finds what was reserved long ago for a job that has died since.
CREATE INDEX reservations_at ON reservations (at);
