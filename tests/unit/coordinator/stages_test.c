/* The stages of a cycle: bodies that go out, answers that are taken, answers that are refused. */
#include "base/json_tree.h"
#include "coordinator/stages.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef err_t(output_fn)(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]);

static const char *const s_macro =
    "{\"economic_cycle\":\"expansion\",\"risk_level\":\"medium\",\"confidence\":0.72}";

static void s_set(stage_context_t *context, stage_t stage, const char *json) {
    context->outputs[stage] = json_tree_parse(json);
    cr_assert_not_null(context->outputs[stage], "%s", json);
}

static void s_free(stage_context_t *context) {
    for (int i = 0; i < STAGE_COUNT; i++)
        json_decref(context->outputs[i]);
}

static json_t *s_accept(output_fn *read, const char *data) {
    char *output = NULL, *summary = NULL, why[STAGE_WHY_SIZE] = "";
    cr_assert_eq(read(data, &output, &summary, why), OK, "%s: %s", data, why);
    json_t *root = json_tree_parse(output);
    free(output);
    free(summary);
    return root;
}

static void s_refuse(output_fn *read, const char *data, const char *expected) {
    char *output = NULL, *summary = NULL, why[STAGE_WHY_SIZE] = "";
    cr_assert_eq(read(data, &output, &summary, why), ERR_PROTOCOL, "%s", data);
    cr_expect(strstr(why, expected), "\"%s\" does not say \"%s\"", why, expected);
}

/* ---- macro ---- */

Test(macro, takes_the_normative_state, .timeout = 20) {
    json_t *out = s_accept(stage_macro_output, s_macro);
    cr_assert_eq(json_tree_number(out, "confidence", 0), 0.72);
    json_decref(out);
}

Test(macro, understands_the_alias_cycle_phase, .timeout = 20) {
    json_t *out = s_accept(stage_macro_output, "{\"cycle_phase\":\"recovery\",\"risk_level\":\"low\"}");
    cr_assert_str_eq(json_string_value(json_object_get(out, "economic_cycle")), "recovery");
    json_decref(out);
}

Test(macro, takes_null_as_absent, .timeout = 20) {
    json_t *out = s_accept(stage_macro_output,
                           "{\"economic_cycle\":null,\"cycle_phase\":\"slowdown\",\"risk_level\":\"low\","
                           "\"market_sentiment\":null}");
    cr_assert_str_eq(json_string_value(json_object_get(out, "economic_cycle")), "slowdown");
    json_decref(out);
}

Test(macro, refuses_what_is_missing_or_outside_its_set, .timeout = 20) {
    s_refuse(stage_macro_output, "{\"risk_level\":\"low\"}", "economic_cycle is missing");
    s_refuse(stage_macro_output, "{\"economic_cycle\":\"expansion\"}", "risk_level is missing");
    s_refuse(stage_macro_output, "{\"economic_cycle\":\"boom\",\"risk_level\":\"low\"}", "\"boom\"");
    s_refuse(stage_macro_output, "{\"economic_cycle\":\"expansion\",\"risk_level\":2}", "risk_level must be");
    s_refuse(stage_macro_output,
             "{\"economic_cycle\":\"expansion\",\"risk_level\":\"low\",\"market_sentiment\":\"wild\"}",
             "market_sentiment must be");
    s_refuse(stage_macro_output,
             "{\"economic_cycle\":\"expansion\",\"risk_level\":\"low\",\"as_of\":\"2024-02-30\"}",
             "as_of must be a date");
    s_refuse(stage_macro_output, "[]", "not an object");
}

/* ---- portfolio ---- */

static char *s_portfolio_input(const char *macro) {
    stage_context_t context = {.cycle_id = "c", .portfolio_id = "default_portfolio"};
    char *input = NULL, why[STAGE_WHY_SIZE];
    s_set(&context, STAGE_MACRO_ANALYSIS, macro);
    cr_assert_eq(stage_portfolio_input(&context, &input, why), OK);
    s_free(&context);
    return input;
}

static void s_expect_portfolio(const char *macro, const char *path, const char *body) {
    char *input = s_portfolio_input(macro), method[8], *where, *text;
    cr_assert_eq(stage_call_of(input, method, &where, &text), OK);
    cr_expect_str_eq(method, "POST");
    cr_expect_str_eq(where, path);
    cr_expect(strstr(text, body), "%s does not hold %s", text, body);
    free(input);
    free(where);
    free(text);
}

Test(portfolio, chooses_method_and_objective_by_the_macro_state, .timeout = 20) {
    s_expect_portfolio(
        s_macro, "/api/v1/portfolios/default_portfolio/optimize/markowitz",
        "{\"objective\":\"max_return\",\"constraints\":{\"max_sector_weight\":0.35,"
        "\"max_single_stock\":0.05,\"var_limit\":0.02},\"expected_returns\":{},\"macro_context\":");
    s_expect_portfolio("{\"economic_cycle\":\"recession\",\"risk_level\":\"high\"}",
                       "/api/v1/portfolios/default_portfolio/optimize/risk-parity",
                       "{\"objective\":\"min_risk\",\"constraints\":{\"max_sector_weight\":0.35,"
                       "\"max_single_stock\":0.05,\"var_limit\":0.02,\"max_volatility\":0.15}");
    s_expect_portfolio("{\"economic_cycle\":\"neutral\",\"risk_level\":\"low\"}",
                       "/api/v1/portfolios/default_portfolio/optimize/markowitz",
                       "\"objective\":\"max_sharpe\"");
}

Test(portfolio, sends_the_whole_macro_state, .timeout = 20) {
    s_expect_portfolio(s_macro, "/api/v1/portfolios/default_portfolio/optimize/markowitz", s_macro);
}

Test(portfolio, keeps_symbols_and_clamps_the_position, .timeout = 20) {
    json_t *out = s_accept(stage_portfolio_output,
                           "{\"target_position\":1.4,\"symbols\":[\"IBM\"],\"risk_level\":\"low\"}");
    cr_expect_eq(json_tree_number(out, "target_position", 0), 1);
    cr_expect_eq(json_tree_number(out, "rebalance_threshold", 0), 0.05);
    cr_expect_eq(json_tree_number(out, "execution_priority", 0), 3);
    cr_expect_eq(json_array_size(json_object_get(out, "symbols")), 1);
    cr_expect_str_eq(json_string_value(json_object_get(out, "risk_level")), "low");
    json_decref(out);
}

Test(portfolio, divides_sector_weights_by_their_sum_when_it_is_off, .timeout = 20) {
    json_t *out =
        s_accept(stage_portfolio_output, "{\"target_position\":0.5,\"sector_weights\":{\"a\":1,\"b\":3}}");
    cr_expect_eq(json_tree_number(json_object_get(out, "sector_weights"), "a", 0), 0.25);
    json_decref(out);
    out = s_accept(stage_portfolio_output,
                   "{\"target_position\":0.5,\"sector_weights\":{\"a\":0.5,\"b\":0.505}}");
    cr_expect_eq(json_tree_number(json_object_get(out, "sector_weights"), "a", 0), 0.5);
    json_decref(out);
}

Test(portfolio, reads_a_nested_optimization_result, .timeout = 20) {
    json_t *out = s_accept(stage_portfolio_output, "{\"optimization_result\":{\"target_position\":0.5}}");
    cr_expect_eq(json_tree_number(out, "target_position", 0), 0.5);
    json_decref(out);
}

Test(portfolio, fills_the_defaults_of_what_is_absent, .timeout = 20) {
    json_t *out = s_accept(stage_portfolio_output,
                           "{\"target_position\":-1,\"rebalance_threshold\":7,\"lookback_days\":null}");
    cr_expect_eq(json_tree_number(out, "target_position", 9), 0);
    cr_expect_eq(json_tree_number(out, "rebalance_threshold", 9), 1);
    cr_expect_eq(json_tree_number(out, "sharpe_ratio", 9), 0);
    cr_expect_eq(json_object_size(json_object_get(out, "sector_weights")), 0);
    cr_expect(json_is_object(json_object_get(out, "risk_constraints")));
    json_decref(out);
}

Test(portfolio, refuses_what_has_another_type, .timeout = 20) {
    s_refuse(stage_portfolio_output, "{\"target_position\":0.5,\"sector_weights\":[0.5]}",
             "sector_weights must be an object");
    s_refuse(stage_portfolio_output, "{\"target_position\":0.5,\"risk_constraints\":1}", "risk_constraints");
    s_refuse(stage_portfolio_output, "{\"target_position\":0.5,\"lookback_days\":1e300}", "lookback_days");
    s_refuse(stage_portfolio_output, "{\"target_position\":0.5,\"lookback_days\":0}", "lookback_days");
    s_refuse(stage_portfolio_output, "{\"target_position\":0.5,\"sector_weights\":{\"a\":-1,\"b\":0.5}}",
             "sum to");
    s_refuse(stage_portfolio_output, "[]", "not an object");
}

Test(portfolio, invents_no_position, .timeout = 20) {
    s_refuse(stage_portfolio_output, "{}", "target_position is missing");
    s_refuse(stage_portfolio_output, "{\"target_position\":\"0.5\"}", "target_position must be a number");
    s_refuse(stage_portfolio_output, "{\"target_position\":0.5,\"execution_priority\":9}",
             "execution_priority");
    s_refuse(stage_portfolio_output, "{\"target_position\":0.5,\"sector_weights\":{\"a\":\"x\"}}",
             "sector_weights.a");
}

/* ---- strategy ---- */

static void s_expect_strategy(const char *plan, const char *const *symbols, size_t count,
                              const char *expected) {
    stage_context_t context = {
        .cycle_id = "c", .portfolio_id = "p", .symbols = symbols, .symbol_count = count};
    char *input = NULL, why[STAGE_WHY_SIZE];
    s_set(&context, STAGE_PORTFOLIO_MANAGEMENT, plan);
    cr_assert_eq(stage_strategy_input(&context, &input, why), OK, "%s", why);
    cr_expect(strstr(input, expected), "%s does not hold %s", input, expected);
    free(input);
    s_free(&context);
}

Test(strategy, takes_symbols_in_first_seen_order_without_doubles, .timeout = 20) {
    const char *trigger[] = {"MSFT", "IBM"};
    s_expect_strategy(
        "{\"symbols\":[\"IBM\",\"AAPL\"],\"target_symbols\":[\"XRX\"],\"weights\":{\"AAPL\":1,\"DELL\":1},"
        "\"positions\":{\"ADBE\":{}}}",
        trigger, 2,
        "\"symbols\":[\"MSFT\",\"IBM\",\"AAPL\",\"XRX\",\"DELL\",\"ADBE\"],\"analyzers\":[\"all\"],"
        "\"config\":{\"lookback_days\":60,\"cache_enabled\":true,\"parallel\":true,"
        "\"timeout_seconds\":300}");
}

Test(strategy, names_the_callback_of_the_service_that_runs_the_job, .timeout = 20) {
    stage_context_t context = {.cycle_id = "c", .portfolio_id = "p", .public_url = "https://h:1/a\"b"};
    char *input = NULL, why[STAGE_WHY_SIZE];
    s_set(&context, STAGE_PORTFOLIO_MANAGEMENT, "{\"symbols\":[\"A\"]}");
    cr_assert_eq(stage_strategy_input(&context, &input, why), OK);
    cr_expect(strstr(input, "\"timeout_seconds\":300,\"callback_url\":"
                            "\"https://h:1/a\\\"b/api/v1/callbacks/execution\"}}}"),
              "%s", input);
    free(input);
    context.public_url = "";
    cr_assert_eq(stage_strategy_input(&context, &input, why), OK);
    cr_expect_not(strstr(input, "callback_url"), "%s", input);
    free(input);
    s_free(&context);
}

Test(strategy, chooses_analyzers_by_risk_and_sentiment, .timeout = 20) {
    s_expect_strategy("{\"symbols\":[\"A\"],\"risk_level\":\"high\",\"market_sentiment\":\"positive\"}", NULL,
                      0, "[\"livermore\",\"multi_indicator\"]");
    s_expect_strategy("{\"symbols\":[\"A\"],\"risk_level\":\"low\"}", NULL, 0,
                      "[\"dow_theory\",\"hong_hao\"]");
    s_expect_strategy("{\"symbols\":[\"A\"],\"risk_level\":\"high\"}", NULL, 0, "[\"all\"]");
    s_expect_strategy("{\"symbols\":[\"A\"]}", NULL, 0, "\"parallel\":false");
}

Test(strategy, invents_no_symbols, .timeout = 20) {
    stage_context_t context = {.cycle_id = "c", .portfolio_id = "p"};
    char *input = NULL, why[STAGE_WHY_SIZE] = "";
    s_set(&context, STAGE_PORTFOLIO_MANAGEMENT, "{\"target_position\":0.5,\"symbols\":[\"not a symbol\"]}");
    cr_assert_neq(stage_strategy_input(&context, &input, why), OK);
    cr_assert(strstr(why, "NO_SYMBOLS"));
    s_free(&context);
}

#define ASKED(symbols) "{\"method\":\"POST\",\"body\":{\"symbols\":[" symbols "]}}"

static err_t s_output_of_six(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]) {
    return stage_strategy_output(ASKED("\"A\",\"B\",\"C\",\"D\",\"E\",\"F\""), data, output, summary, why);
}

static err_t s_strategy_output(const char *data, char **output, char **summary, char why[STAGE_WHY_SIZE]) {
    return stage_strategy_output(ASKED("\"A\",\"B\",\"C\""), data, output, summary, why);
}

Test(strategy, names_what_was_asked_for_and_not_analysed, .timeout = 20) {
    char *output = NULL, *summary = NULL, why[STAGE_WHY_SIZE];
    cr_assert_eq(s_strategy_output("{\"results\":{\"B\":{\"overall_score\":0.7,\"confidence\":0.5},"
                                   "\"C\":{\"confidence\":0.5}}}",
                                   &output, &summary, why),
                 OK);
    cr_expect(strstr(summary, "\"missing\":[\"A\",\"C\"]"), "%s", summary);
    cr_expect(strstr(summary, "\"analysed\":1") && strstr(summary, "\"skipped\":1"), "%s", summary);
    free(output);
    free(summary);
}

Test(strategy, derives_side_and_weight_from_the_score, .timeout = 20) {
    json_t *out =
        s_accept(s_output_of_six, "{\"results\":{"
                                  "\"A\":{\"overall_score\":0.71,\"confidence\":0.66},"
                                  "\"B\":{\"overall_score\":0.6,\"confidence\":1},"
                                  "\"C\":{\"overall_score\":0.39,\"confidence\":0.5},"
                                  "\"D\":{\"overall_score\":1,\"confidence\":1},"
                                  "\"E\":{\"confidence\":1},\"F\":{\"overall_score\":2,\"confidence\":1}}}");
    json_t *symbols = json_object_get(out, "symbols");
    struct {
        const char *symbol, *side;
        double weight;
    } expected[] = {{"A", "buy", 0.71 * 0.66 * 0.1},
                    {"B", "hold", 0.05},
                    {"C", "sell", 0.39 * 0.5 * 0.1},
                    {"D", "buy", 0.05}};
    cr_assert_eq(json_object_size(symbols), 4);
    for (size_t i = 0; i < 4; i++) {
        json_t *entry = json_object_get(symbols, expected[i].symbol);
        cr_expect_str_eq(json_string_value(json_object_get(entry, "side")), expected[i].side);
        cr_expect(fabs(json_tree_number(entry, "target_weight", 0) - expected[i].weight) < 1e-12);
    }
    cr_expect_eq(json_tree_number(out, "skipped", 0), 2);
    json_decref(out);
}

Test(strategy, reads_the_list_form_of_earlier_services, .timeout = 20) {
    json_t *out =
        s_accept(s_strategy_output,
                 "{\"data\":[{\"symbol\":\"A\",\"status\":\"success\",\"result\":{\"aggregated\":"
                 "{\"strength\":0.7,\"confidence\":0.6},\"results\":{\"livermore\":{\"strength\":0.7},"
                 "\"chanlun\":0.2,\"dow_theory\":{\"confidence\":0.4}}}},"
                 "{\"symbol\":\"B\",\"status\":\"failed\"}]}");
    json_t *entry = json_object_get(json_object_get(out, "symbols"), "A");
    cr_assert_eq(json_object_size(json_object_get(entry, "analyzer_scores")), 3);
    cr_assert_eq(json_array_size(json_object_get(out, "analyzers")), 3);
    cr_assert_eq(json_tree_number(out, "skipped", 0), 1);
    json_decref(out);
}

Test(strategy, takes_no_symbol_that_nobody_asked_for_and_none_twice, .timeout = 20) {
    json_t *out =
        s_accept(s_strategy_output, "{\"results\":{\"A\":{\"overall_score\":0.9,\"confidence\":0.5},"
                                    "\"Z\":{\"overall_score\":0.9,\"confidence\":0.5}}}");
    cr_expect_eq(json_object_size(json_object_get(out, "symbols")), 1);
    cr_expect_null(json_object_get(json_object_get(out, "symbols"), "Z"));
    cr_expect_eq(json_tree_number(out, "skipped", 0), 1);
    json_decref(out);
    static const char item[] = "{\"symbol\":\"A\",\"status\":\"success\",\"result\":{\"aggregated\":"
                               "{\"strength\":%s,\"confidence\":0.6}}}";
    char first[128], second[128], list[300];
    snprintf(first, sizeof first, item, "0.7");
    snprintf(second, sizeof second, item, "0.1");
    snprintf(list, sizeof list, "{\"data\":[%s,%s]}", first, second);
    out = s_accept(s_strategy_output, list);
    json_t *entry = json_object_get(json_object_get(out, "symbols"), "A");
    cr_expect_str_eq(json_string_value(json_object_get(entry, "side")), "buy");
    cr_expect_eq(json_tree_number(out, "skipped", 0), 1);
    json_decref(out);
}

Test(strategy, sends_the_lookback_of_the_portfolio, .timeout = 20) {
    s_expect_strategy("{\"symbols\":[\"A\"],\"lookback_days\":400}", NULL, 0, "\"lookback_days\":400");
}

Test(strategy, refuses_an_answer_without_results, .timeout = 20) {
    s_refuse(s_strategy_output, "{}", "no results");
}

/* ---- validation and dispatch ---- */

static stage_context_t s_analysed(void) {
    stage_context_t context = {.cycle_id = "01a2088a-e9b2-73bd-9694-f8b3921cdc96", .portfolio_id = "p"};
    s_set(&context, STAGE_MACRO_ANALYSIS, "{\"as_of\":\"2022-05-01\"}");
    s_set(&context, STAGE_PORTFOLIO_MANAGEMENT, "{\"execution_priority\":4}");
    s_set(
        &context, STAGE_STRATEGY_ANALYSIS,
        "{\"symbols\":{\"A\":{\"score\":0.71,\"confidence\":0.66,\"side\":\"buy\",\"target_weight\":0.04,"
        "\"analyzer_scores\":{\"livermore\":0.7}},\"B\":{\"score\":0.5,\"confidence\":0.9,\"side\":\"hold\"}},"
        "\"analyzers\":[\"livermore\",\"chanlun\"]}");
    return context;
}

Test(validation, is_asked_with_sorted_analyzers_and_all_analysed_symbols, .timeout = 20) {
    stage_context_t context = s_analysed();
    char *input = NULL, why[STAGE_WHY_SIZE];
    cr_assert_eq(stage_validation_input(&context, 1714984200000, &input, why), OK);
    cr_assert_str_eq(input, "{\"analyzers\":[\"chanlun\",\"livermore\"],\"symbols\":[\"A\",\"B\"],"
                            "\"confidences\":{\"A\":0.66,\"B\":0.9},\"as_of\":\"2022-05-01\"}");
    free(input);
    s_free(&context);
}

static char *s_validation_input(const char *macro, err_t expected, char why[STAGE_WHY_SIZE]) {
    stage_context_t context = {.cycle_id = "c", .portfolio_id = "p"};
    char *input = NULL;
    s_set(&context, STAGE_MACRO_ANALYSIS, macro);
    s_set(&context, STAGE_STRATEGY_ANALYSIS, "{\"symbols\":{\"A\":{\"confidence\":0.5}}}");
    cr_expect_eq(stage_validation_input(&context, INT64_C(1714984200000), &input, why), expected, "%s",
                 macro);
    s_free(&context);
    return input;
}

Test(validation, is_dated_yesterday_when_the_macro_state_names_no_day, .timeout = 20) {
    char why[STAGE_WHY_SIZE] = "", *input = s_validation_input("{}", OK, why);
    cr_assert(strstr(input, "\"as_of\":\"2024-05-05\""), "%s", input);
    free(input);
}

Test(validation, refuses_an_as_of_that_is_no_date, .timeout = 20) {
    const char *macros[] = {"{\"as_of\":\"yesterday\"}", "{\"as_of\":20240506}", "{\"as_of\":\"2024-02-30\"}",
                            "{\"as_of\":\"2024-05-06T08:30:00Z and much more than a date may hold\"}"};
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        char why[STAGE_WHY_SIZE] = "";
        cr_expect_null(s_validation_input(macros[i], ERR_PROTOCOL, why));
        cr_expect(strstr(why, "as_of"), "%s", why);
    }
}

Test(validation, is_not_asked_without_symbols, .timeout = 20) {
    stage_context_t context = {.cycle_id = "c", .portfolio_id = "p"};
    char *input = NULL, why[STAGE_WHY_SIZE] = "";
    s_set(&context, STAGE_STRATEGY_ANALYSIS, "{\"symbols\":{}}");
    cr_assert_neq(stage_validation_input(&context, 1714984200000, &input, why), OK);
    cr_assert(strstr(why, "NO_SYMBOLS"));
    s_free(&context);
}

Test(dispatch, sends_buys_and_sells_with_the_adjusted_confidence, .timeout = 20) {
    stage_context_t context = s_analysed();
    char *input = NULL, why[STAGE_WHY_SIZE];
    s_set(&context, STAGE_STRATEGY_VALIDATION,
          "{\"validation_id\":\"v1\",\"tier\":\"review\",\"confidence_adjustment\":0.5}");
    cr_assert_eq(stage_dispatch_input(&context, 1000, &input, why), OK);
    json_t *root = json_tree_parse(input), *signals = json_object_get(root, "signals");
    cr_assert_eq(json_array_size(signals), 1, "holds stay in the output of the analysis");
    json_t *signal = json_array_get(signals, 0);
    cr_expect_str_eq(json_string_value(json_object_get(signal, "symbol")), "A");
    cr_expect(fabs(json_tree_number(signal, "strength", 0) - 0.42) < 1e-12);
    cr_expect_eq(json_tree_number(signal, "confidence", 0), 1, "clamped");
    cr_expect_eq(json_tree_number(signal, "priority", 0), 4);
    json_t *tested = json_object_get(json_object_get(signal, "metadata"), "validation");
    cr_expect_str_eq(json_string_value(json_object_get(tested, "tier")), "review");
    json_decref(root);
    free(input);
    s_free(&context);
}

Test(dispatch, needs_a_validation, .timeout = 20) {
    stage_context_t context = s_analysed();
    char *input = NULL, why[STAGE_WHY_SIZE];
    cr_assert_eq(stage_dispatch_input(&context, 1000, &input, why), ERR_PROTOCOL);
    s_free(&context);
}

Test(dispatch, derives_the_same_id_for_the_same_cycle_and_symbol, .timeout = 20) {
    char first[37], again[37], other[37];
    stage_signal_id("c1", "IBM", first);
    stage_signal_id("c1", "IBM", again);
    stage_signal_id("c1", "MSFT", other);
    cr_assert_str_eq(first, again);
    cr_assert_str_neq(first, other);
    cr_assert_eq(first[14], '8');
}

Test(digest, is_sha256_in_hex, .timeout = 20) {
    char digest[65];
    stage_digest("abc", digest);
    cr_assert_str_eq(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
