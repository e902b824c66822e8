/* A client of a REST server on loopback: one kept connection, answers as JSON.
 *
 * A reply is owned by the client and holds until its next request. Everything but a missing answer checks itself
 * with criterion. One thread a client. */
#pragma once

#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>

#define REST_MS 70000 /* longest wait for an answer; the longest a route may take is 65 s */

typedef struct {
    int status; /* 0 = there was no answer */
    buf_t head; /* status line and headers of the last answer */
    buf_t body;
    json_t *json;  /* of the body; NULL when it is no JSON */
    long connects; /* new connections that this request needed */
} rest_reply_t;

typedef struct {
    int port;
    void *curl;
    rest_reply_t reply;
    const char *const *headers; /* sent with each request; NULL, or ends with NULL. Borrowed */
} rest_t;

void rest_open(rest_t *self, int port);
void rest_close(rest_t *self);

/* `headers` ("Name: value", or "Name:" to leave one out) end with NULL, or are NULL. `body` NULL = none, else sent as
 * application/json unless a header says otherwise. */
const rest_reply_t *rest_send(rest_t *self, const char *method, const char *path, const char *const *headers,
                              const char *body);
const rest_reply_t *rest_get(rest_t *self, const char *path);
const rest_reply_t *rest_post(rest_t *self, const char *path, const char *body);
const rest_reply_t *rest_post_key(rest_t *self, const char *path, const char *idempotency_key,
                                  const char *body);

/* As rest_get and rest_post, and the status must be this one. */
const rest_reply_t *rest_get_ok(rest_t *self, const char *path);
const rest_reply_t *rest_post_ok(rest_t *self, const char *path, const char *body);

/* The value of a header, or NULL. Owned by the reply's client until the next look. */
const char *rest_header(const rest_reply_t *reply, const char *name);

/* A value by its path, "data.history.0.seq"; NULL when it is not there. Borrowed. */
json_t *rest_at(const rest_reply_t *reply, const char *path);
json_t *json_at(json_t *json, const char *path);
/* Text at a path, "" when there is none; number at a path, which must be there. */
const char *rest_text(const rest_reply_t *reply, const char *path);
double rest_number(const rest_reply_t *reply, const char *path);
const char *json_text_at(json_t *json, const char *path);
double json_number_at(json_t *json, const char *path);
/* What the answer says is wrong with a field; NULL when it says nothing. */
const char *rest_problem(const rest_reply_t *reply, const char *field);

/* Each shows the body when the status is another. `reply` is evaluated once. */
#define cr_expect_status(reply, expected) rest_check_status(cr_expect, reply, expected)
#define cr_assert_status(reply, expected) rest_check_status(cr_assert, reply, expected)
#define rest_check_status(check, reply, expected)                                                  \
    do {                                                                                           \
        const rest_reply_t *reply_ = (reply);                                                      \
        check(reply_->status == (expected), "expected %d, got %d: %s", (expected), reply_->status, \
              buf_str(&reply_->body));                                                             \
    } while (0)
