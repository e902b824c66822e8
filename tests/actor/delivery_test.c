/* Routed signals reach HTTP targets: at least once, in order per scope, with one key, until they are dead letters. */
#include "delivery/delivery.h"
#include "delivery/lanes.h"
#include "program.h"
#include "signals_fixture.h"
#include "target.h"
#include <sqlite3.h>

typedef struct {
    signals_fixture_t f;
    actor_handle_t *delivery;
    config_signal_route_t routes[2];
    char urls[2][128];
    target_t *target;
} delivery_fixture_t;

/* ---- life ---- */

static void s_start_delivery(delivery_fixture_t *d) {
    d->delivery = harness_actor(harness_of(&d->f), &delivery_class, &d->f.store.config, NULL);
}

static void s_restart_delivery(delivery_fixture_t *d) {
    harness_stop_actor(harness_of(&d->f), d->delivery, HARNESS_MS);
    s_start_delivery(d);
}

/* A route of target "portfolio" to the target of the test. */
static void s_set_route(delivery_fixture_t *d, int64_t max_attempts) {
    snprintf(d->urls[0], sizeof d->urls[0], "http://desk:secret@127.0.0.1:%d/signals",
             target_port(d->target));
    d->routes[0] = (config_signal_route_t){(char *)"portfolio", d->urls[0], max_attempts};
    d->f.store.config.signal_routes = d->routes;
    d->f.store.config.signal_route_count = 1;
    d->f.store.config.adapter_timeout_ms = 5000;
    d->f.store.config.adapter_ca_file = (char *)"";
}

static void s_run(bool on_postgres, target_answer_fn *answer, int64_t max_attempts,
                  void (*body)(delivery_fixture_t *d)) {
    delivery_fixture_t d = {.target = target_start(answer)};
    fixture_begin(&d.f.store, on_postgres);
    if (on_postgres)
        postgres_start(d.f.store.postgres);
    d.f.store.config.signals_default_ttl_seconds = 300;
    d.f.store.config.signals_dedup_window_seconds = 86400;
    s_set_route(&d, max_attempts);
    signals_set_policy(&d.f, "priority_based", "all");
    fixture_start_actors(&d.f.store, NULL);
    s_start_delivery(&d);
    d.f.signals = harness_actor(harness_of(&d.f), &signals_class, &d.f.store.config, NULL);
    publish_running(&d.f);
    body(&d);
    signals_end(&d.f);
    target_stop(&d.target);
}

/* A test on both engines. */
#define DELIVERY_TEST(name, answer, max_attempts)     \
    static void s_##name(delivery_fixture_t *d);      \
    Test(delivery_sqlite, name, .timeout = 90) {      \
        s_run(false, answer, max_attempts, s_##name); \
    }                                                 \
    Test(delivery_postgres, name, .timeout = 150) {   \
        s_run(true, answer, max_attempts, s_##name);  \
    }                                                 \
    static void s_##name(delivery_fixture_t *d)

/* ---- what is asked ---- */

static void s_route(delivery_fixture_t *d, const char *signal_id, const char *symbol) {
    RouteSignalRequest request = opinion(signal_id, symbol, "buy", 3);
    route_as(&d->f, &request, "routed");
}

static ListDeliveriesReply s_list_as(delivery_fixture_t *d, const ListDeliveriesRequest *request) {
    ListDeliveriesReply reply = ListDeliveriesReply_init_zero;
    cr_assert_eq(
        harness_request(harness_of(&d->f), &rpc_SignalDelivery_ListDeliveries, request, &reply, NULL), OK);
    return reply;
}

static void s_list_free(ListDeliveriesReply *reply) {
    message_release(ListDeliveriesReply_message(), reply);
}

static ListDeliveriesReply s_list(delivery_fixture_t *d, const char *status, const char *signal_id) {
    ListDeliveriesRequest request = ListDeliveriesRequest_init_zero;
    if (status)
        SET(&request, status, status);
    if (signal_id)
        SET(&request, signal_id, signal_id);
    return s_list_as(d, &request);
}

static int64_t s_total(delivery_fixture_t *d, const char *status) {
    ListDeliveriesReply reply = s_list(d, status, NULL);
    int64_t total = reply.total;
    s_list_free(&reply);
    return total;
}

/* The one delivery of that signal; released by the caller. */
static Delivery s_delivery(delivery_fixture_t *d, const char *signal_id) {
    ListDeliveriesReply reply = s_list(d, NULL, signal_id);
    Delivery delivery = Delivery_init_zero;
    cr_assert_eq(reply.total, 1, "%lld deliveries of %s", (long long)reply.total, signal_id);
    cr_assert_eq(message_copy(Delivery_message(), &delivery, &reply.deliveries[0]), OK);
    s_list_free(&reply);
    return delivery;
}

static void s_delivery_free(Delivery *delivery) {
    message_release(Delivery_message(), delivery);
}

/* Many take their time on a busy machine: TARGET_MS without any change is too long. */
static void s_await_total(delivery_fixture_t *d, const char *status, int64_t total) {
    long long deadline = 0;
    for (int64_t is, was = -1; (is = s_total(d, status)) != total; was = is) {
        if (is != was)
            deadline = program_now_ms() + TARGET_MS;
        if (!program_look_again(deadline))
            cr_assert_fail("%lld deliveries are %s, not %lld", (long long)is, status, (long long)total);
    }
}

static err_t s_retry(delivery_fixture_t *d, const char *delivery_id, Delivery *delivery) {
    RetryDeliveryRequest request = RetryDeliveryRequest_init_zero;
    MESSAGE_PUT(request.delivery_id, delivery_id);
    *delivery = (Delivery)Delivery_init_zero;
    return harness_request(harness_of(&d->f), &rpc_SignalDelivery_RetryDelivery, &request, delivery, NULL);
}

/* The signal_ids of a symbol in the order in which they came, "a a b ". */
static const char *s_came(delivery_fixture_t *d, const char *symbol) {
    static char text[1024];
    *text = '\0';
    for (size_t i = 0; i < target_count(d->target); i++) {
        const target_request_t *request = target_at(d->target, i);
        if (strcmp(request->symbol, symbol) == 0)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", request->signal_id);
    }
    return text;
}

/* ---- what the target answers ---- */

static int s_503_twice(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    (void)headers;
    return index < 2 ? 503 : 200;
}

static int s_503(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    (void)index;
    (void)headers;
    return 503;
}

static int s_503_five_times(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    (void)headers;
    return index < 5 ? 503 : 200;
}

static int s_422_for_bad(const target_request_t *request, size_t index, char headers[256]) {
    (void)index;
    (void)headers;
    return strncmp(request->signal_id, "bad", 3) == 0 ? 422 : 200;
}

static int s_422_once(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    (void)headers;
    return index == 0 ? 422 : 200;
}

static int s_hang_slow(const target_request_t *request, size_t index, char headers[256]) {
    (void)index;
    (void)headers;
    return strcmp(request->symbol, "SLOW") == 0 ? 0 : 200;
}

static int s_503_then_wait(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    if (index == 0)
        strcpy(headers, "Retry-After: 2\r\n");
    return index == 0 ? 503 : 200;
}

/* ---- tests ---- */

DELIVERY_TEST(a_routed_signal_is_posted_as_it_was_published, NULL, 20) {
    s_route(d, "a", "AAPL");
    target_await(d->target, 1);
    const target_request_t *request = target_at(d->target, 0);
    cr_expect_eq(strncmp(request->head, "POST /signals HTTP/1.1\r\n", 24), 0, "%.40s", request->head);
    cr_expect_str_eq(request->key, "a");
    cr_expect_str_eq(target_header(request, "Content-Type"), "application/json");
    cr_expect_str_eq(target_header(request, "X-Deadline-Ms"), "5000");
    cr_expect_eq(strlen(target_header(request, "traceparent")), 55);
    cr_expect_neq(*target_header(request, "X-Request-ID"), '\0');
    cr_expect_neq(*target_header(request, "Authorization"), '\0', "the credentials of the url");
    cr_expect_str_eq(json_string_value(json_object_get(request->body, "status")), "routed");
    cr_expect_str_eq(json_string_value(json_object_get(request->body, "source")), "macro");
    cr_expect_eq(json_integer_value(json_object_get(request->body, "seq")), 1);
    cr_expect_eq(json_number_value(json_object_get(request->body, "strength")), 0.8);
    s_await_total(d, "delivered", 1);
    Delivery delivery = s_delivery(d, "a");
    cr_expect_str_eq(delivery.status, "delivered");
    cr_expect_eq(delivery.attempts, 1);
    cr_expect_eq(delivery.max_attempts, 20);
    cr_expect_eq(delivery.last_status, 200);
    cr_expect_null(delivery.last_error);
    cr_expect(delivery.has_delivered_at && delivery.delivered_at >= delivery.created_at);
    cr_expect_not(delivery.has_next_attempt_at);
    cr_expect_null(strstr(delivery.url, "secret"), "%s", delivery.url);
    s_delivery_free(&delivery);
}

DELIVERY_TEST(every_attempt_has_the_same_key_and_body, s_503_twice, 20) {
    s_route(d, "a", "AAPL");
    s_await_total(d, "delivered", 1);
    cr_assert_eq(target_count(d->target), 3);
    const target_request_t *first = target_at(d->target, 0);
    for (size_t i = 1; i < 3; i++) {
        const target_request_t *again = target_at(d->target, i);
        cr_expect_str_eq(again->key, "a");
        cr_expect(json_equal(again->body, first->body));
        cr_expect_str_eq(target_header(again, "X-Request-ID"), target_header(first, "X-Request-ID"));
        cr_expect_eq(strncmp(target_header(again, "traceparent"), target_header(first, "traceparent"), 35),
                     0);
        cr_expect_str_neq(target_header(again, "traceparent"), target_header(first, "traceparent"));
    }
    Delivery delivery = s_delivery(d, "a");
    cr_expect_eq(delivery.attempts, 3);
    s_delivery_free(&delivery);
}

DELIVERY_TEST(the_signals_of_a_scope_come_in_order_whatever_fails, s_503_twice, 20) {
    s_route(d, "a", "AAPL");
    s_route(d, "b", "AAPL");
    s_route(d, "c", "AAPL");
    s_await_total(d, "delivered", 3);
    cr_expect_str_eq(s_came(d, "AAPL"), "a a a b c ");
}

DELIVERY_TEST(a_scope_that_hangs_holds_up_no_other, s_hang_slow, 20) {
    s_route(d, "s1", "SLOW");
    s_route(d, "s2", "SLOW");
    for (int i = 0; i < 40; i++) {
        char signal_id[16], symbol[16];
        snprintf(signal_id, sizeof signal_id, "f%d", i);
        snprintf(symbol, sizeof symbol, "F%d", i);
        s_route(d, signal_id, symbol);
    }
    s_await_total(d, "delivered", 40);
    cr_expect_str_eq(s_came(d, "SLOW"), "s1 ", "the next one waits for the one before");
    target_release(d->target);
    s_await_total(d, "delivered", 42);
    cr_expect_str_eq(s_came(d, "SLOW"), "s1 s1 s2 ");
}

DELIVERY_TEST(after_the_last_attempt_it_is_a_dead_letter_and_the_next_one_goes, s_503_twice, 2) {
    s_route(d, "a", "AAPL");
    s_route(d, "b", "AAPL");
    s_await_total(d, "delivered", 1);
    Delivery delivery = s_delivery(d, "a");
    cr_expect_str_eq(delivery.status, "dead");
    cr_expect_eq(delivery.attempts, 2);
    cr_expect_eq(delivery.last_status, 503);
    cr_expect(strstr(delivery.last_error, "503"), "%s", delivery.last_error);
    cr_expect_not(delivery.has_next_attempt_at);
    s_delivery_free(&delivery);
    cr_expect_str_eq(s_came(d, "AAPL"), "a a b ");
}

DELIVERY_TEST(a_refusal_is_not_tried_again, s_422_for_bad, 20) {
    s_route(d, "bad", "AAPL");
    s_route(d, "good", "AAPL");
    s_await_total(d, "delivered", 1);
    cr_expect_str_eq(s_came(d, "AAPL"), "bad good ");
    Delivery delivery = s_delivery(d, "bad");
    cr_expect_str_eq(delivery.status, "dead");
    cr_expect_eq(delivery.attempts, 1);
    cr_expect(strstr(delivery.last_error, "HTTP 422"), "%s", delivery.last_error);
    s_delivery_free(&delivery);
}

DELIVERY_TEST(retry_after_is_honoured, s_503_then_wait, 20) {
    s_route(d, "a", "AAPL");
    s_await_total(d, "delivered", 1);
    long long waited_ms = target_at(d->target, 1)->at_ms - target_at(d->target, 0)->at_ms;
    cr_expect_geq(waited_ms, 1990);
}

DELIVERY_TEST(while_the_circuit_is_open_nothing_is_sent, s_503_five_times, 7) {
    s_route(d, "a", "AAPL");
    target_await(d->target, 5);
    s_route(d, "b", "MSFT");
    s_await_total(d, "delivered", 2);
    long long open_ms = target_at(d->target, 5)->at_ms - target_at(d->target, 4)->at_ms;
    cr_expect_geq(open_ms, 4900);
    cr_expect_eq(target_count(d->target), 7);
    Delivery delivery = s_delivery(d, "a");
    cr_expect_eq(delivery.attempts, 6);
    s_delivery_free(&delivery);
    delivery = s_delivery(d, "b");
    cr_expect_eq(delivery.attempts, 1, "the open circuit used up none");
    s_delivery_free(&delivery);
}

DELIVERY_TEST(a_dead_letter_is_sent_again_on_request, s_422_once, 20) {
    Delivery delivery, answer;
    s_route(d, "a", "AAPL");
    s_await_total(d, "dead", 1);
    delivery = s_delivery(d, "a");
    cr_assert_eq(s_retry(d, delivery.delivery_id, &answer), OK);
    cr_expect_str_eq(answer.status, "pending");
    cr_expect_eq(answer.attempts, 0);
    cr_expect_eq(answer.max_attempts, 20);
    s_delivery_free(&answer);
    s_await_total(d, "delivered", 1);
    cr_expect_str_eq(target_at(d->target, 1)->key, "a");
    cr_expect(json_equal(target_at(d->target, 0)->body, target_at(d->target, 1)->body));
    cr_expect_eq(s_retry(d, delivery.delivery_id, &answer), ERR_CONFLICT, "it is delivered");
    cr_expect_eq(s_retry(d, "no-such-delivery", &answer), ERR_NOT_FOUND);
    s_delivery_free(&delivery);
}

DELIVERY_TEST(only_what_is_routed_is_delivered, NULL, 20) {
    signals_restart_with(&d->f, "priority_based", "none");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 3);
    route_as(&d->f, &buy, "routed");
    route_as(&d->f, &sell, "held");
    signals_restart_with(&d->f, "priority_based", "all");
    RouteSignalRequest strong = opinion("strong", "MSFT", "buy", 5),
                       weak = opinion("weak", "MSFT", "sell", 1);
    route_as(&d->f, &strong, "routed");
    route_as(&d->f, &weak, "rejected");
    RouteSignalRequest other = opinion("other", "AAPL", "buy", 3);
    SET(&other, target, "execution");
    route_as(&d->f, &other, "routed"); /* of a target without a route */
    s_await_total(d, "delivered", 2);
    cr_expect_eq(s_total(d, "all"), 2);
    cr_expect_str_eq(s_came(d, "AAPL"), "buy ");
    cr_expect_str_eq(s_came(d, "MSFT"), "strong ");
}

DELIVERY_TEST(a_held_signal_is_delivered_when_it_comes_to_be_routed, NULL, 20) {
    ResolveConflictsRequest request = ResolveConflictsRequest_init_zero;
    ResolveConflictsReply reply = ResolveConflictsReply_init_zero;
    signals_restart_with(&d->f, "priority_based", "none");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 3);
    route_as(&d->f, &buy, "routed");
    route_as(&d->f, &sell, "held");
    SET(&request, winner_signal_id, "sell");
    cr_assert_eq(
        harness_request(harness_of(&d->f), &rpc_SignalRouter_ResolveConflicts, &request, &reply, NULL), OK);
    cr_assert_eq(reply.resolved, 1);
    message_release(ResolveConflictsReply_message(), &reply);
    s_await_total(d, "delivered", 2);
    cr_expect_str_eq(s_came(d, "AAPL"), "buy sell ");
    json_t *body = target_at(d->target, 1)->body;
    cr_expect_str_eq(json_string_value(json_object_get(body, "status")), "routed");
    cr_expect_str_eq(json_string_value(json_object_get(body, "signal_type")), "analysis");
    cr_expect_eq(json_integer_value(json_object_get(body, "seq")), 2, "its own, not that of the resolution");
}

DELIVERY_TEST(what_waits_is_delivered_after_a_restart, s_hang_slow, 20) {
    s_route(d, "s1", "SLOW");
    s_route(d, "s2", "SLOW");
    target_await(d->target, 1);
    harness_stop_actor(harness_of(&d->f), d->delivery, HARNESS_MS);
    s_route(d, "s3", "SLOW"); /* nobody hears of it */
    target_release(d->target);
    s_start_delivery(d);
    s_await_total(d, "delivered", 3);
    cr_expect_str_eq(s_came(d, "SLOW"), "s1 s1 s2 s3 ");
    Delivery delivery = s_delivery(d, "s1");
    cr_expect_eq(delivery.attempts, 1, "an attempt without an outcome does not count");
    s_delivery_free(&delivery);
}

DELIVERY_TEST(a_url_that_is_no_longer_configured_gets_what_waits_for_it, s_hang_slow, 20) {
    s_route(d, "s1", "SLOW");
    target_await(d->target, 1);
    d->f.store.config.signal_route_count = 0;
    signals_restart_with(&d->f, "priority_based", "all");
    target_release(d->target);
    s_restart_delivery(d);
    s_await_total(d, "delivered", 1);
    s_route(d, "later", "SLOW");
    cr_expect_eq(s_total(d, "all"), 1);
}

DELIVERY_TEST(each_route_of_a_target_has_its_own_delivery, NULL, 20) {
    target_t *second = target_start(NULL);
    snprintf(d->urls[1], sizeof d->urls[1], "http://127.0.0.1:%d/other", target_port(second));
    d->routes[1] = (config_signal_route_t){(char *)"portfolio", d->urls[1], 3};
    d->f.store.config.signal_route_count = 2;
    signals_restart_with(&d->f, "priority_based", "all");
    s_route(d, "a", "AAPL");
    s_await_total(d, "delivered", 2);
    cr_expect_eq(target_count(d->target), 1);
    cr_expect_eq(target_count(second), 1);
    cr_expect_str_eq(target_at(second, 0)->key, "a");
    target_stop(&second);
}

DELIVERY_TEST(a_target_that_is_down_costs_the_others_nothing, NULL, 20) {
    strcpy(d->urls[1], "http://127.0.0.1:9/nobody");
    d->routes[1] = (config_signal_route_t){(char *)"portfolio", d->urls[1], 20};
    d->f.store.config.signal_route_count = 2;
    signals_restart_with(&d->f, "priority_based", "all");
    for (int i = 0; i < 30; i++) {
        char signal_id[16], symbol[16];
        snprintf(signal_id, sizeof signal_id, "f%d", i);
        snprintf(symbol, sizeof symbol, "F%d", i);
        s_route(d, signal_id, symbol);
    }
    s_await_total(d, "delivered", 30);
    cr_expect_eq(s_total(d, "pending"), 30);
}

DELIVERY_TEST(deliveries_are_listed_newest_first_by_status_target_and_signal, s_422_for_bad, 20) {
    ListDeliveriesRequest request = ListDeliveriesRequest_init_zero;
    s_route(d, "bad-1", "AAPL");
    s_route(d, "good-1", "AAPL");
    s_route(d, "bad-2", "MSFT");
    s_await_total(d, "pending", 0);
    ListDeliveriesReply reply = s_list(d, "all", NULL);
    cr_assert_eq(reply.total, 3);
    cr_expect_eq(reply.limit, 20);
    cr_expect_str_eq(reply.deliveries[0].signal_id, "bad-2");
    cr_expect_str_eq(reply.deliveries[1].signal_id, "good-1");
    cr_expect_str_eq(reply.deliveries[2].signal_id, "bad-1");
    s_list_free(&reply);
    cr_expect_eq(s_total(d, "dead"), 2);
    cr_expect_eq(s_total(d, "delivered"), 1);
    SET(&request, target, "execution");
    reply = s_list_as(d, &request);
    cr_expect_eq(reply.total, 0);
    s_list_free(&reply);
    reply = s_list(d, "delivered", "bad-1");
    cr_expect_eq(reply.total, 0);
    s_list_free(&reply);
    SET(&request, target, "portfolio");
    SET(&request, status, "dead");
    request.has_limit = request.has_offset = true;
    request.limit = request.offset = 1;
    reply = s_list_as(d, &request);
    cr_expect(reply.total == 2 && reply.deliveries_count == 1);
    cr_expect_str_eq(reply.deliveries[0].signal_id, "bad-1");
    s_list_free(&reply);
}

/* A body is read from the event that routed the signal; when that is no longer kept, from the signal's row. */
static void s_forget_events(delivery_fixture_t *d) {
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/integration.db", d->f.store.dir);
    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, HARNESS_MS);
    cr_assert_eq(sqlite3_exec(db, "DELETE FROM stream_events", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void s_the_event_is_gone(delivery_fixture_t *d) {
    s_route(d, "s1", "SLOW");
    target_await(d->target, 1);
    s_forget_events(d);
    target_release(d->target);
    s_await_total(d, "delivered", 1);
    cr_assert_eq(target_count(d->target), 2);
    cr_expect(json_equal(target_at(d->target, 0)->body, target_at(d->target, 1)->body));
}

Test(delivery_sqlite, a_signal_whose_event_is_gone_is_delivered_from_its_row, .timeout = 60) {
    s_run(false, s_hang_slow, 20, s_the_event_is_gone);
}

enum { SCOPES = 9000 /* more than have room */, SCOPES_A_BATCH = 1000 };

static void s_route_scopes(delivery_fixture_t *d, int first) {
    RouteSignalRequest *items = calloc(SCOPES_A_BATCH, sizeof *items);
    cr_assert(items);
    for (int i = 0; i < SCOPES_A_BATCH; i++) {
        char signal_id[16], symbol[16];
        snprintf(signal_id, sizeof signal_id, "f%d", first + i);
        snprintf(symbol, sizeof symbol, "F%d", first + i);
        items[i] = opinion(signal_id, symbol, "buy", 3);
    }
    RouteSignalsReply reply = route_batch(&d->f, items, SCOPES_A_BATCH);
    cr_assert_eq(reply.accepted, SCOPES_A_BATCH);
    batch_free(&reply);
    free(items);
}

static int s_hang_all(const target_request_t *request, size_t index, char headers[256]) {
    (void)request;
    (void)index;
    (void)headers;
    return 0;
}

static void s_more_scopes_than_room(delivery_fixture_t *d) {
    cr_assert_gt(SCOPES, LANES_MOST);
    d->f.store.config.adapter_timeout_ms = DELIVERY_TIMEOUT_MS;
    s_restart_delivery(d);
    s_route_scopes(d, 0);
    s_await_total(d, "pending", SCOPES_A_BATCH);
    cr_expect_leq(target_count(d->target), DELIVERY_IN_FLIGHT);
    for (int first = SCOPES_A_BATCH; first < SCOPES; first += SCOPES_A_BATCH)
        s_route_scopes(d, first);
    s_await_total(d, "pending", SCOPES);
    target_release(d->target);
    s_await_total(d, "delivered", SCOPES);
}

Test(delivery_sqlite, scopes_without_room_have_their_turn_later, .timeout = 120) {
    s_run(false, s_hang_all, 20, s_more_scopes_than_room);
}

static bool s_gauges_are_right(void *context) {
    delivery_fixture_t *d = context;
    return harness_metric(harness_of(&d->f), "delivery", "deliveries_dead") == 1 &&
           harness_metric(harness_of(&d->f), "delivery", "deliveries_pending") == 0;
}

DELIVERY_TEST(pending_and_dead_ones_are_counted, s_503, 1) {
    s_route(d, "a", "AAPL");
    s_await_total(d, "dead", 1);
    harness_until(s_gauges_are_right, d, "one dead letter is counted");
}
