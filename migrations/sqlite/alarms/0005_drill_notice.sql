-- Who is told of a drill before it, and how far: ids only. Who is not told stands in its report.

CREATE TABLE drill_notice (
    drill_id INTEGER NOT NULL CONSTRAINT drill_notice_drill_fk REFERENCES drill (id),
    -- Its place among those of the drill, from 0.
    place INTEGER NOT NULL,
    household_id INTEGER,
    contact_id INTEGER,
    worker_id INTEGER,
    responder_id INTEGER,
    -- Which of the numbers of the party.
    number_index INTEGER NOT NULL,
    channel TEXT NOT NULL CONSTRAINT drill_notice_channel_known CHECK (channel IN ('sms', 'voice')),
    state TEXT NOT NULL CONSTRAINT drill_notice_state_known CHECK (state IN ('waiting', 'told', 'failed')),
    -- How the last try ended, as outcomes of legs are written; null without any.
    outcome TEXT,
    CONSTRAINT drill_notice_pk PRIMARY KEY (drill_id, place)
) STRICT, WITHOUT ROWID;
