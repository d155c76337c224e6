-- How often somebody was reminded that nobody has looked after a household since its alarm: ids only.

CREATE TABLE follow_up_reminder (
    alarm_id INTEGER NOT NULL CONSTRAINT follow_up_reminder_pk PRIMARY KEY
        CONSTRAINT follow_up_reminder_alarm_fk REFERENCES alarm (id),
    times INTEGER NOT NULL CONSTRAINT follow_up_reminder_times_small CHECK (times BETWEEN 0 AND 3),
    last_us INTEGER
) STRICT;
