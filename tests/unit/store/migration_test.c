/* A database of the first schema, with rows, is brought up to date. */
#include "store/history.h"
#include "store/link.h"

#include "postgres.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNAL(seq, symbol, received_at)                                                                         \
    "INSERT INTO signals (seq, signal_id, signal_type, source, target, symbol, strength, confidence, priority, " \
    "timestamp, expiry_time, status, routing_id, body_hash, received_at, updated_at) VALUES (" #seq              \
    ", 'id" #seq "', 'analysis', 'macro', 'execution', '" symbol                                                 \
    "', 0.5, 0.5, 3, 1, 2, 'routed', 'r', 0, " #received_at ", 1);"

static void s_open(link_t *link, const config_t *config, size_t migrations) {
    store_schema_t schema = {migrations_all, migrations};
    cr_assert_eq(link_init(link, config, &schema, false), OK);
    cr_assert_eq(link_open(link), OK, "%s", buf_str(&link->reason));
}

/* The first column, and the second when it is a number. */
static bool s_append_row(void *context, const value_t *values, size_t count) {
    buf_printf(context, "%lld", (long long)values[0].integer);
    if (count > 1 && values[1].kind == VALUE_INT)
        buf_printf(context, ":%lld", (long long)values[1].integer);
    buf_append_char(context, ' ');
    return true;
}

static void s_expect(engine_t *engine, const statement_t *statement, const value_t *values, size_t count,
                     const char *rows) {
    buf_t found = BUF_INIT;
    cr_assert_eq(engine_query(engine, statement, values, count, s_append_row, &found), OK, "%s",
                 buf_str(&engine->error));
    cr_assert_str_eq(buf_str(&found), rows);
    buf_free(&found);
}

static void s_expect_history(engine_t *engine, int condition, value_t value, const char *seqs) {
    history_t *history = history_new();
    value_t params[HISTORY_PARAMS], out[HISTORY_PARAMS];
    size_t count;
    for (int i = 0; i < HISTORY_PARAMS; i++)
        params[i] = VALUE_NONE;
    params[HISTORY_LIMIT] = VALUE_OF_INT(20);
    params[HISTORY_OFFSET] = VALUE_OF_INT(0);
    params[condition] = value;
    const statement_t *page =
        history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count);
    s_expect(engine, page, out, count, seqs);
    history_destroy(&history);
}

/* Hours apart, so that a time leaves whole blocks out. */
static void s_upgrade(const config_t *config) {
    link_t link;
    const char *sql = SIGNAL(5, "A", 100000000) SIGNAL(4095, "B", 110000000) SIGNAL(4096, "A", 120000000)
        SIGNAL(9000, "A", 130000000) "UPDATE counters SET value = 20000 WHERE name = 'seq';";
    s_open(&link, config, 1);
    cr_assert_eq(engine_script(link.engine, sql), OK, "%s", buf_str(&link.engine->error));
    link_free(&link);
    s_open(&link, config, migrations_count);
    s_expect_history(link.engine, HISTORY_SYMBOL, value_text("A"), "9000 4096 5 ");
    s_expect_history(link.engine, HISTORY_SYMBOL, value_text("B"), "4095 ");
    s_expect_history(link.engine, HISTORY_FROM, VALUE_OF_INT(115000000), "9000 4096 ");
    s_expect_history(link.engine, HISTORY_TO, VALUE_OF_INT(115000000), "4095 5 ");
    statement_t blocks = *statement_find("meta_get");
    blocks.sqlite = blocks.postgres = "SELECT block, began_at FROM seq_blocks ORDER BY block";
    blocks.index = STATEMENT_INDEX_MAX - 1;
    s_expect(link.engine, &blocks, NULL, 0, "0:100000000 1:120000000 2:130000000 4:130000000 ");
    link_free(&link);
}

static void s_remove(const char *dir) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

Test(migration, rows_of_the_first_schema_are_found_in_the_newest_on_sqlite, .timeout = 60) {
    char dir[] = "/tmp/integration-mig-XXXXXX";
    config_t config = {.data_dir = mkdtemp(dir)};
    s_upgrade(&config);
    s_remove(dir);
}

Test(migration, rows_of_the_first_schema_are_found_in_the_newest_on_postgresql, .timeout = 120) {
    char dir[] = "/tmp/integration-mig-XXXXXX";
    config_t config = {.data_dir = mkdtemp(dir)};
    postgres_t *postgres = postgres_new();
    postgres_start(postgres);
    config.database_url = (char *)postgres_url(postgres);
    s_upgrade(&config);
    postgres_destroy(&postgres);
    s_remove(dir);
}
