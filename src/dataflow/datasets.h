/* The datasets that this service knows: where each comes from, how it is fetched, and when it is too old.
 *
 * Ages are counted by the clock, not by a trading calendar. Daily data turns stale after 36 hours: a cycle on a
 * weekday sees the evening before as ready, one after a weekend asks for what is new, which an incremental fetch
 * answers cheaply. It counts as missing after 10 days, which is longer than any holiday of the exchanges.
 * Constant; any thread. */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;           /* in DATASETS_REQUIRED; flowhub's data_type */
    const char *source;         /* the service that collects it */
    const char *task_name;      /* of flowhub's task */
    const char *params;         /* of the task: a JSON object, as text */
    const char *schedule_type;  /* manual or cron */
    const char *schedule_value; /* cron text; NULL = null */
    int64_t warn_after_s;       /* older is stale */
    int64_t error_after_s;      /* older is missing */
    int64_t wait_s;             /* longest wait for a job */
    bool empty_is_failure;      /* a job that brought and skipped nothing has failed */
} dataset_t;

extern const dataset_t datasets_all[];
extern const size_t datasets_count;

/* NULL when there is none of that name. */
const dataset_t *datasets_find(const char *name);

/* Appends all names, joined by ", ". */
void datasets_list(buf_t *out);
