/* Keys and their answers, through the store. */
#include "gateway/once.h"

#include "base/clock.h"
#include "base/json_hash.h"
#include "base/log.h"
#include "bus/fault.h"
#include "gateway/envelope.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The store gets at least this long, however little the route's own deadline leaves. */
#define STORE_WAIT_US 5000000

void once_mark(exchange_t *self, Envelope *envelope) {
    const buf_t *body = &self->worker->body;
    int length =
        snprintf(envelope->operation, sizeof envelope->operation, "%s %s", self->method_name, self->path);
    if (length >= (int)sizeof envelope->operation)
        snprintf(envelope->operation, sizeof envelope->operation, "%s #%016llx", self->method_name,
                 (unsigned long long)ids_hash64(self->path, strlen(self->path)));
    self->dated_ms = envelope->asked_at_ms = clock_wall_ms();
    bool fits = MESSAGE_SET(envelope->idempotency_key, self->headers.idempotency_key);
    assert_always(fits);
    json_event_t kind;
    if (!json_hash(buf_str(body), body->size, &kind,
                   &envelope->body_hash)) /* as it is written does not count */
        envelope->body_hash = ids_hash64(buf_str(body), body->size);
    const char *query = self->info->query_string;
    if (query && *query)
        envelope->body_hash ^= ids_hash64(query, strlen(query)) * 31;
}

static Envelope s_store_envelope(const Envelope *envelope) {
    Envelope own = *envelope;
    own.deadline_us = clock_mono_us() + STORE_WAIT_US;
    own.idempotency_key[0] = '\0';
    return own;
}

static err_t s_decode_answer(exchange_t *self, const IdempotencyState *known, void *response, Fault *fault) {
    const void *bytes = known->payload ? known->payload->bytes : NULL;
    size_t size = known->payload ? known->payload->size : 0;
    if (strcmp(known->schema, FAULT_SCHEMA) == 0) {
        err_t err = message_decode(Fault_message(), bytes, size, fault);
        return err == OK ? fault_err(fault) : envelope_fault(fault, err, NULL);
    }
    err_t err = strcmp(known->schema, self->rpc->response()->schema) == 0
                    ? message_decode(self->rpc->response(), bytes, size, response)
                    : ERR_INTERNAL;
    return err == OK ? OK : envelope_fault(fault, err, NULL);
}

static err_t s_take_state(exchange_t *self, const IdempotencyState *known, once_t *state, void *response,
                          Outcome *outcome, Fault *fault) {
    *state = ONCE_STARTED;
    if (strcmp(known->state, "started") == 0)
        return OK;
    if (strcmp(known->state, "mismatch") == 0)
        return envelope_fault(fault, ERR_IDEMPOTENCY_MISMATCH, NULL);
    if (strcmp(known->state, "running") == 0)
        return envelope_fault(fault, ERR_IDEMPOTENCY_IN_PROGRESS, NULL);
    *state = ONCE_REPLAY;
    *outcome = known->outcome;
    self->dated_ms = known->asked_at_ms;
    return s_decode_answer(self, known, response, fault);
}

err_t once_begin(exchange_t *self, const Envelope *envelope, once_t *state, void *response, Outcome *outcome,
                 Fault *fault) {
    IdempotencyBegin begin = {.principal = message_strdup(self->principal.name),
                              .operation = message_strdup(envelope->operation),
                              .key = message_strdup(envelope->idempotency_key),
                              .body_hash = envelope->body_hash};
    IdempotencyState known = IdempotencyState_init_zero;
    Fault why = Fault_init_zero;
    Envelope own = s_store_envelope(envelope);
    *state = ONCE_STARTED;
    err_t err =
        bus_client_request(self->worker->bus, &rpc_StoreWriter_BeginIdempotent, &own, &begin, &known, &why);
    if (err == OK)
        err = s_take_state(self, &known, state, response, outcome, fault);
    else
        err = envelope_fault(fault, ERR_STORE_UNAVAILABLE, "the Idempotency-Key cannot be checked: %s",
                             why.message ? why.message : err_text(err));
    message_release(Fault_message(), &why);
    message_release(IdempotencyState_message(), &known);
    message_release(IdempotencyBegin_message(), &begin);
    return err;
}

static bool s_is_kept(err_t err) {
    int status = err_http_status(err);
    return status < 500 && status != 401 && status != 429;
}

/* The answer as it will be given again. */
static err_t s_encode_answer(const exchange_t *self, err_t err, const void *response, const Fault *fault,
                             IdempotencyEnd *end) {
    const message_t *message = err == OK ? self->rpc->response() : Fault_message();
    buf_t encoded = BUF_INIT;
    err_t failed = message_encode(message, err == OK ? response : fault, &encoded);
    if (failed == OK && (end->payload = message_bytes(buf_str(&encoded), encoded.size)) == NULL)
        failed = ERR_NO_MEMORY;
    if (failed == OK && !MESSAGE_SET(end->schema, message->schema))
        failed = ERR_INTERNAL;
    buf_free(&encoded);
    return failed;
}

void once_end(exchange_t *self, const Envelope *envelope, err_t err, const void *response,
              const Fault *fault) {
    IdempotencyEnd end = {.principal = message_strdup(self->principal.name),
                          .operation = message_strdup(envelope->operation),
                          .key = message_strdup(envelope->idempotency_key),
                          .release = !s_is_kept(err),
                          .outcome = envelope->outcome,
                          .asked_at_ms = envelope->asked_at_ms};
    Fault why = Fault_init_zero;
    Empty nothing = Empty_init_zero;
    Envelope own = s_store_envelope(envelope);
    err_t failed = end.release ? OK : s_encode_answer(self, err, response, fault, &end);
    if (failed == OK)
        failed =
            bus_client_request(self->worker->bus, &rpc_StoreWriter_EndIdempotent, &own, &end, &nothing, &why);
    /* The work is done and its answer true: it is given, though a repetition will not find it. */
    if (failed != OK)
        log_warning("the answer was not recorded under its Idempotency-Key", LOG_ERRT(failed),
                    LOG_STR("operation", envelope->operation), LOG_STR("reason", why.message));
    message_release(Fault_message(), &why);
    message_release(IdempotencyEnd_message(), &end);
}
