-- What people write of a case, and what was done for the household next day. Texts are personal data: they go with the
-- plans. The events beside them carry numbers only.

CREATE TABLE alarm_note (
    alarm_id INTEGER NOT NULL,
    -- Counts the notes of the alarm, from 1.
    note INTEGER NOT NULL CONSTRAINT alarm_note_range CHECK (note BETWEEN 1 AND 200),
    at_us INTEGER NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL CONSTRAINT alarm_note_text_filled CHECK (length(text) BETWEEN 1 AND 2000),
    CONSTRAINT alarm_note_pk PRIMARY KEY (alarm_id, note)
) STRICT, WITHOUT ROWID;

CREATE TABLE follow_up (
    alarm_id INTEGER NOT NULL CONSTRAINT follow_up_pk PRIMARY KEY,
    kind TEXT NOT NULL CONSTRAINT follow_up_kind_known CHECK (kind IN ('call', 'visit')),
    done_us INTEGER NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL DEFAULT '' CONSTRAINT follow_up_text_length CHECK (length(text) <= 2000)
) STRICT;

