/* A request to route signals, from its arrival to its answer: one signal or a batch.
 *
 * An item is one signal of it. Pure data and the decisions over it; commit.h and lookup.h move it along. One
 * thread. */
#pragma once

#include "actor/actor.h"
#include "base/ids.h"
#include "integration/v1/signals.pb.h"
#include "signals/rules/decision.h"

#define ROUTE_SIGNALS_MAX 1000 /* of one body */

/* OPEN: to be written. LOOKUP: whether it is stored already is being asked. WRITING: in a write that is under way.
 * TWIN: repeats an earlier item of the same body and shares its fate. The rest is final: STORED by this request,
 * DUPLICATE of one stored before, SIMULATED: decided and not stored, REFUSED for `err`. */
typedef enum {
    ITEM_OPEN,
    ITEM_LOOKUP,
    ITEM_WRITING,
    ITEM_TWIN,
    ITEM_STORED,
    ITEM_DUPLICATE,
    ITEM_SIMULATED,
    ITEM_REFUSED
} item_state_t;

#define ITEM_NONE UINT32_MAX

typedef struct {
    item_state_t state;
    err_t err;             /* of REFUSED; of LOOKUP: what it is refused for when nothing is found, or OK */
    const char *reason;    /* static text in place of the code's sentence, or NULL */
    FieldProblem *details; /* owned */
    size_t detail_count;
    bool sent_id;       /* the client named it */
    bool by_group;      /* refused for another member of its group */
    Signal signal;      /* owned; of DUPLICATE: the one stored before */
    verdict_t *verdict; /* owned; of DUPLICATE: as stored. NULL: not decided, or it met no rival */
    uint64_t body_hash;
    uint32_t twin_of;     /* of TWIN: the item it repeats, which is none itself */
    uint32_t group_first; /* first member of its group in the body; itself without a group */
    uint32_t group_next;  /* next member, or ITEM_NONE */
    uint32_t unit, op;    /* of WRITING */
} item_t;

typedef struct route_s route_t;
struct route_s {
    call_t *call; /* kept */
    bool batch;
    bool keyed;     /* has an Idempotency-Key: all is one unit, with the answer */
    bool simulated; /* is decided, and neither stored nor published */
    int64_t now_ms, started_us;
    char routing_id[UUID_SIZE];
    double routing_time;       /* seconds */
    unsigned attempts;         /* writes so far that conflicted */
    err_t failure;             /* of the store, for the request as a whole */
    char *failure_why;         /* in the store's words; NULL = the code's sentence */
    size_t lookups;            /* under way */
    uint32_t active;           /* of a simulated one: active signals in its scopes */
    const Decision *unopposed; /* borrowed: of items without a verdict */
    route_t *next;             /* in the queue, or in a write */
    size_t count;
    item_t items[];
};

route_t *route_new(size_t count);
void route_destroy(route_t **self_p);

/* Judges what a request says of item `index`: admission, but not modes. Sets its state to OPEN, LOOKUP or REFUSED. */
void route_admit(route_t *self, size_t index, const RouteSignalRequest *request, int64_t ttl_ms);

/* The store failed (or not, OK). `why` is copied, or NULL. */
void route_fail(route_t *self, err_t err, const char *why);

/* Final. `reason` is said in place of the code's sentence: static or as long as the route, or NULL. */
void item_refuse(item_t *self, err_t err, const char *reason);
void item_add_detail(item_t *self, const char *field, const char *problem);
const Decision *item_decision(const route_t *route, const item_t *item);
void item_drop_verdict(item_t *self);
/* True when the item was accepted: stored and neither rejected nor refused. */
bool item_accepted(const item_t *self);
/* How many items are in the state. */
size_t route_count(const route_t *self, item_state_t state);
