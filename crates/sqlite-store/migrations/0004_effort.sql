-- How hard the model of a conversation is to think: `off`, `low`, `medium`, `high`; NULL: as the configuration says.

ALTER TABLE sessions ADD COLUMN effort TEXT;
