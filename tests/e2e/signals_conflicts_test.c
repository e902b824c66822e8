/* Conflicts from REST to the store: who wins and why, held signals and their resolution, simulation, clean-up. */
#include "signals_fixture.h"

/* ---- conflicts ---- */

static void s_setup_holding(void) {
    s_open();
    instance_set(&s_instance, "SIGNALS_AUTO_RESOLVE=none");
    s_start();
}

TestSuite(conflicts, .init = s_setup, .fini = s_teardown, .timeout = 60);
TestSuite(held, .init = s_setup_holding, .fini = s_teardown, .timeout = 60);

static const rest_reply_t *s_route_opinion(const char *path, const char *signal_id, const char *side,
                                           int priority) {
    char body[512];
    snprintf(
        body, sizeof body,
        "{\"signal_id\":\"%s\",\"signal_type\":\"t\",\"source\":\"%s\",\"target\":\"desk\",\"symbol\":\"AAPL\","
        "\"side\":\"%s\",\"priority\":%d,\"strength\":0.8,\"confidence\":0.5}",
        signal_id, signal_id, side, priority);
    return rest_post_ok(s_rest, path, body);
}

Test(conflicts, the_winner_is_told_whom_it_won_over) {
    s_subscribe("conflict/desk/");
    s_route_opinion(ROUTE, "buy-1", "buy", 3);
    const rest_reply_t *reply = s_route_opinion(ROUTE, "sell-1", "sell", 4);
    cr_expect_str_eq(rest_text(reply, "data.status"), "routed");
    cr_expect_str_eq(rest_text(reply, "data.conflicts_detected.0.conflict_type"), "direction_conflict");
    cr_expect_str_eq(rest_text(reply, "data.conflicts_detected.0.severity"), "high");
    cr_expect_str_eq(rest_text(reply, "data.conflicts_detected.0.status"), "resolved");
    cr_expect_eq(json_array_size(rest_at(reply, "data.conflicts_detected.0.signals")), 2);
    cr_expect_str_eq(rest_text(reply, "data.conflicts_resolved.0.resolution_result"), "success");
    cr_expect_str_eq(rest_text(reply, "data.conflicts_resolved.0.winner_signal_id"), "sell-1");
    cr_expect_str_eq(rest_text(reply, "data.decision.strategy"), "priority_based");
    cr_expect_str_eq(rest_text(reply, "data.decision.winner_signal_id"), "sell-1");
    cr_expect_str_eq(rest_text(reply, "data.decision.loser_signal_ids.0"), "buy-1");
    cr_expect(json_array_size(rest_at(reply, "data.decision.scores")) == 2);
    cr_expect(json_array_size(rest_at(reply, "data.decision.reasons")) > 0);
    cr_expect_str_eq(rest_text(reply, "data.routed_signals.0.decision.winner_signal_id"), "sell-1");
    stream_message_t message;
    stream_client_next(s_stream, &message);
    cr_expect_str_eq(message.topic, "conflict/desk/AAPL");
    cr_expect_str_eq(message.header.schema, "integration.v1.Conflict");
    stream_message_free(&message);
    reply = rest_get_ok(s_rest, "/api/v1/signals/buy-1");
    cr_expect_str_eq(rest_text(reply, "data.signal.status"), "superseded");
    cr_expect_str_eq(rest_text(reply, "data.signal.superseded_by"), "sell-1");
    cr_expect_eq(rest_number(rest_get_ok(s_rest, "/api/v1/signals/conflicts"), "data.total"), 0);
    reply = rest_get_ok(s_rest, "/api/v1/signals/conflicts?status=all&type=direction_conflict&target=desk");
    cr_expect_eq(rest_number(reply, "data.total"), 1);
    cr_expect_eq(rest_number(reply, "data.limit"), 20);
    cr_expect_str_eq(rest_text(reply, "data.conflicts.0.resolution.winner_signal_id"), "sell-1");
    cr_expect_status(rest_get(s_rest, "/api/v1/signals/conflicts?severity=fatal"), 400);
}

Test(conflicts, the_loser_is_rejected_and_still_stored) {
    s_route_opinion(ROUTE, "buy-1", "buy", 3);
    const rest_reply_t *reply = s_route_opinion(ROUTE, "sell-1", "sell", 2);
    cr_expect_str_eq(rest_text(reply, "data.status"), "rejected");
    cr_expect_eq(json_array_size(rest_at(reply, "data.routed_signals")), 0);
    cr_expect_eq(rest_number(reply, "data.success_rate"), 0);
    reply = rest_get_ok(s_rest, HISTORY "?status=rejected");
    cr_expect_eq(rest_number(reply, "data.total"), 1);
    cr_expect_str_eq(rest_text(reply, "data.history.0.decision.winner_signal_id"), "buy-1");
}

Test(conflicts, a_simulation_tells_and_changes_nothing) {
    s_route_opinion(ROUTE, "buy-1", "buy", 3);
    const rest_reply_t *reply = s_route_opinion("/api/v1/signals/simulate", "sell-1", "sell", 5);
    cr_expect_str_eq(rest_text(reply, "data.status"), "routed");
    cr_expect_str_eq(rest_text(reply, "data.decision.loser_signal_ids.0"), "buy-1");
    cr_expect_eq(rest_number(reply, "data.active_in_scope"), 1);
    cr_expect_eq(json_array_size(rest_at(reply, "data.conflicts_detected")), 2);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY), "data.total"), 1);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, "/api/v1/signals/conflicts?status=all"), "data.total"), 0);
}

Test(conflicts, are_met_after_a_crash) {
    s_route_opinion(ROUTE, "buy-1", "buy", 3);
    instance_kill(&s_instance);
    s_start();
    cr_expect_str_eq(rest_text(s_route_opinion(ROUTE, "sell-1", "sell", 2), "data.status"), "rejected");
}

Test(conflicts, cleanup_expires_what_is_past_its_time) {
    cr_assert_status(s_route_at("expiry_time", 1), 200);
    s_route_opinion(ROUTE, "buy-1", "buy", 3);
    double cleaned = 0, remaining = 0;
    for (time_t until = time(NULL) + 20; cleaned == 0 && time(NULL) < until;) {
        const rest_reply_t *reply = rest_post_ok(s_rest, "/api/v1/signals/cleanup", NULL);
        cleaned = rest_number(reply, "data.cleaned");
        remaining = rest_number(reply, "data.active_remaining");
        cr_expect(*rest_text(reply, "data.timestamp"));
    }
    cr_expect(cleaned == 1 && remaining == 1);
    cr_expect_eq(rest_number(rest_get_ok(s_rest, HISTORY "?status=expired"), "data.total"), 1);
}

Test(held, a_signal_waits_for_the_resolution) {
    char path[128], body[192];
    s_route_opinion(ROUTE, "buy-1", "buy", 3);
    const rest_reply_t *reply = s_route_opinion(ROUTE, "sell-1", "sell", 3);
    cr_expect_str_eq(rest_text(reply, "data.status"), "held");
    cr_expect_eq(json_array_size(rest_at(reply, "data.conflicts_resolved")), 0);
    reply = rest_get_ok(s_rest, "/api/v1/signals/conflicts");
    cr_expect_eq(rest_number(reply, "data.total"), 1);
    cr_expect_str_eq(rest_text(reply, "data.conflicts.0.status"), "open");
    cr_expect(json_is_null(rest_at(reply, "data.conflicts.0.resolution")));
    snprintf(body, sizeof body, "{\"conflict_id\":\"%s\",\"winner_signal_id\":\"sell-1\",\"note\":\"ok\"}",
             rest_text(reply, "data.conflicts.0.conflict_id"));
    reply = rest_post(s_rest, "/api/v1/signals/resolve", "{\"conflict_ids\":[]}"); /* none, not all */
    cr_expect_status(reply, 400);
    cr_expect_str_eq(rest_text(reply, "details.0.field"), "conflict_ids");
    reply = rest_post_ok(s_rest, "/api/v1/signals/resolve", body);
    cr_expect_eq(rest_number(reply, "data.resolved"), 1);
    cr_expect_eq(rest_number(reply, "data.failed"), 0);
    cr_expect_str_eq(rest_text(reply, "data.resolutions.0.strategy"), "manual");
    cr_expect_str_eq(rest_text(reply, "data.resolutions.0.resolution_result"), "success");
    cr_expect_str_eq(rest_text(reply, "data.resolutions.0.winner_signal_id"), "sell-1");
    cr_expect_str_eq(rest_text(reply, "data.resolutions.0.loser_signal_ids.0"), "buy-1");
    cr_expect_str_eq(rest_text(reply, "data.resolutions.0.note"), "ok");
    snprintf(path, sizeof path, "/api/v1/signals/sell-1");
    cr_expect_str_eq(rest_text(rest_get_ok(s_rest, path), "data.signal.status"), "routed");
    reply = rest_post(s_rest, "/api/v1/signals/resolve", body);
    cr_expect_status(reply, 409);
    cr_expect_str_eq(rest_text(reply, "error_code"), "ALREADY_RESOLVED");
    cr_expect_status(rest_post(s_rest, "/api/v1/signals/resolve", "{\"conflict_id\":\"none\"}"), 404);
    cr_expect_status(rest_post(s_rest, "/api/v1/signals/resolve", "{\"strategy\":\"manual\"}"), 400);
    reply = rest_post_ok(s_rest, "/api/v1/signals/resolve", NULL);
    cr_expect_eq(rest_number(reply, "data.resolved"), 0);
}

Test(held, all_open_conflicts_are_resolved_once_with_a_key) {
    s_route_opinion(ROUTE, "buy-1", "buy", 3);
    s_route_opinion(ROUTE, "sell-1", "sell", 3);
    char first[64];
    const rest_reply_t *reply = rest_post_key(s_rest, "/api/v1/signals/resolve", "k-1", "{}");
    cr_assert_status(reply, 200);
    cr_expect_eq(rest_number(reply, "data.resolved"), 1);
    snprintf(first, sizeof first, "%s", rest_text(reply, "data.resolutions.0.resolution_id"));
    reply = rest_post_key(s_rest, "/api/v1/signals/resolve", "k-1", "{}");
    cr_assert_status(reply, 200);
    cr_expect_str_eq(rest_text(reply, "data.resolutions.0.resolution_id"), first);
    cr_expect_str_eq(rest_header(reply, "Idempotent-Replay"), "true");
}
