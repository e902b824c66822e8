/* History SQL: only the conditions that are present. */
#include "store/history.h"

#include <criterion/criterion.h>
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
                     "WHERE symbol = $1 AND status = $2 AND seq < $3 ORDER BY seq ASC LIMIT $4 OFFSET $5"),
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
