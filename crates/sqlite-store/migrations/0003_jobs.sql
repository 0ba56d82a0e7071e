-- What the scheduler keeps of a job besides its definition, and what became of its runs.

ALTER TABLE jobs ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
-- The time for which its next run is; `next_run_at` is when that begins.
ALTER TABLE jobs ADD COLUMN due INTEGER;
ALTER TABLE jobs ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_claimed ON jobs (worker) WHERE worker IS NOT NULL;

-- `inbound`: the row that tells what became of it; NULL where it was left out.
CREATE TABLE job_runs (
    job      BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    due      INTEGER NOT NULL,
    fired_at INTEGER NOT NULL,
    inbound  BLOB,
    note     TEXT,
    PRIMARY KEY (job, due)
) STRICT, WITHOUT ROWID;
