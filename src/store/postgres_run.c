/* Many statements in one round trip: libpq's pipeline, and one statement for many rows of a BULK insert. */
#include "base/clock.h"
#include "store/engine_postgres.h"

#include <stdlib.h>
#include <string.h>

/* Below BULK_LEAST rows the arrays do not pay; BULK_MOST bounds their memory. */
enum { BULK_LEAST = 3, BULK_MOST = 1024 };

/* What goes out as one execution: an op, or many of one BULK statement, linked by `next`. */
typedef struct {
    const statement_t *statement;
    size_t first, last, count;
} item_t;

typedef struct {
    pg_engine_t *engine;
    engine_op_t *ops;
    item_t *items;
    size_t *next;
    size_t count;
    bool begins;
} run_t;

/* Which item is open for more rows of each of the last few BULK statements. */
enum { OPEN_KINDS = 8 };
typedef struct {
    item_t *items[OPEN_KINDS];
    unsigned next;
} open_items_t;

static item_t **s_open_item(open_items_t *open, const statement_t *statement) {
    for (int i = 0; i < OPEN_KINDS; i++)
        if (open->items[i] && open->items[i]->statement == statement)
            return &open->items[i];
    return &open->items[open->next++ % OPEN_KINDS];
}

static void s_plan(run_t *run, size_t count) {
    open_items_t open = {0};
    for (size_t i = 0; i < count; i++) {
        const statement_t *statement = run->ops[i].statement;
        item_t **slot = statement->bulk ? s_open_item(&open, statement) : NULL;
        run->next[i] = SIZE_MAX;
        if (slot && *slot && (*slot)->statement == statement && (*slot)->count < BULK_MOST) {
            run->next[(*slot)->last] = i;
            (*slot)->last = i;
            (*slot)->count++;
            continue;
        }
        run->items[run->count] = (item_t){statement, i, i, 1};
        if (slot)
            *slot = &run->items[run->count];
        run->count++;
    }
}

/* Outside of the pipeline, where libpq wants it. */
static err_t s_prepare_all(run_t *run) {
    const pg_prepared_t *prepared;
    err_t err = OK;
    for (size_t i = 0; i < run->count && err == OK; i++) {
        const item_t *item = &run->items[i];
        err = item->count >= BULK_LEAST ? pg_prepare_bulk(run->engine, item->statement, &prepared)
                                        : pg_prepare(run->engine, item->statement, &prepared);
    }
    return err;
}

static err_t s_check_count(pg_engine_t *self, const engine_op_t *op, int params) {
    if (op->value_count == (size_t)params)
        return OK;
    return engine_fail(&self->base, ERR_INTERNAL, "%s takes %d parameters, not %zu", op->statement->name,
                       params, op->value_count);
}

static err_t s_send_one(run_t *run, const engine_op_t *op) {
    pg_engine_t *self = run->engine;
    const pg_prepared_t *prepared = self->prepared[op->statement->index];
    pg_params_t params;
    int wrong = 0;
    err_t err = s_check_count(self, op, prepared->params);
    if (err != OK)
        return err;
    if (!pg_params_fill(&params, prepared, op->values, &wrong))
        return engine_fail(&self->base, ERR_INTERNAL, "%s: parameter %d is not of its type",
                           op->statement->name, wrong + 1);
    return PQsendQueryPrepared(self->connection, prepared->name, prepared->params, params.values,
                               params.lengths, params.formats, 1)
               ? OK
               : pg_lost(self, op->statement->name);
}

/* One array a parameter, of the types that the single statement has. */
static err_t s_fill_arrays(run_t *run, const item_t *item, const pg_prepared_t *single) {
    pg_engine_t *self = run->engine;
    for (int c = 0; c < single->params; c++)
        pg_array_begin(&self->columns[c], single->types[c]);
    for (size_t i = item->first; i != SIZE_MAX; i = run->next[i]) {
        err_t err = s_check_count(self, &run->ops[i], single->params);
        if (err != OK)
            return err;
        for (int c = 0; c < single->params; c++)
            if (!pg_array_add(&self->columns[c], single->types[c], &run->ops[i].values[c]))
                return engine_fail(&self->base, ERR_INTERNAL, "%s: parameter %d is not of its type",
                                   item->statement->name, c + 1);
    }
    for (int c = 0; c < single->params; c++)
        pg_array_end(&self->columns[c], item->count);
    return OK;
}

static err_t s_send_bulk(run_t *run, const item_t *item) {
    pg_engine_t *self = run->engine;
    const pg_prepared_t *single = self->prepared[item->statement->index];
    pg_params_t params;
    err_t err = s_fill_arrays(run, item, single);
    if (err != OK)
        return err;
    for (int c = 0; c < single->params; c++) {
        params.values[c] = self->columns[c].data;
        params.lengths[c] = (int)self->columns[c].size;
        params.formats[c] = 1;
    }
    return PQsendQueryPrepared(self->connection, self->bulk[item->statement->index]->name, single->params,
                               params.values, params.lengths, params.formats, 1)
               ? OK
               : pg_lost(self, item->statement->name);
}

static err_t s_send(run_t *run, size_t *sent) {
    pg_engine_t *self = run->engine;
    run->begins = self->begin_pending;
    self->begin_pending = false;
    if (run->begins && !PQsendQueryParams(self->connection, "BEGIN", 0, NULL, NULL, NULL, NULL, 1))
        return pg_lost(self, "begin");
    for (*sent = 0; *sent < run->count; ++*sent) {
        const item_t *item = &run->items[*sent];
        err_t err = item->count >= BULK_LEAST ? s_send_bulk(run, item) : OK;
        if (item->count < BULK_LEAST)
            for (size_t i = item->first; i != SIZE_MAX && err == OK; i = run->next[i])
                err = s_send_one(run, &run->ops[i]);
        if (err != OK)
            return err;
    }
    return OK;
}

/* Takes one execution's result and its end. */
static err_t s_take(run_t *run, const char *what, int64_t *affected) {
    PGresult *result, *end;
    err_t err = pg_result(run->engine, pg_deadline_us(), &result);
    if (err != OK)
        return err;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK)
        *affected = strtoll(PQcmdTuples(result), NULL, 10);
    else if (status == PGRES_TUPLES_OK)
        err = engine_fail(&run->engine->base, ERR_INTERNAL, "%s returns rows", what);
    else
        err = pg_refused(run->engine, result, what);
    PQclear(result);
    if (run->engine->base.alive && pg_result(run->engine, pg_deadline_us(), &end) != OK)
        return ERR_STORE_UNAVAILABLE;
    return err;
}

static err_t s_receive(run_t *run, size_t *failed) {
    int64_t affected = 0;
    err_t err = run->begins ? s_take(run, "begin", &affected) : OK;
    for (size_t k = 0; k < run->count && err == OK; k++) {
        const item_t *item = &run->items[k];
        bool bulk = item->count >= BULK_LEAST;
        *failed = item->first;
        if (bulk)
            err = s_take(run, item->statement->name, &affected);
        for (size_t i = item->first; i != SIZE_MAX && err == OK; i = run->next[i]) {
            *failed = i;
            if (!bulk)
                err = s_take(run, item->statement->name, &affected);
            run->ops[i].affected = !bulk ? affected : (size_t)affected == item->count ? 1 : -1;
        }
    }
    return err;
}

/* Whatever happened: everything up to the end of the pipeline is taken, and the connection is as before. */
static err_t s_finish(run_t *run, err_t err) {
    pg_engine_t *self = run->engine;
    int64_t deadline_us = pg_deadline_us();
    for (bool synced = false; self->base.alive && !synced;) {
        PGresult *result;
        if (pg_result(self, deadline_us, &result) != OK)
            return ERR_STORE_UNAVAILABLE;
        synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (!result && PQstatus(self->connection) == CONNECTION_BAD)
            return pg_lost(self, "pipeline");
        PQclear(result);
    }
    if (self->base.alive && !PQexitPipelineMode(self->connection))
        return pg_lost(self, "pipeline");
    return self->base.alive ? err : ERR_STORE_UNAVAILABLE;
}

static err_t s_exchange(run_t *run, size_t *failed) {
    pg_engine_t *self = run->engine;
    size_t sent = 0;
    if (!PQenterPipelineMode(self->connection))
        return pg_lost(self, "pipeline");
    err_t err = s_send(run, &sent);
    if (!self->base.alive)
        return err;
    if (!PQpipelineSync(self->connection))
        return pg_lost(self, "pipeline");
    if (err != OK)
        *failed = run->items[sent].first;
    else
        err = s_receive(run, failed);
    return s_finish(run, err);
}

err_t pg_run(engine_t *base, engine_op_t *ops, size_t count, size_t *failed) {
    run_t run = {.engine = (pg_engine_t *)base, .ops = ops};
    if (!base->alive)
        return ERR_STORE_UNAVAILABLE;
    if (count == 0)
        return OK;
    run.items = calloc(count, sizeof *run.items);
    run.next = calloc(count, sizeof *run.next);
    assert_always(run.items && run.next);
    s_plan(&run, count);
    err_t err = s_prepare_all(&run);
    if (err == OK)
        err = s_exchange(&run, failed);
    free(run.items);
    free(run.next);
    return err;
}
