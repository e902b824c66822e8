/* What the rules read out of a signal: resources, side, scopes. */
#include "signals/rules/candidate.h"

#include <criterion/criterion.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(candidate, .timeout = 10);

static double s_resources(const char *data) {
    Signal signal = {.priority = 3, .data = strdup(data)};
    candidate_t candidate;
    candidate_of(&signal, &candidate);
    free(signal.data);
    return candidate.resources;
}

Test(candidate, resource_requirements_is_a_number_or_an_object_of_numbers) {
    cr_assert_eq(s_resources("{\"resource_requirements\":0.4}"), 0.4);
    cr_assert_float_eq(s_resources("{\"a\":[1,{}],\"resource_requirements\":{\"cash\":0.25,\"risk\":0.5}}"),
                       0.75, 1e-12);
    cr_assert_eq(s_resources("{\"\\u0072esource_requirements\":0.4}"), 0.4);
}

Test(candidate, whatever_else_resource_requirements_holds_adds_nothing) {
    cr_assert_eq(s_resources("{}"), 0);
    cr_assert_eq(s_resources("{\"a\":\"resource_requirements\"}"), 0);
    cr_assert_eq(s_resources("{\"a\":{\"resource_requirements\":1}}"), 0);
    cr_assert_eq(s_resources("{\"resource_requirements\":\"0.4\"}"), 0);
    cr_assert_eq(s_resources("{\"resource_requirements\":[0.4]}"), 0);
    cr_assert_eq(s_resources("{\"resource_requirements\":-0.4}"), 0);
    cr_assert_eq(s_resources("{\"resource_requirements\":1e999}"), 0);
    cr_assert_eq(
        s_resources(
            "{\"resource_requirements\":{\"a\":0.4,\"b\":-1,\"c\":\"x\",\"d\":{\"e\":1},\"f\":null}}"),
        0.4);
}

Test(candidate, requirements_beyond_all_measure_stay_finite) {
    cr_assert_eq(s_resources("{\"resource_requirements\":{\"a\":1e308,\"b\":1e308}}"), DBL_MAX);
}

Test(candidate, of_a_repeated_name_the_last_one_counts) {
    cr_assert_eq(s_resources("{\"resource_requirements\":0.4,\"resource_requirements\":0.1}"), 0.1);
}

Test(candidate, takes_over_what_decides) {
    Signal signal = {.signal_id = "a",
                     .source = "macro",
                     .seq = 7,
                     .timestamp = 1,
                     .expiry_time = 2,
                     .strength = 0.5,
                     .confidence = 0.25,
                     .priority = 4,
                     .has_side = true,
                     .side = "sell",
                     .has_source_seq = true,
                     .source_seq = 9};
    candidate_t candidate;
    candidate_of(&signal, &candidate);
    cr_assert_str_eq(candidate.signal_id, "a");
    cr_assert_str_eq(candidate.source, "macro");
    cr_assert_eq(candidate.seq, 7);
    cr_assert(candidate.timestamp == 1 && candidate.expiry_time == 2);
    cr_assert(candidate.strength == 0.5 && candidate.confidence == 0.25 && candidate.priority == 4);
    cr_assert_eq(candidate.side, SIDE_SELL);
    cr_assert(candidate.has_source_seq && candidate.source_seq == 9);
    signal.has_side = false;
    candidate_of(&signal, &candidate);
    cr_assert_eq(candidate.side, SIDE_NONE);
}

/* ---- Scopes ---- */

/* "AAPL MSFT"; "-" for the target alone. */
static void s_expect_scopes(const char *symbol, const char *data, const char *expected) {
    Signal signal = {.target = "portfolio", .has_symbol = symbol != NULL, .data = strdup(data)};
    candidate_scopes_t scopes;
    char got[256] = "";
    if (symbol)
        strcpy(signal.symbol, symbol);
    candidate_scopes(&signal, &scopes);
    for (size_t i = 0; i < scopes.count; i++) {
        cr_assert_str_eq(scopes.keys[i].target, "portfolio");
        if (i)
            strcat(got, " ");
        strcat(got, scopes.keys[i].symbol ? scopes.keys[i].symbol : "-");
    }
    cr_assert_str_eq(got, expected);
    candidate_scopes_free(&scopes);
    free(signal.data);
}

Test(candidate, its_symbol_is_its_scope) {
    s_expect_scopes("AAPL", "{\"symbols\":[\"MSFT\"]}", "AAPL");
}

Test(candidate, without_a_symbol_each_of_data_symbols_is_a_scope_once) {
    s_expect_scopes(NULL, "{\"symbols\":[\"MSFT\",\"AAPL\",\"MSFT\",\"BRK.B\"],\"a\":1}", "MSFT AAPL BRK.B");
    s_expect_scopes(NULL, "{\"symbols\":[\"AAPL\"]}", "AAPL");
    s_expect_scopes(NULL, "{\"symbols\":[\"\\u0041APL\"]}", "AAPL");
}

Test(candidate, what_is_no_symbol_is_left_out) {
    s_expect_scopes(
        NULL, "{\"symbols\":[\"aapl\",1,null,[\"X\"],{\"Y\":\"Z\"},\"\",\"AAPL\\u0000\",\"A B\",\"GOOG\"]}",
        "GOOG");
    s_expect_scopes(NULL, "{\"symbols\":[\"A23456789012345678901234567890123\"]}", "-");
    s_expect_scopes(NULL, "{\"symbols\":[\"A2345678901234567890123456789012\"]}",
                    "A2345678901234567890123456789012");
}

Test(candidate, with_neither_the_target_alone_is_the_scope) {
    s_expect_scopes(NULL, "{}", "-");
    s_expect_scopes(NULL, "{\"symbols\":\"AAPL\"}", "-");
    s_expect_scopes(NULL, "{\"symbols\":[]}", "-");
    s_expect_scopes(NULL, "{\"a\":{\"symbols\":[\"AAPL\"]}}", "-");
}

Test(candidate, one_scope_of_the_signal_itself_allocates_nothing) {
    Signal signal = {.target = "portfolio", .has_symbol = true, .symbol = "AAPL"};
    candidate_scopes_t scopes;
    candidate_scopes(&signal, &scopes);
    cr_assert_eq(scopes.keys, &scopes.one);
    cr_assert_null(scopes.text);
    cr_assert_eq(scopes.keys[0].symbol, signal.symbol);
}

Test(candidate, symbols_past_the_limit_do_not_count) {
    char data[16384] = "{\"symbols\":[\"A\"";
    for (int i = 0; i < 400; i++)
        sprintf(data + strlen(data), ",\"S%d\",\"S%d\"", i, i / 2);
    strcat(data, "]}");
    Signal signal = {.target = "portfolio", .data = data};
    candidate_scopes_t scopes;
    candidate_scopes(&signal, &scopes);
    cr_assert_eq(scopes.count, CANDIDATE_SCOPES_MOST);
    for (size_t i = 0; i < scopes.count; i++)
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(scopes.keys[i].symbol, scopes.keys[j].symbol);
    candidate_scopes_free(&scopes);
}
