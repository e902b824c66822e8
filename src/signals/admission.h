/* From a request to a signal: fields checked, defaults filled in. Pure but for the id that it makes. */
#pragma once

#include "base/err.h"
#include "integration/v1/signals.pb.h"
#include "message/json_codec.h"

#define ADMISSION_AHEAD_MS 300000 /* how far a timestamp may be ahead of our clock */

typedef struct {
    int64_t now_ms; /* wall clock */
    int64_t ttl_ms; /* life of a signal that names no expiry_time */
    const char *routing_id;
} admission_t;

/* Fills the zeroed `signal` (message_release frees it) but for status, seq and decision.
 * OK
 * ERR_SIGNAL_EXPIRED    its expiry_time has come; signal and hash are filled all the same
 * ERR_VALIDATION_FAILED `problems` says why, in addition to those that the request carries; the signal holds at
 *                       most its signal_id, source and target */
ERR_MUST_USE
err_t admission_check(const admission_t *self, const RouteSignalRequest *request, Signal *signal,
                      uint64_t *body_hash, problems_t *problems);
