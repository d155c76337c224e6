-- API tokens: only the SHA-256 of the secret is kept.
CREATE TABLE api_token (
    id INTEGER NOT NULL CONSTRAINT api_token_pk PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT api_token_name_filled CHECK (length(name) BETWEEN 1 AND 60),
    secret_sha256 TEXT NOT NULL CONSTRAINT api_token_secret_length CHECK (length(secret_sha256) = 64),
    -- admin: everything; operator: alarms and reading; trigger: POST /api/v1/triggers only; metrics: GET /metrics only
    scope TEXT NOT NULL CONSTRAINT api_token_scope_known CHECK (scope IN ('admin', 'operator', 'trigger', 'metrics')),
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    revoked_us INTEGER,
    CONSTRAINT api_token_name_unique UNIQUE (name),
    CONSTRAINT api_token_secret_unique UNIQUE (secret_sha256)
) STRICT;
