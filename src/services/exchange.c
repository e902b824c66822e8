/* One exchange of an operation: let through by the circuit, sent with all headers, and booked. */
#include "services/adapter_state.h"

#include "base/clock.h"
#include "base/ids.h"

bool exchange_may_send(operation_t *self, attempt_t *attempt) {
    adapter_t *adapter = self->adapter;
    bool allowed = breaker_allow(&adapter->breaker, clock_mono_us());
    attempt->breaker_era = adapter->breaker.era;
    health_watch_circuit(adapter);
    return allowed;
}

void exchange_send(operation_t *self, attempt_t *attempt, const char *method, const char *path,
                   const char *query, const char *body, const char *idempotency_key, http_done_fn *done) {
    buf_t url = BUF_INIT;
    char span[TRACEPARENT_SIZE];
    int64_t left_ms = operation_time_left_ms(self);
    ids_traceparent_child(self->traceparent, span);
    buf_printf(&url, "%s%s%s%s", self->adapter->config->url, path, query && *query ? "?" : "",
               query ? query : "");
    http_request_t request = {.method = method,
                              .url = buf_str(&url),
                              .body = body,
                              .idempotency_key = idempotency_key,
                              .request_id = call_envelope(self->call)->request_id,
                              .traceparent = span,
                              .timeout_ms = left_ms > 0 ? left_ms : 1,
                              .once = idempotency_key != NULL}; /* a poll may be repeated as it likes */
    attempt->operation = self;
    if (attempt == &self->under_way[0])
        self->sent_us = clock_mono_us();
    attempt->exchange = http_client_send(self->adapter->http, &request, done, attempt);
    buf_free(&url);
}

/* A service that refuses (4xx) is in good order. */
void exchange_book_orphan(adapter_t *adapter, uint32_t breaker_era, const http_response_t *response) {
    int64_t now_us = clock_mono_us();
    bool good = response->err == OK && response->status < 500;
    adapter->requests++;
    if (response->err == ERR_SHUTTING_DOWN) {
        breaker_forget(&adapter->breaker, breaker_era);
        return;
    }
    adapter->failures += !good;
    adapter->timeouts += response->err == ERR_DEADLINE_EXCEEDED;
    latency_record(&adapter->latency, now_us, response->duration_us);
    breaker_record(&adapter->breaker, now_us, breaker_era, good);
    health_watch_circuit(adapter);
}

/* Of two that were under way at once only the time from the first one on counts, so that no time counts twice. */
void exchange_book(operation_t *self, attempt_t *attempt, const http_response_t *response) {
    int64_t now_us = clock_mono_us();
    attempt->exchange = NULL;
    self->last_status = response->status;
    self->downstream_us += now_us - self->sent_us;
    self->sent_us = now_us;
    exchange_book_orphan(self->adapter, attempt->breaker_era, response);
}

void exchange_abort_all(operation_t *self) {
    for (size_t i = 0; i < 2; i++) {
        attempt_t *attempt = &self->under_way[i];
        if (!attempt->exchange)
            continue;
        http_client_abort(&attempt->exchange);
        self->adapter->requests++;
        breaker_forget(&self->adapter->breaker, attempt->breaker_era);
    }
}
