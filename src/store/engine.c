/* What is the same for every engine. */
#include "store/engine.h"

err_t engine_open(engine_t **self_p, const store_config_t *config, bool reading, buf_t *why) {
    *self_p = NULL;
    buf_clear(why);
    return config->kind == STORE_SQLITE ? engine_sqlite_open(self_p, config, reading, why)
                                        : engine_postgres_open(self_p, config, reading, why);
}

void engine_close(engine_t **self_p) {
    engine_t *self = *self_p;
    if (!self)
        return;
    buf_free(&self->error);
    self->klass->close(self);
    *self_p = NULL;
}

err_t engine_begin(engine_t *self) {
    return self->klass->begin(self);
}

err_t engine_run(engine_t *self, engine_op_t *ops, size_t count, size_t *failed) {
    *failed = 0;
    return self->klass->run(self, ops, count, failed);
}

err_t engine_run_one(engine_t *self, const char *statement, const value_t *values, size_t count,
                     int64_t *affected) {
    engine_op_t op = {.statement = statement_find(statement), .values = values, .value_count = count};
    size_t failed;
    assert_always(op.statement);
    err_t err = self->klass->run(self, &op, 1, &failed);
    *affected = op.affected;
    return err;
}

err_t engine_commit(engine_t *self) {
    return self->klass->commit(self);
}

void engine_rollback(engine_t *self) {
    self->klass->rollback(self);
}

err_t engine_query(engine_t *self, const statement_t *statement, const value_t *values, size_t count,
                   engine_row_fn *row, void *context) {
    return self->klass->query(self, statement, values, count, row, context);
}

err_t engine_script(engine_t *self, const char *sql) {
    return self->klass->script(self, sql);
}

static bool s_take_int(void *context, const value_t *values, size_t count) {
    if (count && values[0].kind == VALUE_INT)
        *(int64_t *)context = values[0].integer;
    return false;
}

err_t engine_query_int(engine_t *self, const char *statement, const value_t *values, size_t count,
                       int64_t fallback, int64_t *result) {
    const statement_t *found = statement_find(statement);
    assert_always(found);
    *result = fallback;
    return engine_query(self, found, values, count, s_take_int, result);
}

err_t engine_ping(engine_t *self) {
    return engine_script(self, "SELECT 1");
}

const char *engine_sql(const engine_t *self, const statement_t *statement) {
    return self->klass->remote ? statement->postgres : statement->sqlite;
}

err_t engine_fail(engine_t *self, err_t err, const char *format, ...) {
    va_list args;
    buf_clear(&self->error);
    va_start(args, format);
    buf_vprintf(&self->error, format, args);
    va_end(args);
    return err;
}
