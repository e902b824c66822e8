/* What happened to signals within a stretch of time, counted: events, names (of sources, targets, types, sides), and how
 * long routing took. Its memory is bounded: beyond TALLY_NAMES_MOST names of a kind the rest counts under `other`.
 * Pure; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALLY_NAMES_MOST 1000
#define TALLY_OTHER      "other"
#define TALLY_NAME_SIZE  65

typedef enum { /* routed, rejected, held: as decided on arrival */
               TALLY_ROUTED,
               TALLY_REJECTED,
               TALLY_HELD,
               TALLY_DUPLICATES,
               TALLY_EXPIRED,
               TALLY_SUPERSEDED,
               TALLY_CONFLICTS_DETECTED,
               TALLY_CONFLICTS_RESOLVED,
               TALLY_EVENTS
} tally_event_t;

typedef enum { TALLY_SOURCE, TALLY_TARGET, TALLY_TYPE, TALLY_SIDE, TALLY_KINDS } tally_kind_t;

typedef struct tally_s tally_t;
tally_t *tally_new(void);
void tally_destroy(tally_t **self_p);

void tally_add(tally_t *self, tally_event_t event, uint64_t count);
void tally_add_name(tally_t *self, tally_kind_t kind, const char *name, uint64_t count);
void tally_add_latency(tally_t *self, int64_t microseconds);
void tally_merge(tally_t *self, const tally_t *from);

uint64_t tally_count(const tally_t *self, tally_event_t event);
/* The names of a kind, from `*at` = 0 on, in no order; false after the last. */
bool tally_next_name(const tally_t *self, tally_kind_t kind, size_t *at, const char **name, uint64_t *count);
uint64_t tally_latencies(const tally_t *self);
/* Both of at least one latency. The quantile is the upper edge of a bucket: at most 1/32 above the true one. */
double tally_mean_ms(const tally_t *self);
double tally_quantile_ms(const tally_t *self, double quantile);

/* As it is stored: counts that are added to what is there, each under a dimension and a name. */
typedef void(tally_count_fn)(void *context, const char *dimension, const char *name, uint64_t count);
void tally_each(const tally_t *self, tally_count_fn *fn, void *context);
/* The other way; false when there is no such dimension. */
bool tally_put(tally_t *self, const char *dimension, const char *name, uint64_t count);
