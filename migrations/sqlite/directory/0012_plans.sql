-- Plans of communities as pictures, and edits that were made together, which are undone together.

-- The plan of a community, a picture or a part of a map, and where its buildings are on it.
CREATE TABLE community_plan (
    id INTEGER NOT NULL CONSTRAINT community_plan_pk PRIMARY KEY AUTOINCREMENT,
    community_id INTEGER NOT NULL CONSTRAINT community_plan_once UNIQUE
        CONSTRAINT community_plan_community_fk REFERENCES community (id) ON DELETE CASCADE,
    -- Of the picture; null where the plan is a part of a map.
    media_type TEXT CONSTRAINT community_plan_media_type_known CHECK (media_type IN ('image/png', 'image/jpeg')),
    width INTEGER CONSTRAINT community_plan_width_range CHECK (width BETWEEN 1 AND 8192),
    height INTEGER CONSTRAINT community_plan_height_range CHECK (height BETWEEN 1 AND 8192),
    -- SHA-256 of the picture.
    sha256 TEXT CONSTRAINT community_plan_sha256_length CHECK (length(sha256) = 64),
    -- The middle of the part of a map, in millionths of a degree, and its zoom; null where the plan is a picture.
    latitude_e6 INTEGER CONSTRAINT community_plan_latitude_range CHECK (latitude_e6 BETWEEN -85000000 AND 85000000),
    longitude_e6 INTEGER CONSTRAINT community_plan_longitude_range CHECK (longitude_e6 BETWEEN -180000000 AND 180000000),
    zoom INTEGER CONSTRAINT community_plan_zoom_range CHECK (zoom BETWEEN 10 AND 19),
    -- [{"place":"康乐新村","building":"3","x":250,"y":400}, ...] in thousandths from the left and from the top
    spots TEXT NOT NULL DEFAULT '[]' CONSTRAINT community_plan_spots_json CHECK (json_valid(spots)),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT community_plan_is_one CHECK ((media_type IS NULL) = (zoom IS NOT NULL))
) STRICT;

CREATE TABLE community_plan_picture (
    plan_id INTEGER NOT NULL CONSTRAINT community_plan_picture_pk PRIMARY KEY
        CONSTRAINT community_plan_picture_plan_fk REFERENCES community_plan (id) ON DELETE CASCADE,
    bytes BLOB NOT NULL CONSTRAINT community_plan_picture_length CHECK (length(bytes) BETWEEN 1 AND 2097152)
) STRICT;

-- Edits of the history that are one change, such as an import: those from first_id to last_id, all of them.
CREATE TABLE history_change (
    id INTEGER NOT NULL CONSTRAINT history_change_pk PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CONSTRAINT history_change_kind_known CHECK (kind IN ('import', 'undo')),
    at_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    why TEXT CONSTRAINT history_change_why_length CHECK (length(why) BETWEEN 1 AND 200),
    -- What whoever made it reached: everything, street:ID, community:ID or grid:ID.
    reach TEXT NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL CONSTRAINT history_change_order CHECK (first_id <= last_id),
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    -- The change that undid it.
    undone_by INTEGER CONSTRAINT history_change_undone_by_fk REFERENCES history_change (id) ON DELETE SET NULL
) STRICT;
CREATE INDEX history_change_by_first ON history_change (first_id);
CREATE INDEX history_change_by_time ON history_change (at_us);
