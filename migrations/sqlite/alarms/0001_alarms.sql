-- Alarms: the log of events (ids only), and beside it the plans (personal data, erasable).
-- Times are microseconds since 1970.

CREATE TABLE alarm (
    -- The 64 bits of the AlarmId as a signed integer.
    id INTEGER NOT NULL CONSTRAINT alarm_pk PRIMARY KEY,
    line_id INTEGER NOT NULL,
    raised_us INTEGER NOT NULL,
    closed_us INTEGER,
    -- Call-ID and From-tag, or the Idempotency-Key of an HTTP trigger: one press is one alarm.
    idempotency_key TEXT NOT NULL,
    -- It rang while the database was away and turned out to be the second of one press or one line. It is kept.
    is_doubled INTEGER NOT NULL DEFAULT 0 CONSTRAINT alarm_is_doubled_flag CHECK (is_doubled IN (0, 1)),
    -- A later alarm of the same line follows it, while nobody has closed this one yet.
    is_followed INTEGER NOT NULL DEFAULT 0 CONSTRAINT alarm_is_followed_flag CHECK (is_followed IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX alarm_idempotency_key_unique ON alarm (idempotency_key) WHERE is_doubled = 0;
-- One open alarm per line, but for those that a later one follows.
CREATE UNIQUE INDEX alarm_open_by_line ON alarm (line_id)
    WHERE closed_us IS NULL AND is_doubled = 0 AND is_followed = 0;
CREATE INDEX alarm_by_raised ON alarm (raised_us);

CREATE TABLE alarm_event (
    alarm_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    event TEXT NOT NULL,
    CONSTRAINT alarm_event_pk PRIMARY KEY (alarm_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE alarm_plan (
    alarm_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    plan TEXT NOT NULL,
    CONSTRAINT alarm_plan_pk PRIMARY KEY (alarm_id, revision)
) STRICT, WITHOUT ROWID;
