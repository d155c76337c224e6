-- Codes of a community besides those that raise an alarm aloud: silent_codes raise one of which the line hears nothing,
-- arrival_code is dialled or keyed on the resident's own telephone by somebody at the door; empty where there is none.
-- A community that had taken one of them for an alarm keeps it for that: alarm codes are looked at first.

ALTER TABLE community ADD COLUMN silent_codes TEXT NOT NULL DEFAULT '["#9*"]'
    CONSTRAINT community_silent_codes_json CHECK (json_valid(silent_codes));
ALTER TABLE community ADD COLUMN arrival_code TEXT NOT NULL DEFAULT '#97'
    CONSTRAINT community_arrival_code_length CHECK (length(arrival_code) <= 8);
