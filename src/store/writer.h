/* Inside the store actor: its state, and the parts it is made of. */
#pragma once

#include "actor/actor.h"
#include "store/group.h"
#include "store/link.h"
#include "store/retention.h"
#include "store/running_keys.h"

/* A group is committed at the end of the loop's turn, or when it has so many units or bytes. */
#define WRITER_GROUP_UNITS 4096
#define WRITER_GROUP_BYTES (16 * 1024 * 1024)
#define WRITER_WRITE_UNITS 4096

typedef enum { PENDING_WRITE, PENDING_END } pending_kind_t;

/* A call whose units are in the group. */
typedef struct {
    call_t *call;
    pending_kind_t kind;
    StoreWrite write;
    size_t first_unit;
} pending_t;

typedef struct {
    actor_t *actor;
    link_t link;
    sequence_t sequence;
    group_t *group;
    pending_t *pending;
    size_t pending_count, pending_capacity;
    bool in_doubt; /* the outcome of the group's commit is not known */
    uint64_t epoch;
    running_keys_t *running;
    uint64_t retry_timer, prune_timer, ping_timer, save_timer;
    uint64_t trial_timer; /* while `refused` says something */
    buf_t refused;        /* why nothing could be stored, though the database is reachable; else empty */
    int64_t used_at_us;   /* last time the connection proved to be alive */
    buf_t results;        /* memory of a reply */

    /* writer_retention.c */
    bool removing; /* a run is under way */
    retention_t retention;
    int64_t removed_told_us;
} writer_t;

/* ---- writer.c: connection ---- */
/* Connects; ERR_STORE_UNAVAILABLE when that has to be tried again, which is then arranged. */
err_t writer_connect(writer_t *self);
/* The connection is of no more use, or the database not reachable. */
void writer_disconnect(writer_t *self);
void writer_fill_state(const writer_t *self, StoreState *state);
err_t writer_refuse(writer_t *self, call_t *call);

/* ---- writer_commit.c: groups ---- */
/* Takes the write; the call is answered after the commit. */
void writer_add(writer_t *self, call_t *call, pending_kind_t kind, StoreWrite *write);
void writer_commit(writer_t *self);
/* On a new connection: finds out about a group in doubt. ERR_STORE_UNAVAILABLE when that failed. */
err_t writer_settle(writer_t *self);
/* Refuses what waits and forgets it: nothing of it was stored. */
void writer_fail_pending(writer_t *self, err_t err, const char *why);
void writer_forget_pending(writer_t *self);

/* ---- writer_room.c ---- */
/* A group was not stored over a connection that lives: `refused` says why until a trial is stored. */
void writer_room_refused(writer_t *self);
void writer_room_forget(writer_t *self);

/* ---- writer_retention.c ---- */
/* Removes old history from time to time, when HISTORY_RETENTION_DAYS says so. Once, at the start. */
void writer_retention_start(writer_t *self);

/* ---- idempotency.c ---- */
actor_command_fn idempotency_begin, idempotency_end;
/* The group was stored, or it will never be: keys whose answers were in it are not running any more. */
void idempotency_release_ended(writer_t *self, bool stored);
