/* Asking every part: see gather.h. */
#include "monitoring/gather.h"

#include "base/clock.h"
#include "bus/fault.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    gather_t *gather;
    part_t part;
} ask_t;

static void s_free(gather_t *self) {
    for (size_t i = 0; i < PART_COUNT; i++)
        message_release(ComponentStatus_message(), &self->states[i]);
    free(self);
}

static const char *s_why_silent(err_t err, char *text, size_t size) {
    if (err == ERR_NO_SUBSCRIBER)
        return "not running";
    if (err == ERR_DEADLINE_EXCEEDED)
        snprintf(text, size, "did not answer within %d ms", GATHER_MS);
    else
        snprintf(text, size, "did not answer: %s", err_name(err));
    return text;
}

static void s_on_described(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)actor;
    (void)fault;
    ask_t *ask = context;
    gather_t *self = ask->gather;
    ComponentStatus *state = &self->states[ask->part];
    char text[96];
    if (err == OK)
        err = message_copy(ComponentStatus_message(), state, response);
    if (err != OK)
        part_stopped(state, ask->part, s_why_silent(err, text, sizeof text));
    free(ask);
    if (--self->open > 0)
        return;
    self->done(self);
    s_free(self);
}

static void s_ask(gather_t *self, part_t part, int64_t deadline_us) {
    ask_t *ask = malloc(sizeof *ask);
    assert_always(ask);
    *ask = (ask_t){self, part};
    DescribeRequest request = DescribeRequest_init_zero;
    actor_request_options_t options = {
        .component = part_component(part), .deadline_us = deadline_us, .on_behalf = self->call};
    actor_request(self->actor, &rpc_Actor_Describe, &request, &options, s_on_described, ask);
}

void gather_start(actor_t *actor, const monitoring_args_t *args, call_t *call, void (*done)(gather_t *self)) {
    gather_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->actor = actor;
    self->call = call;
    self->done = done;
    self->open = PART_ASKED;
    if (args && args->bus)
        bus_describe(args->bus, &self->states[PART_BUS]);
    else
        part_stopped(&self->states[PART_BUS], PART_BUS, "not known to the monitor");
    int64_t deadline_us = clock_mono_us() + GATHER_MS * 1000;
    for (part_t part = 0; part < PART_ASKED; part++)
        s_ask(self, part, deadline_us);
}
