DROP INDEX rounds_by_state;
CREATE INDEX rounds_by_state ON rounds (state, topic_id);
