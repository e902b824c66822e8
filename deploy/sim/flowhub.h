/* Parts of the flowhub service: what data the prices can provide, and the tasks. */
#pragma once

#include "sim.h"

enum { TASKS_MAX = 1000 };

/* data_type of a job kind (batch-stock-data → batch_daily_ohlc), false when the kind is unknown. */
bool flowhub_kind(const char *kind, char *data_type, size_t size);

/* Checks the fields that a fetch of this data type knows. `path` is the prefix of their names. */
void flowhub_check_params(const char *data_type, json_t *params, const char *path, check_t *check);

/* Fills the outcome of a fetch: record counts of what the prices hold, SOURCE_UNAVAILABLE for what they do not hold.
 * batch_daily_ohlc      the monthly bars of the stocks
 * index_daily_data      the daily bars of ^GSPC (as far as its file reaches) and the monthly bars of the other indices
 * trade_calendar_data   the trading days in the daily file */
void flowhub_fetch(const prices_t *prices, const char *data_type, json_t *params, job_spec_t *spec);

bool tasks_start(service_t *self);
void tasks_stop(service_t *self);

reply_t task_api_list(service_t *self, const request_t *request);
reply_t task_api_create(service_t *self, const request_t *request);
reply_t task_api_get(service_t *self, const request_t *request);
reply_t task_api_update(service_t *self, const request_t *request);
reply_t task_api_delete(service_t *self, const request_t *request);
reply_t task_api_run(service_t *self, const request_t *request);
