-- The directory: street > community > grid > group > household > lines and contacts.
-- `version` of a row counts its edits and is its ETag; directory_version counts all edits, and changed_version of a
-- community is the directory_version of the last edit in it or below it: by it a snapshot knows what to load again.

CREATE TABLE directory_version (
    id INTEGER NOT NULL CONSTRAINT directory_version_pk PRIMARY KEY CONSTRAINT directory_version_single CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO directory_version (id, version) VALUES (1, 0);

CREATE TABLE street (
    id INTEGER NOT NULL CONSTRAINT street_pk PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT street_name_filled CHECK (length(name) BETWEEN 1 AND 100),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT street_name_unique UNIQUE (name)
) STRICT;

CREATE TABLE community (
    id INTEGER NOT NULL CONSTRAINT community_pk PRIMARY KEY AUTOINCREMENT,
    street_id INTEGER NOT NULL CONSTRAINT community_street_fk REFERENCES street (id),
    name TEXT NOT NULL CONSTRAINT community_name_filled CHECK (length(name) BETWEEN 1 AND 100),
    area_code TEXT NOT NULL CONSTRAINT community_area_code_form CHECK (area_code GLOB '0[1-9]*' AND length(area_code) BETWEEN 3 AND 5),
    language TEXT NOT NULL DEFAULT 'zh-CN',
    time_zone TEXT NOT NULL DEFAULT 'Asia/Shanghai',
    alarm_codes TEXT NOT NULL DEFAULT '["#9","*9"]' CONSTRAINT community_alarm_codes_json CHECK (json_valid(alarm_codes)),
    access_numbers TEXT NOT NULL DEFAULT '[]' CONSTRAINT community_access_numbers_json CHECK (json_valid(access_numbers)),
    version INTEGER NOT NULL DEFAULT 1,
    changed_version INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT community_name_unique UNIQUE (street_id, name)
) STRICT;

CREATE TABLE grid (
    id INTEGER NOT NULL CONSTRAINT grid_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT grid_community_fk REFERENCES community (id),
    name TEXT NOT NULL CONSTRAINT grid_name_filled CHECK (length(name) BETWEEN 1 AND 100),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT grid_name_unique UNIQUE (community_id, name)
) STRICT;

-- `group` is a word of SQL.
CREATE TABLE household_group (
    id INTEGER NOT NULL CONSTRAINT household_group_pk PRIMARY KEY AUTOINCREMENT,
    grid_id INTEGER NOT NULL CONSTRAINT household_group_grid_fk REFERENCES grid (id),
    name TEXT NOT NULL CONSTRAINT household_group_name_filled CHECK (length(name) BETWEEN 1 AND 100),
    acknowledgements_wanted INTEGER NOT NULL DEFAULT 2
        CONSTRAINT household_group_acknowledgements_range CHECK (acknowledgements_wanted BETWEEN 1 AND 20),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT household_group_name_unique UNIQUE (grid_id, name)
) STRICT;

CREATE TABLE household (
    id INTEGER NOT NULL CONSTRAINT household_pk PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL CONSTRAINT household_group_fk REFERENCES household_group (id),
    name TEXT NOT NULL CONSTRAINT household_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    place TEXT NOT NULL DEFAULT '',
    building TEXT NOT NULL DEFAULT '',
    unit TEXT NOT NULL DEFAULT '',
    floor TEXT NOT NULL DEFAULT '',
    door TEXT NOT NULL DEFAULT '',
    pronunciation TEXT,
    position INTEGER NOT NULL DEFAULT 0 CONSTRAINT household_position_range CHECK (position BETWEEN 0 AND 65535),
    language TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    -- Who hears the alarm must know which door; two of one name in a group are told apart in their names.
    CONSTRAINT household_name_unique UNIQUE (group_id, name)
) STRICT;
CREATE INDEX household_by_group ON household (group_id, position);

CREATE TABLE line (
    id INTEGER NOT NULL CONSTRAINT line_pk PRIMARY KEY AUTOINCREMENT,
    household_id INTEGER NOT NULL CONSTRAINT line_household_fk REFERENCES household (id),
    number_key TEXT NOT NULL,
    number_written TEXT NOT NULL,
    number_to_confirm INTEGER NOT NULL DEFAULT 0 CONSTRAINT line_number_to_confirm_flag CHECK (number_to_confirm IN (0, 1)),
    account TEXT NOT NULL CONSTRAINT line_account_filled CHECK (length(account) BETWEEN 1 AND 64),
    hotline_grace_s INTEGER CONSTRAINT line_hotline_grace_range CHECK (hotline_grace_s BETWEEN 0 AND 60),
    is_silent INTEGER NOT NULL DEFAULT 0 CONSTRAINT line_is_silent_flag CHECK (is_silent IN (0, 1)),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT line_number_unique UNIQUE (number_key),
    CONSTRAINT line_account_unique UNIQUE (account)
) STRICT;
CREATE INDEX line_by_household ON line (household_id);

CREATE TABLE line_secret (
    line_id INTEGER NOT NULL CONSTRAINT line_secret_line_fk REFERENCES line (id) ON DELETE CASCADE,
    algorithm TEXT NOT NULL CONSTRAINT line_secret_algorithm_known CHECK (algorithm IN ('MD5', 'SHA-256')),
    realm TEXT NOT NULL,
    ha1 TEXT NOT NULL,
    CONSTRAINT line_secret_pk PRIMARY KEY (line_id, algorithm, realm)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact (
    id INTEGER NOT NULL CONSTRAINT contact_pk PRIMARY KEY AUTOINCREMENT,
    household_id INTEGER NOT NULL CONSTRAINT contact_household_fk REFERENCES household (id),
    name TEXT NOT NULL CONSTRAINT contact_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    rank INTEGER NOT NULL DEFAULT 0 CONSTRAINT contact_rank_range CHECK (rank BETWEEN 0 AND 255),
    language TEXT,
    -- [{"key":"+86138...","written":"138...","voice":true,"sms":true,"to_confirm":false}, ...] in the order of calling
    numbers TEXT NOT NULL DEFAULT '[]' CONSTRAINT contact_numbers_json CHECK (json_valid(numbers)),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT contact_name_unique UNIQUE (household_id, name)
) STRICT;
CREATE INDEX contact_by_household ON contact (household_id, rank);

CREATE TABLE worker (
    id INTEGER NOT NULL CONSTRAINT worker_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT worker_community_fk REFERENCES community (id),
    name TEXT NOT NULL CONSTRAINT worker_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    language TEXT,
    is_on_duty INTEGER NOT NULL DEFAULT 0 CONSTRAINT worker_is_on_duty_flag CHECK (is_on_duty IN (0, 1)),
    numbers TEXT NOT NULL DEFAULT '[]' CONSTRAINT worker_numbers_json CHECK (json_valid(numbers)),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT worker_name_unique UNIQUE (community_id, name)
) STRICT;
