/* The forward half of a validation: a sandbox pool that is looked at until it is usable. */
#include "validation/run_state.h"

#include "base/clock.h"
#include "base/json_tree.h"
#include "bus/fault.h"
#include "message/message.h"
#include "routes.gen.h"
#include "services/reply.h"
#include "tables.gen.h"
#include "validation/requests.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_POLL_MAX_MS 2000

static void s_forward_done(run_t *self) {
    size_t count = self->request.confidences_count;
    double *confidences = calloc(count + 1, sizeof *confidences);
    assert_always(confidences);
    for (size_t i = 0; i < count; i++)
        confidences[i] = self->request.confidences[i].value;
    validation_forward(confidences, count, &self->parts);
    free(confidences);
    run_end_part(self, &self->forward, PART_DONE, NULL, NULL);
}

static void s_send_pool_status(actor_t *actor, void *context);

static void s_on_pool_timer(actor_t *actor, void *context) {
    run_t *self = context;
    self->pool_timer = 0;
    s_send_pool_status(actor, self);
}

static void s_look_again(actor_t *actor, run_t *self, const char *why) {
    int64_t delay_ms = self->pool_poll_ms;
    self->pool_poll_ms = delay_ms * 2 < POOL_POLL_MAX_MS ? delay_ms * 2 : POOL_POLL_MAX_MS;
    if (clock_mono_us() + delay_ms * 1000 >= self->deadline_us)
        run_end_part(self, &self->forward, PART_TIMEOUT, "pool", why);
    else
        self->pool_timer = actor_timer_once(actor, delay_ms, s_on_pool_timer, self);
}

static void s_on_pool_status(actor_t *actor, void *context, err_t err, const void *response,
                             const Fault *fault) {
    run_t *self = context;
    const AdapterResult *result = response;
    if (err != OK) {
        run_end_part(self, &self->forward, run_part_of(err), "pool", fault_reason(fault, err));
        return;
    }
    self->forward_ms += result->downstream_ms;
    json_t *root = json_tree_parse(result->body);
    const char *status = json_string_value(json_object_get(root, "status"));
    char why[120];
    snprintf(why, sizeof why, "its status is %s", status ? status : "missing");
    bool usable = status && (strcmp(status, "active") == 0 || strcmp(status, "completed") == 0);
    bool coming = status && strcmp(status, "creating") == 0;
    json_decref(root);
    if (usable)
        s_forward_done(self);
    else if (!coming || self->cancelled)
        run_end_part(self, &self->forward, PART_FAILED, "pool", why);
    else
        s_look_again(actor, self, why);
}

static void s_send_pool_status(actor_t *actor, void *context) {
    run_t *self = context;
    AdapterCall call = AdapterCall_init_zero;
    buf_t path = BUF_INIT;
    buf_append_str(&path, "/api/v1/quantum/pool/");
    reply_append_segment(&path, self->result.forward.pool_id);
    buf_append_str(&path, "/status");
    MESSAGE_PUT(call.method, "GET");
    MESSAGE_PUT(call.cycle_id, self->request.cycle_id);
    call.path = buf_steal(&path);
    actor_request_options_t options = run_options(self);
    actor_request(actor, &rpc_Adapter_Call, &call, &options, s_on_pool_status, self);
    message_release(AdapterCall_message(), &call);
}

static void s_on_pool_created(actor_t *actor, void *context, err_t err, const void *response,
                              const Fault *fault) {
    run_t *self = context;
    const AdapterResult *result = response;
    if (err != OK) {
        run_end_part(self, &self->forward, run_part_of(err), "pool", fault_reason(fault, err));
        return;
    }
    self->forward_ms += result->downstream_ms;
    json_t *root = json_tree_parse(result->body);
    const char *pool_id = json_string_value(json_object_get(root, "pool_id"));
    bool named = pool_id && *pool_id && MESSAGE_SET(self->result.forward.pool_id, pool_id);
    json_decref(root);
    self->result.forward.has_pool_id = named;
    if (self->cancelled)
        run_end_part(self, &self->forward, PART_FAILED, "pool", "cancelled");
    else if (named)
        s_send_pool_status(actor, self);
    else
        run_end_part(self, &self->forward, PART_FAILED, "pool", "the answer names no pool_id");
}

void forward_send(run_t *self) {
    AdapterCall call = AdapterCall_init_zero;
    MESSAGE_PUT(call.method, "POST");
    MESSAGE_PUT(call.cycle_id, self->request.cycle_id);
    call.path = message_strdup("/api/v1/quantum/pool/create");
    call.body = requests_pool(&self->request);
    snprintf(call.idempotency_key, sizeof call.idempotency_key, "%s/strategy_validation/pool",
             self->request.cycle_id);
    actor_request_options_t options = run_options(self);
    actor_request(self->actor, &rpc_Adapter_Call, &call, &options, s_on_pool_created, self);
    message_release(AdapterCall_message(), &call);
}

void forward_cancel(run_t *self) {
    if (!self->pool_timer)
        return;
    actor_timer_cancel(self->actor, &self->pool_timer);
    run_end_part(self, &self->forward, PART_FAILED, "pool", "cancelled");
}
