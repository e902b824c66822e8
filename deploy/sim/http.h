/* One HTTP exchange as the services see it: a parsed request, and a reply to be sent. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { REQUEST_PARAMS = 2, REQUEST_PARAM_SIZE = 129, ALLOW_SIZE = 64, JSON_DEPTH_MAX = 64 };

/* All pointers are borrowed for the time of the exchange; absent headers are NULL. */
typedef struct {
    const char *method;
    const char *path;  /* as sent, without the query */
    const char *query; /* as sent, "" when absent */
    const char *body;
    size_t body_size;
    const char *content_type, *idempotency_key, *traceparent, *request_id, *deadline_ms;
    json_t *json;                                    /* parsed body, NULL when there is none */
    char params[REQUEST_PARAMS][REQUEST_PARAM_SIZE]; /* decoded {…} segments of the route */
    int peer_port;                                   /* of the connection */
} request_t;

typedef struct {
    int status;
    json_t *body;           /* owned; NULL with 204 or when text is set */
    char *text;             /* owned; serialised body */
    int retry_after;        /* seconds; 0 = no header */
    char allow[ALLOW_SIZE]; /* Allow header of a 405 */
    bool replayed;
} reply_t;

/* {"success":false,"status":"error","error":{code,message[,details]}}; takes details (may be NULL). */
reply_t reply_error(int status, const char *code, const char *message, json_t *details);

/* Parses one JSON object or array; NULL with a line in error. Nesting deeper than JSON_DEPTH_MAX is refused, because the
 * parser recurses and the workers have small stacks. */
json_t *json_parse(const char *text, size_t size, char *error, size_t error_size);

/* Serialises reply->body into reply->text. */
void reply_render(reply_t *reply);
void reply_clear(reply_t *reply);

/* First value of a query field, decoded; false when absent or longer than size - 1. */
bool request_query(const request_t *request, const char *name, char *out, size_t size);

/* Calls `each` with every value of a query field, decoded. */
void request_query_each(const request_t *request, const char *name,
                        void (*each)(const char *value, void *arg), void *arg);

/* Decodes the percent-encoded bytes [text, text + length); false on a bad escape, a NUL or when it does not fit. */
bool percent_decode(const char *text, size_t length, char *out, size_t size);
