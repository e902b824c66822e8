/* What the validation sends to the execution service, and what it reads from the answers. Pure. */
#pragma once

#include "base/err.h"
#include "integration/v1/validation.pb.h"
#include <stddef.h>
#include <stdint.h>

/* The year that ends at `as_of` (YYYY-MM-DD; empty: the day before now_ms, UTC): start is the day after the same
 * date a year before. False when as_of is no date. */
ERR_MUST_USE
bool requests_year(const char *as_of, int64_t now_ms, char start[11], char end[11]);

/* Body of POST /api/v1/backtest/run. ERR_PROTOCOL when as_of is no date. The caller frees *body. */
ERR_MUST_USE
err_t requests_backtest(const ValidateCycleRequest *request, int64_t now_ms, char **body);

/* Body of POST /api/v1/quantum/pool/create; the name derives from the cycle. The caller frees it. */
char *requests_pool(const ValidateCycleRequest *request);

/* sharpe_ratio and max_drawdown of a backtest's result (each 0 when absent), and `performance` as JSON text for
 * the caller to free. ERR_PROTOCOL, with `why`, without performance or with a value that is no number. */
ERR_MUST_USE
err_t requests_read_backtest(const char *result, double *sharpe_ratio, double *max_drawdown,
                             char **performance, char *why, size_t why_size);
