/* A signal as the rules see it: what decides a conflict, and nothing else. Plain data; text is borrowed. */
#pragma once

#include "integration/v1/signals.pb.h"

typedef enum { SIDE_NONE, SIDE_BUY, SIDE_SELL, SIDE_HOLD, SIDE_COUNT } side_t;

typedef struct {
    const char *signal_id, *source;
    uint64_t seq;        /* 0 = not stored yet */
    int64_t timestamp;   /* ms */
    int64_t expiry_time; /* ms; active until then */
    int64_t source_seq;  /* with has_source_seq */
    double strength;     /* 0 to 1 */
    double confidence;   /* 0 to 1 */
    double resources;    /* its allocation, else data.resource_requirements, added up; 0 = none */
    uint8_t priority;    /* 1 to 5 */
    uint8_t side;        /* side_t */
    bool has_source_seq;
    bool has_allocation; /* resources is one */
    bool has_symbol;     /* the signal's own; its one scope is (target, symbol) */
} candidate_t;

/* Where a signal meets others; symbol is NULL for the target alone. Text is borrowed. */
typedef struct {
    const char *target, *symbol;
} scope_key_t;

/* Borrows from the signal, whose `data` is read for resource_requirements: a number, or an object whose numbers are
 * added up. What is not a number above 0 adds nothing. */
void candidate_of(const Signal *signal, candidate_t *self);

#define CANDIDATE_SCOPES_MOST 256 /* further symbols of data.symbols do not count */

/* The scopes of a signal: its symbol, else each of data.symbols (once each; what is no symbol is left out), else the
 * target alone. Borrows from the signal. Stays where it was filled: `keys` may point into it. */
typedef struct {
    scope_key_t *keys; /* owned; the texts of data.symbols are too, in `text` */
    size_t count;
    char *text;
    scope_key_t one; /* where keys points when there is just one that the signal itself holds */
} candidate_scopes_t;
void candidate_scopes(const Signal *signal, candidate_scopes_t *scopes);
void candidate_scopes_free(candidate_scopes_t *scopes);
