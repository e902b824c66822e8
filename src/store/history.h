/* History queries over signals, made with only the conditions that are present.
 *
 * `(symbol IS NULL OR symbol = $1)` would hide the indexes from the planners; so each set of conditions is a
 * statement of its own, prepared once. There are few enough of them to keep. Owned by one thread. */
#pragma once

#include "base/err.h"
#include "store/statement.h"

/* Parameters in this order (signals.def describes them). */
enum {
    HISTORY_SYMBOL,
    HISTORY_SOURCE,
    HISTORY_TARGET,
    HISTORY_SIGNAL_TYPE,
    HISTORY_SIDE,
    HISTORY_STATUS,
    HISTORY_FROM,
    HISTORY_TO,
    HISTORY_AFTER_SEQ,
    HISTORY_BEFORE_SEQ,
    HISTORY_CONDITIONS, /* those above are conditions */
    HISTORY_ASCENDING = HISTORY_CONDITIONS,
    HISTORY_LIMIT,
    HISTORY_OFFSET,
    HISTORY_PARAMS
};

typedef struct history_s history_t;
history_t *history_new(void);
void history_destroy(history_t **self_p);

/* True for signals_history and signals_count. */
bool history_is(const char *name);

/* The statement for these parameters, and its parameters in `out` (room for HISTORY_PARAMS). NULL when they are
 * not HISTORY_PARAMS of the right kinds. Lives as long as self. */
const statement_t *history_statement(history_t *self, const char *name, const value_t *params, size_t count,
                                     value_t *out, size_t *out_count);
