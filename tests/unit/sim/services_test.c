/* Specification of the four services, called without a network. */
#include "sim_fixture.h"

#define SPEC(name) Test(sim_services, name, .timeout = 30)

#define BATCH    "{'symbols':['IBM','AMZN','600519.SH'],'analyzers':['all'],'config':{'lookback_days':60}}"
#define OPTIMIZE "/api/v1/portfolios/default_portfolio/optimize/"
#define LIMITS   "'constraints':{'max_sector_weight':0.35,'max_single_stock':0.05,'var_limit':0.02}"
#define TASK     "{'name':'t','data_type':'batch_daily_ohlc','params':{'symbols':null}}"
#define TASK_OFF "{'name':'t','data_type':'batch_daily_ohlc','enabled':false}"
#define BACKTEST(symbol)                                                                                           \
    "{'strategy':{'type':'multi_analyzer','analyzers':['livermore'],'weights':{}},'universe':{'symbols':['" symbol \
    "']},'config':{'start_date':'2021-05-01','end_date':'2022-05-01','initial_capital':1000000,'commission':0.001}}"

SPEC(macro_state_has_the_values_of_the_contract_and_no_invented_indicator) {
    fixture_t f = fixture_new(&macro_class, 0);
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/macro/state", NULL, NULL), 200);
    cr_assert_str_eq(fixture_text(&f, "data/economic_cycle"), "recession");
    cr_assert_str_eq(fixture_text(&f, "data/risk_level"), "medium");
    cr_assert_str_eq(fixture_text(&f, "data/as_of"), "2022-05-01");
    cr_assert_null(fixture_at(&f, "data/indicators/gdp_yoy"));
    cr_assert_eq(json_object_size(fixture_at(&f, "data/indicators")), 6);
    fixture_destroy(&f);
}

SPEC(the_default_portfolio_yields_symbols_and_weights_for_every_objective) {
    fixture_t f = fixture_new(&portfolio_class, 0);
    const char *bodies[] = {"{'objective':'min_risk'," LIMITS "}", "{'objective':'max_return'," LIMITS "}",
                            "{'objective':'max_sharpe'," LIMITS ",'expected_returns':{},'macro_context':{}}"};
    for (int i = 0; i < 6; i++) {
        const char *path = i < 3 ? OPTIMIZE "markowitz" : OPTIMIZE "risk-parity";
        cr_assert_eq(fixture_call(&f, "POST", path, NULL, bodies[i % 3]), 200);
        cr_assert_eq(json_array_size(fixture_at(&f, "data/symbols")), 8);
        const char *symbol;
        json_t *weight;
        double sum = 0;
        json_object_foreach (fixture_at(&f, "data/weights"), symbol, weight)
            sum += json_number_value(weight);
        cr_assert_float_eq(sum, json_number_value(fixture_at(&f, "data/target_position")), 1e-9);
        cr_assert_gt(sum, 0);
    }
    fixture_destroy(&f);
}

SPEC(every_problem_of_a_body_is_named) {
    fixture_t f = fixture_new(&portfolio_class, 0);
    const char *body = "{'objective':'luck','constraints':{'max_single_stock':'much'}}";
    cr_assert_eq(fixture_call(&f, "POST", OPTIMIZE "markowitz", NULL, body), 400);
    cr_assert_str_eq(fixture_text(&f, "error/code"), "VALIDATION_ERROR");
    cr_assert_eq(json_array_size(fixture_at(&f, "error/details")), 3);
    cr_assert_not_null(strstr(fixture_text(&f, "error/message"), "objective"));
    fixture_destroy(&f);
}

SPEC(an_unknown_portfolio_is_not_found) {
    fixture_t f = fixture_new(&portfolio_class, 0);
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/portfolios/nobody", NULL, NULL), 404);
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/portfolios/default_portfolio/risk/metrics", NULL, NULL),
                 200);
    fixture_destroy(&f);
}

SPEC(an_analysis_answers_inline_when_jobs_take_no_time) {
    fixture_t f = fixture_new(&execution_class, 0);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/analyze/batch", NULL, BATCH), 200);
    cr_assert_eq(json_object_size(fixture_at(&f, "data/results")), 2);
    cr_assert_null(fixture_at(&f, "data/results/600519.SH"), "a symbol without prices is absent");
    cr_assert_gt(json_number_value(fixture_at(&f, "data/results/IBM/overall_score")), 0.6);
    cr_assert_lt(json_number_value(fixture_at(&f, "data/results/AMZN/overall_score")), 0.4);
    fixture_destroy(&f);
}

SPEC(an_analysis_is_a_job_when_jobs_take_time_and_a_retry_makes_no_second_one) {
    fixture_t f = fixture_new(&execution_class, 60000);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/analyze/batch", "c/1", BATCH), 202);
    cr_assert_str_eq(fixture_text(&f, "data/job_id"), "exe-000001");
    cr_assert_not(f.reply.replayed);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/analyze/batch", "c/1", BATCH), 202);
    cr_assert_str_eq(fixture_text(&f, "data/job_id"), "exe-000001");
    cr_assert(f.reply.replayed);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/analyze/batch", "c/1", "{'analyzers':['all']}"), 422);
    cr_assert_str_eq(fixture_text(&f, "error/code"), "IDEMPOTENCY_KEY_REUSED");
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/jobs", NULL, NULL), 200);
    cr_assert_eq(json_integer_value(fixture_at(&f, "data/total")), 1);
    fixture_destroy(&f);
}

SPEC(a_refused_body_leaves_its_key_free) {
    fixture_t f = fixture_new(&execution_class, 60000);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/analyze/batch", "c/1", "{'analyzers':['astrology']}"),
                 422);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/analyze/batch", "c/1", BATCH), 202);
    fixture_destroy(&f);
}

SPEC(a_backtest_without_prices_fails_and_says_so) {
    fixture_t f = fixture_new(&execution_class, 0);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/backtest/run", NULL, BACKTEST("IBM")), 200);
    cr_assert_not_null(fixture_at(&f, "data/performance/max_drawdown"));
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/backtest/run", NULL, BACKTEST("600519.SH")), 422);
    cr_assert_str_eq(fixture_text(&f, "error/code"), "NO_PRICE_DATA");
    fixture_destroy(&f);
}

SPEC(two_pools_may_have_one_name) {
    fixture_t f = fixture_new(&execution_class, 0);
    const char *body =
        "{'name':'p','strategy_type':'livermore','config':{'max_capacity':50,'max_holding_days':30,"
        "'risk_threshold':0.05}}";
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/quantum/pool/create", "a", body), 201);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/quantum/pool/create", "b", body), 201);
    cr_assert_str_eq(fixture_text(&f, "data/pool_id"), "pool-000002");
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/quantum/pool/pool-000002/status", NULL, NULL), 200);
    cr_assert_str_eq(fixture_text(&f, "data/status"), "active");
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/quantum/pool/pool-000003/status", NULL, NULL), 404);
    fixture_destroy(&f);
}

SPEC(a_task_is_made_once_and_run_once_at_a_time) {
    fixture_t f = fixture_new(&flowhub_class, 60000);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/tasks", NULL, TASK), 201);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/tasks", NULL, TASK), 409);
    cr_assert_str_eq(fixture_text(&f, "error/details/task_id"), "task-000001");
    cr_assert_eq(fixture_call(&f, "PUT", "/api/v1/tasks/task-000001", NULL, TASK_OFF), 200);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/tasks/task-000001/run", NULL, NULL), 202);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/tasks/task-000001/run", NULL, "{}"), 409);
    cr_assert_str_eq(fixture_text(&f, "error/code"), "TASK_RUNNING");
    cr_assert_str_eq(fixture_text(&f, "error/details/job_id"), "flo-000001");
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/jobs/flo-000001/result", NULL, NULL), 409);
    cr_assert_str_eq(fixture_text(&f, "error/code"), "JOB_NOT_FINISHED");
    fixture_destroy(&f);
}

SPEC(a_fetch_of_prices_reports_real_counts) {
    fixture_t f = fixture_new(&flowhub_class, 0);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/jobs/batch-stock-data", NULL, "{'incremental':true}"),
                 202);
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/jobs/flo-000001/result", NULL, NULL), 200);
    cr_assert_eq(json_integer_value(fixture_at(&f, "result/total_symbols")), 8);
    cr_assert_eq(json_integer_value(fixture_at(&f, "result/records_count")), 2527);
    fixture_destroy(&f);
}

SPEC(a_fetch_of_what_prices_do_not_hold_fails) {
    fixture_t f = fixture_new(&flowhub_class, 0);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/jobs/gdp-data", NULL, "{'incremental':true}"), 202);
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/jobs/flo-000001/result", NULL, NULL), 200);
    cr_assert_str_eq(fixture_text(&f, "status"), "failed");
    cr_assert_str_eq(fixture_text(&f, "error_code"), "SOURCE_UNAVAILABLE");
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/jobs/weather-data", NULL, "{}"), 404);
    fixture_destroy(&f);
}

SPEC(an_unknown_path_is_404_and_an_unknown_method_405_with_allow) {
    fixture_t f = fixture_new(&flowhub_class, 0);
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/nothing", NULL, NULL), 404);
    cr_assert_eq(fixture_call(&f, "GET", "/api/v1/tasks/", NULL, NULL), 404);
    cr_assert_eq(fixture_call(&f, "PUT", "/api/v1/jobs/x", NULL, "{}"), 405);
    cr_assert_str_eq(f.reply.allow, "GET, DELETE, POST");
    fixture_destroy(&f);
}

SPEC(a_body_that_is_no_json_object_is_refused) {
    fixture_t f = fixture_new(&macro_class, 0);
    const char *bad[] = {"{", "[]", "{'a':NaN}", "{'a':1,'a':2}", NULL};
    for (int i = 0; i < 5; i++)
        cr_assert_eq(fixture_call(&f, "POST", "/api/v1/macro/analysis", NULL, bad[i]), 400);
    fixture_destroy(&f);
}

SPEC(a_body_that_is_nested_too_deeply_is_refused) {
    fixture_t f = fixture_new(&macro_class, 0);
    char deep[4096] = "{'a':";
    memset(deep + 5, '[', 2000);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/macro/analysis", NULL, deep), 400);
    cr_assert_not_null(strstr(fixture_text(&f, "error/message"), "nested"));
    fixture_destroy(&f);
}

SPEC(a_bad_idempotency_key_is_refused) {
    fixture_t f = fixture_new(&macro_class, 0);
    cr_assert_eq(fixture_call(&f, "POST", "/api/v1/macro/analysis", "a b", "{}"), 400);
    cr_assert_not_null(strstr(fixture_text(&f, "error/message"), "Idempotency-Key"));
    fixture_destroy(&f);
}

SPEC(each_service_answers_health_at_its_own_path) {
    for (int i = 0; i < SIM_SERVICES; i++) {
        fixture_t f = fixture_new(sim_classes[i], 0);
        cr_assert_eq(fixture_call(&f, "GET", sim_classes[i]->health_path, NULL, NULL), 200);
        const char *wrapped = fixture_text(&f, "data/service");
        cr_assert_str_eq(wrapped[0] ? wrapped : fixture_text(&f, "service"), sim_classes[i]->name);
        fixture_destroy(&f);
    }
}
