-- The outbox of signals on their way to HTTP targets: a row for each routed signal and configured url.

-- `seq` is that of the event with which the signal became routed: the order of a scope, and where its body is kept.
CREATE TABLE deliveries (
    delivery_id TEXT PRIMARY KEY,
    signal_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    target TEXT NOT NULL,
    scope TEXT NOT NULL,
    url TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    last_status BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    next_attempt_at BIGINT,
    delivered_at BIGINT,
    traceparent TEXT,
    request_id TEXT
);
CREATE UNIQUE INDEX deliveries_signal_id ON deliveries (signal_id, url);
CREATE INDEX deliveries_seq ON deliveries (seq);
CREATE INDEX deliveries_pending ON deliveries (seq, url) WHERE status = 'pending';
CREATE INDEX deliveries_pending_scope ON deliveries (url, scope, seq) WHERE status = 'pending';
CREATE INDEX deliveries_dead ON deliveries (seq) WHERE status = 'dead';
