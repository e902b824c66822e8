/* HTTP byte by byte over a socket, for tests that must say exactly what is sent. Everything checks itself with
 * criterion and waits RAW_MS at most. */
#pragma once

#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define RAW_MS 45000

typedef struct {
    int fd;
    buf_t in; /* received, not yet taken */
} raw_t;

typedef struct {
    int status;
    char *head; /* status line and headers */
    buf_t body;
    json_t *json; /* the body, when it is JSON; else NULL */
} raw_reply_t;

void raw_open(raw_t *self, int port);
void raw_close(raw_t *self);
void raw_send(raw_t *self, const char *text);
void raw_send_bytes(raw_t *self, const void *bytes, size_t size);

/* The next answer on the connection; interim answers (100) are answers, too. `head` true: the answer to a HEAD. */
void raw_reply(raw_t *self, raw_reply_t *reply, bool head);
void raw_reply_free(raw_reply_t *reply);
/* True when the peer closed (or reset) and nothing more came. */
bool raw_is_closed(raw_t *self);

/* One request on a connection of its own. `headers` is lines with \r\n, or NULL; `body` NULL = none, else its
 * Content-Length is added, and its type unless `headers` has one. */
void raw_request(int port, raw_reply_t *reply, const char *method, const char *path, const char *headers,
                 const char *body);

/* The value of a header, borrowed until the next call; NULL when it is absent. */
const char *raw_header(const raw_reply_t *reply, const char *name);
/* A text at a path of keys ("data.status"); "" when there is none. */
const char *raw_text(const raw_reply_t *reply, const char *path);
/* The problem of a field in the answer's details; NULL when it is not there. */
const char *raw_problem(const raw_reply_t *reply, const char *field);
