/* Reading signals back: history with filters and pages, and single signals. */
#include "signals_fixture.h"

/* Ten signals, seq 1 to 10: even ones AAPL buy, odd ones MSFT sell. */
static void s_fill(signals_fixture_t *f) {
    RouteSignalRequest items[10];
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "s-%d", i + 1);
        items[i] = sample(id);
        if (i % 2 == 0) {
            SET(&items[i], symbol, "MSFT");
            SET(&items[i], side, "sell");
        }
        if (i == 9)
            SET(&items[i], source, "tactical");
    }
    RouteSignalsReply reply = route_batch(f, items, 10);
    cr_assert_eq(reply.accepted, 10);
    batch_free(&reply);
}

static void s_expect_page(const ListSignalsReply *page, int64_t total, const uint64_t *seqs, size_t count) {
    cr_assert_eq(page->total, total);
    cr_assert_eq(page->history_count, count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(page->history[i].seq, seqs[i], "place %zu is %d", i, (int)page->history[i].seq);
}

SIGNALS_TEST(history_is_newest_first_unless_ascending) {
    s_fill(f);
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    ListSignalsReply page = list(f, &request);
    s_expect_page(&page, 10, (uint64_t[]){10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10);
    cr_assert(page.limit == 20 && page.offset == 0 && !page.has_next_cursor);
    list_free(&page);
    SET(&request, order, "asc");
    request.has_limit = request.has_offset = true;
    request.limit = 3;
    request.offset = 2;
    page = list(f, &request);
    s_expect_page(&page, 10, (uint64_t[]){3, 4, 5}, 3);
    list_free(&page);
}

SIGNALS_TEST(history_is_filtered_by_what_the_signal_says) {
    s_fill(f);
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SET(&request, symbol, "AAPL");
    SET(&request, side, "buy");
    SET(&request, source, "macro");
    SET(&request, target, "portfolio");
    SET(&request, signal_type, "analysis");
    SET(&request, status, "routed");
    request.has_after_seq = true;
    request.after_seq = 2;
    ListSignalsReply page = list(f, &request);
    s_expect_page(&page, 3, (uint64_t[]){8, 6, 4}, 3);
    list_free(&page);
    SET(&request, status, "held");
    page = list(f, &request);
    s_expect_page(&page, 0, NULL, 0);
    list_free(&page);
}

SIGNALS_TEST(history_is_bounded_by_the_time_of_receipt) {
    s_fill(f);
    SignalTrail trail;
    cr_assert_eq(get_signal(f, "s-1", &trail), OK);
    int64_t received_at = trail.signal->received_at;
    message_release(SignalTrail_message(), &trail);
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    request.has_from = request.has_to = true;
    request.from = received_at;
    request.to = received_at + 1;
    ListSignalsReply page = list(f, &request);
    cr_assert_eq(page.total, 10);
    cr_assert_eq(page.history_count, 10);
    list_free(&page);
    request.to = received_at;
    page = list(f, &request);
    cr_assert_eq(page.total, 0);
    list_free(&page);
}

/* All pages of four by cursor. */
static void s_walk(signals_fixture_t *f, const char *order, const uint64_t *seqs) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SET(&request, order, order);
    request.has_limit = true;
    request.limit = 4;
    for (size_t at = 0; at < 10; at += 4) {
        ListSignalsReply page = list(f, &request);
        s_expect_page(&page, 10, seqs + at, at == 8 ? 2 : 4);
        cr_assert_eq(page.has_next_cursor, at < 8);
        if (page.has_next_cursor)
            SET(&request, cursor, page.next_cursor);
        list_free(&page);
    }
}

SIGNALS_TEST(a_cursor_walks_through_every_signal_once) {
    s_fill(f);
    s_walk(f, "desc", (uint64_t[]){10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
    s_walk(f, "asc", (uint64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
}

SIGNALS_TEST(signals_that_arrive_meanwhile_do_not_move_the_pages_of_a_cursor) {
    s_fill(f);
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    request.has_limit = true;
    request.limit = 8;
    ListSignalsReply page = list(f, &request);
    SET(&request, cursor, page.next_cursor);
    list_free(&page);
    RouteSignalRequest late = sample("late");
    RouteSignalReply reply;
    cr_assert_eq(route_one(f, &late, &reply), OK);
    route_free(&reply);
    page = list(f, &request);
    s_expect_page(&page, 11, (uint64_t[]){2, 1}, 2);
    list_free(&page);
}

TestSuite(signals_reading, .timeout = 60);

Test(signals_reading, a_bad_cursor_is_a_problem_of_its_field) {
    signals_fixture_t f;
    signals_begin(&f, false);
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SET(&request, cursor, "nonsense");
    ListSignalsReply reply = ListSignalsReply_init_zero;
    Fault fault = Fault_init_zero;
    cr_assert_eq(harness_request(harness_of(&f), &rpc_SignalRouter_ListSignals, &request, &reply, &fault),
                 ERR_VALIDATION_FAILED);
    cr_assert_str_eq(fault.details[0].field, "cursor");
    message_release(Fault_message(), &fault);
    signals_end(&f);
}

Test(signals_reading, an_unknown_signal_is_not_found) {
    signals_fixture_t f;
    SignalTrail trail;
    signals_begin(&f, false);
    cr_assert_eq(get_signal(&f, "nobody", &trail), ERR_NOT_FOUND);
    signals_end(&f);
}

Test(signals_reading, the_cycle_of_a_signal_and_its_free_form_parts_are_kept) {
    signals_fixture_t f;
    SignalTrail trail;
    RouteSignalReply reply;
    RouteSignalRequest request = sample("s-1");
    char metadata[] = "{\"cycle_id\":\"c-1\",\"text\":\"\xc3\xa9\"}";
    request.metadata = metadata;
    request.has_source_seq = true;
    request.source_seq = -3;
    SET(&request, horizon, "1d");
    signals_begin(&f, false);
    publish_running(&f);
    cr_assert_eq(route_one(&f, &request, &reply), OK);
    route_free(&reply);
    cr_assert_eq(get_signal(&f, "s-1", &trail), OK);
    cr_assert_str_eq(trail.signal->cycle_id, "c-1");
    cr_assert_str_eq(trail.signal->metadata, metadata);
    cr_assert(trail.signal->has_source_seq && trail.signal->source_seq == -3);
    cr_assert_str_eq(trail.signal->horizon, "1d");
    message_release(SignalTrail_message(), &trail);
    signals_end(&f);
}
