/* Table by table, each in steps that others can wait for. */
#include "store/retention.h"

enum { STEP_ROWS = 200 /* some milliseconds */, STEP_CYCLES = 20 /* their stages hold documents */ };

typedef struct {
    const char *bound; /* of a table that is gone through by seq; else NULL */
    const char *prune;
    size_t values; /* of prune */
    const char *removed_add;
    int64_t rows;
} table_t;

/* Cycles before what is kept because of them. */
static const table_t s_tables[] = {
    {"history_signals_bound", "history_signals_prune", 4, "history_signals_removed_add", STEP_ROWS},
    {"history_deliveries_bound", "history_deliveries_prune", 3, NULL, STEP_ROWS},
    {NULL, "history_conflicts_prune", 2, NULL, STEP_ROWS},
    {NULL, "history_cycles_prune", 2, NULL, STEP_CYCLES},
    {NULL, "history_validations_prune", 2, NULL, STEP_ROWS},
    {NULL, "history_dataset_syncs_prune", 2, NULL, STEP_ROWS},
};
enum { TABLES = sizeof s_tables / sizeof *s_tables };

void retention_begin(retention_t *self, int64_t before_ms, int64_t now_ms) {
    *self = (retention_t){.before_ms = before_ms, .now_ms = now_ms};
}

bool retention_is_over(const retention_t *self) {
    return self->table == TABLES;
}

static void s_next_table(retention_t *self) {
    self->table++;
    self->after_seq = 0;
}

static err_t s_remove(const table_t *table, engine_t *engine, const value_t *values, int64_t *removed) {
    err_t err = engine_begin(engine);
    if (err != OK)
        return err;
    err = engine_run_one(engine, table->prune, values, table->values, removed);
    if (err == OK && table->removed_add && *removed > 0) {
        int64_t affected;
        const value_t count = VALUE_OF_INT(*removed);
        err = engine_run_one(engine, table->removed_add, &count, 1, &affected);
    }
    if (err == OK)
        return engine_commit(engine);
    engine_rollback(engine);
    return err;
}

static err_t s_step_by_seq(retention_t *self, const table_t *table, engine_t *engine) {
    int64_t up_to_seq, removed = 0;
    const value_t reach[] = {VALUE_OF_INT(self->after_seq), VALUE_OF_INT(table->rows),
                             VALUE_OF_INT(self->before_ms)};
    err_t err = engine_query_int(engine, table->bound, reach, 3, 0, &up_to_seq);
    if (err != OK)
        return err;
    if (up_to_seq == 0) {
        s_next_table(self);
        return OK;
    }
    const value_t values[] = {VALUE_OF_INT(self->after_seq), VALUE_OF_INT(up_to_seq),
                              VALUE_OF_INT(self->before_ms), VALUE_OF_INT(self->now_ms)};
    err = s_remove(table, engine, values, &removed);
    if (err != OK)
        return err;
    self->removed += removed;
    self->after_seq = up_to_seq;
    return OK;
}

static err_t s_step_by_age(retention_t *self, const table_t *table, engine_t *engine) {
    int64_t removed = 0;
    const value_t values[] = {VALUE_OF_INT(self->before_ms), VALUE_OF_INT(table->rows)};
    err_t err = s_remove(table, engine, values, &removed);
    if (err != OK)
        return err;
    self->removed += removed;
    if (removed < table->rows)
        s_next_table(self);
    return OK;
}

err_t retention_step(retention_t *self, engine_t *engine) {
    assert_always(!retention_is_over(self));
    const table_t *table = &s_tables[self->table];
    return table->bound ? s_step_by_seq(self, table, engine) : s_step_by_age(self, table, engine);
}
