-- Through what text from outside came into the messages that a summary stands for, as a JSON list; empty: none did.

ALTER TABLE checkpoints ADD COLUMN outside TEXT NOT NULL DEFAULT '';
