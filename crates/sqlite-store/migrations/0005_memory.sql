-- What was said and noted, by its words.
--
-- The index holds words and no text: that of a message is read from the message. `no` of a message or a note is its
-- place in the index.

CREATE INDEX messages_no ON messages (no);

-- The words are taken apart before they come here: letters and digits in lower case, and marks for who may find them
-- (see memory/marks.rs). They stand once for each text, without their places: a third of the size.
CREATE VIRTUAL TABLE memory_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'porter ascii'
);

-- Files of notes. The stamp changes with the file.
CREATE TABLE memory_files (
    path   TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    stamp  TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memory_notes (
    no   INTEGER PRIMARY KEY,
    path TEXT NOT NULL REFERENCES memory_files (path) ON DELETE CASCADE,
    line INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX memory_notes_path ON memory_notes (path);

-- One row: the last message that was taken up, and how many texts there are.
CREATE TABLE memory_state (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    upto  INTEGER NOT NULL,
    texts INTEGER NOT NULL
) STRICT;
INSERT INTO memory_state VALUES (1, 0, 0);

-- Messages, by their key, that are not to be found again.
CREATE TABLE memory_forgotten (pk INTEGER PRIMARY KEY) STRICT;

-- Accounts that turned out to be one person's. A row stays when they are parted: what was taken up under the old name is
-- marked with it.
CREATE TABLE joined (
    id     TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    parted INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX joined_person ON joined (person);
CREATE INDEX sessions_principal ON sessions (principal);
