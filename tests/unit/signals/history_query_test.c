/* Filters, pages and cursors of the history. */
#include "signals/reading/history_query.h"

#include "sample.h"
#include <criterion/criterion.h>
#include <string.h>

static problems_t s_problems;

static void s_tear_down(void) {
    problems_free(&s_problems);
}

TestSuite(history_query, .timeout = 10, .fini = s_tear_down);

static void s_expect_problem(const ListSignalsRequest *request, const char *field) {
    history_query_t query;
    s_problems = (problems_t)PROBLEMS_INIT;
    cr_assert_eq(history_query_make(&query, request, &s_problems), ERR_VALIDATION_FAILED);
    cr_assert_str_eq(s_problems.items[0].field, field);
    problems_free(&s_problems);
}

static history_query_t s_make(const ListSignalsRequest *request) {
    history_query_t query;
    cr_assert_eq(history_query_make(&query, request, &s_problems), OK);
    return query;
}

Test(history_query, without_filters_it_is_the_newest_page) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    history_query_t query = s_make(&request);
    cr_assert(!query.symbol && !query.source && !query.target && !query.signal_type && !query.side &&
              !query.status && !query.has_from && !query.has_to && !query.ascending);
    cr_assert(query.after_seq == -1 && query.page_after_seq == -1 && query.page_before_seq == -1);
    cr_assert(query.limit == 20 && query.offset == 0 && query.total == -1);
}

Test(history_query, filters_are_taken_over) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SAMPLE_SET(&request, symbol, "AAPL");
    SAMPLE_SET(&request, order, "asc");
    request.has_after_seq = request.has_limit = request.has_offset = request.has_from = true;
    request.after_seq = UINT64_MAX;
    request.limit = 7;
    request.offset = 14;
    request.from = 5;
    history_query_t query = s_make(&request);
    cr_assert_str_eq(query.symbol, "AAPL");
    cr_assert(query.ascending && query.after_seq == INT64_MAX && query.limit == 7 && query.offset == 14 &&
              query.has_from && query.from_ms == 5);
}

Test(history_query, a_cursor_goes_on_after_the_page_it_came_from) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    char cursor[HISTORY_QUERY_CURSOR_SIZE];
    history_query_t query = s_make(&request);
    history_query_cursor(&query, 4711, 1234, cursor);
    SAMPLE_SET(&request, cursor, cursor);
    query = s_make(&request);
    cr_assert(query.page_before_seq == 4711 && query.page_after_seq == -1 && query.after_seq == -1);
    cr_assert_eq(query.total, 1234);

    SAMPLE_SET(&request, order, "asc");
    s_expect_problem(&request, "cursor");
    query.ascending = true;
    history_query_cursor(&query, 4711, 1234, cursor);
    SAMPLE_SET(&request, cursor, cursor);
    query = s_make(&request);
    cr_assert(query.page_after_seq == 4711 && query.page_before_seq == -1 && query.after_seq == -1);
}

/* A cursor of this query. */
static void s_put_cursor(ListSignalsRequest *request) {
    char cursor[HISTORY_QUERY_CURSOR_SIZE];
    request->has_cursor = false;
    history_query_t query = s_make(request);
    history_query_cursor(&query, 4711, 1234, cursor);
    SAMPLE_SET(request, cursor, cursor);
}

Test(history_query, a_cursor_comes_with_the_filters_of_its_page) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SAMPLE_SET(&request, symbol, "AAPL");
    request.has_after_seq = request.has_from = true;
    request.after_seq = 12;
    s_put_cursor(&request);
    request.has_limit = true; /* which is no filter */
    request.limit = 7;
    cr_assert_eq(s_make(&request).page_before_seq, 4711);

    ListSignalsRequest other = request;
    SAMPLE_SET(&other, symbol, "MSFT");
    s_expect_problem(&other, "cursor");
    other = request;
    other.has_symbol = false;
    s_expect_problem(&other, "cursor");
    other = request;
    other.has_symbol = false;
    SAMPLE_SET(&other, source, "AAPL");
    s_expect_problem(&other, "cursor");
    other = request;
    other.after_seq = 13;
    s_expect_problem(&other, "cursor");
    other = request;
    other.has_from = false;
    other.has_to = true;
    s_expect_problem(&other, "cursor");
    other = request;
    SAMPLE_SET(&other, status, "routed");
    s_expect_problem(&other, "cursor");
}

Test(history_query, what_is_no_cursor_is_refused) {
    const char *bad[] = {"x",
                         "d12",
                         "17",
                         "d0000000000000001",
                         "d00000000000000010000000000000001",
                         "d00000000000000zz00000000000000010000000000000001",
                         "d000000000000000100000000000000010000000000000001f",
                         "d800000000000000000000000000000010000000000000001",
                         "d000000000000000180000000000000010000000000000001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ListSignalsRequest request = ListSignalsRequest_init_zero;
        SAMPLE_SET(&request, cursor, bad[i]);
        s_expect_problem(&request, "cursor");
    }
}

Test(history_query, a_cursor_takes_the_place_of_an_offset) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    s_put_cursor(&request);
    request.has_offset = true;
    cr_assert_eq(s_make(&request).page_before_seq, 4711);
    request.offset = 20;
    s_expect_problem(&request, "offset");
}

Test(history_query, from_must_not_be_after_to) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    request.has_from = request.has_to = true;
    request.from = 2;
    request.to = 1;
    s_expect_problem(&request, "from");
}
