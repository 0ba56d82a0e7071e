-- Through what text from outside came into the messages that a summary stands for, as a JSON list; empty: none did.

ALTER TABLE checkpoints ADD COLUMN outside TEXT NOT NULL DEFAULT '';

-- What a conversation and those that it started have cost.
CREATE INDEX usage_session ON usage (session_id) WHERE session_id IS NOT NULL;
