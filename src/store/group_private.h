/* Inside of a group. */
#pragma once

#include "store/arena.h"
#include "store/group.h"

/* Not errors: the group is to be run again, more carefully; or with what the counter says now. */
#define GROUP_REDO  ((err_t)(ERR_COUNT + 1))
#define GROUP_MOVED ((err_t)(ERR_COUNT + 2))

struct group_s {
    group_unit_t *units;
    size_t unit_count, unit_capacity;
    group_op_t *ops; /* of all units */
    size_t op_count, op_capacity;
    engine_op_t *run; /* one exchange with the engine */
    size_t run_count, run_capacity;
    group_op_t **events; /* that this attempt publishes, in seq order */
    size_t event_count, event_capacity;
    size_t base_count; /* ops whose event stands on an earlier one */
    bool saves_topics; /* this attempt brings stream_topics up to date */
    size_t bytes;      /* of parameters and payloads */
    arena_t arena;     /* for the life of the group */
    arena_t scratch;   /* of one attempt */
    int64_t now_us;
    char batch_id[40];
};

err_t group_fail_unit(group_t *self, group_unit_t *unit, err_t err, const char *message);
void group_add_event(group_t *self, group_op_t *op);
void group_add_run(group_t *self, engine_op_t op);

/* ---- group_base.c ---- */

/* Puts the payloads of the earlier events in front of those that stand on them. Nothing is changed in the store, and a
 * second call does nothing. */
err_t group_load_bases(group_t *self, engine_t *engine);

/* ---- group_run.c: everything but BEGIN and COMMIT ---- */

/* All statements in one exchange, in the hope that none fails: else GROUP_REDO. */
err_t group_run_together(group_t *self, sequence_t *sequence);
/* One after the other. Without savepoints a unit may only fail before it changed anything, else GROUP_REDO. */
err_t group_run_in_turn(group_t *self, sequence_t *sequence, bool savepoints);
