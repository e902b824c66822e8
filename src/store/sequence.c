/* Loading and saving of the numbers; giving them out is group_run.c's. */
#include "store/sequence.h"

#include <stdlib.h>
#include <string.h>

/* Columns of stream_topics_since. */
static bool s_enter(void *context, const value_t *values, size_t count) {
    sequence_t *self = context;
    assert_always(count == 2);
    char *name = strndup(values[0].bytes, values[0].size);
    assert_always(name);
    topics_enter(self->topics, name, (uint64_t)values[1].integer);
    free(name);
    return true;
}

static err_t s_counter(sequence_t *self, const char *name, uint64_t *value) {
    value_t key = value_text(name);
    int64_t found;
    err_t err = engine_query_int(self->engine, "counter_get", &key, 1, 0, &found);
    *value = err == OK ? (uint64_t)found : *value;
    return err;
}

err_t sequence_load(sequence_t *self) {
    topics_forget(self->topics);
    err_t err = s_counter(self, "seq", &self->last_seq);
    if (err == OK)
        err = s_counter(self, "topics_seq", &self->topics_seq);
    value_t since = VALUE_OF_INT(self->topics_seq);
    return err == OK
               ? engine_query(self->engine, statement_find("stream_topics_since"), &since, 1, s_enter, self)
               : err;
}

static err_t s_save(sequence_t *self) {
    topic_t *const *topics;
    size_t count = topics_unsaved(self->topics, &topics);
    const value_t held[] = {value_text("seq"), VALUE_OF_INT(self->last_seq), VALUE_OF_INT(self->last_seq)};
    const value_t seq[] = {value_text("topics_seq"), VALUE_OF_INT(self->last_seq)};
    int64_t affected;
    err_t err = engine_run_one(self->engine, "counter_move", held, 3, &affected);
    if (err == OK && affected != 1)
        err = engine_fail(self->engine, ERR_CONFLICT, "another writer has moved the counter");
    for (size_t i = 0; i < count && err == OK; i++) {
        const value_t row[] = {value_text(topics[i]->name), VALUE_OF_INT(topics[i]->last)};
        err = engine_run_one(self->engine, "stream_topic_set", row, 2, &affected);
    }
    return err == OK ? engine_run_one(self->engine, "counter_set", seq, 2, &affected) : err;
}

err_t sequence_save(sequence_t *self) {
    if (self->topics_seq == self->last_seq)
        return OK;
    err_t err = engine_begin(self->engine);
    if (err == OK)
        err = s_save(self);
    if (err != OK) {
        engine_rollback(self->engine);
        return err;
    }
    err = engine_commit(self->engine);
    if (err == OK) {
        topics_saved(self->topics);
        self->topics_seq = self->last_seq;
    }
    return err == ERR_AGAIN ? ERR_STORE_UNAVAILABLE : err; /* it may be done twice */
}
