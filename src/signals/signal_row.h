/* A signal as a row of the store. */
#pragma once

#include "integration/v1/signals.pb.h"
#include "store/store.h"

/* Adds the op that stores the signal and publishes it to the present unit; returns its index, whose event gives the
 * signal its seq: until then signal->seq is STORE_SEQ_OF that index. Exactly one row must come of it, else the unit
 * ends CONFLICT. `decision` is the Decision as JSON; NULL: it met no rival. */
size_t signal_row_write(store_write_t *write, Signal *signal, const char *decision, uint64_t body_hash,
                        const char *traceparent);
#define SIGNAL_TOPIC_SIZE 128 /* signal/<64>/<32> */
/* The topic that a signal is published on; symbol NULL = none. */
void signal_topic(char topic[SIGNAL_TOPIC_SIZE], const char *target, const char *symbol);

/* Fills a zeroed signal (message_release frees it). ERR_INTERNAL when the row is not one of SIGNAL_COLUMNS. */
ERR_MUST_USE
err_t signal_row_read(const store_row_t *row, Signal *signal);
/* The decision that the row keeps, or that of one that met no rival; NULL when it cannot be read. message_free frees it. */
Decision *signal_row_decision(const store_row_t *row);
/* What a signal shows of a decision; NULL when there was no conflict. On the heap; it holds no pointers. */
DecisionSummary *signal_row_summary(const Decision *decision);
uint64_t signal_row_body_hash(const store_row_t *row);
int64_t signal_row_received_at(const store_row_t *row);
int64_t signal_row_updated_at(const store_row_t *row);
