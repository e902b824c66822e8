-- Conflicts between signals, and what their resolutions change.

-- The fraction of its scope's resources that a signal may use, once a resolution divided them.
ALTER TABLE signals ADD COLUMN allocation DOUBLE PRECISION;
CREATE INDEX signals_superseded_by ON signals (superseded_by) WHERE superseded_by IS NOT NULL;

-- `detail` is the Conflict as JSON, with its resolution once there is one.
CREATE TABLE conflicts (
    conflict_id TEXT PRIMARY KEY,
    conflict_type TEXT NOT NULL,
    severity TEXT NOT NULL,
    target TEXT NOT NULL,
    symbol TEXT,
    detected_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    newcomer_id TEXT NOT NULL,
    resolved_at BIGINT,
    detail TEXT NOT NULL
);
CREATE INDEX conflicts_detected_at ON conflicts (detected_at, conflict_id);
CREATE INDEX conflicts_open ON conflicts (detected_at, conflict_id) WHERE status = 'open';
CREATE INDEX conflicts_newcomer_id ON conflicts (newcomer_id);

CREATE TABLE conflict_signals (
    conflict_id TEXT NOT NULL REFERENCES conflicts (conflict_id) ON DELETE CASCADE,
    signal_id TEXT NOT NULL,
    PRIMARY KEY (conflict_id, signal_id)
);
CREATE INDEX conflict_signals_signal_id ON conflict_signals (signal_id);
