-- Who is called beside the groups, by which policy, and what a household keys to withdraw an alarm.

CREATE TABLE responder (
    id INTEGER NOT NULL CONSTRAINT responder_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT responder_community_fk REFERENCES community (id),
    name TEXT NOT NULL CONSTRAINT responder_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    kind TEXT NOT NULL CONSTRAINT responder_kind_known CHECK (kind IN
        ('helper', 'building_head', 'patrol', 'volunteer', 'street', 'hotline', 'loudspeaker')),
    -- ["first_aid", ...]
    skills TEXT NOT NULL DEFAULT '[]' CONSTRAINT responder_skills_json CHECK (json_valid(skills)),
    building TEXT,
    language TEXT,
    numbers TEXT NOT NULL DEFAULT '[]' CONSTRAINT responder_numbers_json CHECK (json_valid(numbers)),
    -- A grid that is gone widens to the whole community; a helper without a household helps nobody.
    grid_id INTEGER CONSTRAINT responder_grid_fk REFERENCES grid (id) ON DELETE SET NULL,
    household_id INTEGER CONSTRAINT responder_household_fk REFERENCES household (id) ON DELETE CASCADE,
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT responder_name_unique UNIQUE (community_id, name)
) STRICT;
CREATE INDEX responder_by_household ON responder (household_id);
CREATE INDEX responder_by_grid ON responder (grid_id);

CREATE TABLE policy (
    id INTEGER NOT NULL CONSTRAINT policy_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT policy_community_fk REFERENCES community (id) ON DELETE CASCADE,
    name TEXT NOT NULL CONSTRAINT policy_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    document TEXT NOT NULL CONSTRAINT policy_document_json CHECK (json_valid(document)),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT policy_name_unique UNIQUE (community_id, name)
) STRICT;

-- Every version that was ever saved: plans of old alarms name it, also after the policy is gone.
CREATE TABLE policy_version (
    policy_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    community_id INTEGER NOT NULL,
    document TEXT NOT NULL CONSTRAINT policy_version_document_json CHECK (json_valid(document)),
    CONSTRAINT policy_version_pk PRIMARY KEY (policy_id, version)
) STRICT, WITHOUT ROWID;

-- Keyed hashes; the digits are nowhere.
CREATE TABLE household_pin (
    household_id INTEGER NOT NULL CONSTRAINT household_pin_pk PRIMARY KEY
        CONSTRAINT household_pin_household_fk REFERENCES household (id) ON DELETE CASCADE,
    cancel TEXT NOT NULL CONSTRAINT household_pin_cancel_length CHECK (length(cancel) = 64),
    duress TEXT CONSTRAINT household_pin_duress_length CHECK (length(duress) = 64)
) STRICT;
