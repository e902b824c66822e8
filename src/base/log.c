/* One log line = one write(2) to stderr and one to the file, both appending: lines of threads never mix and
 * no lock is held. A line is put together in a buffer of its thread, which keeps its memory. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    CONTEXT_COMPONENT_SIZE = 64,
    LINE_KEPT_BYTES = 65536 /* a thread's buffer above this is given back after the line */
};

typedef struct {
    char component[CONTEXT_COMPONENT_SIZE];
    log_request_t request;
} s_context_t;

static struct {
    atomic_int level;
    atomic_int file; /* descriptor, -1 = none */
    atomic_bool text;
    char *path;
} s_log = {.level = LOG_INFO, .file = -1};

static _Thread_local s_context_t s_context;
static pthread_key_t s_line_key;
static pthread_once_t s_line_once = PTHREAD_ONCE_INIT;

static const char *const s_level_names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
static const char *const s_level_colours[] = {"\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1;31m"};

static int s_open_file(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

err_t log_open(log_level_t level, const char *file, bool text) {
    log_close();
    atomic_store(&s_log.level, level);
    atomic_store(&s_log.text, text);
    if (!file || !*file)
        return OK;
    int fd = s_open_file(file);
    if (fd < 0)
        return ERR_IO;
    s_log.path = strdup(file);
    assert_always(s_log.path);
    atomic_store(&s_log.file, fd);
    return OK;
}

void log_close(void) {
    int fd = atomic_exchange(&s_log.file, -1);
    if (fd >= 0)
        close(fd);
    free(s_log.path);
    s_log.path = NULL;
}

/* dup3 swaps the file under the same descriptor at once, so writers need no lock. */
err_t log_reopen(void) {
    int old = atomic_load(&s_log.file);
    if (old < 0)
        return OK;
    int fresh = s_open_file(s_log.path);
    if (fresh < 0)
        return ERR_IO;
    int swapped = dup3(fresh, old, O_CLOEXEC);
    int reason = errno;
    close(fresh);
    errno = reason;
    return swapped < 0 ? ERR_IO : OK;
}

void log_set_level(log_level_t level) {
    atomic_store(&s_log.level, level);
}

bool log_level_parse(const char *name, log_level_t *level) {
    for (int i = LOG_DEBUG; i <= LOG_CRITICAL; i++) {
        if (strcasecmp(name, s_level_names[i]) == 0) {
            *level = (log_level_t)i;
            return true;
        }
    }
    return false;
}

static void s_copy(char *out, size_t room, const char *text) {
    size_t length = text ? strnlen(text, room - 1) : 0;
    if (length)
        memcpy(out, text, length);
    out[length] = '\0';
}

void log_set_component(const char *name) {
    s_copy(s_context.component, sizeof s_context.component, name);
}

void log_set_request(const char *request_id, const char *traceparent) {
    s_copy(s_context.request.request_id, sizeof s_context.request.request_id, request_id);
    bool valid = traceparent && ids_traceparent_valid(traceparent);
    s_copy(s_context.request.trace_id, sizeof s_context.request.trace_id, valid ? traceparent + 3 : NULL);
}

log_request_t log_switch_request(const char *request_id, const char *traceparent) {
    log_request_t before = s_context.request;
    log_set_request(request_id, traceparent);
    return before;
}

void log_switch_back(const log_request_t *before) {
    s_context.request = *before;
}

bool log_enabled(log_level_t level) {
    return (int)level >= atomic_load_explicit(&s_log.level, memory_order_relaxed);
}

static void s_line_destroy(void *line) {
    buf_free(line);
    free(line);
}

static void s_line_key_make(void) {
    assert_always(pthread_key_create(&s_line_key, s_line_destroy) == 0);
}

/* The thread's line buffer; NULL when there is no memory for it. */
static buf_t *s_line(void) {
    pthread_once(&s_line_once, s_line_key_make);
    buf_t *line = pthread_getspecific(s_line_key);
    if (!line) {
        line = calloc(1, sizeof *line);
        if (line && pthread_setspecific(s_line_key, line) != 0) {
            free(line);
            line = NULL;
        }
    }
    return line;
}

/* A full pipe that does not block loses the line: logging never holds up the work. */
static void s_write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        bytes += done;
        size -= (size_t)done;
    }
}

static void s_append_value(buf_t *line, const log_field_t *field) {
    switch (field->kind) {
    case 's': json_write_str(line, field->text); break;
    case 'i': json_write_int(line, field->integer); break;
    case 'd': json_write_double(line, field->real); break;
    case 'b': json_write_bool(line, field->integer != 0); break;
    default: json_write_str(line, NULL); break;
    }
}

static void s_append_pair(buf_t *line, const char *key, const char *text) {
    buf_append_char(line, ',');
    json_write_str(line, key);
    buf_append_char(line, ':');
    json_write_str(line, text);
}

static void s_append_time(buf_t *line, int64_t now) {
    char time[CLOCK_RFC3339_SIZE];
    buf_append(line, time, clock_format_ms(now, time));
}

static void s_format_json(buf_t *line, int64_t now, log_level_t level, const char *msg,
                          const log_field_t *fields, int count) {
    buf_append_str(line, "{\"ts\":\"");
    s_append_time(line, now);
    buf_append_char(line, '"');
    s_append_pair(line, "level", s_level_names[level]);
    s_append_pair(line, "component", s_context.component[0] ? s_context.component : "main");
    s_append_pair(line, "msg", msg);
    s_append_pair(line, "request_id", s_context.request.request_id[0] ? s_context.request.request_id : NULL);
    s_append_pair(line, "trace_id", s_context.request.trace_id[0] ? s_context.request.trace_id : NULL);
    for (int i = 0; i < count; i++) {
        buf_append_char(line, ',');
        json_write_str(line, fields[i].key);
        buf_append_char(line, ':');
        s_append_value(line, &fields[i]);
    }
    buf_append_str(line, "}\n");
}

/* Text stands bare unless it holds control characters or one of `quoted`: no value can look like another
 * line or field, or colour the terminal. */
static void s_append_plain(buf_t *line, const char *text, const char *quoted) {
    for (const char *p = text; p && *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f || strchr(quoted, *p)) {
            json_write_str(line, text);
            return;
        }
    }
    buf_append_str(line, text ? text : "null");
}

static void s_format_text(buf_t *line, int64_t now, log_level_t level, const char *msg,
                          const log_field_t *fields, int count) {
    s_append_time(line, now);
    buf_printf(line, " %s%-8s\x1b[0m \x1b[36m%-12s\x1b[0m ", s_level_colours[level], s_level_names[level],
               s_context.component[0] ? s_context.component : "main");
    s_append_plain(line, msg, "");
    for (int i = 0; i < count; i++) {
        buf_printf(line, " \x1b[2m%s=\x1b[0m", fields[i].key);
        if (fields[i].kind == 's')
            s_append_plain(line, fields[i].text, " \"=");
        else
            s_append_value(line, &fields[i]);
    }
    if (s_context.request.request_id[0]) {
        buf_append_str(line, " \x1b[2mrequest_id=\x1b[0m");
        s_append_plain(line, s_context.request.request_id, " \"=");
    }
    buf_append_char(line, '\n');
}

/* stderr gets text in debug mode; the file is always JSON lines. */
static void s_emit(buf_t *line, log_level_t level, const char *msg, const log_field_t *fields, int count) {
    int64_t now = clock_wall_ms();
    int file = atomic_load(&s_log.file);
    bool text = atomic_load(&s_log.text);
    if (text) {
        buf_clear(line);
        s_format_text(line, now, level, msg, fields, count);
        s_write_all(STDERR_FILENO, line->data, line->size);
    }
    if (!text || file >= 0) {
        buf_clear(line);
        s_format_json(line, now, level, msg, fields, count);
        if (!text)
            s_write_all(STDERR_FILENO, line->data, line->size);
        if (file >= 0)
            s_write_all(file, line->data, line->size);
    }
    if (line->capacity > LINE_KEPT_BYTES)
        buf_free(line);
}

void log_write(log_level_t level, const char *msg, const log_field_t *fields, int count) {
    int reason = errno; /* callers log between a failed call and its handling */
    buf_t *line = s_line();
    if (line)
        s_emit(line, level, msg, fields, count);
    errno = reason;
}
