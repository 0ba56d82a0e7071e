-- What was said and noted, by its meaning.

-- A vector for each text that has one, by the number of the text (`no` of a message or a note): 32-bit floats, the lowest
-- byte first, of length 1. NULL: there is none to be had. `id` is the place in the file that searches read.
CREATE TABLE memory_vectors (
    id     INTEGER PRIMARY KEY,
    no     INTEGER NOT NULL UNIQUE,
    vector BLOB
) STRICT;

-- Places of vectors that went and may still stand in the file.
CREATE TABLE memory_vectors_gone (id INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER memory_vectors_go AFTER DELETE ON memory_vectors WHEN old.vector IS NOT NULL BEGIN
    INSERT OR IGNORE INTO memory_vectors_gone (id) VALUES (old.id);
END;

-- One row: whose vectors these are and how many parts they have (0: there was none yet), how often they were forgotten, the
-- last message that was looked at, the last place that was given out, and what the file of these vectors begins with.
CREATE TABLE memory_vector_state (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    model      TEXT NOT NULL,
    length     INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    upto       INTEGER NOT NULL,
    newest     INTEGER NOT NULL,
    stamp      BLOB NOT NULL
) STRICT;
INSERT INTO memory_vector_state VALUES (1, '', 0, 0, 0, 0, randomblob(16));
