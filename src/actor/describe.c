/* What every actor says of itself: state, the loop's counters, the component's metrics. */
#include "actor/actor_private.h"

#include <stdio.h>

static void s_counter(ComponentStatus *out, const char *name, const char *help, double value) {
    status_add_metric(out, "counter", name, help, value, NULL, NULL);
}

static void s_gauge(ComponentStatus *out, const char *name, const char *help, double value) {
    status_add_metric(out, "gauge", name, help, value, NULL, NULL);
}

static void s_describe_loop(const actor_t *self, ComponentStatus *out) {
    const loop_counters_t *c = &self->counters;
    s_counter(out, "commands_total", "Commands received.", (double)c->commands);
    s_counter(out, "command_errors_total", "Commands answered with a refusal.", (double)c->command_errors);
    s_counter(out, "late_commands_total", "Commands whose deadline had passed when their turn came.",
              (double)c->late_commands);
    s_counter(out, "late_replies_total", "Replies to requests that were given up.", (double)c->late_replies);
    s_counter(out, "events_total", "Events received.", (double)c->events);
    s_counter(out, "events_lost_total", "Events that could not be published.", (double)c->events_lost);
    s_counter(out, "answers_lost_total", "Answers that could not be sent.", (double)c->answers_lost);
    s_counter(out, "malformed_total", "Messages that could not be read.", (double)c->malformed);
    s_counter(out, "loop_turns_total", "Turns of the loop.", (double)c->turns);
    s_counter(out, "handler_seconds_total", "Time spent in command handlers.", c->handler_seconds);
    s_gauge(out, "handler_max_seconds", "Longest run of a command handler.", c->handler_max_seconds);
    s_gauge(out, "open_calls", "Commands kept and not answered yet.", (double)self->open_call_count);
    s_gauge(out, "pending_requests", "Own requests without a reply yet.", (double)self->requests.count);
}

err_t actor_describe_command(actor_t *self, call_t *call, const void *request, void *response) {
    (void)call;
    (void)request;
    ComponentStatus *out = response;
    snprintf(out->name, sizeof out->name, "%s", actor_name(self));
    status_set(out, "running", NULL);
    s_describe_loop(self, out);
    if (self->klass->describe)
        self->klass->describe(self, out); /* may set gauges */
    metrics_describe(&self->metrics, out);
    return OK;
}
