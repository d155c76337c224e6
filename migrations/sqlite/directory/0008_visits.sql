-- What was seen of telephone numbers, and how often people are asked in person (docs/adr/0019-reachability.md).
-- It stands beside the directory and not beside the alarms: no alarm waits for the writer of this file, and what is known
-- of a number goes with the number.

ALTER TABLE household ADD COLUMN visit_class TEXT
    CONSTRAINT household_visit_class_known CHECK (visit_class IN ('week', 'month', 'half_year'));

-- The numbers of people that are in the directory, and since when they were noticed there.
CREATE TABLE known_number (
    number_key TEXT NOT NULL CONSTRAINT known_number_pk PRIMARY KEY,
    since_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE number_evidence (
    number_key TEXT NOT NULL
        CONSTRAINT number_evidence_number_fk REFERENCES known_number (number_key) ON DELETE CASCADE,
    -- The alarm or drill; 0 for a visit.
    alarm_id INTEGER NOT NULL,
    -- The name of what was seen; of a later release perhaps.
    what TEXT NOT NULL,
    -- The last time in that alarm.
    at_us INTEGER NOT NULL,
    CONSTRAINT number_evidence_pk PRIMARY KEY (number_key, alarm_id, what)
) STRICT, WITHOUT ROWID;
CREATE INDEX number_evidence_by_alarm ON number_evidence (alarm_id);
CREATE INDEX number_evidence_by_time ON number_evidence (at_us);

-- How far the audit trail of the alarms was read: what came later is still to be looked at.
CREATE TABLE evidence_cursor (
    id INTEGER NOT NULL CONSTRAINT evidence_cursor_pk PRIMARY KEY
        CONSTRAINT evidence_cursor_single CHECK (id = 1),
    audit_sequence INTEGER NOT NULL
) STRICT;
INSERT INTO evidence_cursor (id, audit_sequence) VALUES (1, 0);
