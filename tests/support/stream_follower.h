/* A subscriber program as a child of a test (an example client, or integration-cli), and what it has seen.
 *
 * It prints one JSON object a message. What it printed is held against what the service has: all of it, in order, each
 * once. Checks itself with criterion. One thread. */
#pragma once

#include "instance.h"

typedef enum { FOLLOWER_PYTHON, FOLLOWER_C, FOLLOWER_CLI, FOLLOWERS } follower_kind_t;

typedef struct {
    uint64_t epoch, seq, topic_seq;
    bool replay;
    char topic[192], signal_id[80]; /* signal_id: empty when it is no signal */
} seen_t;

typedef struct {
    seen_t *items;
    size_t count;
} seen_list_t;

typedef struct {
    follower_kind_t kind;
    program_t *program; /* NULL = not started */
    seen_list_t seen;   /* what was read of its output: the first read_to bytes */
    size_t read_to;
} follower_t;

/* Follows the instance's stream and prints JSON; `more` are further options, end with NULL, or are NULL. */
void follower_start(follower_t *self, follower_kind_t kind, const instance_t *instance,
                    const char *const *more);
void follower_stop(follower_t *self);

/* Waits until it has printed the message with this seq. */
void follower_await_seq(follower_t *self, uint64_t seq);
/* False when it has not printed it within so many milliseconds, or has ended. */
bool follower_sees(follower_t *self, uint64_t seq, int ms);
/* What it has printed so far; the caller frees it. */
seen_list_t follower_seen(follower_t *self);
/* The same of the service, by replays. */
seen_list_t service_has(const instance_t *instance, const char *prefix);
void seen_list_free(seen_list_t *self);

/* It has seen all that the service has of the prefix, each once, in order within each topic, and of everything in
 * the order of seq. */
void follower_expect_all(follower_t *self, const instance_t *instance, const char *prefix);

/* Routes `count` signals in batches for that many symbols, all of which must be accepted; `bytes` of data in each.
 * Their ids begin with `name`. Returns the last seq of the stream then. */
uint64_t instance_route_many(instance_t *self, const char *name, int count, int symbols, int bytes);
/* The addresses of the first start stay, so that subscribers find a restarted service again. */
void instance_keep_addresses(instance_t *self);
