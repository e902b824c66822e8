-- Counts of what happened to signals, by the minute for two days and by the hour for a year. Both are added to in one
-- transaction with the counters: `signal_minutes`, the number of the addition; `signal_minutes_seq`, up to which signal
-- they count; and `signals_total`, how many signals there are up to that one.
CREATE TABLE signal_minutes (
    begins_at BIGINT NOT NULL,
    dimension TEXT NOT NULL,
    name TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (begins_at, dimension, name)
);
CREATE TABLE signal_hours (
    begins_at BIGINT NOT NULL,
    dimension TEXT NOT NULL,
    name TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (begins_at, dimension, name)
);
INSERT INTO counters (name, value) VALUES ('signal_minutes', 0);
INSERT INTO counters (name, value) SELECT 'signal_minutes_seq', COALESCE(MAX(seq), 0) FROM signals;
INSERT INTO counters (name, value) SELECT 'signals_total', COUNT(*) FROM signals;
