/* Which rpc answers a method and a path: a tree of path segments built from the route table.
 *
 * A word wins over a {parameter}. Built once, then read by any thread. */
#pragma once

#include "gateway/uri.h"
#include "message/route.h"

#define ROUTER_CANDIDATES 4
#define ROUTER_PARAMS     4

typedef struct router_s router_t;

typedef struct {
    /* The rpcs of method and path, NULL-terminated; those that ask for a key in the body come first. */
    const rpc_t *const *rpcs;
    uri_text_t params[ROUTER_PARAMS]; /* values of the path parameters, in path order */
    size_t param_count;
    unsigned methods; /* bit per http_method_t that the path takes; 0 = there is no such path */
} router_match_t;

/* `rpcs` is NULL-terminated and stays; rpcs without a binding are left out. */
router_t *router_new(const rpc_t *const *rpcs);
void router_destroy(router_t **self_p);

/* `method` HTTP_METHOD_COUNT stands for any other method. ERR_ROUTE_NOT_FOUND, or ERR_METHOD_NOT_ALLOWED with
 * match->methods set. */
ERR_MUST_USE
err_t router_find(const router_t *self, const uri_path_t *path, http_method_t method, router_match_t *match);

/* "GET, HEAD, OPTIONS" for the bits. */
#define ROUTER_ALLOW_SIZE 64
void router_allow(unsigned methods, char out[ROUTER_ALLOW_SIZE]);

/* HTTP_GET for "GET" and "HEAD", and so on; HTTP_METHOD_COUNT for others. */
http_method_t router_method(const char *name);
const char *router_method_name(http_method_t method);
