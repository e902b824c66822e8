/* One simulated service: its routes, its jobs, its idempotency keys, faults and log. Everything here is called from the
 * worker threads of the service's listener and is thread safe. Those threads have stacks of
 * 100 KiB only. */
#pragma once

#include "callback.h"
#include "check.h"
#include "faults.h"
#include "http.h"
#include "idempotency.h"
#include "jobs.h"
#include "macro_state.h"
#include "prices.h"
#include "reqlog.h"

#define SIM_VERSION "1.0.0"

enum { SIM_SERVICES = 4, PAGE_MAX = 100, PAGE_DEFAULT = 20 };

typedef struct service service_t;
typedef reply_t (*handler_fn)(service_t *self, const request_t *request);

typedef enum { BODY_NONE, BODY_OPTIONAL, BODY_REQUIRED } body_rule_t;

/* A pattern is a path with up to REQUEST_PARAMS segments {name}. Tables end with an empty row. */
typedef struct {
    const char *method, *pattern;
    handler_fn handler;
    body_rule_t body;
} route_t;

/* What differs between the four services. */
typedef struct {
    const char *name;        /* macro, portfolio, execution, flowhub */
    const char *job_prefix;  /* of job ids */
    const char *health_path; /* faults without a path_prefix leave it alone */
    bool flat;               /* payload is the body, and times are epoch seconds */
    const route_t *routes;
    bool (*start)(service_t *self); /* NULL = has no state of its own */
    void (*stop)(service_t *self);
    /* Fills the outcome of a generic job (POST /api/v1/jobs); false when the type is unknown. NULL for flowhub. */
    bool (*run_job)(service_t *self, const char *type, json_t *params, job_spec_t *spec);
} service_class_t;

extern const service_class_t macro_class, portfolio_class, execution_class, flowhub_class;

/* In the order of their ports. */
extern const service_class_t *const sim_classes[SIM_SERVICES];

struct service {
    const service_class_t *class;
    const prices_t *prices;
    int64_t job_ms; /* how long a job takes; 0 = answer inline where that is allowed */
    jobs_t *jobs;
    idempotency_t *keys;
    faults_t *faults;
    reqlog_t *log;
    callback_t *callback;
    void *state; /* of the class */
};

/* prices is borrowed and must outlive the service. NULL when something could not be started. */
service_t *service_new(const service_class_t *class, const prices_t *prices, int64_t job_ms,
                       const char *callback_key);
void service_destroy(service_t **self_p);

/* Routes the request, checks its form, honours its Idempotency-Key and runs the handler. The reply is rendered. */
reply_t service_respond(service_t *self, request_t *request);

/* 404 for an unknown path, 405 with Allow for a known one; else the route, with request->params filled. */
const route_t *route_find(const route_t *routes, request_t *request, reply_t *error);

/* Reply with the payload in the envelope of the service; takes data. */
reply_t reply_ok(const service_t *self, int status, json_t *data);

/* Creates a job under the faults that are active for the request; takes the JSON values of the spec. On false *error is
 * the reply. Release *view. */
bool service_create_job(service_t *self, const request_t *request, job_spec_t *spec, job_view_t *view,
                        reply_t *error);

/* 202 with the job id, in the form of the service; releases view. */
reply_t reply_accepted(const service_t *self, job_view_t *view);

/* Creates a job and answers 202. */
reply_t service_answer_job(service_t *self, const request_t *request, job_spec_t *spec);

/* Answers 200 with the result (422 with its error) when jobs take no time and no fault is set for them, else a job. */
reply_t service_answer_inline_or_job(service_t *self, const request_t *request, job_spec_t *spec);

/* Marks the outcome of a job as failed. */
void job_spec_fail(job_spec_t *spec, const char *code, const char *message);

/* limit (1-100) and offset (>= 0) of the query. */
void query_page(const request_t *request, int default_limit, int *limit, int *offset, check_t *check);

/* Handlers that all services have in common, for their route tables. */
reply_t service_health(service_t *self, const request_t *request);
reply_t job_api_create(service_t *self, const request_t *request);
reply_t job_api_list(service_t *self, const request_t *request);
reply_t job_api_get(service_t *self, const request_t *request);
reply_t job_api_cancel(service_t *self, const request_t *request);
reply_t job_api_not_found(const char *id);

/* The stocks (not the indices) of the prices, in file order; returns how many. */
int prices_stocks(const prices_t *prices, const series_t **out);

/* `data` of the macro state, of the last full bar. NULL when the prices do not reach back far enough. */
json_t *macro_state_json(const prices_t *prices);
