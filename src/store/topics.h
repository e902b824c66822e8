/* The running numbers of topics, in memory over what the store holds.
 *
 * A transaction counts on a copy; topics_commit makes it true, topics_undo forgets it. The table stream_topics is
 * behind: a topic whose number is not there yet is unsaved, and stays in memory until it is (sequence.h). Bounded:
 * of the others those used longest ago leave, and are read from the store when they come back. Owned by one
 * thread. */
#pragma once

#include "store/engine.h"

#define TOPICS_KEPT 16384

typedef struct topic_s {
    char *name;
    uint64_t hash;
    uint64_t last;                 /* committed */
    uint64_t count;                /* in the running transaction */
    bool touched;                  /* in the list of the running transaction */
    bool unsaved;                  /* in the list of those that stream_topics does not know */
    struct topic_s *next;          /* in the hash chain */
    struct topic_s *older, *newer; /* by use */
} topic_t;

typedef struct topics_s topics_t;
topics_t *topics_new(size_t kept);
void topics_destroy(topics_t **self_p);

/* The topic, read through `engine` when it is not in memory; it is then part of the running transaction. */
ERR_MUST_USE
err_t topics_touch(topics_t *self, engine_t *engine, const char *name, topic_t **topic);
/* Those of the running transaction. */
size_t topics_touched(const topics_t *self, topic_t *const **list);
void topics_commit(topics_t *self);
void topics_undo(topics_t *self);
/* Those that stream_topics does not know as they are. */
size_t topics_unsaved(const topics_t *self, topic_t *const **list);
/* stream_topics knows all. */
void topics_saved(topics_t *self);
/* Enters a topic that is not in memory, as unsaved. */
void topics_enter(topics_t *self, const char *name, uint64_t last);
/* Forgets all: somebody else wrote. */
void topics_forget(topics_t *self);
size_t topics_size(const topics_t *self);
