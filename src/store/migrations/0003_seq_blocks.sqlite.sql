-- Cheaper writes: an index in which every new signal lies near the last ones, and no index by time.

-- Each block of 4096 seqs that has begun, and when. A time is looked up here, and a symbol block by block.
CREATE TABLE seq_blocks (
    block BIGINT PRIMARY KEY,
    began_at BIGINT NOT NULL
);
INSERT INTO seq_blocks (block, began_at) SELECT seq / 4096, MIN(received_at) FROM signals GROUP BY seq / 4096;
INSERT INTO seq_blocks (block, began_at)
    SELECT value / 4096, (SELECT COALESCE(MAX(received_at), 0) FROM signals) FROM counters WHERE name = 'seq'
    ON CONFLICT DO NOTHING;

DROP INDEX signals_symbol;
DROP INDEX signals_received_at;
CREATE INDEX signals_symbol ON signals (seq / 4096, symbol) WHERE symbol IS NOT NULL;
