-- Accounts of people, and their sessions. Passwords are Argon2id hashes in PHC form; of the secret of a session only the
-- SHA-256 is kept; the key of a second factor derives from the node's key and what stands here.

CREATE TABLE account (
    id INTEGER NOT NULL CONSTRAINT account_pk PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT account_name_length CHECK (length(name) BETWEEN 2 AND 60),
    -- The name in lower case: names that differ in nothing else are one.
    name_key TEXT NOT NULL CONSTRAINT account_name_key_length CHECK (length(name_key) BETWEEN 2 AND 120),
    display_name TEXT NOT NULL CONSTRAINT account_display_name_length CHECK (length(display_name) BETWEEN 1 AND 60),
    role TEXT NOT NULL CONSTRAINT account_role_known CHECK (role IN ('admin', 'operator', 'auditor', 'responder')),
    -- What it reaches. Ids are never given again, so one that is gone reaches nothing.
    reach_kind TEXT NOT NULL
        CONSTRAINT account_reach_known CHECK (reach_kind IN ('everything', 'street', 'community', 'grid')),
    reach_id INTEGER CONSTRAINT account_reach_id_given CHECK ((reach_kind = 'everything') = (reach_id IS NULL)),
    -- Who it is in the directory, for what concerns themself.
    worker_id INTEGER,
    responder_id INTEGER CONSTRAINT account_one_person CHECK (worker_id IS NULL OR responder_id IS NULL),
    language TEXT,
    password TEXT NOT NULL CONSTRAINT account_password_phc CHECK (password GLOB '$argon2id$*' AND length(password) <= 255),
    must_change INTEGER NOT NULL CONSTRAINT account_must_change_flag CHECK (must_change IN (0, 1)),
    -- What the key of the second factor is made of; null without one. Pending until a first code was right.
    totp_salt TEXT CONSTRAINT account_totp_salt_length CHECK (length(totp_salt) = 32),
    totp_pending TEXT CONSTRAINT account_totp_pending_length CHECK (length(totp_pending) = 32),
    -- The step of the last code that was taken: none is taken twice.
    totp_last_step INTEGER,
    created_us INTEGER NOT NULL,
    disabled_us INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT account_name_unique UNIQUE (name_key)
) STRICT;

-- Codes for the day the telephone with the second factor is lost. 80 random bits each, used once.
CREATE TABLE account_recovery (
    account_id INTEGER NOT NULL CONSTRAINT account_recovery_account_fk REFERENCES account (id) ON DELETE CASCADE,
    code_sha256 TEXT NOT NULL CONSTRAINT account_recovery_code_length CHECK (length(code_sha256) = 64),
    CONSTRAINT account_recovery_pk PRIMARY KEY (account_id, code_sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_session (
    id INTEGER NOT NULL CONSTRAINT account_session_pk PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL CONSTRAINT account_session_account_fk REFERENCES account (id) ON DELETE CASCADE,
    secret_sha256 TEXT NOT NULL CONSTRAINT account_session_secret_length CHECK (length(secret_sha256) = 64),
    created_us INTEGER NOT NULL,
    -- Written at most once a minute.
    seen_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    ended_us INTEGER,
    -- What the client calls itself.
    client TEXT NOT NULL CONSTRAINT account_session_client_length CHECK (length(client) <= 120),
    CONSTRAINT account_session_secret_unique UNIQUE (secret_sha256)
) STRICT;
CREATE INDEX account_session_by_account ON account_session (account_id, created_us);
