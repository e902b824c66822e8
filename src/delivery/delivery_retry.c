/* RetryDelivery: a dead letter is pending again, at its place in the order of its scope. */
#include "base/clock.h"
#include "base/log.h"
#include "delivery/delivery_row.h"
#include "delivery/delivery_state.h"
#include "message/message.h"
#include "tables.gen.h"
#include <stdlib.h>
#include <string.h>

enum { RETRY_SECONDS = 1, COLUMN_SEQ = 2 };

typedef struct {
    call_t *call;
    Delivery delivery;
    char *url, *scope;
    uint64_t seq;
} retry_t;

static void s_end(actor_t *actor, retry_t *self, err_t err) {
    delivery_t *state = actor_state(actor);
    state->calls--;
    if (err_http_status(err) == 503)
        call_retry_after(self->call, RETRY_SECONDS);
    if (err == OK)
        call_reply(actor, &self->call, &self->delivery);
    else
        call_fail(actor, &self->call, err);
    message_release(Delivery_message(), &self->delivery);
    free(self->url);
    free(self->scope);
    free(self);
}

static err_t s_not_dead(retry_t *self, const char *status) {
    return call_explain(self->call, ERR_CONFLICT, "the delivery is %s; only a dead one can be sent again",
                        status);
}

static void s_on_written(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    retry_t *self = context;
    const StoreWritten *written = response;
    if (err == OK && strcmp(written->units[0].code, "OK") != 0)
        err = err_from_name(written->units[0].code);
    if (err != OK)
        call_answer_lost(self->call);
    if (err == ERR_CONFLICT)
        err = s_not_dead(self, "pending already");
    if (err == OK) {
        log_info("a dead delivery is sent again", LOG_STR("delivery_id", self->delivery.delivery_id),
                 LOG_STR("signal_id", self->delivery.signal_id));
        waiting_again(actor, self->url, self->scope, self->seq);
    }
    s_end(actor, self, err);
}

static void s_write(actor_t *actor, retry_t *self) {
    Delivery *delivery = &self->delivery;
    int64_t now_ms = clock_wall_ms();
    MESSAGE_PUT(delivery->status, "pending");
    delivery->attempts = 0;
    delivery->has_next_attempt_at = true;
    delivery->next_attempt_at = now_ms;
    store_write_t *write = store_write_new();
    store_write_op(write, "delivery_retry", "si", delivery->delivery_id, now_ms);
    store_write_expect(write, 1);
    store_write_answer(write, self->call, delivery);
    actor_request_options_t options = {.on_behalf = self->call};
    store_commit(actor, &write, &options, s_on_written, self);
}

static err_t s_take_row(retry_t *self, const StoreRows *rows) {
    if (!rows->rows_count)
        return call_explain(self->call, ERR_NOT_FOUND, "there is no such delivery");
    store_row_t *row = store_row_new(rows->rows[0]);
    err_t err = row ? delivery_row_read(row, &self->delivery) : ERR_INTERNAL;
    if (err == OK) {
        self->url = message_strdup(store_row_text(row, DELIVERY_ROW_URL));
        self->scope = message_strdup(store_row_text(row, DELIVERY_ROW_SCOPE));
        self->seq = (uint64_t)store_row_int(row, COLUMN_SEQ);
    }
    store_row_destroy(&row);
    if (err == OK && strcmp(self->delivery.status, "dead") != 0)
        return s_not_dead(self, self->delivery.status);
    return err;
}

static void s_on_row(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)fault;
    retry_t *self = context;
    if (err == OK)
        err = s_take_row(self, response);
    if (err == OK)
        s_write(actor, self);
    else
        s_end(actor, self, err);
}

err_t delivery_retry(actor_t *actor, call_t *call, const void *request, void *response) {
    (void)response;
    delivery_t *state = actor_state(actor);
    const RetryDeliveryRequest *asked = request;
    retry_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->call = call;
    state->calls++;
    actor_request_options_t options = {.on_behalf = call};
    store_query(actor, "delivery_by_id", 1, &options, s_on_row, self, "s", asked->delivery_id);
    return ERR_PENDING;
}
