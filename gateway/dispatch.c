/* From request to answer. */
#include "gateway/dispatch.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/bind.h"
#include "gateway/body.h"
#include "gateway/cors.h"
#include "gateway/envelope.h"
#include "gateway/local.h"
#include "gateway/once.h"
#include "routes.gen.h"
#include "tables.gen.h"
#include <civetweb.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_DEADLINE_MS 5000

void dispatch_envelope(const exchange_t *self, Envelope *envelope) {
    uint32_t deadline_ms =
        self->rpc && self->rpc->http->deadline_ms ? self->rpc->http->deadline_ms : DEFAULT_DEADLINE_MS;
    envelope->deadline_us = self->started_us + (int64_t)deadline_ms * 1000;
    envelope->has_principal = true;
    bool fits = MESSAGE_SET(envelope->traceparent, self->traceparent) &&
                MESSAGE_SET(envelope->request_id, self->request_id) &&
                MESSAGE_SET(envelope->principal.name, self->principal.name) &&
                MESSAGE_SET(envelope->principal.scope, auth_scope_name(self->principal.scope)) &&
                MESSAGE_SET(envelope->principal.remote, self->info->remote_addr);
    assert_always(fits);
}

/* ---- steps: each says OK to go on, or fills the fault ---- */

static err_t s_find_route(exchange_t *self, Fault *fault) {
    err_t err = uri_path_split(&self->segments, self->path);
    if (err == OK)
        err = router_find(self->worker->shared->router, &self->segments, self->method, &self->match);
    if (err == OK)
        self->rpc = self->match.rpcs[0];
    return err == OK ? OK : envelope_fault(fault, err, NULL);
}

static err_t s_check_headers(exchange_t *self, Fault *fault) {
    if (headers_framing_valid(&self->headers))
        return OK;
    /* Where the body ends is not sure: nothing after it can be trusted. */
    self->close = true;
    self->body_unread = false;
    return envelope_fault(fault, ERR_MALFORMED_REQUEST,
                          "a header that must be sent once is repeated or contradictory");
}

static bool s_is_probe(const rpc_t *rpc) {
    return rpc->http->scope == SCOPE_OPEN;
}

static err_t s_check_running(exchange_t *self, bool admitted, Fault *fault) {
    if (admitted || self->rpc == &rpc_Gateway_GetHealth || self->rpc == &rpc_Gateway_GetLiveness)
        return OK;
    return envelope_fault(fault, ERR_SHUTTING_DOWN, NULL);
}

/* Counted before the key is judged, so that guessing keys is limited too. */
static err_t s_check_rate(exchange_t *self, Fault *fault) {
    const char *who = self->principal.by_key ? self->principal.name : self->info->remote_addr;
    if (s_is_probe(self->rpc) || limits_take(self->worker->shared->limits, who, self->config->rate_limit,
                                             self->started_us, &fault->retry_after_seconds))
        return OK;
    return envelope_fault(fault, ERR_RATE_LIMITED, NULL);
}

static err_t s_check_principal(exchange_t *self, Fault *fault) {
    scope_t needed = self->rpc->http->scope;
    err_t err = auth_check(&self->principal, needed);
    if (err == ERR_FORBIDDEN)
        return envelope_fault(fault, err, "scope %s is needed, the key has %s", auth_scope_name(needed),
                              auth_scope_name(self->principal.scope));
    return err == OK ? OK : envelope_fault(fault, err, NULL);
}

static bool s_takes_body(const exchange_t *self) {
    return self->method == HTTP_POST || self->method == HTTP_PUT;
}

static err_t s_take_body(exchange_t *self, Fault *fault) {
    if (!s_takes_body(self)) {
        body_discard(self);
        return OK;
    }
    err_t err = body_read(self);
    if (err == ERR_BODY_TOO_LARGE)
        return envelope_fault(fault, err, "the body is larger than %lld bytes",
                              (long long)self->config->max_body_bytes);
    if (err != OK)
        return envelope_fault(fault, err,
                              "the body ended before its announced length or its chunks are broken");
    if (self->worker->body.size > 0 && !header_is_json(self->headers.content_type))
        return envelope_fault(fault, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
    self->rpc = bind_choose(&self->match, buf_str(&self->worker->body), self->worker->body.size);
    return OK;
}

static err_t s_check_idempotency_key(exchange_t *self, Fault *fault) {
    const char *key = self->method == HTTP_POST ? self->headers.idempotency_key : NULL;
    if (!key || header_is_token(key))
        return OK;
    problems_t problems = PROBLEMS_INIT;
    problems_add(&problems, "Idempotency-Key", "must be 1 to 128 visible ASCII characters");
    envelope_take_problems(fault, &problems);
    return envelope_fault(fault, ERR_VALIDATION_FAILED, NULL);
}

static err_t s_bind(exchange_t *self, void *request, Fault *fault) {
    bind_input_t input = {self->info->query_string, buf_str(&self->worker->body), self->worker->body.size};
    problems_t problems = PROBLEMS_INIT;
    err_t err = bind_request(self->rpc, &self->match, &input, request, &problems);
    envelope_take_problems(fault, &problems);
    return err == OK ? OK : envelope_fault(fault, err, NULL);
}

/* ---- the component ---- */

static err_t s_ask(exchange_t *self, Envelope *envelope, const void *request, void *response, Fault *fault) {
    if (!self->worker->bus)
        return envelope_fault(fault, ERR_NO_SUBSCRIBER, NULL);
    return bus_client_request(self->worker->bus, self->rpc, envelope, request, response, fault);
}

/* Once for each Idempotency-Key. `bound` is how binding went: a refused body is an answer that is kept, too. */
static err_t s_ask_once(exchange_t *self, err_t bound, Envelope *envelope, const void *request,
                        void *response, Fault *fault) {
    once_t state;
    Fault known = Fault_init_zero;
    once_mark(self, envelope);
    err_t err = once_begin(self, envelope, &state, response, &envelope->outcome, &known);
    self->replayed = state == ONCE_REPLAY;
    if (err == OK && !self->replayed) {
        err = bound == OK ? s_ask(self, envelope, request, response, fault) : bound;
        if (!envelope->answer_recorded)
            once_end(self, envelope, err, response, fault);
        return err;
    }
    if (bound != OK && err == ERR_STORE_UNAVAILABLE && !self->replayed) {
        message_release(Fault_message(), &known);
        return bound; /* nothing was carried out that a repetition could repeat */
    }
    message_release(Fault_message(), fault);
    *fault = known;
    return err;
}

static err_t s_ask_component(exchange_t *self, err_t bound, const void *request, void *response,
                             Outcome *outcome, Fault *fault) {
    bool once = self->method == HTTP_POST && self->headers.idempotency_key && self->worker->bus;
    if (bound != OK && !once)
        return bound;
    gate_t *gate = self->worker->shared->gate;
    bool takes_place = self->rpc->http->scope != SCOPE_OPEN; /* a probe does not: who is busy works */
    if (takes_place && !gate_enter_bus(gate)) {
        message_release(Fault_message(), fault);
        return envelope_fault(fault, ERR_OVERLOADED, NULL);
    }
    Envelope envelope = Envelope_init_zero;
    dispatch_envelope(self, &envelope);
    err_t err = once ? s_ask_once(self, bound, &envelope, request, response, fault)
                     : s_ask(self, &envelope, request, response, fault);
    if (takes_place)
        gate_leave_bus(gate);
    *outcome = envelope.outcome;
    return err;
}

static void s_answer(exchange_t *self, const void *request, void *response, err_t bound, Fault *fault) {
    Outcome outcome = Outcome_OUTCOME_DONE;
    err_t err = bound;
    if (bound == OK && self->rpc->not_implemented)
        err = envelope_fault(fault, ERR_NOT_IMPLEMENTED, NULL);
    else if (!self->rpc->not_implemented && !local_answers(self->rpc))
        err = s_ask_component(self, bound, request, response, &outcome, fault);
    if (err != OK)
        exchange_fail(self, fault);
    else if (local_answers(self->rpc))
        local_answer(self, response);
    else
        exchange_succeed(self, response, outcome);
}

static void s_carry_out(exchange_t *self, Fault *fault) {
    void *request = message_new(self->rpc->request());
    void *response = message_new(self->rpc->response());
    err_t bound = s_bind(self, request, fault);
    s_answer(self, request, response, bound, fault);
    message_free(self->rpc->request(), &request);
    message_free(self->rpc->response(), &response);
}

/* ---- what needs no route of its own ---- */

/* A preflight, or a question for the methods of a path. */
static void s_answer_options(exchange_t *self) {
    char allow[ROUTER_ALLOW_SIZE];
    router_allow(self->match.methods, allow);
    buf_t *lines = &self->worker->lines;
    buf_printf(lines, "Allow: %s\r\n", allow);
    bool preflight = self->headers.access_control_request_method != NULL;
    if (preflight && cors_origin_allowed(self->config->cors_origins, self->headers.origin))
        cors_preflight_headers(lines, allow);
    body_discard(self);
    exchange_document(self, 204, "");
}

static err_t s_admit(exchange_t *self, bool admitted, Fault *fault) {
    err_t err = s_check_headers(self, fault);
    if (err == OK)
        err = s_check_running(self, admitted, fault);
    if (err == OK)
        err = s_check_rate(self, fault);
    if (err == OK)
        err = s_check_principal(self, fault);
    if (err == OK)
        err = s_take_body(self, fault);
    if (err == OK)
        err = s_check_idempotency_key(self, fault);
    return err;
}

static void s_handle(exchange_t *self, bool admitted) {
    Fault fault = Fault_init_zero;
    err_t err = s_find_route(self, &fault);
    bool options = err == ERR_METHOD_NOT_ALLOWED && strcmp(self->method_name, "OPTIONS") == 0;
    if (err == OK) {
        auth_identify(self->config, &self->headers, self->info->remote_addr, &self->principal);
        err = s_admit(self, admitted, &fault);
    }
    if (options) {
        s_answer_options(self);
    } else if (err != OK) {
        body_discard(self);
        exchange_fail(self, &fault);
    } else {
        s_carry_out(self, &fault);
    }
    message_release(Fault_message(), &fault);
}

void dispatch(exchange_t *self) {
    gate_t *gate = self->worker->shared->gate;
    bool admitted = gate_enter(gate);
    if (!admitted)
        self->close = true;
    log_set_request(self->request_id, self->traceparent);
    s_handle(self, admitted);
    log_set_request(NULL, NULL);
    if (admitted)
        gate_leave(gate);
}

void dispatch_refuse(exchange_t *self, err_t err, const char *reason) {
    Fault fault = Fault_init_zero;
    self->close = true;
    self->body_unread = false;
    log_set_request(self->request_id, self->traceparent);
    (void)envelope_fault(&fault, err, reason ? "%s" : NULL, reason);
    exchange_fail(self, &fault);
    log_set_request(NULL, NULL);
    message_release(Fault_message(), &fault);
}

void dispatch_refuse_method(exchange_t *self, const char *uri) {
    char path[URI_DECODED_MAX];
    Fault fault = Fault_init_zero;
    if (snprintf(path, sizeof path, "%.*s", (int)strcspn(uri, "?#"), uri) >= (int)sizeof path)
        path[0] = '\0';
    self->path = path;
    err_t err = s_find_route(self, &fault);
    message_release(Fault_message(), &fault);
    dispatch_refuse(self, err == OK ? ERR_METHOD_NOT_ALLOWED : err, NULL);
}
