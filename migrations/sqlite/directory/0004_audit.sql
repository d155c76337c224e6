-- The audit trail: every edit of the directory, its secrets and tokens, chained by hashes (docs/adr/0014-audit-trail.md).

CREATE TABLE audit (
    sequence INTEGER NOT NULL CONSTRAINT audit_pk PRIMARY KEY
        CONSTRAINT audit_sequence_positive CHECK (1 <= sequence),
    at_us INTEGER NOT NULL,
    -- token:NAME, cli:USER or service
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    -- The table that it is about, and the row in it; 0 for the table as a whole.
    noun TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    -- Version, first sequence or revision; how many rows, or the directory_version after it.
    number INTEGER NOT NULL,
    count INTEGER NOT NULL,
    -- A digest of what was written; keyed with a salt that stands beside the row where that is personal data.
    content BLOB CONSTRAINT audit_content_length CHECK (length(content) = 32),
    previous_hash BLOB NOT NULL CONSTRAINT audit_previous_hash_length CHECK (length(previous_hash) = 32),
    hash BLOB NOT NULL CONSTRAINT audit_hash_length CHECK (length(hash) = 32),
    previous INTEGER GENERATED ALWAYS AS (NULLIF(sequence - 1, 0)) VIRTUAL,
    -- One entry at each place, and each names the one before it: the chain can neither fork nor hang in the air. The
    -- index grows at its end; one over the hashes alone would touch a page at random for each entry.
    CONSTRAINT audit_place_unique UNIQUE (sequence, hash),
    CONSTRAINT audit_previous_fk FOREIGN KEY (previous, previous_hash) REFERENCES audit (sequence, hash),
    CONSTRAINT audit_first CHECK (1 < sequence OR previous_hash = zeroblob(32))
) STRICT;
CREATE INDEX audit_by_row ON audit (row_id, noun, number);

-- The key of the digest of a row as it is now: made anew with every edit, gone with the row. What the row was before
-- cannot be guessed from the digest that stays.
CREATE TABLE audit_salt (
    noun TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    salt BLOB NOT NULL CONSTRAINT audit_salt_length CHECK (length(salt) = 32),
    -- How many columns the table had: those that a later release adds are not in the digest.
    columns INTEGER NOT NULL,
    CONSTRAINT audit_salt_pk PRIMARY KEY (noun, row_id)
) STRICT, WITHOUT ROWID;

-- A scope more: auditor. SQLite changes a check only with the whole table.
CREATE TABLE api_token_new (
    id INTEGER NOT NULL CONSTRAINT api_token_pk PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT api_token_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    secret_sha256 TEXT NOT NULL CONSTRAINT api_token_secret_length CHECK (length(secret_sha256) = 64),
    -- admin: everything; operator: alarms and reading; auditor: the audit trail and dossiers; trigger: POST
    -- /api/v1/triggers only; metrics: GET /metrics only
    scope TEXT NOT NULL CONSTRAINT api_token_scope_known
        CHECK (scope IN ('admin', 'operator', 'auditor', 'trigger', 'metrics')),
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    revoked_us INTEGER,
    CONSTRAINT api_token_name_unique UNIQUE (name),
    CONSTRAINT api_token_secret_unique UNIQUE (secret_sha256)
) STRICT;
INSERT INTO api_token_new (id, name, secret_sha256, scope, created_us, expires_us, revoked_us)
    SELECT id, name, secret_sha256, scope, created_us, expires_us, revoked_us FROM api_token;
DROP TABLE api_token;
ALTER TABLE api_token_new RENAME TO api_token;
