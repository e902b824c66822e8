/* A group: the units of many writes, committed in one transaction.
 *
 * A unit is stored whole or not at all, and one that fails does not sink the others. The group first runs as if all
 * went well; when a unit fails where that way cannot undo it alone, all is undone and run again more carefully, in the
 * end with savepoints.
 * Sequence numbers come from the counter row, in the transaction; another writer on the same database is noticed
 * there, and nothing is stored twice under one number. Owned by one thread. */
#pragma once

#include "integration/v1/store.pb.h"
#include "store/sequence.h"

/* StorePatch.param of a patch of the event's payload instead of a parameter. */
#define STORE_PATCH_EVENT UINT32_MAX

typedef struct {
    err_t err;           /* OK: stored, once the group is committed */
    const char *message; /* when not OK; as long as the group is not cleared */
    const StoreUnit *source;
    size_t first_unit; /* of its write, from which the write counts */
    size_t first_op, op_count;
} group_unit_t;

typedef struct {
    const StoreOp *source;
    engine_op_t run;
    value_t *values; /* of run */
    topic_t *topic;  /* of its event; NULL without, or when it changed nothing */
    size_t base;     /* bytes of its event's payload that come from an earlier event */
    uint64_t seq, topic_seq;
} group_op_t;

typedef struct group_s group_t;
group_t *group_new(void);
void group_destroy(group_t **self_p);
void group_clear(group_t *self);

/* Adds the units of a write, which must live until group_clear and whose blobs may be written into or replaced
 * (patches, payloads on earlier ones). Returns the index of the first. One that is wrong in itself fails alone. */
size_t group_add(group_t *self, StoreWrite *write);
size_t group_size(const group_t *self);
/* Bytes of parameters and payloads. */
size_t group_bytes(const group_t *self);
const group_unit_t *group_unit(const group_t *self, size_t index);
const group_op_t *group_op(const group_t *self, size_t index);

/* Commits. OK: units that did not fail are stored. ERR_AGAIN: the connection was lost at the commit, and
 * group_settle must find out. Another error: nothing is stored. */
ERR_MUST_USE
err_t group_commit(group_t *self, sequence_t *sequence);

/* After ERR_AGAIN, on a new connection. OK: it was committed. ERR_CONFLICT: it was not, and cannot be any more.
 * ERR_STORE_UNAVAILABLE: still not known. */
ERR_MUST_USE
err_t group_settle(group_t *self, sequence_t *sequence);

/* After OK: ops that published, in seq order. */
size_t group_events(const group_t *self, group_op_t *const **events);
int64_t group_committed_at_us(const group_t *self);
