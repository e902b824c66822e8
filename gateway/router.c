/* The route tree. */
#include "gateway/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct node_s node_t;
struct node_s {
    const char *word; /* borrowed from the path of an rpc; NULL for the parameter */
    size_t length;
    node_t *next;  /* sibling */
    node_t *words; /* children by word */
    node_t *param; /* the {parameter} child */
    const rpc_t *rpcs[HTTP_METHOD_COUNT][ROUTER_CANDIDATES + 1];
    unsigned methods;
};

struct router_s {
    node_t root;
};

static void *s_new(size_t size) {
    void *memory = calloc(1, size);
    assert_always(memory);
    return memory;
}

static node_t *s_child(node_t *parent, const char *word, size_t length) {
    bool param = length > 0 && word[0] == '{';
    if (param && parent->param)
        return parent->param;
    for (node_t *node = param ? NULL : parent->words; node; node = node->next)
        if (node->length == length && memcmp(node->word, word, length) == 0)
            return node;
    node_t *node = s_new(sizeof *node);
    if (param) {
        parent->param = node;
    } else {
        *node = (node_t){.word = word, .length = length, .next = parent->words};
        parent->words = node;
    }
    return node;
}

/* Those that ask for a body key go before the one that takes the rest. */
static void s_add_rpc(node_t *node, const rpc_t *rpc) {
    const rpc_t **rpcs = node->rpcs[rpc->http->method];
    size_t count = 0;
    while (rpcs[count])
        count++;
    assert_always(count < ROUTER_CANDIDATES);
    if (rpc->http->when_body_has) {
        memmove(rpcs + 1, rpcs, count * sizeof *rpcs);
        rpcs[0] = rpc;
    } else {
        rpcs[count] = rpc;
    }
    node->methods |= 1u << rpc->http->method;
}

static void s_add_path(router_t *self, const char *path, const rpc_t *rpc) {
    node_t *node = &self->root;
    for (const char *c = path; *c == '/' && c[1];) {
        size_t length = strcspn(c + 1, "/");
        node = s_child(node, c + 1, length);
        c += 1 + length;
    }
    s_add_rpc(node, rpc);
}

router_t *router_new(const rpc_t *const *rpcs) {
    router_t *self = s_new(sizeof *self);
    for (; *rpcs; rpcs++) {
        const http_binding_t *http = (*rpcs)->http;
        if (!http)
            continue;
        s_add_path(self, http->path, *rpcs);
        if (http->also_at)
            s_add_path(self, http->also_at, *rpcs);
    }
    return self;
}

static void s_free_children(node_t *node) {
    while (node->words) {
        node_t *child = node->words;
        node->words = child->next;
        s_free_children(child);
        free(child);
    }
    if (node->param)
        s_free_children(node->param);
    free(node->param);
}

void router_destroy(router_t **self_p) {
    if (!*self_p)
        return;
    s_free_children(&(*self_p)->root);
    free(*self_p);
    *self_p = NULL;
}

/* The node of the path from segment `at` on; words are tried before the parameter. */
static const node_t *s_walk(const node_t *node, const uri_path_t *path, size_t at, router_match_t *match) {
    if (at == path->count)
        return node->methods ? node : NULL;
    uri_text_t segment = path->segments[at];
    for (const node_t *child = node->words; child; child = child->next) {
        if (child->length != segment.length || memcmp(child->word, segment.text, segment.length) != 0)
            continue;
        const node_t *found = s_walk(child, path, at + 1, match);
        if (found)
            return found;
        break;
    }
    if (!node->param || segment.length == 0 || match->param_count == ROUTER_PARAMS)
        return NULL;
    match->params[match->param_count++] = segment;
    const node_t *found = s_walk(node->param, path, at + 1, match);
    if (!found)
        match->param_count--;
    return found;
}

err_t router_find(const router_t *self, const uri_path_t *path, http_method_t method, router_match_t *match) {
    match->param_count = 0;
    match->methods = 0;
    match->rpcs = NULL;
    const node_t *node = s_walk(&self->root, path, 0, match);
    if (!node)
        return ERR_ROUTE_NOT_FOUND;
    match->methods = node->methods;
    if (method == HTTP_METHOD_COUNT || !node->rpcs[method][0])
        return ERR_METHOD_NOT_ALLOWED;
    match->rpcs = node->rpcs[method];
    return OK;
}

static const char *const s_method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"};

void router_allow(unsigned methods, char out[ROUTER_ALLOW_SIZE]) {
    size_t at = 0;
    out[0] = '\0';
    for (int method = 0; method < HTTP_METHOD_COUNT; method++) {
        if (!(methods & (1u << method)))
            continue;
        const char *with_head = method == HTTP_GET ? ", HEAD" : "";
        at += (size_t)snprintf(out + at, ROUTER_ALLOW_SIZE - at, "%s%s, ", s_method_names[method], with_head);
    }
    snprintf(out + at, ROUTER_ALLOW_SIZE - at, "OPTIONS");
}

http_method_t router_method(const char *name) {
    if (strcmp(name, "HEAD") == 0)
        return HTTP_GET;
    for (int method = 0; method < HTTP_METHOD_COUNT; method++)
        if (strcmp(name, s_method_names[method]) == 0)
            return (http_method_t)method;
    return HTTP_METHOD_COUNT;
}

const char *router_method_name(http_method_t method) {
    return s_method_names[method];
}
