/* One delivery: it is read, with the signal; sent once; and what came of that is committed. */
#include "delivery/attempt.h"
#include "delivery/delivery_row.h"
#include "delivery/delivery_state.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "message/json_codec.h"
#include "services/reply.h"
#include "signals/signal_row.h"
#include "tables.gen.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_SIZE = 300 };

struct parcel_s {
    parcel_t *next, *previous; /* in destination_t.parcels */
    destination_t *to;
    lane_t *lane;
    Delivery delivery;              /* as the row is, and then as it is to be */
    char *traceparent, *request_id; /* NULL = none */
    buf_t body;
    uint32_t circuit_era;
    uint64_t timer; /* until the outcome is committed again */
};

/* ---- life ---- */

static void s_free(parcel_t *self) {
    destination_t *to = self->to;
    if (self->previous)
        self->previous->next = self->next;
    else
        to->parcels = self->next;
    if (self->next)
        self->next->previous = self->previous;
    to->busy--;
    actor_timer_cancel(to->actor, &self->timer);
    message_release(Delivery_message(), &self->delivery);
    free(self->traceparent);
    free(self->request_id);
    buf_free(&self->body);
    free(self);
}

void parcel_drop_all(destination_t *self) {
    while (self->parcels)
        s_free(self->parcels);
}

/* Its lane was given back. */
static void s_end(parcel_t *self) {
    destination_t *to = self->to;
    s_free(self);
    destination_pump(to);
}

static void s_wait(parcel_t *self, int64_t delay_ms) {
    lanes_wait(&self->to->lanes, self->lane, clock_mono_us() + delay_ms * 1000);
    s_end(self);
}

/* ---- the outcome ---- */

static void s_commit(actor_t *actor, parcel_t *self);

static void s_on_commit_timer(actor_t *actor, void *context) {
    parcel_t *self = context;
    self->timer = 0;
    s_commit(actor, self);
}

static void s_settle(parcel_t *self) {
    Delivery *delivery = &self->delivery;
    delivery_t *state = actor_state(self->to->actor);
    state->changed = true;
    if (strcmp(delivery->status, "pending") == 0) {
        int64_t delay_ms = delivery->next_attempt_at - clock_wall_ms();
        s_wait(self, delay_ms > 0 ? delay_ms : 0);
        return;
    }
    lanes_again(&self->to->lanes, self->lane);
    s_end(self);
}

/* Until the outcome is stored its scope stays where it is: else the same would be sent again, and again. */
static void s_on_committed(actor_t *actor, void *context, err_t err, const void *response,
                           const Fault *fault) {
    (void)response;
    parcel_t *self = context;
    if (err == OK) {
        s_settle(self);
    } else if (err == ERR_SHUTTING_DOWN) {
        s_free(self);
    } else {
        log_warning("the outcome of a delivery is not stored yet", LOG_ERRT(err),
                    LOG_STR("delivery_id", self->delivery.delivery_id), LOG_STR("error", fault->message));
        self->timer = actor_timer_once(actor, DELIVERY_STORE_AGAIN_MS, s_on_commit_timer, self);
    }
}

static void s_commit(actor_t *actor, parcel_t *self) {
    const Delivery *delivery = &self->delivery;
    store_write_t *write = store_write_new();
    store_write_op(write, "delivery_outcome_set", "ssitstt", delivery->delivery_id, delivery->status,
                   (int64_t)delivery->attempts, (int64_t)delivery->last_status, delivery->last_error,
                   delivery->next_attempt_at, delivery->delivered_at);
    store_commit(actor, &write, NULL, s_on_committed, self);
}

static void s_log(const parcel_t *self, bool dead) {
    const Delivery *delivery = &self->delivery;
    LOG_AT(dead ? LOG_WARNING : LOG_DEBUG, dead ? "a delivery is dead" : "delivery attempted",
           LOG_STR("delivery_id", delivery->delivery_id), LOG_STR("signal_id", delivery->signal_id),
           LOG_STR("url", self->to->shown), LOG_STR("status", delivery->status),
           LOG_INT("attempts", delivery->attempts), LOG_INT("http_status", delivery->last_status),
           LOG_STR("error", delivery->last_error ? delivery->last_error : ""));
}

/* `error` NULL = none. */
static void s_conclude(parcel_t *self, attempt_outcome_t outcome, const char *error, int64_t delay_ms) {
    Delivery *delivery = &self->delivery;
    delivery_t *state = actor_state(self->to->actor);
    int64_t now_ms = clock_wall_ms();
    bool dead = outcome == ATTEMPT_REFUSED || outcome == ATTEMPT_EXHAUSTED;
    free(delivery->last_error);
    delivery->last_error = message_strdup(error);
    delivery->next_attempt_at = outcome == ATTEMPT_RETRY ? now_ms + delay_ms : 0;
    delivery->delivered_at = outcome == ATTEMPT_DELIVERED ? now_ms : 0;
    MESSAGE_PUT(delivery->status, dead ? "dead" : outcome == ATTEMPT_DELIVERED ? "delivered" : "pending");
    state->delivered += outcome == ATTEMPT_DELIVERED;
    state->retried += outcome == ATTEMPT_RETRY;
    state->dead += dead;
    s_log(self, dead);
    buf_free(&self->body);
    s_commit(self->to->actor, self);
}

/* ---- the exchange ---- */

static const char *s_error_text(const http_response_t *response, attempt_outcome_t outcome,
                                char text[ERROR_SIZE]) {
    char said[160] = "";
    if (outcome == ATTEMPT_DELIVERED)
        return NULL;
    if (response->err != OK) {
        snprintf(text, ERROR_SIZE, "%s: %s", err_name(response->err) + strlen("ERR_"), response->error);
        return text;
    }
    json_t *root = json_loadb(response->body, response->size, 0, NULL);
    if (json_is_object(root))
        reply_error_text(root, said, sizeof said);
    json_decref(root);
    snprintf(text, ERROR_SIZE, "HTTP %d%s%s%s", response->status, *said ? " " : "", said,
             outcome == ATTEMPT_REFUSED ? " (final: not tried again)" : "");
    return text;
}

static void s_on_done(actor_t *actor, void *context, const http_response_t *response) {
    (void)actor;
    parcel_t *self = context;
    destination_t *to = self->to;
    Delivery *delivery = &self->delivery;
    char text[ERROR_SIZE];
    if (response->err == ERR_SHUTTING_DOWN) {
        s_free(self);
        return;
    }
    breaker_record(&to->breaker, clock_mono_us(), self->circuit_era,
                   attempt_reached(response->err, response->status));
    destination_watch_circuit(to);
    delivery->attempts++;
    delivery->last_status = response->status;
    attempt_outcome_t outcome =
        attempt_judge(response->err, response->status, delivery->attempts, delivery->max_attempts);
    s_conclude(self, outcome, s_error_text(response, outcome, text),
               attempt_delay_ms(delivery->attempts, ids_random64(), response->retry_after_ms));
}

static int64_t s_timeout_ms(const config_t *config) {
    return config->adapter_timeout_ms < DELIVERY_TIMEOUT_MS ? config->adapter_timeout_ms
                                                            : DELIVERY_TIMEOUT_MS;
}

static void s_send(parcel_t *self) {
    destination_t *to = self->to;
    char span[TRACEPARENT_SIZE];
    if (!breaker_allow(&to->breaker, clock_mono_us())) {
        lanes_put_back(&to->lanes, self->lane);
        s_end(self);
        return;
    }
    self->circuit_era = to->breaker.era;
    destination_watch_circuit(to);
    ids_traceparent_child(self->traceparent ? self->traceparent : "", span);
    http_request_t request = {.method = "POST",
                              .url = to->url,
                              .body = buf_str(&self->body),
                              .idempotency_key = self->delivery.signal_id,
                              .request_id = self->request_id,
                              .traceparent = span,
                              .timeout_ms = s_timeout_ms(actor_config(to->actor))};
    http_client_send(to->http, &request, s_on_done, self);
}

/* ---- reading ---- */

static void s_encode_and_send(parcel_t *self, const Signal *signal) {
    json_encode(Signal_message(), signal, &self->body);
    s_send(self);
}

static void s_store_failed(parcel_t *self, err_t err, const Fault *fault) {
    if (err == ERR_SHUTTING_DOWN) {
        s_free(self);
        return;
    }
    log_warning("a delivery cannot be read", LOG_ERRT(err), LOG_STR("url", self->to->shown),
                LOG_STR("error", fault->message));
    s_wait(self, DELIVERY_STORE_AGAIN_MS);
}

/* As it was routed, as far as the row still tells. */
static err_t s_read_signal(const StoreRows *rows, Signal *signal) {
    store_row_t *row = rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    err_t err = row ? signal_row_read(row, signal) : ERR_NOT_FOUND;
    store_row_destroy(&row);
    MESSAGE_PUT(signal->status, "routed");
    signal->has_superseded_by = false;
    return err;
}

static void s_on_signal(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    (void)actor;
    parcel_t *self = context;
    Signal signal = Signal_init_zero;
    if (err != OK) {
        s_store_failed(self, err, fault);
        return;
    }
    if (s_read_signal(response, &signal) == OK)
        s_encode_and_send(self, &signal);
    else
        s_conclude(self, ATTEMPT_EXHAUSTED, "the signal is no longer kept", 0);
    message_release(Signal_message(), &signal);
}

static void s_take_row(parcel_t *self, const store_row_t *row) {
    Signal signal = Signal_init_zero;
    self->traceparent = message_strdup(store_row_text(row, DELIVERY_ROW_TRACEPARENT));
    self->request_id = message_strdup(store_row_text(row, DELIVERY_ROW_REQUEST_ID));
    int64_t wait_ms = self->delivery.next_attempt_at - clock_wall_ms();
    if (wait_ms > 0)
        s_wait(self, wait_ms);
    else if (delivery_row_signal(row, &signal))
        s_encode_and_send(self, &signal);
    else
        store_query(self->to->actor, "signal_by_id", 1, NULL, s_on_signal, self, "s",
                    self->delivery.signal_id);
    message_release(Signal_message(), &signal);
}

static void s_on_row(actor_t *actor, void *context, err_t err, const void *response, const Fault *fault) {
    const delivery_t *state = actor_state(actor);
    parcel_t *self = context;
    const StoreRows *rows = response;
    if (err != OK) {
        s_store_failed(self, err, fault);
        return;
    }
    store_row_t *row = rows->rows_count ? store_row_new(rows->rows[0]) : NULL;
    if (state->stopping) {
        lanes_put_back(&self->to->lanes, self->lane);
        s_end(self);
    } else if (row && delivery_row_read(row, &self->delivery) == OK) {
        s_take_row(self, row);
    } else {
        lanes_finish(&self->to->lanes, self->lane);
        s_end(self);
    }
    store_row_destroy(&row);
}

void parcel_begin(destination_t *to, lane_t *lane) {
    parcel_t *self = calloc(1, sizeof *self);
    assert_always(self);
    self->to = to;
    self->lane = lane;
    self->next = to->parcels;
    if (to->parcels)
        to->parcels->previous = self;
    to->parcels = self;
    to->busy++;
    store_query(to->actor, "delivery_next", 1, NULL, s_on_row, self, "ss", to->url, lane->scope);
}
