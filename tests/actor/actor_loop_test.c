/* The loop: commands, answers, requests to others, events. */
#include "echo.h"
#include "harness.h"
#include "routes.gen.h"

#include <criterion/criterion.h>

static err_t s_say(harness_t *h, const char *what, uint32_t number, StoreOpResult *result, Fault *fault) {
    StoreQuery query = echo_query(what, number);
    *result = (StoreOpResult)StoreOpResult_init_zero;
    return harness_request(h, &rpc_Echo_Say, &query, result, fault);
}

Test(actor, answers_a_command, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreOpResult result;
    for (uint32_t i = 0; i < 100; i++) {
        cr_expect_eq(s_say(&h, "echo", i, &result, NULL), OK);
        cr_expect_eq(result.affected, i);
    }
    harness_stop(&h);
}

Test(actor, says_with_what_outcome_it_answered, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    const char *what[] = {"echo", "created", "echo"};
    Outcome outcomes[] = {Outcome_OUTCOME_DONE, Outcome_OUTCOME_CREATED, Outcome_OUTCOME_DONE};
    for (int i = 0; i < 3; i++) {
        StoreQuery query = echo_query(what[i], 1);
        StoreOpResult result = StoreOpResult_init_zero;
        Fault fault = Fault_init_zero;
        Envelope envelope = harness_envelope(HARNESS_MS);
        cr_expect_eq(bus_client_request(h.client, &rpc_Echo_Say, &envelope, &query, &result, &fault), OK);
        cr_expect_eq(envelope.outcome, outcomes[i]);
    }
    harness_stop(&h);
}

Test(actor, refuses_with_code_sentence_details_and_retry_after, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreOpResult result;
    for (int i = 0; i < 2; i++) { /* nothing of the first is left in the second */
        Fault fault = Fault_init_zero;
        cr_expect_eq(s_say(&h, "refuse", 1, &result, &fault), ERR_UNPROCESSABLE);
        cr_expect_str_eq(fault.code, "UNPROCESSABLE");
        cr_expect_str_eq(fault.message, "refused as asked");
        cr_expect_eq(fault.retry_after_seconds, 7);
        cr_assert_eq(fault.details_count, 2);
        cr_expect_str_eq(fault.details[0].field, "strength");
        cr_expect_str_eq(fault.details[0].problem, "must be between 0 and 1");
        cr_expect_str_eq(fault.details[1].field, "symbol");
        message_release(Fault_message(), &fault);
    }
    cr_expect_eq(s_say(&h, "echo", 1, &result, NULL), OK);
    harness_stop(&h);
}

Test(actor, answers_later_when_the_handler_kept_the_call, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreOpResult result;
    cr_expect_eq(s_say(&h, "later", 8, &result, NULL), OK);
    cr_expect_eq(result.affected, 8);
    cr_expect_eq(harness_metric(&h, "echo", "open_calls"), 0);
    harness_stop(&h);
}

Test(actor, takes_an_answer_given_inside_the_handler, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreOpResult result;
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect_eq(s_say(&h, "quick", i, &result, NULL), OK);
        cr_expect_eq(result.affected, i);
    }
    harness_stop(&h);
}

Test(actor, answers_kept_calls_each_to_its_asker, .timeout = 60) {
    enum { CALLS = 50 };
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    uint64_t ids[CALLS];
    StoreQuery query;
    for (uint32_t i = 0; i < CALLS; i++) {
        query = echo_query("keep", i);
        ids[i] = harness_send(&h, &rpc_Echo_Say, &query);
    }
    query = echo_query("release", CALLS);
    harness_send(&h, &rpc_Echo_Say, &query);
    for (uint32_t i = 0; i <= CALLS; i++) {
        bus_message_t reply;
        StoreOpResult result = StoreOpResult_init_zero;
        harness_recv(&h, &reply);
        cr_expect_eq(harness_reply(&reply, StoreOpResult_message(), &result), OK);
        cr_expect_eq(result.affected, i);
        if (i < CALLS)
            cr_expect_eq(reply.envelope.correlation_id, ids[i]);
        bus_message_close(&reply);
    }
    harness_stop(&h);
}

Test(actor, refuses_an_rpc_that_it_does_not_handle, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreQuery query = echo_query("echo", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    cr_expect_eq(harness_request(&h, &rpc_Echo_Unknown, &query, &result, NULL), ERR_NOT_FOUND);
    harness_stop(&h);
}

Test(actor, refuses_what_it_cannot_decode, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    const char *schemas[] = {"integration.v1.StoreQuery", "integration.v1.StoreWrite"};
    for (int i = 0; i < 2; i++) {
        Envelope envelope = harness_envelope(HARNESS_MS);
        cr_assert(MESSAGE_SET(envelope.reply_topic, bus_client_inbox(h.client)));
        cr_assert(MESSAGE_SET(envelope.schema, schemas[i]));
        const char *payload = i == 0 ? "\xff\xff\xff\xff" : "";
        cr_assert(bus_client_send(h.client, "cmd/echo/Say", &envelope, payload, strlen(payload)) == OK);
        bus_message_t reply;
        harness_recv(&h, &reply);
        cr_expect_eq(harness_reply(&reply, StoreOpResult_message(), &(StoreOpResult){0}), ERR_PROTOCOL);
        bus_message_close(&reply);
    }
    cr_expect_eq(harness_metric(&h, "echo", "malformed_total"), 2);
    harness_stop(&h);
}

Test(actor, does_not_run_a_command_whose_deadline_has_passed, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreQuery query = echo_query("echo", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    cr_expect_eq(harness_request_within(&h, -1, &rpc_Echo_Say, &query, &result, NULL), ERR_DEADLINE_EXCEEDED);
    cr_expect_eq(s_say(&h, "echo", 1, &result, NULL), OK);
    cr_expect_eq(harness_metric(&h, "echo", "late_commands_total"), 1);
    cr_expect_eq(harness_metric(&h, "echo", "said_total"), 1);
    harness_stop(&h);
}

Test(actor, sends_no_answer_when_nobody_waits, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    const char *what[] = {"echo", "refuse", "later", "quick"};
    for (int i = 0; i < 4; i++) {
        StoreQuery query = echo_query(what[i], 1);
        buf_t bytes = BUF_INIT;
        cr_assert(message_encode(StoreQuery_message(), &query, &bytes) == OK);
        Envelope envelope = Envelope_init_zero;
        cr_assert(MESSAGE_SET(envelope.schema, "integration.v1.StoreQuery"));
        cr_assert(bus_client_send(h.client, "cmd/echo/Say", &envelope, bytes.data, bytes.size) == OK);
        buf_free(&bytes);
    }
    StoreOpResult result;
    cr_expect_eq(s_say(&h, "echo", 1, &result, NULL), OK);
    cr_expect_eq(harness_metric(&h, "echo", "said_total"), 5);
    cr_expect_eq(harness_metric(&h, "echo", "answers_lost_total"), 0);
    harness_stop(&h);
}

Test(actor, describes_itself_with_its_own_and_the_loops_figures, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreOpResult result;
    cr_expect_eq(s_say(&h, "echo", 1, &result, NULL), OK);
    cr_expect_eq(s_say(&h, "refuse", 1, &result, NULL), ERR_UNPROCESSABLE);
    cr_expect_eq(harness_metric(&h, "echo", "said_total"), 2);
    cr_expect_eq(harness_metric(&h, "echo", "answer"), 42);
    cr_expect_eq(harness_metric(&h, "echo", "command_errors_total"), 1);
    cr_expect_eq(harness_metric(&h, "echo", "commands_total"), 6, "two, and four times Describe");
    cr_expect_gt(harness_metric(&h, "echo", "loop_turns_total"), 0);
    harness_stop(&h);
}

Test(actor, describes_a_state_that_the_component_sets, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreQuery query = echo_query("keep", 1);
    harness_send(&h, &rpc_Echo_Say, &query);
    ComponentStatus status = ComponentStatus_init_zero;
    Fault fault = Fault_init_zero;
    Envelope envelope = harness_envelope(HARNESS_MS);
    cr_assert(bus_client_request_to(h.client, "echo", &rpc_Actor_Describe, &envelope, &(DescribeRequest){0},
                                    &status, &fault) == OK);
    cr_expect_str_eq(status.name, "echo");
    cr_expect_str_eq(status.status, "degraded");
    cr_expect_str_eq(status.reason, "calls are kept");
    message_release(ComponentStatus_message(), &status);
    harness_stop(&h);
}

Test(actor, of_another_name_takes_commands_by_that_name, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor_named(&h, &echo_class, "echo.one", NULL, NULL);
    harness_actor_named(&h, &echo_class, "echo.two", NULL, NULL);
    StoreQuery query = echo_query("echo", 3);
    StoreOpResult result = StoreOpResult_init_zero;
    Fault fault = Fault_init_zero;
    Envelope envelope = harness_envelope(HARNESS_MS);
    cr_expect_eq(
        bus_client_request_to(h.client, "echo.two", &rpc_Echo_Say, &envelope, &query, &result, &fault), OK);
    cr_expect_eq(result.affected, 3);
    cr_expect_eq(harness_metric(&h, "echo.two", "said_total"), 1);
    cr_expect_eq(harness_metric(&h, "echo.one", "commands_total"), 1);
    cr_expect_eq(harness_request(&h, &rpc_Echo_Say, &query, &result, NULL), ERR_NO_SUBSCRIBER);
    harness_stop(&h);
}

Test(actor, that_fails_to_start_gives_its_error_and_leaves_nothing, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    echo_args_t args = {.start_error = ERR_STORE_UNAVAILABLE};
    actor_handle_t *actor = (actor_handle_t *)&h;
    cr_expect_eq(actor_start(&actor, &echo_class, NULL, NULL, &args), ERR_STORE_UNAVAILABLE);
    cr_expect_null(actor);
    StoreOpResult result;
    cr_expect_eq(s_say(&h, "echo", 1, &result, NULL), ERR_NO_SUBSCRIBER);
    harness_actor(&h, &echo_class, NULL, NULL);
    cr_expect_eq(s_say(&h, "echo", 1, &result, NULL), OK);
    harness_stop(&h);
}

Test(actor, without_a_bus_does_not_start, .timeout = 60) {
    actor_handle_t *actor = NULL;
    cr_expect_eq(actor_start(&actor, &echo_class, NULL, NULL, NULL), ERR_NO_SUBSCRIBER);
    cr_expect_null(actor);
}

Test(actor, with_a_route_but_no_handler_does_not_start, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const rpc_t *routed = NULL;
    for (const rpc_t *const *rpc = rpcs_all; *rpc && !routed; rpc++) {
        if ((*rpc)->http && !(*rpc)->not_implemented)
            routed = *rpc;
    }
    cr_assert(routed, "there are routes");
    const actor_class_t incomplete = {.name = routed->component};
    actor_handle_t *actor = NULL;
    cr_expect_eq(actor_start(&actor, &incomplete, NULL, NULL, NULL), ERR_INTERNAL);
    cr_expect_null(actor);
    harness_stop(&h);
}

Test(actor, with_two_handlers_for_one_rpc_does_not_start, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    const actor_command_t twice[] = {echo_class.commands[0], echo_class.commands[0], {NULL, NULL}};
    const actor_class_t doubled = {.name = "echo", .commands = twice};
    actor_handle_t *actor = NULL;
    cr_expect_eq(actor_start(&actor, &doubled, NULL, NULL, NULL), ERR_INTERNAL);
    harness_stop(&h);
}

/* ---- requests from actor to actor ---- */

static const rpc_t s_relay_rpc = {.service = "Relay",
                                  .name = "Pass",
                                  .component = "relay",
                                  .topic = "cmd/relay/Pass",
                                  .request = StoreQuery_message,
                                  .response = StoreOpResult_message};

/* Passes the command on to echo and the answer back. */
static void s_relayed(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    call_t *call = context;
    cr_assert_not_null(fault);
    if (err == OK)
        call_reply(actor, &call, response);
    else
        call_fail_as(actor, &call, err, fault);
}

static err_t s_relay(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    actor_request_options_t options = {.on_behalf = call};
    actor_request(actor, &rpc_Echo_Say, request, &options, s_relayed, call);
    return ERR_PENDING;
}

static const actor_command_t s_relay_commands[] = {{&s_relay_rpc, s_relay}, {NULL, NULL}};
static const actor_class_t s_relay_class = {.name = "relay", .commands = s_relay_commands};

static err_t s_pass(harness_t *h, const char *what, int64_t within_ms, StoreOpResult *result, Fault *fault) {
    StoreQuery query = echo_query(what, 5);
    *result = (StoreOpResult)StoreOpResult_init_zero;
    return harness_request_within(h, within_ms, &s_relay_rpc, &query, result, fault);
}

Test(actor, asks_another_actor_and_gets_its_reply, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    harness_actor(&h, &s_relay_class, NULL, NULL);
    StoreOpResult result;
    for (int i = 0; i < 100; i++) {
        cr_expect_eq(s_pass(&h, i % 2 ? "echo" : "later", HARNESS_MS, &result, NULL), OK);
        cr_expect_eq(result.affected, 5);
    }
    cr_expect_eq(harness_metric(&h, "relay", "pending_requests"), 0);
    harness_stop(&h);
}

Test(actor, passes_on_principal_request_id_and_trace, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    harness_actor(&h, &s_relay_class, NULL, NULL);
    static const char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    Envelope envelope = harness_envelope(HARNESS_MS);
    cr_assert(MESSAGE_SET(envelope.request_id, "req-1"));
    cr_assert(MESSAGE_SET(envelope.traceparent, trace));
    StoreQuery query = echo_query("identity", 1);
    StoreOpResult result = StoreOpResult_init_zero;
    Fault fault = Fault_init_zero;
    cr_expect_eq(bus_client_request(h.client, &s_relay_rpc, &envelope, &query, &result, &fault),
                 ERR_CONFLICT);
    char expected[128];
    snprintf(expected, sizeof expected, "test req-1 %s", trace);
    cr_expect_str_eq(fault.message, expected);
    message_release(Fault_message(), &fault);
    harness_stop(&h);
}

Test(actor, passes_on_a_refusal_with_its_details, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &echo_class, NULL, NULL);
    harness_actor(&h, &s_relay_class, NULL, NULL);
    StoreOpResult result;
    Fault fault = Fault_init_zero;
    cr_expect_eq(s_pass(&h, "refuse", HARNESS_MS, &result, &fault), ERR_UNPROCESSABLE);
    cr_expect_str_eq(fault.message, "refused as asked");
    cr_expect_eq(fault.details_count, 2);
    cr_expect_eq(fault.retry_after_seconds, 7);
    message_release(Fault_message(), &fault);
    harness_stop(&h);
}

Test(actor, learns_at_once_that_nobody_takes_its_request, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &s_relay_class, NULL, NULL);
    StoreOpResult result;
    int64_t begin_us = clock_mono_us();
    cr_expect_eq(s_pass(&h, "echo", HARNESS_MS, &result, NULL), ERR_NO_SUBSCRIBER);
    cr_expect_lt(clock_mono_us() - begin_us, HARNESS_MS * 1000 / 10);
    harness_stop(&h);
}

/* Asks with a deadline of its own, earlier than its asker's. */
static err_t s_relay_impatiently(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    actor_request_options_t options = {.on_behalf = call, .deadline_us = clock_mono_us() + 20000};
    actor_request(actor, &rpc_Echo_Say, request, &options, s_relayed, call);
    return ERR_PENDING;
}

Test(actor, gives_up_its_request_at_its_deadline_and_drops_the_late_reply, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    static const actor_command_t commands[] = {{&s_relay_rpc, s_relay_impatiently}, {NULL, NULL}};
    static const actor_class_t impatient = {.name = "relay", .commands = commands};
    harness_actor(&h, &echo_class, NULL, NULL);
    harness_actor(&h, &impatient, NULL, NULL);
    StoreOpResult result;
    cr_expect_eq(s_pass(&h, "keep", HARNESS_MS, &result, NULL), ERR_DEADLINE_EXCEEDED);
    StoreQuery query = echo_query("release", 6);
    cr_expect_eq(harness_request(&h, &rpc_Echo_Say, &query, &result, NULL), OK);
    cr_expect_eq(s_pass(&h, "echo", HARNESS_MS, &result, NULL), OK);
    cr_expect_eq(harness_metric(&h, "relay", "late_replies_total"), 1);
    cr_expect_eq(harness_metric(&h, "relay", "pending_requests"), 0);
    harness_stop(&h);
}

/* ---- events ---- */

static atomic_int s_events[3];

static void s_on_exact(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)actor;
    cr_assert_str_eq(message->topic, "evt/test/echo");
    atomic_fetch_add(&s_events[0], (int)((const StoreOpResult *)event)->affected);
}

static void s_on_below(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)actor;
    (void)message;
    atomic_fetch_add(&s_events[1], (int)((const StoreOpResult *)event)->affected);
}

static void s_on_other(actor_t *actor, const bus_message_t *message, const void *event) {
    (void)actor;
    (void)message;
    (void)event;
    atomic_fetch_add(&s_events[2], 1);
}

static const actor_event_t s_listener_events[] = {{"evt/test/echo", StoreOpResult_message, s_on_exact},
                                                  {"evt/test/", StoreOpResult_message, s_on_below},
                                                  {"evt/test/ech", StoreOpResult_message, s_on_other},
                                                  {NULL, NULL, NULL}};
static const actor_class_t s_listener_class = {.name = "listener", .events = s_listener_events};

static bool s_all_events(void *context) {
    (void)context;
    return atomic_load(&s_events[0]) == 55 && atomic_load(&s_events[1]) == 55;
}

Test(actor, hands_events_to_those_who_listen_to_the_topic, .timeout = 60) {
    harness_t h;
    harness_start(&h);
    harness_actor(&h, &s_listener_class, NULL, NULL);
    harness_actor(&h, &echo_class, NULL, NULL);
    StoreOpResult result;
    for (uint32_t i = 1; i <= 10; i++)
        cr_expect_eq(s_say(&h, "publish", i, &result, NULL), OK);
    harness_until(s_all_events, NULL, "all events arrive");
    cr_expect_eq(atomic_load(&s_events[2]), 0);
    cr_expect_eq(harness_metric(&h, "listener", "events_total"), 10);
    harness_stop(&h);
}
