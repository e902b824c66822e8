/* Running the units of a group inside its transaction: numbers given, statements executed, expectations judged,
 * events and counters written. */
#include "store/group_private.h"

#include <endian.h>
#include <string.h>

static bool s_unit_runs(const group_unit_t *unit) {
    return unit->err == OK && unit->op_count;
}

/* The same, once those before it have run: it fails when one that it comes after has. */
static bool s_unit_can_run(group_t *self, group_unit_t *unit) {
    for (size_t i = 0; i < unit->source->after_units_count && s_unit_runs(unit); i++)
        if (self->units[unit->first_unit + unit->source->after_units[i]].err != OK)
            group_fail_unit(self, unit, ERR_CONFLICT, "a unit that it comes after was not stored");
    return s_unit_runs(unit);
}

/* ---- numbers ---- */

/* Gives the op's event the next seq; it is taken back when the statement changes nothing. */
static err_t s_number(group_t *self, sequence_t *sequence, group_op_t *op) {
    const StoreEvent *event = op->source->event;
    op->topic = NULL;
    op->seq = op->topic_seq = 0;
    if (!event)
        return OK;
    err_t err = topics_touch(sequence->topics, sequence->engine, event->topic, &op->topic);
    if (err != OK)
        return err;
    group_add_event(self, op);
    op->seq = sequence->last_seq + self->event_count;
    op->topic_seq = ++op->topic->count;
    return OK;
}

/* Takes back the number of the op, the last one given. */
static void s_unnumber(group_t *self, group_op_t *op) {
    if (!op->topic)
        return;
    assert_always(self->events[self->event_count - 1] == op);
    self->event_count--;
    op->topic->count--;
    op->topic = NULL;
    op->seq = op->topic_seq = 0;
}

/* 0 for an op that published nothing. */
static uint64_t s_seq_of(const group_t *self, const group_unit_t *unit, const StorePatch *patch) {
    const group_unit_t *from = patch->unit ? &self->units[unit->first_unit + patch->unit - 1] : unit;
    return patch->op < from->op_count ? self->ops[from->first_op + patch->op].seq : 0;
}

static void s_patch(group_t *self, const group_unit_t *unit, size_t index) {
    group_op_t *op = &self->ops[unit->first_op + index];
    const StoreOp *source = op->source;
    for (size_t i = 0; i < source->patches_count; i++) {
        const StorePatch *patch = &source->patches[i];
        uint64_t seq = s_seq_of(self, unit, patch), little = htole64(seq);
        value_t *value = patch->param == STORE_PATCH_EVENT ? NULL : &op->values[patch->param];
        if (!value)
            memcpy(source->event->payload->bytes + op->base + patch->offset, &little, 8);
        else if (patch->offset < 0)
            value->integer = (int64_t)seq;
        else
            memcpy((char *)value->bytes + patch->offset, &little, 8);
    }
}

/* ---- what the store writes by itself ---- */

static void s_book_event(group_t *self, const statement_t *insert, const group_op_t *op) {
    static const char no_bytes[1];
    const StoreEvent *event = op->source->event;
    value_t *row = arena_take(&self->scratch, 7 * sizeof *row);
    row[0] = VALUE_OF_INT(op->seq);
    row[1] = VALUE_OF_INT(op->topic_seq);
    row[2] = VALUE_OF_INT(self->now_us);
    row[3] = value_text(event->topic);
    row[4] = value_text(event->schema);
    row[5] =
        event->payload ? value_blob(event->payload->bytes, event->payload->size) : value_blob(no_bytes, 0);
    row[6] = *event->traceparent ? value_text(event->traceparent) : VALUE_NONE;
    group_add_run(self, (engine_op_t){insert, row, 7, 0});
}

static void s_book_topic(group_t *self, const topic_t *topic, uint64_t count) {
    value_t *row = arena_take(&self->scratch, 2 * sizeof *row);
    row[0] = value_text(topic->name);
    row[1] = VALUE_OF_INT(count);
    group_add_run(self, (engine_op_t){statement_find("stream_topic_set"), row, 2, 0});
}

/* Each once: those that this group counts, and the unsaved ones that it does not. */
static void s_book_topics(group_t *self, const sequence_t *sequence) {
    topic_t *const *topics;
    size_t count = topics_touched(sequence->topics, &topics);
    for (size_t i = 0; i < count; i++)
        if (topics[i]->count != topics[i]->last || topics[i]->unsaved)
            s_book_topic(self, topics[i], topics[i]->count);
    count = topics_unsaved(sequence->topics, &topics);
    for (size_t i = 0; i < count; i++)
        if (!topics[i]->touched)
            s_book_topic(self, topics[i], topics[i]->last);
    value_t *row = arena_take(&self->scratch, 2 * sizeof *row);
    row[0] = value_text("topics_seq");
    row[1] = VALUE_OF_INT(sequence->last_seq + self->event_count);
    group_add_run(self, (engine_op_t){statement_find("counter_set"), row, 2, 0});
}

static void s_book_counter(group_t *self, const sequence_t *sequence) {
    value_t *row = arena_take(&self->scratch, 3 * sizeof *row);
    row[0] = value_text("seq");
    row[1] = VALUE_OF_INT(sequence->last_seq);
    row[2] = VALUE_OF_INT(sequence->last_seq + self->event_count);
    group_add_run(self, (engine_op_t){statement_find("counter_move"), row, 3, 0});
}

static void s_book_batch(group_t *self) {
    value_t *row = arena_take(&self->scratch, 2 * sizeof *row);
    row[0] = value_text(self->batch_id);
    row[1] = VALUE_OF_INT(self->now_us / 1000);
    group_add_run(self, (engine_op_t){statement_find("batch_insert"), row, 2, 0});
}

/* Those that begin in this group. */
static void s_book_blocks(group_t *self, const sequence_t *sequence) {
    uint64_t last = (sequence->last_seq + self->event_count) / SEQUENCE_BLOCK;
    for (uint64_t block = sequence->last_seq / SEQUENCE_BLOCK + 1; block <= last; block++) {
        value_t *row = arena_take(&self->scratch, 2 * sizeof *row);
        row[0] = VALUE_OF_INT(block);
        row[1] = VALUE_OF_INT(self->now_us / 1000);
        group_add_run(self, (engine_op_t){statement_find("seq_block_insert"), row, 2, 0});
    }
}

/* Adds them to the run; the counter comes last. */
static void s_book(group_t *self, sequence_t *sequence) {
    uint64_t unsaved = sequence->last_seq + self->event_count - sequence->topics_seq;
    const statement_t *insert = statement_find("stream_event_insert");
    for (size_t i = 0; i < self->event_count; i++)
        s_book_event(self, insert, self->events[i]);
    s_book_blocks(self, sequence);
    self->saves_topics = self->event_count && unsaved >= SEQUENCE_UNSAVED_MOST;
    if (self->saves_topics)
        s_book_topics(self, sequence);
    if (sequence->engine->klass->remote)
        s_book_batch(self);
    if (self->event_count)
        s_book_counter(self, sequence);
}

/* A counter that did not move, or a number that is taken: somebody else writes too. */
static err_t s_judge_books(const group_t *self, size_t first, err_t err, size_t failed) {
    if (err == ERR_CONFLICT && failed >= first)
        return GROUP_MOVED;
    if (err == OK && self->event_count && self->run[self->run_count - 1].affected != 1)
        return GROUP_MOVED;
    return err;
}

/* ---- in turn ---- */

static bool s_missed(const group_op_t *op) {
    return op->source->expect_rows >= 0 && op->run.affected != op->source->expect_rows;
}

/* Executes one op. The unit's failure is noted in it; the error returned is the group's. */
static err_t s_run_op(group_t *self, sequence_t *sequence, group_unit_t *unit, size_t index) {
    group_op_t *op = &self->ops[unit->first_op + index];
    size_t failed;
    err_t err = s_number(self, sequence, op);
    if (err != OK)
        return err;
    s_patch(self, unit, index);
    err = engine_run(sequence->engine, &op->run, 1, &failed);
    if (err == ERR_STORE_UNAVAILABLE)
        return err;
    if (err != OK)
        group_fail_unit(self, unit, err, buf_str(&sequence->engine->error));
    else if (s_missed(op))
        group_fail_unit(self, unit, ERR_CONFLICT, "the rows that it expects are not there");
    if (unit->err != OK || op->run.affected == 0)
        s_unnumber(self, op);
    return OK;
}

/* Undoes what the unit did before op `index` failed; a failed statement by itself leaves nothing behind where
 * savepoints are not always taken. */
static err_t s_undo_unit(group_t *self, sequence_t *sequence, const group_unit_t *unit, size_t index,
                         bool savepoint) {
    if (!savepoint && index > 0)
        return GROUP_REDO;
    for (size_t i = index; i-- > 0;)
        s_unnumber(self, &self->ops[unit->first_op + i]);
    return savepoint ? engine_script(sequence->engine, "ROLLBACK TO SAVEPOINT unit; RELEASE SAVEPOINT unit")
                     : OK;
}

static err_t s_run_unit(group_t *self, sequence_t *sequence, group_unit_t *unit, bool savepoints) {
    bool savepoint = savepoints && (unit->op_count > 1 || sequence->engine->klass->remote);
    err_t err = savepoint ? engine_script(sequence->engine, "SAVEPOINT unit") : OK;
    for (size_t i = 0; i < unit->op_count && err == OK; i++) {
        err = s_run_op(self, sequence, unit, i);
        if (err == OK && unit->err != OK)
            return s_undo_unit(self, sequence, unit, i, savepoint);
    }
    return err == OK && savepoint ? engine_script(sequence->engine, "RELEASE SAVEPOINT unit") : err;
}

err_t group_run_in_turn(group_t *self, sequence_t *sequence, bool savepoints) {
    size_t failed = 0;
    err_t err = OK;
    for (size_t i = 0; i < self->unit_count && err == OK; i++)
        if (s_unit_can_run(self, &self->units[i]))
            err = s_run_unit(self, sequence, &self->units[i], savepoints);
    if (err != OK)
        return err;
    s_book(self, sequence);
    err = engine_run(sequence->engine, self->run, self->run_count, &failed);
    return s_judge_books(self, 0, err, failed);
}

/* ---- together ---- */

static err_t s_lay_out(group_t *self, sequence_t *sequence) {
    for (size_t u = 0; u < self->unit_count; u++) {
        group_unit_t *unit = &self->units[u];
        group_op_t *ops = &self->ops[unit->first_op];
        size_t count = s_unit_can_run(self, unit) ? unit->op_count : 0;
        for (size_t i = 0; i < count; i++) {
            err_t err = s_number(self, sequence, &ops[i]);
            if (err != OK)
                return err;
            s_patch(self, unit, i);
            group_add_run(self, ops[i].run);
        }
    }
    return OK;
}

/* Every expectation was met, and every event has a change behind it. */
static bool s_all_went_well(group_t *self) {
    const engine_op_t *done = self->run;
    for (size_t u = 0; u < self->unit_count; u++) {
        const group_unit_t *unit = &self->units[u];
        for (size_t i = 0; i < unit->op_count && s_unit_runs(unit); i++) {
            group_op_t *op = &self->ops[unit->first_op + i];
            op->run.affected = done++->affected;
            if (op->run.affected < 0 || s_missed(op) || (op->topic && op->run.affected == 0))
                return false;
        }
    }
    return true;
}

err_t group_run_together(group_t *self, sequence_t *sequence) {
    size_t failed = 0;
    err_t err = s_lay_out(self, sequence);
    if (err != OK)
        return err;
    size_t first_book = self->run_count;
    s_book(self, sequence);
    err = engine_run(sequence->engine, self->run, self->run_count, &failed);
    if (err == ERR_STORE_UNAVAILABLE)
        return err;
    if ((err != OK && failed < first_book) || (err == OK && !s_all_went_well(self)))
        return GROUP_REDO;
    return s_judge_books(self, first_book, err, failed);
}
