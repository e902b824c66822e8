/* Held signals and the resolution of their conflicts. */
#include "signals_fixture.h"

static ResolveConflictsRequest s_request(const char *conflict_id, const char *strategy, const char *winner) {
    ResolveConflictsRequest request = ResolveConflictsRequest_init_zero;
    if (conflict_id)
        SET(&request, conflict_id, conflict_id);
    if (strategy)
        SET(&request, strategy, strategy);
    if (winner)
        SET(&request, winner_signal_id, winner);
    return request;
}

/* The reply is released by the caller. */
static err_t s_try(signals_fixture_t *f, const ResolveConflictsRequest *request, ResolveConflictsReply *reply,
                   Fault *fault) {
    *reply = (ResolveConflictsReply)ResolveConflictsReply_init_zero;
    return harness_request(harness_of(f), &rpc_SignalRouter_ResolveConflicts, request, reply, fault);
}

static ResolveConflictsReply s_resolve(signals_fixture_t *f, const ResolveConflictsRequest *request) {
    ResolveConflictsReply reply;
    Fault fault = Fault_init_zero;
    err_t err = s_try(f, request, &reply, &fault);
    cr_assert_eq(err, OK, "%s: %s", err_name(err), fault.message ? fault.message : "");
    return reply;
}

static void s_free(ResolveConflictsReply *reply) {
    message_release(ResolveConflictsReply_message(), reply);
}

static void s_resolve_counting(signals_fixture_t *f, const ResolveConflictsRequest *request,
                               uint32_t resolved, uint32_t failed) {
    ResolveConflictsReply reply = s_resolve(f, request);
    cr_assert(reply.resolved == resolved && reply.failed == failed, "%u resolved, %u failed", reply.resolved,
              reply.failed);
    cr_assert_eq(reply.resolutions_count, resolved + failed);
    s_free(&reply);
}

/* Refused, and nothing is changed: `field` is in the details. */
static void s_refused(signals_fixture_t *f, const ResolveConflictsRequest *request, err_t expected,
                      const char *field) {
    ResolveConflictsReply reply;
    Fault fault = Fault_init_zero;
    cr_assert_eq(s_try(f, request, &reply, &fault), expected);
    if (field) {
        cr_assert_gt(fault.details_count, 0);
        cr_assert_str_eq(fault.details[0].field, field);
    }
    message_release(Fault_message(), &fault);
}

static char *s_open_conflict(signals_fixture_t *f) {
    ListConflictsReply list = conflicts_of(f, "open");
    cr_assert_gt(list.conflicts_count, 0);
    char *id = message_strdup(list.conflicts[0].conflict_id);
    conflict_list_free(&list);
    return id;
}

/* "buy" is routed; "sell" is held for one conflict with it. Returns the conflict's id. */
static char *s_hold(signals_fixture_t *f) {
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), sell = opinion("sell", "AAPL", "sell", 3);
    route_as(f, &buy, "routed");
    sell.confidence = 0.5;
    RouteSignalReply reply = route_expecting(f, &sell, "held");
    cr_assert_eq(reply.routed_signals_count, 0);
    cr_assert_eq(reply.conflicts_detected_count, 1);
    cr_assert_eq(reply.conflicts_resolved_count, 0);
    cr_assert_str_eq(reply.conflicts_detected[0].status, "open");
    route_free(&reply);
    return s_open_conflict(f);
}

SIGNALS_TEST(a_held_signal_is_stored_and_published_and_not_active) {
    free(s_hold(f));
    expect_stored(f, "sell", "held", NULL);
    expect_stored(f, "buy", "routed", NULL);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    uint64_t seq;
    Signal published = next_signal(f, "sell", "held", &seq);
    cr_assert_eq(published.seq, seq);
    message_release(Signal_message(), &published);
    RouteSignalRequest same_side = opinion("buy-2", "AAPL", "buy", 3);
    route_as(f, &same_side, "routed");
}

SIGNALS_TEST(the_named_winner_of_a_conflict_wins) {
    char *id = s_hold(f);
    ResolveConflictsRequest request = s_request(id, NULL, "sell");
    request.note = (char *)"the desk said so";
    ResolveConflictsReply reply = s_resolve(f, &request);
    cr_assert(reply.resolved == 1 && reply.failed == 0 && reply.resolutions_count == 1);
    const Resolution *resolution = &reply.resolutions[0];
    cr_assert_str_eq(resolution->conflict_id, id);
    cr_assert_str_eq(resolution->strategy, "manual");
    cr_assert_str_eq(resolution->resolution_result, "success");
    cr_assert_str_eq(resolution->winner_signal_id, "sell");
    cr_assert_str_eq(resolution->loser_signal_ids[0], "buy");
    cr_assert_str_eq(resolution->note, "the desk said so");
    cr_assert(resolution->resolution_time > 0 && resolution->timestamp > 0);
    s_free(&reply);
    expect_stored(f, "sell", "routed", NULL);
    expect_stored(f, "buy", "superseded", "sell");
    expect_conflicts(f, "open", 0);
    ListConflictsReply list = conflicts_of(f, "resolved");
    cr_assert_str_eq(list.conflicts[0].resolution->winner_signal_id, "sell");
    conflict_list_free(&list);
    uint64_t seq;
    Signal published = next_signal(f, "sell", "routed", &seq);
    cr_assert_lt(published.seq, seq);
    cr_assert_str_eq(published.signal_type, "analysis");
    message_release(Signal_message(), &published);
    signals_restart_with(f, "priority_based", "all");
    RouteSignalRequest weak = opinion("weak", "AAPL", "buy", 2);
    route_as(f, &weak, "rejected"); /* by the one that was held */
    free(id);
}

SIGNALS_TEST(a_held_signal_that_loses_is_rejected) {
    char *id = s_hold(f);
    ResolveConflictsRequest request = s_request(id, "priority_based", NULL);
    ResolveConflictsReply reply = s_resolve(f, &request);
    cr_assert_str_eq(reply.resolutions[0].winner_signal_id, "buy");
    cr_assert_gt(reply.resolutions[0].scores_count, 0);
    s_free(&reply);
    expect_stored(f, "sell", "rejected", NULL);
    expect_stored(f, "buy", "routed", NULL);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    free(id);
}

SIGNALS_TEST(what_cannot_be_resolved_is_refused) {
    char *id = s_hold(f);
    ResolveConflictsRequest request = s_request("no-such", NULL, NULL);
    s_refused(f, &request, ERR_NOT_FOUND, "conflict_id");
    char *named[] = {"no-such"};
    request = s_request(NULL, NULL, NULL);
    request.conflict_ids = named;
    request.conflict_ids_count = 1;
    s_refused(f, &request, ERR_NOT_FOUND, "conflict_ids");
    request = s_request(id, "manual", NULL);
    s_refused(f, &request, ERR_VALIDATION_FAILED, "winner_signal_id");
    request = s_request(id, "hybrid", "sell");
    s_refused(f, &request, ERR_VALIDATION_FAILED, "winner_signal_id");
    request = s_request(id, NULL, "stranger");
    s_refused(f, &request, ERR_VALIDATION_FAILED, "winner_signal_id");
    expect_stored(f, "sell", "held", NULL);
    request = s_request(id, NULL, NULL);
    s_resolve_counting(f, &request, 1, 0);
    s_refused(f, &request, ERR_ALREADY_RESOLVED, "conflict_id");
    request = s_request(NULL, NULL, NULL);
    s_resolve_counting(f, &request, 0, 0);
    free(id);
}

/* "new" is held for two conflicts, with "a" of AAPL and "m" of MSFT. */
static void s_hold_twice(signals_fixture_t *f, int32_t priority) {
    static char data[] = "{\"symbols\":[\"AAPL\",\"MSFT\"]}";
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest a = opinion("a", "AAPL", "buy", 2), m = opinion("m", "MSFT", "buy", 3);
    RouteSignalRequest newcomer = opinion("new", "X", "sell", priority);
    newcomer.has_symbol = false;
    newcomer.data = data;
    route_as(f, &a, "routed");
    route_as(f, &m, "routed");
    route_as(f, &newcomer, "held");
}

static char *s_direction_conflict_of(signals_fixture_t *f, const char *symbol) {
    ListConflictsReply list = conflicts_of(f, "open");
    char *id = NULL;
    for (size_t i = 0; i < list.conflicts_count; i++)
        if (strcmp(list.conflicts[i].symbol, symbol) == 0 &&
            strcmp(list.conflicts[i].conflict_type, "direction_conflict") == 0)
            id = message_strdup(list.conflicts[i].conflict_id);
    conflict_list_free(&list);
    cr_assert(id);
    return id;
}

SIGNALS_TEST(a_held_signal_is_routed_after_its_last_conflict) {
    s_hold_twice(f, 3);
    char *first = s_direction_conflict_of(f, "AAPL"), *last = s_direction_conflict_of(f, "MSFT");
    ResolveConflictsRequest request = s_request(first, NULL, "new");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "new", "held", NULL);
    expect_stored(f, "a", "superseded", "new");
    request = s_request(last, NULL, "new");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "new", "routed", NULL);
    expect_stored(f, "m", "superseded", "new");
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    free(first);
    free(last);
}

SIGNALS_TEST(a_held_signal_that_lost_once_leaves_its_other_conflicts_closed) {
    s_hold_twice(f, 3);
    char *id = s_direction_conflict_of(f, "MSFT");
    ResolveConflictsRequest request = s_request(id, NULL, "m");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "new", "rejected", NULL);
    expect_stored(f, "a", "routed", NULL);
    expect_stored(f, "m", "routed", NULL);
    expect_conflicts(f, "open", 0);
    ListConflictsReply list = conflicts_of(f, "resolved");
    for (size_t i = 0; i < list.conflicts_count; i++)
        cr_assert(list.conflicts[i].resolution && *list.conflicts[i].resolution->reason);
    conflict_list_free(&list);
    free(id);
}

SIGNALS_TEST(without_ids_all_open_conflicts_are_resolved) {
    s_hold_twice(f, 5);
    ListConflictsReply open = conflicts_of(f, "open");
    uint32_t count = (uint32_t)open.total;
    conflict_list_free(&open);
    cr_assert_geq(count, 2);
    ResolveConflictsRequest request = s_request(NULL, NULL, NULL);
    s_resolve_counting(f, &request, count, 0);
    expect_conflicts(f, "open", 0);
    expect_stored(f, "new", "routed", NULL);
    expect_stored(f, "a", "superseded", "new");
    expect_stored(f, "m", "superseded", "new");
}

SIGNALS_TEST(of_several_conflicts_one_that_cannot_be_settled_counts_as_failed) {
    free(s_hold(f));
    RouteSignalRequest buy = opinion("buy-2", "MSFT", "buy", 3), sell = opinion("sell-2", "MSFT", "sell", 3);
    route_as(f, &buy, "routed");
    route_as(f, &sell, "held");
    char *ids[2] = {s_direction_conflict_of(f, "AAPL"), s_direction_conflict_of(f, "MSFT")};
    ResolveConflictsRequest request = s_request(NULL, NULL, "sell");
    request.conflict_ids = ids;
    request.conflict_ids_count = 2;
    ResolveConflictsReply reply = s_resolve(f, &request);
    cr_assert(reply.resolved == 1 && reply.failed == 1 && reply.resolutions_count == 2);
    cr_assert_str_eq(reply.resolutions[0].resolution_result, "success");
    cr_assert_str_eq(reply.resolutions[1].resolution_result, "failed");
    cr_assert(strstr(reply.resolutions[1].reason, "no live member"));
    cr_assert_eq(reply.resolutions[1].loser_signal_ids_count, 0);
    s_free(&reply);
    expect_stored(f, "sell", "routed", NULL);
    expect_stored(f, "sell-2", "held", NULL);
    expect_conflicts(f, "open", 1);
    free(ids[0]);
    free(ids[1]);
}

/* A conflict lists a hundred signals. */
SIGNALS_TEST(a_winner_supersedes_also_the_rivals_that_are_not_listed) {
    enum { RIVALS = 120 };
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest items[RIVALS];
    for (int i = 0; i < RIVALS; i++)
        items[i] = opinion(NULL, "AAPL", "buy", 3);
    RouteSignalsReply batch = route_batch(f, items, RIVALS);
    cr_assert_eq(batch.accepted, RIVALS);
    batch_free(&batch);
    RouteSignalRequest sell = opinion("sell", "AAPL", "sell", 3), later = opinion("later", "AAPL", "buy", 3);
    route_as(f, &sell, "held");
    later.confidence = 0.5;
    route_as(f, &later, "routed");
    ResolveConflictsRequest request = s_request(NULL, NULL, "sell");
    s_resolve_counting(f, &request, 1, 0);
    ListSignalsRequest filter = ListSignalsRequest_init_zero;
    SET(&filter, status, "superseded");
    ListSignalsReply superseded = list(f, &filter);
    cr_assert_eq(superseded.total, RIVALS + 1);
    list_free(&superseded);
    expect_stored(f, "sell", "routed", NULL);
    expect_stored(f, "later", "superseded", "sell"); /* by a conflict of its own */
}

/* ---- partly automatic ---- */

SIGNALS_TEST(a_type_outside_the_list_holds_the_newcomer) {
    signals_restart_with(f, "priority_based", "strength_conflict,priority_conflict");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3), strong = opinion("strong", "AAPL", "buy", 3);
    RouteSignalRequest sell = opinion("sell", "AAPL", "sell", 3);
    strong.strength = 0.4;
    route_as(f, &buy, "routed");
    RouteSignalReply reply = route_expecting(f, &strong, "rejected"); /* settled on its own */
    cr_assert_str_eq(reply.conflicts_detected[0].conflict_type, "strength_conflict");
    route_free(&reply);
    route_as(f, &sell, "held");
    expect_conflicts(f, "open", 1);
}

/* ---- groups ---- */

static void s_hold_group(signals_fixture_t *f) {
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 3);
    route_as(f, &buy, "routed");
    RouteSignalRequest items[2] = {opinion("g-1", "AAPL", "sell", 3), opinion("g-2", "IBM", "sell", 3)};
    SET(&items[0], group_id, "g");
    SET(&items[1], group_id, "g");
    RouteSignalsReply reply = route_batch(f, items, 2);
    expect_status(&reply, 0, "held", "");
    expect_status(&reply, 1, "held", "");
    batch_free(&reply);
}

SIGNALS_TEST(a_held_group_is_routed_together) {
    s_hold_group(f);
    ResolveConflictsRequest request = s_request(NULL, NULL, "g-1");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "g-1", "routed", NULL);
    expect_stored(f, "g-2", "routed", NULL);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 2);
}

SIGNALS_TEST(a_held_group_is_rejected_together) {
    s_hold_group(f);
    ResolveConflictsRequest request = s_request(NULL, NULL, "buy");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "g-1", "rejected", NULL);
    expect_stored(f, "g-2", "rejected", NULL);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
}

/* ---- what happened meanwhile ---- */

static bool s_has_passed(void *context) {
    return clock_wall_ms() > *(int64_t *)context;
}

SIGNALS_TEST(a_member_that_has_expired_has_lost) {
    signals_restart_with(f, "priority_based", "none");
    RouteSignalRequest buy = opinion("buy", "AAPL", "buy", 5), sell = opinion("sell", "AAPL", "sell", 1);
    buy.has_expiry_time = true;
    buy.expiry_time = clock_wall_ms() + 900;
    route_as(f, &buy, "routed");
    route_as(f, &sell, "held");
    harness_until(s_has_passed, &buy.expiry_time, "the rival expires");
    ResolveConflictsRequest request = s_request(NULL, NULL, NULL);
    ResolveConflictsReply reply = s_resolve(f, &request);
    cr_assert_eq(reply.failed, 0);
    for (size_t i = 0; i < reply.resolutions_count; i++)
        cr_assert_str_eq(reply.resolutions[i].winner_signal_id, "sell");
    s_free(&reply);
    expect_stored(f, "sell", "routed", NULL);
}

SIGNALS_TEST(a_rival_that_was_superseded_meanwhile_has_lost) {
    char *id = s_hold(f);
    signals_restart_with(f, "priority_based", "all");
    RouteSignalRequest other = opinion("other", "AAPL", "sell", 4);
    route_as(f, &other, "routed");
    expect_stored(f, "buy", "superseded", "other");
    ResolveConflictsRequest request = s_request(id, NULL, NULL);
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "sell", "routed", NULL);
    expect_stored(f, "buy", "superseded", "other");
    free(id);
}

/* "late" is against the held "sell", and came after it. */
static void s_add_late(signals_fixture_t *f, int32_t priority) {
    RouteSignalRequest late = opinion("late", "AAPL", "buy", priority);
    route_as(f, &late, "routed");
}

SIGNALS_TEST(a_held_winner_also_supersedes_who_became_active_meanwhile) {
    char *id = s_hold(f);
    s_add_late(f, 2);
    ResolveConflictsRequest request = s_request(id, NULL, "sell");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "sell", "routed", NULL);
    expect_stored(f, "buy", "superseded", "sell");
    expect_stored(f, "late", "superseded", "sell");
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 1);
    expect_conflicts(f, "open", 0);
    ListConflictsReply list = conflicts_of(f, "resolved");
    cr_assert_eq(list.total, 2);
    size_t with_late = 0;
    for (size_t i = 0; i < list.conflicts_count; i++) {
        cr_assert_str_eq(list.conflicts[i].resolution->winner_signal_id, "sell");
        cr_assert_str_eq(list.conflicts[i].resolution->conflict_id, list.conflicts[i].conflict_id);
        with_late += strcmp(list.conflicts[i].signals[1].signal_id, "late") == 0;
    }
    cr_assert_eq(with_late, 1);
    conflict_list_free(&list);
    uint64_t seq;
    Signal published = next_signal(f, "late", "superseded", &seq);
    cr_assert_str_eq(published.superseded_by, "sell");
    message_release(Signal_message(), &published);
    free(id);
}

SIGNALS_TEST(a_held_winner_that_loses_to_who_became_active_meanwhile_is_rejected) {
    char *id = s_hold(f);
    s_add_late(f, 4);
    ResolveConflictsRequest request = s_request(id, NULL, "sell");
    ResolveConflictsReply reply = s_resolve(f, &request);
    cr_assert_eq(reply.resolved, 1);
    cr_assert_str_eq(reply.resolutions[0].winner_signal_id, "late");
    cr_assert_eq(reply.resolutions[0].loser_signal_ids_count, 1);
    cr_assert_str_eq(reply.resolutions[0].loser_signal_ids[0], "sell");
    cr_assert(strstr(reply.resolutions[0].reason, "late"), "%s", reply.resolutions[0].reason);
    s_free(&reply);
    expect_stored(f, "sell", "rejected", NULL);
    expect_stored(f, "buy", "routed", NULL);
    expect_stored(f, "late", "routed", NULL);
    expect_conflicts(f, "open", 0);
    expect_conflicts(f, "resolved", 2);
    cr_assert_eq(harness_metric(harness_of(f), "signals", "signals_active"), 2);
    free(id);
}

SIGNALS_TEST(a_held_signal_is_not_late_for_who_came_after_it) {
    char *id = s_hold(f);
    RouteSignalRequest same = opinion("same", "AAPL", "sell", 3); /* of the same source, and newer */
    signals_restart_with(f, "priority_based", "all");
    RouteSignalRequest gone = opinion("gone", "AAPL", "sell", 4);
    route_as(f, &gone, "routed"); /* supersedes "buy" */
    route_as(f, &same, "routed");
    ResolveConflictsRequest request = s_request(id, NULL, NULL);
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "sell", "routed", NULL);
    expect_stored(f, "same", "routed", NULL);
    free(id);
}

SIGNALS_TEST(a_held_group_is_rejected_when_a_member_loses_to_who_became_active_meanwhile) {
    s_hold_group(f);
    RouteSignalRequest late = opinion("late", "IBM", "buy", 4);
    route_as(f, &late, "routed");
    ResolveConflictsRequest request = s_request(NULL, NULL, "g-1");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "g-1", "rejected", NULL);
    expect_stored(f, "g-2", "rejected", NULL);
    expect_stored(f, "buy", "routed", NULL);
    expect_stored(f, "late", "routed", NULL);
    ListConflictsReply list = conflicts_of(f, "resolved");
    cr_assert_eq(list.total, 2);
    conflict_list_free(&list);
}

SIGNALS_TEST(of_held_signals_that_contradict_each_other_only_one_becomes_active) {
    char *id = s_hold(f);
    RouteSignalRequest hold = opinion("hold", "AAPL", "hold", 3);
    RouteSignalRequest other = opinion("other", "AAPL", "buy", 3);
    hold.confidence = 0.4;
    route_as(f, &hold, "routed"); /* what contradicts nobody */
    other.strength = 0.3;
    route_as(f, &other, "held");
    ResolveConflictsRequest request = s_request(id, NULL, "sell");
    s_resolve_counting(f, &request, 1, 0);
    expect_stored(f, "sell", "routed", NULL);
    request = s_request(NULL, "priority_based", NULL);
    ResolveConflictsReply reply = s_resolve(f, &request);
    cr_assert_eq(reply.failed, 0);
    s_free(&reply);
    SignalTrail trail;
    cr_assert_eq(get_signal(f, "other", &trail), OK);
    cr_assert_str_eq(trail.signal->status, "rejected");
    message_release(SignalTrail_message(), &trail);
    expect_stored(f, "sell", "routed", NULL);
    free(id);
}

/* ---- an Idempotency-Key ---- */

SIGNALS_TEST(a_keyed_resolution_is_recorded_with_its_effect) {
    s_hold_twice(f, 5);
    Envelope envelope = harness_envelope(HARNESS_MS);
    MESSAGE_PUT(envelope.idempotency_key, "key-1");
    MESSAGE_PUT(envelope.operation, "POST /api/v1/signals/resolve");
    envelope.body_hash = 7;
    IdempotencyBegin begin = {.body_hash = 7};
    begin.principal = message_strdup(envelope.principal.name);
    begin.operation = message_strdup(envelope.operation);
    begin.key = message_strdup(envelope.idempotency_key);
    IdempotencyState state = IdempotencyState_init_zero;
    cr_assert_eq(harness_request(harness_of(f), &rpc_StoreWriter_BeginIdempotent, &begin, &state, NULL), OK);
    cr_assert_str_eq(state.state, "started");
    message_release(IdempotencyState_message(), &state);

    ResolveConflictsRequest request = s_request(NULL, NULL, NULL);
    ResolveConflictsReply reply = ResolveConflictsReply_init_zero, recorded = ResolveConflictsReply_init_zero;
    Fault fault = Fault_init_zero;
    cr_assert_eq(bus_client_request(harness_of(f)->client, &rpc_SignalRouter_ResolveConflicts, &envelope,
                                    &request, &reply, &fault),
                 OK);
    cr_assert(envelope.answer_recorded && reply.resolved >= 2 && reply.failed == 0);
    cr_assert_eq(harness_request(harness_of(f), &rpc_StoreWriter_BeginIdempotent, &begin, &state, NULL), OK);
    cr_assert_str_eq(state.state, "replay");
    cr_assert_eq(
        message_decode(ResolveConflictsReply_message(), state.payload->bytes, state.payload->size, &recorded),
        OK);
    cr_assert_eq(recorded.resolved, reply.resolved);
    cr_assert_str_eq(recorded.resolutions[0].resolution_id, reply.resolutions[0].resolution_id);
    s_free(&recorded);
    s_free(&reply);
    message_release(IdempotencyState_message(), &state);
    message_release(IdempotencyBegin_message(), &begin);
    expect_stored(f, "new", "routed", NULL);
}

/* ---- the list ---- */

SIGNALS_TEST(conflicts_are_listed_by_their_filters) {
    s_hold_twice(f, 3);
    ListConflictsRequest request = ListConflictsRequest_init_zero;
    ListConflictsReply reply = ListConflictsReply_init_zero;
    SET(&request, symbol, "MSFT");
    SET(&request, type, "direction_conflict");
    SET(&request, severity, "high");
    SET(&request, target, "portfolio");
    request.has_limit = true;
    request.limit = 1;
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_ListConflicts, &request, &reply, NULL), OK);
    cr_assert(reply.total == 1 && reply.conflicts_count == 1 && reply.limit == 1 && reply.offset == 0);
    cr_assert_str_eq(reply.conflicts[0].symbol, "MSFT");
    cr_assert_str_eq(reply.conflicts[0].status, "open");
    cr_assert_eq(reply.conflicts[0].signals_count, 2);
    conflict_list_free(&reply);
    SET(&request, severity, "low");
    cr_assert_eq(harness_request(harness_of(f), &rpc_SignalRouter_ListConflicts, &request, &reply, NULL), OK);
    cr_assert_eq(reply.total, 0);
    conflict_list_free(&reply);
}
