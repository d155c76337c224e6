-- Hand-over of duty by voice at a change of shift. Off until an admin switches it on: a community whose workers do not
-- know of it would have its old shift called at night, and told to stay.
ALTER TABLE community ADD COLUMN hand_over_calls INTEGER NOT NULL DEFAULT 0
    CONSTRAINT community_hand_over_calls_bool CHECK (hand_over_calls IN (0, 1));

-- Who was asked to take over which post, and how that went: what a restart goes on with, and what people look up. Whom
-- nobody relieved stands in duty_kept.
CREATE TABLE duty_hand_over (
    post_id INTEGER NOT NULL CONSTRAINT duty_hand_over_post_fk REFERENCES duty_post (id) ON DELETE CASCADE,
    changed_us INTEGER NOT NULL,
    worker_id INTEGER NOT NULL CONSTRAINT duty_hand_over_worker_fk REFERENCES worker (id) ON DELETE CASCADE,
    calls INTEGER NOT NULL DEFAULT 0,
    called_us INTEGER,
    answer TEXT NOT NULL DEFAULT 'open'
        CONSTRAINT duty_hand_over_answer_known CHECK (answer IN ('open', 'taken_over', 'cannot', 'none')),
    CONSTRAINT duty_hand_over_pk PRIMARY KEY (post_id, changed_us, worker_id)
) STRICT, WITHOUT ROWID;
