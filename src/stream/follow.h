/* The subscriber's side of the stream: what is new, what was seen, what is missing and from where to have it sent
 * again. Pure; one thread.
 *
 * A subscriber of everything (prefix "") knows a gap by seq, and by the last_seq of a heartbeat. A subscriber of a
 * prefix knows it by the topic_seq of each topic; that nothing was lost at the end of a topic it asks, by a replay,
 * after a lost connection and after FOLLOW_QUIET heartbeats without a message of its own.
 *
 * While a replay is due or under way, live messages are kept by the caller and offered again after its end. */
#pragma once

#include "integration/v1/stream.pb.h"
#include <stdbool.h>
#include <stdint.h>

#define FOLLOW_TOPICS 65536 /* remembered; when there are more, all are forgotten but that they were seen */
#define FOLLOW_QUIET  5

typedef struct follow_s follow_t;
follow_t *follow_new(const char *prefix);
void follow_destroy(follow_t **self_p);

/* Begin behind this seq: a replay is due. Without it, following begins with the first message that comes. */
void follow_begin_after(follow_t *self, uint64_t seq);

/* FOLLOW_NEW: show it. FOLLOW_SEEN: drop it. FOLLOW_GAP: a replay is due; keep the message. */
typedef enum { FOLLOW_NEW, FOLLOW_SEEN, FOLLOW_GAP } follow_verdict_t;
follow_verdict_t follow_live(follow_t *self, const char *topic, const StreamHeader *header);
void follow_heartbeat(follow_t *self, const StreamHeader *header, uint64_t last_seq);
/* The connection was lost and is back. */
void follow_reconnected(follow_t *self);

bool follow_due(const follow_t *self);
/* A replay is asked for now; returns the seq to ask behind. */
uint64_t follow_ask(follow_t *self);
/* FOLLOW_NEW or FOLLOW_SEEN. */
follow_verdict_t follow_replayed(follow_t *self, const char *topic, const StreamHeader *header);
void follow_end(follow_t *self, const ReplayEnd *end);

uint64_t follow_epoch(const follow_t *self); /* 0 = not known yet */
uint64_t follow_lost(const follow_t *self);  /* messages that no replay could bring any more */
