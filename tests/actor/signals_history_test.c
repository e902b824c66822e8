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

SIGNALS_TEST(signals_that_arrive_meanwhile_do_not_move_the_pages_of_a_cursor_nor_its_total) {
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
    s_expect_page(&page, 10, (uint64_t[]){2, 1}, 2);
    list_free(&page);
    cr_assert_eq(stored_signals(f), 11);
}

SIGNALS_TEST(a_total_that_was_told_before_grows_with_what_arrives) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SET(&request, symbol, "AAPL");
    for (int64_t total = 0; total < 3; total++) {
        char id[16];
        snprintf(id, sizeof id, "s-%d", (int)total);
        ListSignalsReply page = list(f, &request);
        cr_assert_eq(page.total, total);
        list_free(&page);
        RouteSignalRequest more = sample(id);
        route_as(f, &more, "routed");
    }
}

/* Stored with that seq, without an event. */
static void s_add_at(store_write_t *write, int64_t seq, const char *source) {
    char id[32];
    snprintf(id, sizeof id, "at-%d", (int)seq);
    store_write_op(write, "signal_insert", "issssssddisssiiisssssissiin", seq, id, "analysis", source,
                   "execution", "AAPL", "buy", 0.5, 0.75, (int64_t)3, "1d", NULL, NULL, (int64_t)7,
                   (int64_t)1000, (int64_t)2000, "{}", "{}", "expired", NULL, "routing-1", (int64_t)-5, NULL,
                   NULL, (int64_t)1000, (int64_t)1000);
}

/* So far apart that they are not found in one step. */
static void s_fill_sparsely(signals_fixture_t *f) {
    store_write_t *write = store_write_new();
    for (int64_t i = 1; i <= 40; i++)
        s_add_at(write, i * 50000, i % 10 == 0 ? "rare" : "frequent");
    store_write_op(write, "counter_set", "si", "seq", (int64_t)3000000);
    StoreWritten written = commit(&f->store, &write);
    cr_assert_str_eq(written.units[0].code, "OK");
    written_free(&written);
}

SIGNALS_TEST(a_filter_finds_what_is_rare_and_far_back) {
    s_fill_sparsely(f);
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    SET(&request, source, "rare");
    request.has_limit = request.has_offset = true;
    request.limit = 2;
    ListSignalsReply page = list(f, &request);
    s_expect_page(&page, 4, (uint64_t[]){2000000, 1500000}, 2);
    cr_assert(page.has_next_cursor);
    list_free(&page);
    request.offset = 1;
    page = list(f, &request);
    s_expect_page(&page, 4, (uint64_t[]){1500000, 1000000}, 2);
    SET(&request, cursor, page.next_cursor);
    list_free(&page);
    request.offset = 0;
    page = list(f, &request);
    s_expect_page(&page, 4, (uint64_t[]){500000}, 1);
    cr_assert(!page.has_next_cursor);
    list_free(&page);
    request.has_cursor = false;
    SET(&request, order, "asc");
    SET(&request, status, "expired");
    request.offset = 3;
    page = list(f, &request);
    s_expect_page(&page, 4, (uint64_t[]){2000000}, 1);
    list_free(&page);
    SET(&request, status, "held");
    page = list(f, &request);
    s_expect_page(&page, 0, NULL, 0);
    list_free(&page);
}

/* ---- the trail ---- */

static const SignalStep *s_step(const SignalTrail *trail, const char *name) {
    for (size_t i = 0; i < trail->steps_count; i++)
        if (strcmp(trail->steps[i].step, name) == 0)
            return &trail->steps[i];
    return NULL;
}

static void s_expect_steps_in_order(const SignalTrail *trail) {
    cr_assert_str_eq(trail->steps[0].step, "received");
    for (size_t i = 1; i < trail->steps_count; i++)
        cr_assert_leq(trail->steps[i - 1].timestamp, trail->steps[i].timestamp);
}

SIGNALS_TEST(a_trail_tells_who_won_over_whom) {
    SignalTrail trail;
    RouteSignalRequest request = opinion("loser", "AAPL", "sell", 1);
    route_as(f, &request, "routed");
    request = opinion("winner", "AAPL", "buy", 5);
    route_as(f, &request, "routed");
    cr_assert_eq(get_signal(f, "winner", &trail), OK);
    cr_assert(trail.supersedes_count == 1 && strcmp(trail.supersedes[0], "loser") == 0);
    cr_assert_geq(trail.conflicts_count, 1);
    cr_assert(trail.decision && trail.decision->reasons_count > 0);
    cr_assert(s_step(&trail, "routed") && s_step(&trail, "routed")->seq == trail.signal->seq);
    cr_assert(s_step(&trail, "resolved") && s_step(&trail, "resolved")->detail[0]);
    cr_assert(!s_step(&trail, "published"), "there is no stream in this test");
    s_expect_steps_in_order(&trail);
    message_release(SignalTrail_message(), &trail);
    cr_assert_eq(get_signal(f, "loser", &trail), OK);
    cr_assert_geq(trail.conflicts_count, 1);
    cr_assert(s_step(&trail, "routed"));
    cr_assert_str_eq(s_step(&trail, "superseded")->detail, "by winner");
    s_expect_steps_in_order(&trail);
    message_release(SignalTrail_message(), &trail);
}

SIGNALS_TEST(a_trail_names_the_publication_once_the_stream_has_reached_it) {
    SignalTrail trail;
    RouteSignalRequest request = sample("s-1");
    route_as(f, &request, "routed");
    store_write_t *write = store_write_new();
    store_write_op(write, "stream_published_set", "i", (int64_t)1);
    StoreWritten written = commit(&f->store, &write);
    written_free(&written);
    cr_assert_eq(get_signal(f, "s-1", &trail), OK);
    cr_assert(s_step(&trail, "published") && s_step(&trail, "published")->seq == 1);
    message_release(SignalTrail_message(), &trail);
}

SIGNALS_TEST(a_trail_tells_that_a_signal_was_held_and_what_it_became) {
    SignalTrail trail;
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest request = opinion("s-1", "AAPL", "buy", 1);
    route_as(f, &request, "routed");
    request = opinion("s-2", "AAPL", "sell", 5);
    route_as(f, &request, "held");
    cr_assert_eq(get_signal(f, "s-2", &trail), OK);
    cr_assert(s_step(&trail, "held") && !s_step(&trail, "routed"));
    message_release(SignalTrail_message(), &trail);
    ResolveConflictsRequest resolve = ResolveConflictsRequest_init_zero;
    ResolveConflictsReply reply = ResolveConflictsReply_init_zero;
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_ResolveConflicts, &resolve, &reply, NULL),
                 OK);
    message_release(ResolveConflictsReply_message(), &reply);
    cr_assert_eq(get_signal(f, "s-2", &trail), OK);
    cr_assert(s_step(&trail, "held") && s_step(&trail, "resolved") && s_step(&trail, "routed"));
    s_expect_steps_in_order(&trail);
    message_release(SignalTrail_message(), &trail);
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

/* ---- old history that is removed ---- */

static bool s_total_is_two(void *context) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    ListSignalsReply page = list(context, &request);
    bool is = page.total == 2;
    list_free(&page);
    return is;
}

static void s_expect_total(signals_fixture_t *f, const char *source, int64_t total) {
    ListSignalsRequest request = ListSignalsRequest_init_zero;
    if (source)
        SET(&request, source, source);
    ListSignalsReply page = list(f, &request);
    cr_expect_eq(page.total, total, "%s: %d", source ? source : "all", (int)page.total);
    list_free(&page);
    message_release(ListSignalsRequest_message(), &request);
}

SIGNALS_TEST(totals_go_down_with_what_is_removed_and_its_ids_are_free) {
    int64_t old = clock_wall_ms() - 3 * INT64_C(86400000);
    store_write_t *write = store_write_new();
    add_signal(write, "old-1", "AAPL", "macro", old);
    store_write_unit(write);
    add_signal(write, "old-2", "AAPL", "macro", old);
    StoreWritten written = commit(&f->store, &write);
    written_free(&written);
    signals_restart(f); /* counts them, */
    RouteSignalRequest items[] = {sample("new-1"), sample("new-2")};
    RouteSignalsReply reply = route_batch(f, items, 2);
    batch_free(&reply);
    signals_restart(f); /* and has stored that */
    s_expect_total(f, NULL, 4);
    s_expect_total(f, "macro", 4);

    harness_stop_actor(harness_of(f), f->store.writer, HARNESS_MS);
    f->store.config.history_retention_days = 1;
    f->store.writer = harness_actor(harness_of(f), &store_writer_class, &f->store.config, NULL);
    harness_until(s_total_is_two, f, "the total is without what was removed");
    s_expect_total(f, "macro", 2);
    signals_restart(f);
    s_expect_total(f, NULL, 2);
    RouteSignalRequest again = sample("old-1");
    route_as(f, &again, "routed");
    s_expect_total(f, NULL, 3);
}
