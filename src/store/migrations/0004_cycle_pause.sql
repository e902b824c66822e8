-- How long a cycle was held while the trading flow was stopped, in milliseconds, and since when it is held now.
-- Its time does not run meanwhile.

ALTER TABLE cycles ADD COLUMN paused_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cycles ADD COLUMN paused_at BIGINT;
