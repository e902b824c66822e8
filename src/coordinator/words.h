/* What the stages check and pick in answers: words of a set, dates, numbers within limits, short summaries. Pure. */
#pragma once

#include "coordinator/stages.h"

/* ERR_PROTOCOL, with `why`, unless the member is a string among `words` ("low|medium|high"). */
ERR_MUST_USE
err_t words_require(json_t *object, const char *key, const char *words, char why[STAGE_WHY_SIZE]);

/* True when `word` is one of `words`. */
bool words_has(const char *words, const char *word);

/* The named members that are there, as JSON text; the caller frees it. */
char *words_pick(json_t *object, const char *const *keys);

/* True for a day that is in the calendar, as YYYY-MM-DD. */
bool words_is_date(const char *text);

/* ERR_PROTOCOL, with `why`, unless the member is such a day. */
ERR_MUST_USE
err_t words_require_date(json_t *object, const char *key, char why[STAGE_WHY_SIZE]);

double words_clamp(double value, double low, double high);
