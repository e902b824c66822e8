-- The first schema. One text for both engines: times are BIGINT milliseconds since 1970 UTC (columns ending in
-- _us: microseconds), booleans are BIGINT 0/1, JSON is TEXT, hashes are BIGINT with the bits of the uint64.
-- On SQLite "BIGINT PRIMARY KEY" is read as INTEGER PRIMARY KEY, so that the key is the row's own address.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Row 'seq' is the last seq given out. The writer moves it in the transaction of the events. Row 'topics_seq' says
-- up to which seq stream_topics holds: the numbers of later events are counted from stream_events.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('seq', 0), ('topics_seq', 0);

CREATE TABLE system_state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- One row a transaction, for finding out whether a commit whose answer was lost took place.
CREATE TABLE batches (
    batch_id TEXT PRIMARY KEY,
    committed_at BIGINT NOT NULL
);

CREATE TABLE stream_events (
    seq BIGINT PRIMARY KEY,
    topic TEXT NOT NULL,
    topic_seq BIGINT NOT NULL,
    published_at_us BIGINT NOT NULL,
    schema_name TEXT NOT NULL,
    payload BYTEA NOT NULL,
    traceparent TEXT
);

CREATE TABLE stream_topics (
    topic TEXT PRIMARY KEY,
    last_seq BIGINT NOT NULL
);

CREATE TABLE signals (
    seq BIGINT PRIMARY KEY,
    signal_id TEXT NOT NULL,
    signal_type TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    symbol TEXT,
    side TEXT,
    strength DOUBLE PRECISION NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    priority BIGINT NOT NULL,
    horizon TEXT,
    group_id TEXT,
    dedup_key TEXT,
    source_seq BIGINT,
    timestamp BIGINT NOT NULL,
    expiry_time BIGINT NOT NULL,
    data TEXT,
    metadata TEXT,
    status TEXT NOT NULL,
    decision TEXT,
    routing_id TEXT NOT NULL,
    body_hash BIGINT NOT NULL,
    cycle_id TEXT,
    superseded_by TEXT,
    received_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX signals_signal_id ON signals (signal_id);
CREATE UNIQUE INDEX signals_dedup_key ON signals (source, dedup_key) WHERE dedup_key IS NOT NULL;
CREATE INDEX signals_symbol ON signals (symbol, seq) WHERE symbol IS NOT NULL;
CREATE INDEX signals_received_at ON signals (received_at);
CREATE INDEX signals_active ON signals (expiry_time) WHERE status = 'routed';
CREATE INDEX signals_held ON signals (seq) WHERE status = 'held';
CREATE INDEX signals_cycle_id ON signals (cycle_id) WHERE cycle_id IS NOT NULL;

CREATE TABLE cycles (
    cycle_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    trigger TEXT NOT NULL,
    request TEXT,
    created_at BIGINT NOT NULL,
    start_time BIGINT,
    end_time BIGINT,
    success BIGINT,
    error TEXT,
    error_code TEXT,
    degraded BIGINT NOT NULL,
    force BIGINT NOT NULL,
    rerun_of TEXT,
    from_stage TEXT,
    validation_id TEXT,
    result TEXT,
    request_id TEXT,
    traceparent TEXT,
    principal TEXT
);
CREATE INDEX cycles_created_at ON cycles (created_at, cycle_id);
CREATE INDEX cycles_status ON cycles (status, created_at, cycle_id);

CREATE TABLE cycle_stages (
    cycle_id TEXT NOT NULL REFERENCES cycles (cycle_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    start_time BIGINT,
    end_time BIGINT,
    error TEXT,
    input_digest TEXT,
    output_digest TEXT,
    input TEXT,
    output TEXT,
    summary TEXT,
    downstream_ms DOUBLE PRECISION,
    job_id TEXT,
    PRIMARY KEY (cycle_id, name)
);

CREATE TABLE dataset_syncs (
    sync_id TEXT NOT NULL,
    dataset TEXT NOT NULL,
    job_id TEXT,
    status TEXT NOT NULL,
    progress DOUBLE PRECISION,
    records BIGINT,
    requested_at BIGINT NOT NULL,
    finished_at BIGINT,
    error TEXT,
    cycle_id TEXT,
    request TEXT,
    PRIMARY KEY (sync_id, dataset)
);
CREATE INDEX dataset_syncs_dataset ON dataset_syncs (dataset, status, finished_at);
CREATE INDEX dataset_syncs_open ON dataset_syncs (requested_at) WHERE finished_at IS NULL;

CREATE TABLE validations (
    validation_id TEXT PRIMARY KEY,
    cycle_id TEXT,
    validation_type TEXT NOT NULL,
    validation_status TEXT NOT NULL,
    overall_score DOUBLE PRECISION,
    tier TEXT,
    confidence DOUBLE PRECISION,
    confidence_adjustment DOUBLE PRECISION,
    historical_score DOUBLE PRECISION,
    historical_risk DOUBLE PRECISION,
    historical_performance TEXT,
    forward_score DOUBLE PRECISION,
    forward_risk DOUBLE PRECISION,
    execution_time DOUBLE PRECISION,
    timestamp BIGINT NOT NULL,
    error TEXT,
    pool_id TEXT,
    downstream_ms DOUBLE PRECISION
);
CREATE INDEX validations_cycle_id ON validations (cycle_id, timestamp);
CREATE INDEX validations_timestamp ON validations (timestamp, validation_id);

-- Answers of POSTs that came with an Idempotency-Key. Those still running are known to the writer alone.
CREATE TABLE idempotency_keys (
    principal TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BIGINT NOT NULL,
    schema_name TEXT NOT NULL,
    payload BYTEA NOT NULL,
    outcome BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (principal, operation, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
CREATE INDEX batches_committed_at ON batches (committed_at);
