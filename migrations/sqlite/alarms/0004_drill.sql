-- Drills of many doors (docs/adr/0018-drills.md): ids only. Their alarms stand in the log like all others.

CREATE TABLE drill (
    id INTEGER NOT NULL CONSTRAINT drill_pk PRIMARY KEY,
    community_id INTEGER NOT NULL,
    -- What was written, as JSON.
    document TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    -- The name of the token that made it.
    created_by TEXT NOT NULL,
    announced_us INTEGER,
    ended_us INTEGER,
    ending TEXT CONSTRAINT drill_ending_known CHECK (ending IN ('over', 'cancelled'))
) STRICT;
CREATE INDEX drill_running ON drill (id) WHERE ended_us IS NULL;

CREATE TABLE drill_home (
    drill_id INTEGER NOT NULL CONSTRAINT drill_home_fk REFERENCES drill (id),
    -- Its turn within the drill, from 0.
    place INTEGER NOT NULL,
    household_id INTEGER NOT NULL,
    line_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    alarm_id INTEGER,
    started_us INTEGER,
    skipped TEXT CONSTRAINT drill_home_skipped_known CHECK (skipped IN ('line_has_alarm', 'gone')),
    CONSTRAINT drill_home_pk PRIMARY KEY (drill_id, place)
) STRICT, WITHOUT ROWID;
