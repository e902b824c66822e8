/* Faults that a test or a demo switches on over HTTP, for one service. Thread safe.
 *
 * A fault hits the requests that match its path_prefix (absent: all but the health path) and method, with the
 * probability error_rate, at most `count` times. Several may be active: their latencies add up, and of the other effects
 * the first matching fault that has one decides. What is done to a request:
 *   latency_ms            wait before anything else
 *   hang                  wait until the faults are cleared or the client leaves, then go on
 *   status, retry_after   answer this error instead of handling the request (status alone 503 when only retry_after is
 *                         given, 500 when only error_rate is)
 *   reset, garbage, half_body, huge_bytes
 *                         handle the request, then spoil its answer: close with a reset, send 200 with no JSON, send
 *                         half of the body, stream this many bytes of an endless JSON body
 *   after_effect          true or false: whether the request is handled before its answer is replaced, overriding the
 *                         above (default false for status, true for the rest)
 *   job_status, job_hang  jobs that the request creates end failed or cancelled, or never */
#pragma once

#include "check.h"

#include <stdatomic.h>

enum { FAULTS_MAX = 64, FAULT_PREFIX_SIZE = 256, FAULT_METHOD_SIZE = 8 };

typedef enum { SPOIL_NONE, SPOIL_STATUS, SPOIL_RESET, SPOIL_GARBAGE, SPOIL_HALF_BODY, SPOIL_HUGE } spoil_t;

/* What to do to one request. */
typedef struct {
    int64_t latency_ms;
    bool hang;
    unsigned generation; /* of the faults when the request came; see faults_cleared_since */
    spoil_t spoil;
    bool after_effect;
    int status, retry_after;
    int64_t huge_bytes;
} fault_action_t;

typedef struct {
    bool fails, cancels, hangs;
} fault_job_t;

typedef struct faults faults_t;

faults_t *faults_new(const char *health_path);
void faults_destroy(faults_t **self_p);

/* Adds the fault that the object describes; false when it is bad (said in check) or FAULTS_MAX are active. */
bool faults_add(faults_t *self, json_t *object, check_t *check);
void faults_clear(faults_t *self);

/* Array of the active faults. */
json_t *faults_json(faults_t *self);

/* Uses up one count of each fault that hits. */
fault_action_t faults_take(faults_t *self, const char *method, const char *path);
fault_job_t faults_take_job(faults_t *self, const char *method, const char *path);

bool faults_cleared_since(faults_t *self, unsigned generation);
