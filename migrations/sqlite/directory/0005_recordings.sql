-- Recordings of people: one row a version; the sound itself is a file beside the databases.
CREATE TABLE recording (
    id INTEGER NOT NULL CONSTRAINT recording_pk PRIMARY KEY AUTOINCREMENT,
    -- NULL: heard in every community that has none of its own.
    community_id INTEGER CONSTRAINT recording_community_fk REFERENCES community (id) ON DELETE CASCADE,
    language TEXT NOT NULL CONSTRAINT recording_language_filled CHECK (length(language) BETWEEN 2 AND 16),
    -- The stem of the clip, such as `alarm`, or `name-` and a hash of the name.
    clip TEXT NOT NULL CONSTRAINT recording_clip_filled CHECK (length(clip) BETWEEN 1 AND 40),
    -- Counts the versions of a clip from 1.
    version INTEGER NOT NULL CONSTRAINT recording_version_range CHECK (version BETWEEN 1 AND 1000000),
    made_us INTEGER NOT NULL,
    -- The name of an API token, or `worker 7`.
    made_by TEXT NOT NULL CONSTRAINT recording_made_by_filled CHECK (length(made_by) BETWEEN 1 AND 80),
    length_ms INTEGER NOT NULL,
    -- Level while somebody speaks, in hundredths of dBFS.
    level_cdb INTEGER NOT NULL,
    -- Of the file; part of its name.
    sha256 TEXT NOT NULL CONSTRAINT recording_sha256_length CHECK (length(sha256) = 64),
    -- current: it is played; kept: an earlier one; withdrawn: not to be played, though it may be taken back.
    state TEXT NOT NULL CONSTRAINT recording_state_known CHECK (state IN ('current', 'kept', 'withdrawn'))
) STRICT;
CREATE UNIQUE INDEX recording_version_unique ON recording (coalesce(community_id, 0), language, clip, version);
CREATE UNIQUE INDEX recording_current_unique ON recording (coalesce(community_id, 0), language, clip)
    WHERE state = 'current';

-- The languages that a community tries, in order, when what is said was not recorded in the one that was asked for;
-- Mandarin or English, which are shipped, come last of themselves.
CREATE TABLE recording_order (
    community_id INTEGER NOT NULL CONSTRAINT recording_order_pk PRIMARY KEY
        CONSTRAINT recording_order_community_fk REFERENCES community (id) ON DELETE CASCADE,
    languages TEXT NOT NULL CONSTRAINT recording_order_languages_json CHECK (json_valid(languages))
) STRICT;

-- The PIN by which a worker records by telephone, hashed slowly.
CREATE TABLE worker_pin (
    worker_id INTEGER NOT NULL CONSTRAINT worker_pin_pk PRIMARY KEY
        CONSTRAINT worker_pin_worker_fk REFERENCES worker (id) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    wrong_tries INTEGER NOT NULL DEFAULT 0 CONSTRAINT worker_pin_wrong_tries_range CHECK (0 <= wrong_tries),
    wrong_us INTEGER,
    locked_until_us INTEGER
) STRICT;
