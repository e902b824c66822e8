/* The units of a group: what they consist of, and their commit. How they are run is in group_run.c. */
#include "store/group_private.h"

#include "base/clock.h"
#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

group_t *group_new(void) {
    group_t *self = calloc(1, sizeof *self);
    assert_always(self);
    return self;
}

void group_destroy(group_t **self_p) {
    group_t *self = *self_p;
    if (!self)
        return;
    arena_free(&self->arena);
    arena_free(&self->scratch);
    free(self->units);
    free(self->ops);
    free(self->run);
    free(self->events);
    free(self);
    *self_p = NULL;
}

void group_clear(group_t *self) {
    self->unit_count = self->op_count = self->event_count = self->bytes = 0;
    arena_clear(&self->arena);
    arena_clear(&self->scratch);
}

/* Room for one more of `size` bytes. */
static void *s_grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 256;
    items = realloc(items, *capacity * size);
    assert_always(items);
    return items;
}

err_t group_fail_unit(group_t *self, group_unit_t *unit, err_t err, const char *message) {
    size_t size = strlen(message) + 1;
    unit->err = err;
    unit->message = memcpy(arena_take(&self->arena, size), message, size);
    return err;
}

static bool s_patch_fits(const StorePatch *patch, const StoreUnit *unit, size_t index, const group_op_t *op) {
    if (patch->op > index || !unit->ops[patch->op].event)
        return false;
    if (patch->param == STORE_PATCH_EVENT)
        return op->source->event && op->source->event->payload && patch->offset >= 0 &&
               (size_t)patch->offset + 8 <= op->source->event->payload->size;
    if (patch->param >= op->run.value_count)
        return false;
    const value_t *value = &op->values[patch->param];
    return patch->offset < 0 ? value->kind == VALUE_INT
                             : value->kind == VALUE_BLOB && (size_t)patch->offset + 8 <= value->size;
}

static err_t s_add_op(group_t *self, group_unit_t *unit, const StoreUnit *source, size_t index) {
    const StoreOp *from = &source->ops[index];
    self->ops = s_grow(self->ops, self->op_count, &self->op_capacity, sizeof *self->ops);
    group_op_t *op = &self->ops[self->op_count];
    const void *bytes = from->params ? from->params->bytes : NULL;
    size_t size = from->params ? from->params->size : 0, count = 0;
    *op = (group_op_t){.source = from, .run.statement = statement_find(from->statement)};
    if (!op->run.statement)
        return group_fail_unit(self, unit, ERR_INTERNAL, "there is no such statement");
    if (!value_count_row(bytes, size, &count) || count > STATEMENT_MAX_PARAMS)
        return group_fail_unit(self, unit, ERR_INTERNAL, "the parameters cannot be read");
    op->values = arena_take(&self->arena, (count + 1) * sizeof *op->values);
    if (!value_decode_row(bytes, size, op->values, count, &count))
        return group_fail_unit(self, unit, ERR_INTERNAL, "the parameters cannot be read");
    op->run.values = op->values;
    op->run.value_count = count;
    for (size_t i = 0; i < from->patches_count; i++)
        if (!s_patch_fits(&from->patches[i], source, index, op))
            return group_fail_unit(self, unit, ERR_INTERNAL, "a seq has no place in the parameters");
    self->op_count++;
    self->bytes += size + (from->event && from->event->payload ? from->event->payload->size : 0);
    return OK;
}

size_t group_add(group_t *self, StoreUnit *source) {
    self->units = s_grow(self->units, self->unit_count, &self->unit_capacity, sizeof *self->units);
    group_unit_t *unit = &self->units[self->unit_count];
    *unit = (group_unit_t){.first_op = self->op_count};
    for (size_t i = 0; i < source->ops_count && unit->err == OK; i++)
        if (s_add_op(self, unit, source, i) == OK)
            unit->op_count++;
    if (unit->err != OK) {
        self->op_count = unit->first_op;
        unit->op_count = 0;
    }
    return self->unit_count++;
}

size_t group_size(const group_t *self) {
    return self->unit_count;
}

size_t group_bytes(const group_t *self) {
    return self->bytes;
}

const group_unit_t *group_unit(const group_t *self, size_t index) {
    assert_always(index < self->unit_count);
    return &self->units[index];
}

const group_op_t *group_op(const group_t *self, size_t index) {
    assert_always(index < self->op_count);
    return &self->ops[index];
}

size_t group_events(const group_t *self, group_op_t *const **events) {
    *events = self->events;
    return self->event_count;
}

int64_t group_committed_at_us(const group_t *self) {
    return self->now_us;
}

void group_add_event(group_t *self, group_op_t *op) {
    self->events = s_grow(self->events, self->event_count, &self->event_capacity, sizeof(group_op_t *));
    self->events[self->event_count++] = op;
}

void group_add_run(group_t *self, engine_op_t op) {
    self->run = s_grow(self->run, self->run_count, &self->run_capacity, sizeof *self->run);
    self->run[self->run_count++] = op;
}

/* ---- commit ---- */

static err_t s_end(group_t *self, sequence_t *sequence, err_t err) {
    if (err == OK) {
        topics_commit(sequence->topics);
        sequence->last_seq += self->event_count;
        if (self->saves_topics) {
            topics_saved(sequence->topics);
            sequence->topics_seq = sequence->last_seq;
        }
    } else if (err != ERR_AGAIN) {
        topics_undo(sequence->topics);
        self->event_count = 0;
    }
    return err;
}

static err_t s_attempt(group_t *self, sequence_t *sequence, bool careful) {
    engine_t *engine = sequence->engine;
    topics_undo(sequence->topics);
    arena_clear(&self->scratch);
    self->event_count = self->run_count = 0;
    self->saves_topics = false;
    for (size_t i = 0; i < self->op_count; i++)
        self->ops[i].seq = self->ops[i].topic_seq = 0;
    err_t err = engine_begin(engine);
    if (err == OK)
        err = engine->klass->remote && !careful ? group_run_together(self, sequence)
                                                : group_run_in_turn(self, sequence, careful);
    if (err != OK)
        engine_rollback(engine);
    return err == OK ? engine_commit(engine) : err;
}

/* The units that failed for what the database said are tried again with the rest. */
static void s_forgive(group_t *self) {
    for (size_t i = 0; i < self->unit_count; i++)
        if (self->units[i].op_count)
            self->units[i].err = OK;
}

err_t group_commit(group_t *self, sequence_t *sequence) {
    bool careful = false;
    err_t err = GROUP_REDO;
    self->now_us = clock_wall_us();
    ids_uuid7(self->batch_id);
    for (int attempt = 0; attempt < 4 && (err == GROUP_REDO || err == GROUP_MOVED); attempt++) {
        s_forgive(self);
        err = s_attempt(self, sequence, careful);
        if (err == GROUP_REDO)
            careful = true;
        else if (err == GROUP_MOVED && sequence_load(sequence) != OK)
            err = ERR_STORE_UNAVAILABLE;
    }
    if (err == GROUP_REDO || err == GROUP_MOVED)
        err =
            engine_fail(sequence->engine, ERR_STORE_UNAVAILABLE, "another writer keeps taking the sequence");
    return s_end(self, sequence, err);
}

/* The claim of the same batch id waits for the lost transaction when the server still works on it, and keeps it from
 * being committed when it does not. */
err_t group_settle(group_t *self, sequence_t *sequence) {
    const value_t row[] = {value_text(self->batch_id), VALUE_OF_INT(self->now_us / 1000)};
    int64_t claimed = 0;
    err_t err = engine_run_one(sequence->engine, "batch_insert", row, 2, &claimed);
    if (err != OK)
        return ERR_STORE_UNAVAILABLE;
    return s_end(self, sequence, claimed ? ERR_CONFLICT : OK);
}
