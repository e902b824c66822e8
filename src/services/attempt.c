/* The attempts of one logical call: one idempotency key, backoff, budget and circuit, never past the deadline; and the
 * hedge, a second attempt at a read whose answer is late. The first answer counts, the other exchange is ended. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/ids.h"
#include <string.h>

static void s_on_done(actor_t *actor, void *context, const http_response_t *response);

static void s_send(operation_t *self, attempt_t *attempt) {
    self->attempts++;
    exchange_send(self, attempt, self->request.method, self->request.path, self->request.query,
                  self->request.body, self->request.idempotency_key, s_on_done);
}

/* ---- Hedge ---- */

static bool s_may_try_again(const operation_t *self) {
    int64_t most = self->adapter->config->max_retries + 1;
    if (most > RETRY_MAX_ATTEMPTS)
        most = RETRY_MAX_ATTEMPTS;
    if (self->request.max_attempts && self->request.max_attempts < most)
        most = self->request.max_attempts;
    return !self->request.no_retry && self->attempts < most;
}

static void s_on_hedge_timer(actor_t *actor, void *context) {
    (void)actor;
    operation_t *self = context;
    adapter_t *adapter = self->adapter;
    self->hedge_timer = 0;
    if (adapter->breaker.state != BREAKER_CLOSED || !s_may_try_again(self) ||
        operation_time_left_ms(self) <= 0 || !retry_budget_take(&adapter->budget, clock_mono_us()))
        return;
    if (!exchange_may_send(self, &self->under_way[1]))
        return;
    adapter->hedges++;
    s_send(self, &self->under_way[1]);
}

static void s_hedge_later(operation_t *self) {
    int64_t after_ms = self->adapter->config->hedge_ms;
    if (after_ms > 0 && strcmp(self->request.method, "GET") == 0)
        self->hedge_timer = actor_timer_once(self->adapter->actor, after_ms, s_on_hedge_timer, self);
}

/* ---- Retry ---- */

static void s_on_retry_timer(actor_t *actor, void *context) {
    (void)actor;
    operation_t *self = context;
    self->timer = 0;
    attempt_begin(self);
}

/* True: another attempt is scheduled. */
static bool s_retry_later(operation_t *self) {
    adapter_t *adapter = self->adapter;
    if (!s_may_try_again(self))
        return false;
    int64_t now_us = clock_mono_us();
    int64_t delay_ms = retry_delay_ms(self->attempts + 1, ids_random64(), self->retry_after_ms);
    int64_t due_us = now_us + delay_ms * 1000;
    if (due_us >= self->deadline_us || due_us < breaker_retry_at_us(&adapter->breaker))
        return false;
    if (!retry_budget_take(&adapter->budget, now_us))
        return false;
    adapter->retries++;
    self->timer = actor_timer_once(adapter->actor, delay_ms, s_on_retry_timer, self);
    return true;
}

/* ---- Outcomes ---- */

static void s_on_success(operation_t *self, const http_response_t *response, json_t *root) {
    const char *payload;
    size_t size;
    if (self->waits_for_job && reply_starts_job(response->status, root)) {
        assert_always(reply_job_id(root, self->job_id, sizeof self->job_id));
        self->job_is_ours = true;
        job_wait_start(self);
        return;
    }
    reply_raw_payload(response->body, response->size, &payload, &size);
    if (self->waits_for_job && (response->status == 202 || !reply_is_inline_result(root)))
        operation_fail(self, ERR_PROTOCOL, "HTTP %d names no job and holds no result", response->status);
    else if (response->status == 204)
        operation_succeed(self, "{}", 2);
    else
        operation_succeed(self, payload, size);
}

static void s_on_2xx(operation_t *self, const http_response_t *response) {
    char reason[200];
    json_t *root = NULL;
    if (reply_parse(response->status, response->body, response->size, &root, reason, sizeof reason) != OK) {
        if (!s_retry_later(self))
            operation_fail(self, ERR_PROTOCOL, "HTTP %d but %s", response->status, reason);
        return;
    }
    if (reply_is_failure(root))
        operation_refused(self, root, response->body, response->size);
    else
        s_on_success(self, response, root);
    json_decref(root);
}

static void s_on_error_status(operation_t *self, const http_response_t *response) {
    bool retryable = retry_status_is_retryable(response->status);
    if (retryable && s_retry_later(self))
        return;
    json_t *root = json_loadb(response->body, response->size, 0, NULL);
    char text[256] = "";
    if (root)
        reply_error_text(root, text, sizeof text);
    if (retryable)
        operation_fail(self, ERR_SERVICE_UNAVAILABLE, "HTTP %d%s%s", response->status, *text ? " " : "",
                       text);
    else /* also a 5xx that says nothing of the next time, as 501 */
        operation_refused(self, root, response->body, response->size);
    json_decref(root);
}

/* An answer; else the other exchange, when there is one, may still bring one. */
static bool s_is_answer(const http_response_t *response) {
    return response->err == OK && !retry_status_is_retryable(response->status);
}

static void s_on_done(actor_t *actor, void *context, const http_response_t *response) {
    (void)actor;
    attempt_t *attempt = context;
    operation_t *self = attempt->operation;
    exchange_book(self, attempt, response);
    bool other_goes_on = self->under_way[0].exchange || self->under_way[1].exchange;
    if (other_goes_on && !s_is_answer(response))
        return;
    actor_timer_cancel(self->adapter->actor, &self->hedge_timer);
    exchange_abort_all(self);
    self->replayed = self->replayed || response->replayed;
    self->retry_after_ms = response->retry_after_ms;
    if (response->err == OK && response->status >= 200 && response->status < 300)
        s_on_2xx(self, response);
    else if (response->err == OK)
        s_on_error_status(self, response);
    else if (response->err == ERR_PROTOCOL || response->err == ERR_SHUTTING_DOWN || !s_retry_later(self))
        operation_fail(self, response->err, "%s", response->error);
}

void attempt_begin(operation_t *self) {
    adapter_t *adapter = self->adapter;
    if (operation_time_left_ms(self) <= 0) {
        operation_fail(self, ERR_DEADLINE_EXCEEDED, "no time was left for it");
        return;
    }
    if (!exchange_may_send(self, &self->under_way[0])) {
        int64_t wait_us = breaker_retry_at_us(&adapter->breaker) - clock_mono_us();
        self->retry_after_ms = wait_us > 0 ? wait_us / 1000 + 1 : 1000;
        operation_fail(self, ERR_CIRCUIT_OPEN, "the circuit is %s",
                       breaker_state_name(adapter->breaker.state));
        return;
    }
    if (self->attempts == 0)
        retry_budget_request(&adapter->budget, clock_mono_us());
    s_send(self, &self->under_way[0]);
    s_hedge_later(self);
}
