/* Every statement of the catalogue can be prepared on both engines, and every history query too. */
#include "store/engine_postgres.h"
#include "store/history.h"
#include "store/link.h"

#include "postgres.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 16 };

static config_t s_config(char dir[32]) {
    strcpy(dir, "/tmp/integration-cat-XXXXXX");
    cr_assert(mkdtemp(dir));
    return (config_t){.data_dir = dir};
}

static void s_open(link_t *link, const config_t *config) {
    cr_assert_eq(link_init(link, config, NULL, false), OK);
    cr_assert_eq(link_open(link), OK, "%s", buf_str(&link->reason));
}

static bool s_stop_at_once(void *context, const value_t *values, size_t count) {
    (void)context;
    (void)values;
    (void)count;
    return false;
}

static bool s_is_query(const statement_t *statement) {
    return strncmp(statement->postgres, "SELECT", 6) == 0;
}

/* With as many values as the SQL has parameters it is right, whatever the database then says of them. Null is of any
 * type for PostgreSQL; for SQLite, whose LIMIT takes no null, 1 is. */
static void s_try(engine_t *engine, const statement_t *statement) {
    value_t values[STATEMENT_MAX_PARAMS];
    size_t count = 0, failed;
    for (const char *at = engine_sql(engine, statement); (at = strchr(at, '$')); at++) {
        size_t number = strtoul(at + 1, NULL, 10);
        count = number > count ? number : count;
    }
    for (size_t i = 0; i < count; i++)
        values[i] = engine->klass->remote ? VALUE_NONE : VALUE_OF_INT(1);
    engine_op_t ops[MANY]; /* enough for those of a BULK statement to go together */
    for (int i = 0; i < MANY; i++)
        ops[i] = (engine_op_t){.statement = statement, .values = values, .value_count = count};
    cr_assert_eq(engine_begin(engine), OK);
    err_t err = s_is_query(statement) ? engine_query(engine, statement, values, count, s_stop_at_once, NULL)
                                      : engine_run(engine, ops, statement->bulk ? MANY : 1, &failed);
    cr_assert(err == OK || err == ERR_CONFLICT, "%s on %s: %s: %s", statement->name, engine->klass->name,
              err_name(err), buf_str(&engine->error));
    engine_rollback(engine);
}

static void s_try_all(engine_t *engine) {
    history_t *history = history_new();
    for (size_t i = 0; i < statement_count(); i++)
        s_try(engine, statement_at(i));
    for (int shape = 0; shape < 1 << HISTORY_CONDITIONS; shape++) {
        value_t params[HISTORY_PARAMS], out[HISTORY_PARAMS];
        size_t count;
        for (int i = 0; i < HISTORY_PARAMS; i++) {
            bool present = i >= HISTORY_CONDITIONS || (shape & 1 << i);
            params[i] = !present ? VALUE_NONE : i < HISTORY_FROM ? value_text("x") : VALUE_OF_INT(1);
        }
        const statement_t *page =
            history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count);
        cr_assert_eq(engine_query(engine, page, out, count, s_stop_at_once, NULL), OK, "%s",
                     buf_str(&engine->error));
    }
    history_destroy(&history);
}

static void s_remove(const char *dir) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

Test(catalogue, every_statement_runs_on_sqlite, .timeout = 60) {
    char dir[32];
    config_t config = s_config(dir);
    link_t link;
    s_open(&link, &config);
    s_try_all(link.engine);
    link_free(&link);
    s_remove(dir);
}

Test(catalogue, every_statement_runs_on_postgresql, .timeout = 120) {
    char dir[32];
    config_t config = s_config(dir);
    postgres_t *postgres = postgres_new();
    postgres_start(postgres);
    config.database_url = (char *)postgres_url(postgres);
    link_t link;
    s_open(&link, &config);
    s_try_all(link.engine);
    for (size_t i = 0; i < statement_count(); i++) {
        const pg_prepared_t *prepared;
        if (statement_at(i)->bulk)
            cr_assert_eq(pg_prepare_bulk((pg_engine_t *)link.engine, statement_at(i), &prepared), OK,
                         "%s: %s", statement_at(i)->name, buf_str(&link.engine->error));
    }
    link_free(&link);
    postgres_destroy(&postgres);
    s_remove(dir);
}

Test(catalogue, a_name_is_found_and_an_unknown_one_is_not, .timeout = 10) {
    cr_assert_str_eq(statement_find("signal_insert")->name, "signal_insert");
    cr_assert_null(statement_find("signal_insert "));
    cr_assert_null(statement_find(""));
    cr_assert_null(statement_at(statement_count()));
}
