/* What the files of an adapter share: its state, and the operations that it carries out. */
#pragma once

#include "services/adapter.h"

#include "base/buf.h"
#include "base/log.h"
#include "integration/v1/services.pb.h"
#include "services/breaker.h"
#include "services/http_client.h"
#include "services/job_reports.h"
#include "services/latency.h"
#include "services/reply.h"
#include "services/retry.h"

#define ADAPTER_CONNECT_TIMEOUT_MS  30000
#define ADAPTER_PROBE_TIMEOUT_MS    5000
#define ADAPTER_MAX_OPERATIONS      1024 /* in all, most of them waiting for a job */
#define ADAPTER_MAX_QUEUED          256
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
    bool stopping;
    const adapter_profile_t *profile;
    const config_service_t *config;
    http_client_t *http;
    http_client_t *probes; /* health only */
    breaker_t breaker;
    retry_budget_t budget;
    latency_t latency;
    job_reports_t reports;
    operation_t *operations; /* every one that has not answered yet */
    size_t operation_count;
    uint64_t requests, failures, retries, timeouts, hedges;

    /* The bulkhead: bulkhead.c. */
    uint32_t max_in_flight; /* 0 = pool_size */
    uint32_t in_flight;     /* operations in OPERATION_CALLING */
    operation_t *queue_first, *queue_last;
    uint32_t queued;
    bool admitting;

    /* Health, of the last probe. */
    char status[16]; /* healthy, unhealthy, unknown */
    int64_t last_check_ms, response_time_us, opened_at_ms;
    uint64_t error_count;
    char *health_error;  /* NULL while healthy or unknown */
    bool probe_answered; /* the last probe got an HTTP answer, whatever it said */
    breaker_state_t seen_circuit;
} adapter_t;

/* An exchange of an operation. */
typedef struct {
    operation_t *operation;
    http_exchange_t *exchange; /* NULL = not under way */
    uint32_t breaker_era;      /* in which it was let through */
} attempt_t;

typedef enum {
    OPERATION_NEW,
    OPERATION_QUEUED,  /* in the adapter's queue; its timer is its deadline */
    OPERATION_CALLING, /* holds one of the places in flight, also between two attempts */
    OPERATION_WAITING, /* for its job: between two polls most of the time, so it holds no place */
} operation_phase_t;

/* One logical call: its attempts, and the job it may start. It is in adapter_t.operations from
 * operation_start until it has answered; meanwhile it has an exchange under way, or a timer. */
struct operation_s {
    operation_t *next, *previous;
    operation_t *queue_next, *queue_previous;
    adapter_t *adapter;
    call_t *call;
    AdapterCall request;
    operation_phase_t phase;
    bool waits_for_job;
    uint64_t timer; /* of the next attempt or poll, or the end of the wait in the queue */
    uint64_t hedge_timer;
    attempt_t under_way[2]; /* the second is the hedge */
    int64_t started_us, deadline_us, downstream_us, sent_us;
    int attempts;
    int64_t retry_after_ms; /* as the last answer said */
    bool replayed;
    char traceparent[56];
    /* polling */
    char job_id[129];
    bool job_is_ours;                      /* started by this operation */
    int64_t job_started_us, before_job_us; /* before_job_us: downstream_us without the job */
    int64_t poll_interval_ms;
    int failed_polls;
    bool job_succeeded; /* its result is to be read */
    bool nudged;
    char poll_error[200]; /* of the last failed poll; empty = none */
    int last_status;
};

/* ---- operation.c: the life of an operation ---- */

/* Starts; answers `call` when it is done. */
void operation_start(adapter_t *adapter, call_t *call, const AdapterCall *request, bool waits_for_job);
/* Lines until log_switch_back belong to its request: an answer comes outside of any. */
log_request_t operation_log_request(const operation_t *self);
/* Ends with a refusal. `format` says what happened; the method and path are put before it. */
void operation_fail(operation_t *self, err_t err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends with a body (JSON text). */
void operation_succeed(operation_t *self, const char *body, size_t size);
/* Ends with a refusal by the service, as a result when the caller asked for that. */
void operation_refused(operation_t *self, json_t *root, const char *body, size_t size);
/* Milliseconds for the next exchange: the attempt's time-out, within the deadline. <= 0: no time is left. */
int64_t operation_time_left_ms(const operation_t *self);

/* ---- exchange.c: one exchange of an operation, and what is booked of it ---- */

/* True when the circuit lets an exchange through now; it is then to be sent as that attempt. */
bool exchange_may_send(operation_t *self, attempt_t *attempt);
/* Sends what was let through; `done` gets the attempt as its context. Without a key (NULL) it is a poll; an
 * empty key = a new one. */
void exchange_send(operation_t *self, attempt_t *attempt, const char *method, const char *path,
                   const char *query, const char *body, const char *idempotency_key, http_done_fn *done);
/* Books a finished exchange, which is no longer under way then. */
void exchange_book(operation_t *self, attempt_t *attempt, const http_response_t *response);
/* The same for one that goes on without its operation. */
void exchange_book_orphan(adapter_t *adapter, uint32_t breaker_era, const http_response_t *response);
/* Ends what is under way without an answer. */
void exchange_abort_all(operation_t *self);

/* ---- attempt.c: the attempts of the call itself ---- */

/* Sends the first or the next attempt, or ends the operation when that cannot be. */
void attempt_begin(operation_t *self);

/* ---- bulkhead.c: how many calls may occupy the service at once ---- */

/* Begins the first attempt now, or when a place is free; ends the operation when the queue is full. */
void bulkhead_enter(operation_t *self);
/* Gives the place back, or leaves the queue. For one that has neither, nothing. */
void bulkhead_leave(operation_t *self);
/* The circuit has opened: who waits in the queue is told at once. */
void bulkhead_circuit_opened(adapter_t *self);
uint32_t bulkhead_limit(const adapter_t *self);
void bulkhead_set_limit(adapter_t *self, uint32_t max_in_flight);

/* ---- job_wait.c ---- */

/* Begins to poll the job in self->job_id; may end the operation when the job has been reported already. */
void job_wait_start(operation_t *self);
/* The service reports a job; whoever waits for it gets what the report says. False when nobody does, or when the job
 * has not ended. */
bool job_wait_report(adapter_t *adapter, const ReportJobRequest *report);

/* ---- cancel.c ---- */

/* Cancels an operation, the job that it started, or a job by its id; answers the call. */
void cancel_start(adapter_t *adapter, call_t *call, const CancelJobRequest *request);
/* Tells the service, without waiting for the answer, that nobody wants the job of the operation any more. */
void cancel_given_up(operation_t *self);

/* ---- health.c: probes and what follows from them ---- */
void health_init(adapter_t *self);
void health_probe(adapter_t *self, call_t *call, err_t (*answer)(adapter_t *self, call_t **call_p));
void health_watch_circuit(adapter_t *self); /* publishes a change of the circuit */
void health_free(adapter_t *self);

/* Fills the registry's item; strings are allocated for message_release. */
void adapter_fill_item(adapter_t *self, ServiceItem *item);
