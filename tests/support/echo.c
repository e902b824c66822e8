/* The component that does what it is told. */
#include "echo.h"

#include "bus/fault.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const rpc_t rpc_Echo_Say = {.service = "Echo",
                            .name = "Say",
                            .component = "echo",
                            .topic = "cmd/echo/Say",
                            .request = StoreQuery_message,
                            .response = StoreOpResult_message};
const rpc_t rpc_Echo_Unknown = {.service = "Echo",
                                .name = "Unknown",
                                .component = "echo",
                                .topic = "cmd/echo/Unknown",
                                .request = StoreQuery_message,
                                .response = StoreOpResult_message};

typedef struct {
    call_t *call;
    uint32_t number;
} kept_t;

typedef struct {
    const echo_args_t *args;
    kept_t *kept;
    size_t kept_count, kept_capacity;
} echo_t;

StoreQuery echo_query(const char *what, uint32_t number) {
    StoreQuery query = StoreQuery_init_zero;
    snprintf(query.statement, sizeof query.statement, "%s", what);
    query.max_rows = number;
    return query;
}

static err_t s_keep(actor_t *actor, call_t *call, uint32_t number) {
    echo_t *self = actor_state(actor);
    if (self->kept_count == self->kept_capacity) {
        self->kept_capacity = self->kept_capacity ? self->kept_capacity * 2 : 8;
        self->kept = realloc(self->kept, self->kept_capacity * sizeof *self->kept);
        assert_always(self->kept);
    }
    self->kept[self->kept_count++] = (kept_t){call, number};
    return ERR_PENDING;
}

static void s_release(actor_t *actor) {
    echo_t *self = actor_state(actor);
    for (size_t i = 0; i < self->kept_count; i++) {
        StoreOpResult result = {.affected = self->kept[i].number};
        call_reply(actor, &self->kept[i].call, &result);
    }
    self->kept_count = 0;
}

static err_t s_refuse(call_t *call) {
    call_problem(call, "strength", "must be between %d and %d", 0, 1);
    call_problem(call, "symbol", "is required");
    call_retry_after(call, 7);
    return call_explain(call, ERR_UNPROCESSABLE, "refused as %s", "asked");
}

static err_t s_identity(call_t *call) {
    const Envelope *envelope = call_envelope(call);
    return call_explain(call, ERR_CONFLICT, "%s %s %s", envelope->principal.name, envelope->request_id,
                        envelope->traceparent);
}

static err_t s_block(actor_t *actor) {
    const echo_args_t *args = ((echo_t *)actor_state(actor))->args;
    atomic_fetch_add(args->blocked, 1);
    sem_wait(args->gate);
    return OK;
}

static void s_later(actor_t *actor, void *context) {
    (void)context;
    s_release(actor);
}

static err_t s_publish(actor_t *actor, uint32_t number) {
    StoreOpResult event = {.affected = number};
    actor_publish(actor, "evt/test/echo", StoreOpResult_message(), &event);
    return OK;
}

static err_t s_say(actor_t *actor, call_t *call, const void *request, void *response) {
    const StoreQuery *query = request;
    const char *what = query->statement;
    StoreOpResult *result = response;
    result->affected = query->max_rows;
    actor_count(actor, "said_total", "Commands of the test.", 1);
    if (strcmp(what, "keep") == 0)
        return s_keep(actor, call, query->max_rows);
    if (strcmp(what, "later") == 0) {
        actor_timer_once(actor, 5, s_later, NULL);
        return s_keep(actor, call, query->max_rows);
    }
    if (strcmp(what, "release") == 0)
        s_release(actor);
    if (strcmp(what, "created") == 0)
        call_outcome(call, Outcome_OUTCOME_CREATED);
    if (strcmp(what, "refuse") == 0)
        return s_refuse(call);
    if (strcmp(what, "identity") == 0)
        return s_identity(call);
    if (strcmp(what, "block") == 0)
        return s_block(actor);
    if (strcmp(what, "publish") == 0)
        return s_publish(actor, query->max_rows);
    if (strcmp(what, "fail") == 0)
        actor_fail(actor, "told to");
    if (strcmp(what, "quick") == 0) {
        call_reply(actor, &call, result);
        return ERR_PENDING;
    }
    return OK;
}

static err_t s_start(actor_t *actor, const void *args) {
    static const echo_args_t none;
    const echo_args_t *given = args ? args : &none;
    if (given->start_error != OK)
        return given->start_error;
    echo_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->args = given;
    actor_set_state(actor, self);
    actor_gauge(actor, "answer", "A number to find again.", 42);
    return OK;
}

static void s_stop(actor_t *actor) {
    echo_t *self = actor_state(actor);
    if (self->args->answer_at_stop)
        s_release(actor);
    if (self->args->stopped)
        atomic_fetch_add(self->args->stopped, 1);
    free(self->kept);
    free(self);
}

static bool s_drain(actor_t *actor) {
    const echo_args_t *args = ((echo_t *)actor_state(actor))->args;
    if (args->drain_calls)
        atomic_fetch_add(args->drain_calls, 1);
    return !args->drains_left || atomic_load(args->drains_left) == 0;
}

static void s_describe(actor_t *actor, ComponentStatus *status) {
    echo_t *self = actor_state(actor);
    if (self->kept_count)
        status_set(status, "degraded", "calls are kept");
}

static const actor_command_t s_commands[] = {{&rpc_Echo_Say, s_say}, {NULL, NULL}};
const actor_class_t echo_class = {.name = "echo",
                                  .commands = s_commands,
                                  .start = s_start,
                                  .stop = s_stop,
                                  .drain = s_drain,
                                  .describe = s_describe};
