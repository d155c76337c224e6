-- What rows of the directory were before each edit and after it, beside the audit trail, which holds ids only. It is
-- personal data: it is erased when it is old, and the trail stands without it.

CREATE TABLE history (
    id INTEGER NOT NULL CONSTRAINT history_pk PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    -- token:NAME, account:NAME, cli:USER or service
    who TEXT NOT NULL,
    -- Why, in their words.
    why TEXT CONSTRAINT history_why_length CHECK (length(why) BETWEEN 1 AND 200),
    -- The table, and the row in it.
    noun TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    -- The row as a JSON object of its columns; null before it was made and after it was deleted.
    before TEXT CONSTRAINT history_before_json CHECK (json_valid(before)),
    after TEXT CONSTRAINT history_after_json CHECK (json_valid(after)),
    CONSTRAINT history_changed CHECK (before IS NOT NULL OR after IS NOT NULL)
) STRICT;
CREATE INDEX history_by_row ON history (noun, row_id, id);
CREATE INDEX history_by_time ON history (at_us);
