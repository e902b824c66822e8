/* What goes to the execution service, and what is read from its backtest. */
#include "message/message.h"
#include "validation/requests.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void s_expect_year(const char *as_of, const char *start, const char *end) {
    char from[11], to[11];
    cr_assert(requests_year(as_of, 0, from, to), "%s", as_of);
    cr_expect_str_eq(from, start);
    cr_expect_str_eq(to, end);
}

Test(requests, test_the_year_that_ends_at_as_of, .timeout = 20) {
    s_expect_year("2023-12-31", "2023-01-01", "2023-12-31");
    s_expect_year("2022-05-01", "2021-05-02", "2022-05-01");
    s_expect_year("2024-02-29", "2023-03-01", "2024-02-29");
    s_expect_year("2023-02-28", "2022-03-01", "2023-02-28");
}

Test(requests, end_yesterday_when_as_of_is_absent, .timeout = 20) {
    char start[11], end[11];
    cr_assert(requests_year("", INT64_C(1714984200000), start, end)); /* 2024-05-06 */
    cr_assert_str_eq(end, "2024-05-05");
}

Test(requests, refuse_what_is_no_date, .timeout = 20) {
    char start[11], end[11];
    const char *bad[] = {"2024-13-01", "2024-02-30", "yesterday", "2024-01-01x", "20240101"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(requests_year(bad[i], 0, start, end), "%s", bad[i]);
}

Test(requests, weigh_the_analyzers_equally_by_their_own_names, .timeout = 20) {
    char *analyzers[] = {"livermore", "multi_indicator"}, *symbols[] = {"IBM"}, *body = NULL;
    ValidateCycleRequest request = ValidateCycleRequest_init_zero;
    request.analyzers = analyzers;
    request.analyzers_count = 2;
    request.symbols = symbols;
    request.symbols_count = 1;
    MESSAGE_PUT(request.as_of, "2023-12-31");
    cr_assert_eq(requests_backtest(&request, 0, &body), OK);
    cr_assert_str_eq(
        body, "{\"strategy\":{\"type\":\"multi_analyzer\",\"analyzers\":[\"livermore\",\"multi_indicator\"],"
              "\"weights\":{\"livermore\":0.5,\"multi_indicator\":0.5}},\"universe\":{\"symbols\":[\"IBM\"]},"
              "\"config\":{\"start_date\":\"2023-01-01\",\"end_date\":\"2023-12-31\","
              "\"initial_capital\":1000000,\"commission\":0.001}}");
    free(body);
}

Test(requests, name_the_pool_after_the_cycle, .timeout = 20) {
    ValidateCycleRequest request = ValidateCycleRequest_init_zero;
    MESSAGE_PUT(request.cycle_id, "01a2088a-e9b2-73bd-9694-f8b37c9e6679");
    char *body = requests_pool(&request);
    cr_assert_str_eq(body,
                     "{\"name\":\"validation_pool_7c9e6679\",\"strategy_type\":\"livermore\",\"config\":"
                     "{\"max_capacity\":50,\"max_holding_days\":30,\"risk_threshold\":0.05}}");
    free(body);
}

Test(requests, read_the_two_metrics_of_a_backtest, .timeout = 20) {
    double sharpe, drawdown;
    char *performance = NULL, why[160];
    cr_assert_eq(requests_read_backtest("{\"performance\":{\"sharpe_ratio\":1.21}}", &sharpe, &drawdown,
                                        &performance, why, sizeof why),
                 OK);
    cr_assert_eq(sharpe, 1.21);
    cr_assert_eq(drawdown, 0);
    free(performance);
}

Test(requests, refuse_a_backtest_without_its_figures, .timeout = 20) {
    const char *bad[] = {"{}", "{\"performance\":[]}", "{\"performance\":{\"sharpe_ratio\":\"1\"}}",
                         "{\"performance\":{\"max_drawdown\":-0.1}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double sharpe, drawdown;
        char *performance = NULL, why[160] = "";
        cr_expect_eq(requests_read_backtest(bad[i], &sharpe, &drawdown, &performance, why, sizeof why),
                     ERR_PROTOCOL);
        cr_expect(*why);
    }
}
