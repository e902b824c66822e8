/* rpcs and routes as data, from the `service` methods of the .proto files.
 *
 * routes.gen.h declares `extern const rpc_t rpc_<Service>_<Method>;` for each method, and the tables below. */
#pragma once

#include "base/scope.h"
#include "message/message.h"

typedef enum { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_METHOD_COUNT } http_method_t;

/* The HTTP binding of an rpc. */
typedef struct {
    http_method_t method;
    const char *path;    /* "/api/v1/signals/{signal_id}" */
    const char *also_at; /* a second path that answers the same; NULL: none */
    scope_t scope;
    uint32_t deadline_ms;      /* how long the gateway waits */
    int status;                /* of a success when the handler says nothing else */
    const char *text;          /* "message" of the envelope */
    const char *data_field;    /* NULL: data is the whole response message */
    const char *total_field;   /* of the response, sent as X-Total-Count; NULL: none */
    const char *location;      /* of the answer, {name} is a field of the response; NULL: none */
    const char *when_body_has; /* taken only when the body has this key; NULL: always */
    const char *document;      /* content type of a free-standing answer; NULL: enveloped JSON */
    bool null_data;
    bool body_optional;
    const char *const *bound; /* names of the path parameters, NULL-terminated, in path order */
} http_binding_t;

typedef struct {
    const char *service;   /* "SignalRouter" */
    const char *name;      /* "RouteSignal" */
    const char *component; /* "signals"; "" for rpcs that every component answers */
    const char *topic;     /* "cmd/signals/RouteSignal"; "" without a component */
    const char *summary;   /* first sentence of the comment */
    const message_t *(*request)(void);
    const message_t *(*response)(void);
    const http_binding_t *http; /* NULL: internal */
    bool not_implemented;
} rpc_t;

extern const rpc_t *const rpcs_all[]; /* NULL-terminated, in proto order */
extern const size_t rpcs_count;

/* openapi.json as built. */
extern const char openapi_json[];
extern const size_t openapi_json_size;
