/* The units of a group: what they consist of, and their commit. How they are run is in group_run.c. */
#include "store/group_private.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/ids.h"
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 256 };

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
    self->unit_count = self->op_count = self->event_count = self->base_count = self->bytes = 0;
    arena_clear(&self->arena);
    arena_clear(&self->scratch);
}

err_t group_fail_unit(group_t *self, group_unit_t *unit, err_t err, const char *message) {
    size_t size = strlen(message) + 1;
    unit->err = err;
    unit->message = memcpy(arena_take(&self->arena, size), message, size);
    return err;
}

/* The event whose seq is wanted comes before, or is the op's own. */
static bool s_names_event(const StorePatch *patch, const StoreWrite *write, size_t unit, size_t index) {
    if (patch->unit > unit)
        return false;
    const StoreUnit *from = &write->units[patch->unit ? patch->unit - 1 : unit];
    size_t before = patch->unit ? from->ops_count : index + 1;
    return patch->op < before && from->ops[patch->op].event;
}

static bool s_has_place(const StorePatch *patch, const group_op_t *op) {
    if (patch->param == STORE_PATCH_EVENT)
        return op->source->event && op->source->event->payload && patch->offset >= 0 &&
               (size_t)patch->offset + 8 <= op->source->event->payload->size;
    if (patch->param >= op->run.value_count)
        return false;
    const value_t *value = &op->values[patch->param];
    return patch->offset < 0 ? value->kind == VALUE_INT
                             : value->kind == VALUE_BLOB && (size_t)patch->offset + 8 <= value->size;
}

/* Most often it is the last op's again. */
static const statement_t *s_find_statement(const group_t *self, const char *name) {
    const statement_t *last = self->op_count ? self->ops[self->op_count - 1].run.statement : NULL;
    return last && strcmp(last->name, name) == 0 ? last : statement_find(name);
}

static err_t s_add_op(group_t *self, group_unit_t *unit, const StoreWrite *write, size_t index) {
    size_t number = self->unit_count - unit->first_unit;
    const StoreOp *from = &write->units[number].ops[index];
    self->ops = array_grow(self->ops, self->op_count, &self->op_capacity, CAPACITY_FIRST, sizeof *self->ops);
    group_op_t *op = &self->ops[self->op_count];
    const void *bytes = from->params ? from->params->bytes : NULL;
    size_t size = from->params ? from->params->size : 0, count = 0;
    value_t values[STATEMENT_MAX_PARAMS];
    *op = (group_op_t){.source = from, .run.statement = s_find_statement(self, from->statement)};
    if (!op->run.statement)
        return group_fail_unit(self, unit, ERR_INTERNAL, "there is no such statement");
    if (!value_decode_row(bytes, size, values, STATEMENT_MAX_PARAMS, &count))
        return group_fail_unit(self, unit, ERR_INTERNAL, "the parameters cannot be read");
    op->values = arena_take(&self->arena, (count + 1) * sizeof *op->values);
    memcpy(op->values, values, count * sizeof *values);
    op->run.values = op->values;
    op->run.value_count = count;
    for (size_t i = 0; i < from->patches_count; i++)
        if (!s_names_event(&from->patches[i], write, number, index) || !s_has_place(&from->patches[i], op))
            return group_fail_unit(self, unit, ERR_INTERNAL, "a seq has no place in the parameters");
    self->op_count++;
    self->base_count += from->event && from->event->base_seq;
    self->bytes += size + (from->event && from->event->payload ? from->event->payload->size : 0);
    return OK;
}

static void s_add_unit(group_t *self, const StoreWrite *write, size_t first_unit) {
    self->units =
        array_grow(self->units, self->unit_count, &self->unit_capacity, CAPACITY_FIRST, sizeof *self->units);
    group_unit_t *unit = &self->units[self->unit_count];
    size_t number = self->unit_count - first_unit;
    const StoreUnit *source = &write->units[number];
    *unit = (group_unit_t){.source = source, .first_unit = first_unit, .first_op = self->op_count};
    for (size_t i = 0; i < source->after_units_count; i++)
        if (source->after_units[i] >= number)
            group_fail_unit(self, unit, ERR_INTERNAL, "it comes after a unit that is not before it");
    for (size_t i = 0; i < source->ops_count && unit->err == OK; i++)
        if (s_add_op(self, unit, write, i) == OK)
            unit->op_count++;
    if (unit->err != OK) {
        self->op_count = unit->first_op;
        unit->op_count = 0;
    }
    self->unit_count++;
}

size_t group_add(group_t *self, StoreWrite *write) {
    size_t first = self->unit_count;
    for (size_t i = 0; i < write->units_count; i++)
        s_add_unit(self, write, first);
    return first;
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
    self->events = array_grow(self->events, self->event_count, &self->event_capacity, CAPACITY_FIRST,
                              sizeof(group_op_t *));
    self->events[self->event_count++] = op;
}

void group_add_run(group_t *self, engine_op_t op) {
    self->run =
        array_grow(self->run, self->run_count, &self->run_capacity, CAPACITY_FIRST, sizeof *self->run);
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

/* Ways to run a group: the next one is tried when a unit fails for which that one was not made. */
typedef enum { WAY_TOGETHER, WAY_IN_TURN, WAY_CAREFUL } way_t;

/* Together, so many statements cost less than one after the other where there are no round trips to save. */
enum { TOGETHER_LEAST = 64, ATTEMPTS = 5 };

static way_t s_first_way(const group_t *self, const engine_t *engine) {
    return engine->klass->remote || self->op_count >= TOGETHER_LEAST ? WAY_TOGETHER : WAY_IN_TURN;
}

/* A statement that fails undoes a remote transaction whole, unless there is a savepoint. */
static way_t s_next_way(way_t way, const engine_t *engine) {
    return way == WAY_TOGETHER && !engine->klass->remote ? WAY_IN_TURN : WAY_CAREFUL;
}

static err_t s_attempt(group_t *self, sequence_t *sequence, way_t way) {
    engine_t *engine = sequence->engine;
    topics_undo(sequence->topics);
    arena_clear(&self->scratch);
    self->event_count = self->run_count = 0;
    self->saves_topics = false;
    for (size_t i = 0; i < self->op_count; i++)
        self->ops[i].seq = self->ops[i].topic_seq = 0;
    err_t err = engine_begin(engine);
    if (err == OK)
        err = way == WAY_TOGETHER ? group_run_together(self, sequence)
                                  : group_run_in_turn(self, sequence, way == WAY_CAREFUL);
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
    way_t way = s_first_way(self, sequence->engine);
    err_t err = group_load_bases(self, sequence->engine);
    if (err != OK)
        return s_end(self, sequence, err);
    err = GROUP_REDO;
    self->now_us = clock_wall_us();
    ids_uuid7(self->batch_id);
    for (int attempt = 0; attempt < ATTEMPTS && (err == GROUP_REDO || err == GROUP_MOVED); attempt++) {
        s_forgive(self);
        err = s_attempt(self, sequence, way);
        if (err == GROUP_REDO)
            way = s_next_way(way, sequence->engine);
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
