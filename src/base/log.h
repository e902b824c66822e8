/* JSON-lines logging of our own: one line, one write(2), from any thread.
 *
 * A line is {"ts","level","component","msg","request_id","trace_id", fields...}. request_id and trace_id
 * come from the thread's context, which the actor loop and the gateway set around each piece of work, so
 * that callers need not pass them. Goes to stderr, and to a file when set. */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

/* czmq.h brings in syslog.h, whose macros have our names: taken first, they are out of the way for good. */
#include <syslog.h>
#undef LOG_DEBUG
#undef LOG_INFO
#undef LOG_WARNING

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL } log_level_t;

/* A field of a line: LOG_STR ("symbol", s), LOG_INT ("seq", n), LOG_NUM ("score", d), LOG_ERR (err). */
typedef struct {
    const char *key;
    char kind; /* s, i, d, b */
    const char *text;
    int64_t integer;
    double real;
} log_field_t;

#define LOG_STR(k, v)  ((log_field_t){.key = (k), .kind = 's', .text = (v)})
#define LOG_INT(k, v)  ((log_field_t){.key = (k), .kind = 'i', .integer = (int64_t)(v)})
#define LOG_NUM(k, v)  ((log_field_t){.key = (k), .kind = 'd', .real = (v)})
#define LOG_BOOL(k, v) ((log_field_t){.key = (k), .kind = 'b', .integer = (v)})
#define LOG_ERRT(e)    LOG_STR("error_code", err_name(e))

/* Before any thread starts. `file` NULL = stderr only; `text` = coloured text instead of JSON.
 * ERR_IO with the reason in errno when the file cannot be opened. */
ERR_MUST_USE
err_t log_open(log_level_t level, const char *file, bool text);
void log_close(void);
ERR_MUST_USE
err_t log_reopen(void); /* after a rotation (SIGHUP) */
void log_set_level(log_level_t level);
bool log_level_parse(const char *name, log_level_t *level); /* DEBUG INFO WARNING ERROR CRITICAL, any case */

/* The thread's context: component for its life, request around a piece of work (NULL clears). */
void log_set_component(const char *name);
void log_set_request(const char *request_id, const char *traceparent);

/* The request of the lines that follow, for what is about another piece of work than the one at hand; then back. */
typedef struct {
    char request_id[256], trace_id[33];
} log_request_t;
log_request_t log_switch_request(const char *request_id, const char *traceparent);
void log_switch_back(const log_request_t *before);

bool log_enabled(log_level_t level);
void log_write(log_level_t level, const char *msg, const log_field_t *fields, int count);

/* log_info ("cycle finished", LOG_STR ("cycle_id", id), LOG_INT ("signals", n)); */
#define LOG_AT(level, msg, ...)                                                                          \
    do {                                                                                                 \
        if (log_enabled(level)) {                                                                        \
            const log_field_t log_fields_[] = {{0}, ##__VA_ARGS__};                                      \
            log_write(level, msg, log_fields_ + 1, (int)(sizeof log_fields_ / sizeof *log_fields_) - 1); \
        }                                                                                                \
    } while (0)
#define log_debug(msg, ...)    LOG_AT(LOG_DEBUG, msg, ##__VA_ARGS__)
#define log_info(msg, ...)     LOG_AT(LOG_INFO, msg, ##__VA_ARGS__)
#define log_warning(msg, ...)  LOG_AT(LOG_WARNING, msg, ##__VA_ARGS__)
#define log_error(msg, ...)    LOG_AT(LOG_ERROR, msg, ##__VA_ARGS__)
#define log_critical(msg, ...) LOG_AT(LOG_CRITICAL, msg, ##__VA_ARGS__)
