/* Column lists that several statements share. The order is the order of the row's columns. */
#pragma once

/* 0 seq i, 1 signal_id s, 2 signal_type s, 3 source s, 4 target s, 5 symbol s?, 6 side s?, 7 strength d,
 * 8 confidence d, 9 priority i, 10 horizon s?, 11 group_id s?, 12 dedup_key s?, 13 source_seq i?, 14 timestamp i,
 * 15 expiry_time i, 16 data s?, 17 metadata s?, 18 status s, 19 decision s? (JSON), 20 routing_id s,
 * 21 body_hash i, 22 cycle_id s?, 23 superseded_by s?, 24 received_at i, 25 updated_at i, 26 allocation d? */
#define SIGNAL_COLUMNS                                                                                        \
    "seq, signal_id, signal_type, source, target, symbol, side, strength, confidence, priority, horizon, "    \
    "group_id, dedup_key, source_seq, timestamp, expiry_time, data, metadata, status, decision, routing_id, " \
    "body_hash, cycle_id, superseded_by, received_at, updated_at, allocation"

/* 0 conflict_id s, 1 conflict_type s, 2 severity s, 3 target s, 4 symbol s?, 5 detected_at i, 6 status s,
 * 7 newcomer_id s, 8 resolved_at i?, 9 detail s (JSON) */
#define CONFLICT_COLUMNS                                                                       \
    "conflict_id, conflict_type, severity, target, symbol, detected_at, status, newcomer_id, " \
    "resolved_at, detail"

/* 0 delivery_id s, 1 signal_id s, 2 seq i, 3 target s, 4 scope s, 5 url s, 6 status s, 7 attempts i,
 * 8 max_attempts i, 9 last_status i?, 10 last_error s?, 11 created_at i, 12 next_attempt_at i?, 13 delivered_at i?,
 * 14 traceparent s?, 15 request_id s? */
#define DELIVERY_COLUMNS                                                                             \
    "delivery_id, signal_id, seq, target, scope, url, status, attempts, max_attempts, last_status, " \
    "last_error, created_at, next_attempt_at, delivered_at, traceparent, request_id"
#define DELIVERY_COLUMNS_OF(t)                                                                           \
    t ".delivery_id, " t ".signal_id, " t ".seq, " t ".target, " t ".scope, " t ".url, " t ".status, " t \
      ".attempts, " t ".max_attempts, " t ".last_status, " t ".last_error, " t ".created_at, " t         \
      ".next_attempt_at, " t ".delivered_at, " t ".traceparent, " t ".request_id"

/* Signals with received_at >= $1: a condition, with the seq from which they come. received_at follows seq but for steps
 * of the clock and what waits, for which ten minutes are left. */
#define CLOCK_SLACK "600000"
#define SIGNALS_SINCE_1                                                                                           \
    "received_at >= $1 AND seq >= COALESCE((SELECT MAX(block) FROM seq_blocks WHERE began_at < $1 - " CLOCK_SLACK \
    "), 0) * 4096"

/* 0 cycle_id s, 1 status s, 2 trigger s, 3 request s? (JSON), 4 created_at i, 5 start_time i?, 6 end_time i?,
 * 7 success i? (0/1), 8 error s?, 9 error_code s?, 10 degraded i (0/1), 11 force i (0/1), 12 rerun_of s?,
 * 13 from_stage s?, 14 validation_id s?, 15 result s? (JSON), 16 request_id s?, 17 traceparent s?,
 * 18 principal s?, 19 paused_ms i, 20 paused_at i? */
#define CYCLE_COLUMNS                                                                                    \
    "cycle_id, status, trigger, request, created_at, start_time, end_time, success, error, error_code, " \
    "degraded, force, rerun_of, from_stage, validation_id, result, request_id, traceparent, principal, " \
    "paused_ms, paused_at"

/* 0 cycle_id s, 1 name s, 2 position i, 3 status s, 4 attempts i, 5 start_time i?, 6 end_time i?, 7 error s?,
 * 8 input_digest s?, 9 output_digest s?, 10 input s? (JSON), 11 output s? (JSON), 12 summary s? (JSON),
 * 13 downstream_ms d?, 14 job_id s? */
#define CYCLE_STAGE_COLUMNS                                                                                  \
    "cycle_id, name, position, status, attempts, start_time, end_time, error, input_digest, output_digest, " \
    "input, output, summary, downstream_ms, job_id"

/* 0 sync_id s, 1 dataset s, 2 job_id s?, 3 status s, 4 progress d?, 5 records i?, 6 requested_at i,
 * 7 finished_at i?, 8 error s?, 9 cycle_id s?, 10 request s? (JSON) */
#define DATASET_SYNC_COLUMNS \
    "sync_id, dataset, job_id, status, progress, records, requested_at, finished_at, error, cycle_id, request"

/* 0 validation_id s, 1 cycle_id s?, 2 validation_type s, 3 validation_status s, 4 overall_score d?, 5 tier s?,
 * 6 confidence d?, 7 confidence_adjustment d?, 8 historical_score d?, 9 historical_risk d?,
 * 10 historical_performance s? (JSON), 11 forward_score d?, 12 forward_risk d?, 13 execution_time d?,
 * 14 timestamp i, 15 error s?, 16 pool_id s?, 17 downstream_ms d? */
#define VALIDATION_COLUMNS                                                                              \
    "validation_id, cycle_id, validation_type, validation_status, overall_score, tier, confidence, "    \
    "confidence_adjustment, historical_score, historical_risk, historical_performance, forward_score, " \
    "forward_risk, execution_time, timestamp, error, pool_id, downstream_ms"

/* 0 seq i, 1 topic_seq i, 2 published_at_us i, 3 topic s, 4 schema_name s, 5 payload b, 6 traceparent s? */
#define STREAM_EVENT_COLUMNS "seq, topic_seq, published_at_us, topic, schema_name, payload, traceparent"
