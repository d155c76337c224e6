-- The duty roster: posts, rotations, shifts, and what goes before the shifts for a while. All of it belongs to a community.
-- Dates and times of the day are those on the wall there (2026-11-23, 08:00:00); moments are microseconds since 1970.
-- What is impossible together (a worker who is gone, overlapping overrides) is refused when it is written, see store/roster.

CREATE TABLE duty_post (
    id INTEGER NOT NULL CONSTRAINT duty_post_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT duty_post_community_fk REFERENCES community (id),
    grid_id INTEGER CONSTRAINT duty_post_grid_fk REFERENCES grid (id),
    code TEXT NOT NULL CONSTRAINT duty_post_code_filled CHECK (length(code) BETWEEN 1 AND 32),
    name TEXT NOT NULL CONSTRAINT duty_post_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    -- always: somebody must be there round the clock; shifts: while there is a shift
    cover TEXT NOT NULL DEFAULT 'always' CONSTRAINT duty_post_cover_known CHECK (cover IN ('always', 'shifts')),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT duty_post_name_unique UNIQUE (community_id, name)
) STRICT;

CREATE TABLE duty_rotation (
    id INTEGER NOT NULL CONSTRAINT duty_rotation_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT duty_rotation_community_fk REFERENCES community (id),
    name TEXT NOT NULL CONSTRAINT duty_rotation_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    -- ids in the order of their turns
    worker_ids TEXT NOT NULL CONSTRAINT duty_rotation_workers_json CHECK (json_valid(worker_ids)),
    at_once INTEGER NOT NULL DEFAULT 1 CONSTRAINT duty_rotation_at_once_range CHECK (at_once BETWEEN 1 AND 16),
    unit TEXT NOT NULL CONSTRAINT duty_rotation_unit_known CHECK (unit IN ('days', 'weeks', 'shifts')),
    every INTEGER NOT NULL CONSTRAINT duty_rotation_every_range CHECK (every BETWEEN 1 AND 366),
    anchor TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT duty_rotation_name_unique UNIQUE (community_id, name)
) STRICT;

CREATE TABLE duty_shift (
    id INTEGER NOT NULL CONSTRAINT duty_shift_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT duty_shift_community_fk REFERENCES community (id),
    post_id INTEGER NOT NULL CONSTRAINT duty_shift_post_fk REFERENCES duty_post (id),
    rotation_id INTEGER CONSTRAINT duty_shift_rotation_fk REFERENCES duty_rotation (id),
    worker_ids TEXT NOT NULL DEFAULT '[]' CONSTRAINT duty_shift_workers_json CHECK (json_valid(worker_ids)),
    weekdays TEXT NOT NULL CONSTRAINT duty_shift_weekdays_json CHECK (json_valid(weekdays)),
    day_kinds TEXT NOT NULL CONSTRAINT duty_shift_day_kinds_json CHECK (json_valid(day_kinds)),
    starts TEXT NOT NULL,
    ends TEXT NOT NULL,
    days_later INTEGER NOT NULL DEFAULT 0 CONSTRAINT duty_shift_days_later_range CHECK (days_later BETWEEN 0 AND 7),
    first_day TEXT,
    last_day TEXT,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX duty_shift_by_community ON duty_shift (community_id);

CREATE TABLE duty_override (
    id INTEGER NOT NULL CONSTRAINT duty_override_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT duty_override_community_fk REFERENCES community (id),
    post_id INTEGER NOT NULL CONSTRAINT duty_override_post_fk REFERENCES duty_post (id),
    worker_id INTEGER NOT NULL CONSTRAINT duty_override_worker_fk REFERENCES worker (id),
    instead_of_id INTEGER CONSTRAINT duty_override_instead_of_fk REFERENCES worker (id),
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX duty_override_by_community ON duty_override (community_id, to_us);

CREATE TABLE duty_swap (
    id INTEGER NOT NULL CONSTRAINT duty_swap_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT duty_swap_community_fk REFERENCES community (id),
    proposer_id INTEGER NOT NULL CONSTRAINT duty_swap_proposer_fk REFERENCES worker (id),
    other_id INTEGER NOT NULL CONSTRAINT duty_swap_other_fk REFERENCES worker (id),
    gives_post_id INTEGER NOT NULL CONSTRAINT duty_swap_gives_fk REFERENCES duty_post (id),
    gives_from_us INTEGER NOT NULL,
    gives_to_us INTEGER NOT NULL,
    takes_post_id INTEGER CONSTRAINT duty_swap_takes_fk REFERENCES duty_post (id),
    takes_from_us INTEGER,
    takes_to_us INTEGER,
    state TEXT NOT NULL DEFAULT 'proposed' CONSTRAINT duty_swap_state_known CHECK (state IN ('proposed', 'agreed', 'withdrawn')),
    -- who agreed or withdrew, and when
    decided_by_id INTEGER CONSTRAINT duty_swap_decided_by_fk REFERENCES worker (id),
    decided_us INTEGER,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX duty_swap_by_community ON duty_swap (community_id);

CREATE TABLE duty_absence (
    id INTEGER NOT NULL CONSTRAINT duty_absence_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT duty_absence_community_fk REFERENCES community (id),
    worker_id INTEGER NOT NULL CONSTRAINT duty_absence_worker_fk REFERENCES worker (id),
    stand_in_id INTEGER CONSTRAINT duty_absence_stand_in_fk REFERENCES worker (id),
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX duty_absence_by_community ON duty_absence (community_id, to_us);

-- Old holders who stay on duty, since the new one did not take over.
CREATE TABLE duty_kept (
    post_id INTEGER NOT NULL CONSTRAINT duty_kept_post_fk REFERENCES duty_post (id) ON DELETE CASCADE,
    worker_id INTEGER NOT NULL CONSTRAINT duty_kept_worker_fk REFERENCES worker (id) ON DELETE CASCADE,
    from_us INTEGER NOT NULL,
    until_us INTEGER,
    CONSTRAINT duty_kept_pk PRIMARY KEY (post_id, worker_id, from_us)
) STRICT, WITHOUT ROWID;

-- Public holidays and make-up workdays: of the whole nation, or of one community, which go before the nation's.
CREATE TABLE calendar_day (
    id INTEGER NOT NULL CONSTRAINT calendar_day_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER CONSTRAINT calendar_day_community_fk REFERENCES community (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT calendar_day_kind_known CHECK (kind IN ('workday', 'rest_day', 'holiday')),
    name TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX calendar_day_unique ON calendar_day (coalesce(community_id, 0), day);
