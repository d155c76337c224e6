-- Who saved each version of a policy, when and why: they stay with the version, also when the history is erased. Versions
-- that are older than this are told of as far as the history still knows.

ALTER TABLE policy_version ADD COLUMN at_us INTEGER;
-- token:NAME, account:NAME, cli:USER or service
ALTER TABLE policy_version ADD COLUMN who TEXT;
-- Why, in their words.
ALTER TABLE policy_version ADD COLUMN why TEXT
    CONSTRAINT policy_version_why_length CHECK (length(why) BETWEEN 1 AND 200);

UPDATE policy_version SET (at_us, who, why) = (SELECT h.at_us, h.who, h.why FROM history AS h
    WHERE h.noun = 'policy' AND h.row_id = policy_version.policy_id
        AND h.after ->> 'version' = policy_version.version ORDER BY h.id DESC LIMIT 1);
