-- Programs elsewhere that are told what happens (docs/adr/0023-webhooks.md). What they are told are ids. It stands beside
-- the directory and not beside the alarms: no alarm waits for the writer of this file. The secret that messages are signed
-- with derives from the node's key and a salt that stands here.

CREATE TABLE webhook (
    id INTEGER NOT NULL CONSTRAINT webhook_pk PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL CONSTRAINT webhook_url_length CHECK (length(url) BETWEEN 1 AND 2000),
    description TEXT NOT NULL CONSTRAINT webhook_description_length CHECK (length(description) <= 200),
    -- A JSON list of names of events.
    events TEXT NOT NULL CONSTRAINT webhook_events_json CHECK (json_valid(events)),
    -- Only what happens there; null for everywhere. Ids are never given again, so one that is gone gets nothing.
    community_id INTEGER,
    with_drills INTEGER NOT NULL CONSTRAINT webhook_with_drills_flag CHECK (with_drills IN (0, 1)),
    is_enabled INTEGER NOT NULL CONSTRAINT webhook_is_enabled_flag CHECK (is_enabled IN (0, 1)),
    salt TEXT NOT NULL CONSTRAINT webhook_salt_length CHECK (length(salt) = 32),
    -- The salt before the last rotation, which signs as well until then.
    salt_before TEXT CONSTRAINT webhook_salt_before_length CHECK (length(salt_before) = 32),
    salt_before_until_us INTEGER,
    created_us INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE webhook_delivery (
    id INTEGER NOT NULL CONSTRAINT webhook_delivery_pk PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL CONSTRAINT webhook_delivery_webhook_fk REFERENCES webhook (id) ON DELETE CASCADE,
    -- The same for every try, and for every time the event is noticed.
    message_id TEXT NOT NULL CONSTRAINT webhook_delivery_message_length CHECK (length(message_id) BETWEEN 1 AND 100),
    event TEXT NOT NULL,
    body TEXT NOT NULL CONSTRAINT webhook_delivery_body_json CHECK (json_valid(body)),
    state TEXT NOT NULL
        CONSTRAINT webhook_delivery_state_known CHECK (state IN ('waiting', 'delivered', 'dead')),
    created_us INTEGER NOT NULL,
    -- When the tries that are under way began: at first, or when somebody sent it again.
    begun_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- When the next try is due; while one is under way, when it is given up.
    next_us INTEGER CONSTRAINT webhook_delivery_next_given CHECK ((state = 'waiting') = (next_us IS NOT NULL)),
    last_us INTEGER,
    last_status INTEGER,
    last_error TEXT,
    ended_us INTEGER,
    CONSTRAINT webhook_delivery_message_unique UNIQUE (webhook_id, message_id)
) STRICT;
CREATE INDEX webhook_delivery_by_state ON webhook_delivery (webhook_id, state, id);
CREATE INDEX webhook_delivery_by_next ON webhook_delivery (next_us) WHERE next_us IS NOT NULL;

-- How far the audit trail of the alarms was read; null until the first look, which tells nothing of what was before.
CREATE TABLE webhook_cursor (
    id INTEGER NOT NULL CONSTRAINT webhook_cursor_pk PRIMARY KEY
        CONSTRAINT webhook_cursor_single CHECK (id = 1),
    audit_sequence INTEGER
) STRICT;
INSERT INTO webhook_cursor (id, audit_sequence) VALUES (1, NULL);

-- Routes and lines that were told to be down.
CREATE TABLE webhook_down (
    kind TEXT NOT NULL CONSTRAINT webhook_down_kind_known CHECK (kind IN ('route', 'line')),
    name TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    CONSTRAINT webhook_down_pk PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
