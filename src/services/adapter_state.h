/* What the files of an adapter share: its state, and the operations that it carries out. */
#pragma once

#include "services/adapter.h"

#include "base/buf.h"
#include "integration/v1/services.pb.h"
#include "services/breaker.h"
#include "services/http_client.h"
#include "services/latency.h"
#include "services/reply.h"
#include "services/retry.h"

#define ADAPTER_RESPONSE_CAP        ((size_t)16 << 20)
#define ADAPTER_CONNECT_TIMEOUT_MS  30000
#define ADAPTER_PROBE_TIMEOUT_MS    5000
#define ADAPTER_MAX_OPERATIONS      1024
#define ADAPTER_FAILED_POLLS        5
#define ADAPTER_FAILED_POLL_WAIT_MS 10000 /* after a failed poll, unless the caller polls more often */
#define ADAPTER_PROBE_POOL          4 /* connections of probes, so that calls that hang do not hold them up */
#define ADAPTER_ANSWER_MARGIN_US    100000 /* left of the caller's deadline, so that it gets our reason */
#define ADAPTER_POLL_FIRST_MS       100
#define ADAPTER_POLL_MAX_MS         2000

/* The fixed side of a service. */
typedef struct {
    const char *health_path;
    const char *api_prefix; /* a label of the registry; no call uses it */
    bool separate_result;   /* flowhub: jobs/{id}/status, then jobs/{id}/result */
} adapter_profile_t;

typedef struct operation_s operation_t;

typedef struct {
    actor_t *actor;
    int service;
    const adapter_profile_t *profile;
    const config_service_t *config;
    http_client_t *http;
    http_client_t *probes; /* health only */
    breaker_t breaker;
    retry_budget_t budget;
    latency_t latency;
    operation_t *operations; /* every one that has not answered yet */
    size_t operation_count;
    uint32_t max_in_flight; /* 0 = ADAPTER_MAX_OPERATIONS */
    uint64_t requests, failures, retries, timeouts;

    /* Health, of the last probe. */
    char status[16]; /* healthy, unhealthy, unknown */
    int64_t last_check_ms, response_time_us, opened_at_ms;
    uint64_t error_count;
    char *health_error;  /* NULL while healthy or unknown */
    bool probe_answered; /* the last probe got an HTTP answer, whatever it said */
    breaker_state_t seen_circuit;
} adapter_t;

/* One logical call: its attempts, and the job it may start. It is in adapter_t.operations from
 * operation_start until it has answered; meanwhile it has either an exchange under way or a timer. */
struct operation_s {
    operation_t *next, *previous;
    adapter_t *adapter;
    call_t *call;
    AdapterCall request;
    bool waits_for_job;
    uint64_t timer; /* 0 while an exchange is under way */
    int64_t started_us, deadline_us, downstream_us;
    int attempts;
    uint32_t breaker_era; /* of the exchange under way */
    bool replayed;
    char traceparent[56];
    /* polling */
    char job_id[129];
    int64_t job_started_us, before_job_us; /* before_job_us: downstream_us without the job */
    int64_t poll_interval_ms;
    int failed_polls;
    bool job_succeeded; /* its result is to be read */
    bool nudged;
    char poll_error[200]; /* of the last failed poll; empty = none */
    int last_status;
};

/* Starts; answers `call` when it is done. */
void operation_start(adapter_t *adapter, call_t *call, const AdapterCall *request, bool waits_for_job);
/* Ends with a refusal. `format` says what happened; the method and path are put before it. */
void operation_fail(operation_t *self, err_t err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends with a body (JSON text). */
void operation_succeed(operation_t *self, const char *body, size_t size);
/* Ends with a refusal by the service, as a result when the caller asked for that. */
void operation_refused(operation_t *self, json_t *root, const char *body, size_t size);
/* Milliseconds for the next exchange: the attempt's time-out, within the deadline. <= 0: no time is left. */
int64_t operation_time_left_ms(const operation_t *self);

/* True when the circuit lets an exchange through now. */
bool operation_may_send(operation_t *self);
/* Sends an exchange of the operation that was let through. An empty key = a new one. */
void operation_send(operation_t *self, const char *method, const char *path, const char *query,
                    const char *body, const char *idempotency_key, http_done_fn *done);
/* Books a finished exchange; true when it says that the service is in good order. */
bool operation_book(operation_t *self, const http_response_t *response);

/* Begins to poll the job in self->job_id. */
void job_wait_start(operation_t *self);
/* The service said that the job has ended: ask at once. False when nobody waits for it. */
bool job_wait_nudge(adapter_t *adapter, const char *job_id);

/* Health: probes and what follows from them. */
void health_init(adapter_t *self);
void health_probe(adapter_t *self, call_t *call, err_t (*answer)(adapter_t *self, call_t **call_p));
void health_watch_circuit(adapter_t *self); /* publishes a change of the circuit */
void health_free(adapter_t *self);

/* Fills the registry's item; strings are allocated for message_release. */
void adapter_fill_item(adapter_t *self, ServiceItem *item);
