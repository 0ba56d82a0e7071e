-- What a conversation and those that it started have cost.

CREATE INDEX usage_session ON usage (session_id) WHERE session_id IS NOT NULL;
