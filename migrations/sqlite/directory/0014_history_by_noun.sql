-- The latest edits of a noun: a page of them is read from the end of the index, however many there are.

CREATE INDEX history_by_noun ON history (noun, id);
