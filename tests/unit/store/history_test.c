/* History SQL: only the conditions that are present. */
#include "store/history.h"
#include "store/link.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_params(value_t params[HISTORY_PARAMS]) {
    for (int i = 0; i < HISTORY_PARAMS; i++)
        params[i] = VALUE_NONE;
    params[HISTORY_LIMIT] = VALUE_OF_INT(20);
    params[HISTORY_OFFSET] = VALUE_OF_INT(0);
}

Test(history, without_conditions_there_is_no_where, .timeout = 10) {
    history_t *history = history_new();
    value_t params[HISTORY_PARAMS], out[HISTORY_PARAMS];
    size_t count;
    s_params(params);
    const statement_t *page =
        history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count);
    cr_assert(page && !strstr(page->sqlite, "WHERE"));
    cr_assert(strstr(page->sqlite, "ORDER BY seq DESC LIMIT $1 OFFSET $2"));
    cr_assert_eq(count, 2);
    history_destroy(&history);
}

Test(history, conditions_take_their_parameters_in_order, .timeout = 10) {
    history_t *history = history_new();
    value_t params[HISTORY_PARAMS], out[HISTORY_PARAMS];
    size_t count;
    s_params(params);
    params[HISTORY_STATUS] = value_text("routed");
    params[HISTORY_SYMBOL] = value_text("A");
    params[HISTORY_BEFORE_SEQ] = VALUE_OF_INT(7);
    params[HISTORY_ASCENDING] = VALUE_OF_INT(1);
    const statement_t *page =
        history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count);
    cr_assert(strstr(page->sqlite,
                     "AND symbol = $1 AND status = $2 AND seq < $3 AND block <= CAST ($3 AS BIGINT) / 4096 "
                     "ORDER BY block ASC, seq ASC LIMIT $4 OFFSET $5"),
              "%s", page->sqlite);
    cr_assert_eq(count, 5);
    cr_assert_eq(out[2].integer, 7);
    const statement_t *again =
        history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count);
    cr_assert_eq(page, again, "the same conditions are the same statement");
    const statement_t *counting =
        history_statement(history, "signals_count", params, HISTORY_PARAMS, out, &count);
    cr_assert_neq(counting->index, page->index);
    cr_assert(!strstr(counting->sqlite, "LIMIT"));
    cr_assert_eq(count, 3);
    history_destroy(&history);
}

Test(history, parameters_of_the_wrong_kind_or_number_are_refused, .timeout = 10) {
    history_t *history = history_new();
    value_t params[HISTORY_PARAMS], out[HISTORY_PARAMS];
    size_t count;
    s_params(params);
    cr_assert_null(history_statement(history, "signals_history", params, HISTORY_PARAMS - 1, out, &count));
    params[HISTORY_SYMBOL] = VALUE_OF_INT(1);
    cr_assert_null(history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count));
    s_params(params);
    params[HISTORY_LIMIT] = VALUE_NONE;
    cr_assert_null(history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count));
    history_destroy(&history);
}

static bool s_append_detail(void *context, const value_t *values, size_t count) {
    cr_assert_eq(count, 4); /* of EXPLAIN QUERY PLAN: the last says what is done */
    buf_append((buf_t *)context, values[3].bytes, values[3].size);
    buf_append_char(context, '\n');
    return true;
}

/* A page of a symbol is read along the index, newest first, and ends where the page does. */
Test(history, a_page_of_a_symbol_sorts_nothing_on_sqlite, .timeout = 30) {
    char dir[] = "/tmp/integration-history-XXXXXX", command[64];
    config_t config = {.data_dir = mkdtemp(dir)};
    link_t link;
    cr_assert_eq(link_init(&link, &config, NULL, false), OK);
    cr_assert_eq(link_open(&link), OK);
    history_t *history = history_new();
    value_t params[HISTORY_PARAMS], out[HISTORY_PARAMS];
    for (int64_t ascending = 0; ascending < 2; ascending++) {
        size_t count;
        buf_t sql = BUF_INIT, plan = BUF_INIT;
        s_params(params);
        params[HISTORY_SYMBOL] = value_text("A");
        params[HISTORY_STATUS] = value_text("routed");
        params[HISTORY_BEFORE_SEQ] = VALUE_OF_INT(7);
        params[HISTORY_ASCENDING] = VALUE_OF_INT(ascending);
        const statement_t *page =
            history_statement(history, "signals_history", params, HISTORY_PARAMS, out, &count);
        buf_printf(&sql, "EXPLAIN QUERY PLAN %s", page->sqlite);
        statement_t explain = {.name = "explain", .sqlite = buf_str(&sql), .index = page->index};
        cr_assert_eq(engine_query(link.engine, &explain, out, count, s_append_detail, &plan), OK);
        cr_assert(strstr(buf_str(&plan), "signals_symbol"), "%s", buf_str(&plan));
        cr_assert(!strstr(buf_str(&plan), "TEMP B-TREE"), "%s", buf_str(&plan));
        buf_free(&sql);
        buf_free(&plan);
    }
    history_destroy(&history);
    link_free(&link);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}
