/* The sequence numbers: seq over all events, topic_seq over those of a topic, as the one writer gives them out.
 *
 * Counter 'seq' moves in the transaction of the events. stream_topics is written only now and then, with counter
 * 'topics_seq' saying up to which seq it holds; what came after is counted again from stream_events at the next
 * connection. So no number is lost or given twice, wherever the process ends. */
#pragma once

#include "store/topics.h"

/* So many events at most, and those of one group, are counted again. */
#define SEQUENCE_UNSAVED_MOST 8192

/* seq_blocks has a row for each block of so many seqs, by which a time and a symbol are found. */
#define SEQUENCE_BLOCK 4096

typedef struct {
    engine_t *engine;
    topics_t *topics;
    uint64_t last_seq;   /* the last one committed */
    uint64_t topics_seq; /* stream_topics holds up to here */
} sequence_t;

/* Reads all from the store: on a new connection, or when another writer has moved the counter. */
ERR_MUST_USE
err_t sequence_load(sequence_t *self);

/* Brings stream_topics up to date in a transaction of its own; OK when there is nothing to do. ERR_CONFLICT: another
 * writer has moved the counter, which the next group finds out for itself. */
ERR_MUST_USE
err_t sequence_save(sequence_t *self);
