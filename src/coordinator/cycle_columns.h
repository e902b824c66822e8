/* The columns of the rows of cycles and their stages, by name, and how they get into messages. */
#pragma once

#include "message/message.h"
#include "store/store.h"

/* CYCLE_COLUMNS of store/statements/columns.h, in its order. */
typedef enum {
    CYCLE_COLUMN_CYCLE_ID,
    CYCLE_COLUMN_STATUS,
    CYCLE_COLUMN_TRIGGER,
    CYCLE_COLUMN_REQUEST,
    CYCLE_COLUMN_CREATED_AT,
    CYCLE_COLUMN_START_TIME,
    CYCLE_COLUMN_END_TIME,
    CYCLE_COLUMN_SUCCESS,
    CYCLE_COLUMN_ERROR,
    CYCLE_COLUMN_ERROR_CODE,
    CYCLE_COLUMN_DEGRADED,
    CYCLE_COLUMN_FORCE,
    CYCLE_COLUMN_RERUN_OF,
    CYCLE_COLUMN_FROM_STAGE,
    CYCLE_COLUMN_VALIDATION_ID,
    CYCLE_COLUMN_RESULT,
    CYCLE_COLUMN_REQUEST_ID,
    CYCLE_COLUMN_TRACEPARENT,
    CYCLE_COLUMN_PRINCIPAL,
    CYCLE_COLUMN_PAUSED_MS,
    CYCLE_COLUMN_PAUSED_AT
} cycle_column_t;

/* CYCLE_STAGE_COLUMNS; the statements of pages end at ERROR. */
typedef enum {
    STAGE_COLUMN_CYCLE_ID,
    STAGE_COLUMN_NAME,
    STAGE_COLUMN_POSITION,
    STAGE_COLUMN_STATUS,
    STAGE_COLUMN_ATTEMPTS,
    STAGE_COLUMN_START_TIME,
    STAGE_COLUMN_END_TIME,
    STAGE_COLUMN_ERROR,
    STAGE_COLUMN_INPUT_DIGEST,
    STAGE_COLUMN_OUTPUT_DIGEST,
    STAGE_COLUMN_INPUT,
    STAGE_COLUMN_OUTPUT,
    STAGE_COLUMN_SUMMARY,
    STAGE_COLUMN_DOWNSTREAM_MS,
    STAGE_COLUMN_JOB_ID
} stage_column_t;

/* The column's text into a static string field; "" for null. */
#define PUT_COLUMN(field, row, column)  \
    message_put((field), sizeof(field), \
                store_row_is_null((row), (column)) ? "" : store_row_text((row), (column)))

/* start_time, end_time and duration of `to`, each with its mark; unset while it is not known. */
#define FILL_TIMES(to, row, start, end)                                        \
    do {                                                                       \
        (to)->start_time = store_row_int((row), (start));                      \
        (to)->end_time = store_row_int((row), (end));                          \
        (to)->has_start_time = (to)->start_time > 0;                           \
        (to)->has_end_time = (to)->end_time > 0;                               \
        (to)->has_duration = (to)->has_start_time && (to)->has_end_time;       \
        (to)->duration = (double)((to)->end_time - (to)->start_time) / 1000.0; \
    } while (0)

/* What CycleSummary and CycleDetail have in common, from a row of CYCLE_COLUMNS into the zeroed `to`. */
#define FILL_CYCLE(to, row)                                                      \
    do {                                                                         \
        PUT_COLUMN((to)->cycle_id, (row), CYCLE_COLUMN_CYCLE_ID);                \
        PUT_COLUMN((to)->status, (row), CYCLE_COLUMN_STATUS);                    \
        PUT_COLUMN((to)->trigger, (row), CYCLE_COLUMN_TRIGGER);                  \
        (to)->created_at = store_row_int((row), CYCLE_COLUMN_CREATED_AT);        \
        FILL_TIMES((to), (row), CYCLE_COLUMN_START_TIME, CYCLE_COLUMN_END_TIME); \
        (to)->has_success = !store_row_is_null((row), CYCLE_COLUMN_SUCCESS);     \
        (to)->success = store_row_int((row), CYCLE_COLUMN_SUCCESS) != 0;         \
        (to)->error = message_strdup(store_row_text((row), CYCLE_COLUMN_ERROR)); \
        (to)->degraded = store_row_int((row), CYCLE_COLUMN_DEGRADED) != 0;       \
        (to)->force = store_row_int((row), CYCLE_COLUMN_FORCE) != 0;             \
        (to)->has_rerun_of = !store_row_is_null((row), CYCLE_COLUMN_RERUN_OF);   \
        PUT_COLUMN((to)->rerun_of, (row), CYCLE_COLUMN_RERUN_OF);                \
    } while (0)
