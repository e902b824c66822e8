/* Whether a dataset is fit for use, by the age of its last successful fetch; and what to do when it is not. Pure. */
#pragma once

#include "dataflow/datasets.h"

typedef enum { READINESS_READY, READINESS_STALE, READINESS_MISSING } readiness_t;

/* `last_ms` is the end of the last successful fetch, 0 = never; both times are milliseconds since 1970. At exactly
 * the threshold it is still the better of the two. A fetch in the future (another machine's clock) is ready. */
readiness_t readiness_judge(const dataset_t *dataset, int64_t last_ms, int64_t now_ms);
const char *readiness_name(readiness_t readiness); /* ready, stale, missing */

/* Seconds since the last fetch, never negative. */
double readiness_age_s(int64_t last_ms, int64_t now_ms);

typedef enum { POLICY_SYNC, POLICY_WAIT, POLICY_DEGRADE, POLICY_ABORT } policy_t;

/* False when the word is none of sync, wait, degrade, abort. */
bool readiness_policy(const char *word, policy_t *policy);
