-- How an alarm began, measured: when it was heard, and when its beginning was durable. Written with what happened next, so
-- that nothing waits for it; no part of what the audit trail proves.

CREATE TABLE alarm_beginning (
    alarm_id INTEGER NOT NULL CONSTRAINT alarm_beginning_pk PRIMARY KEY,
    heard_us INTEGER NOT NULL,
    -- Null when the disk was slower than the deadline: the telephones rang before.
    committed_us INTEGER
) STRICT;
