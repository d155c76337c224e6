-- The audit trail: every stored event, alarm, plan and erasure, chained by hashes (docs/adr/0014-audit-trail.md).

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

-- The key of the plan's digest. It goes with the plan: what was erased cannot be guessed from the digest that stays.
ALTER TABLE alarm_plan ADD COLUMN salt BLOB CONSTRAINT alarm_plan_salt_length CHECK (length(salt) = 32);
