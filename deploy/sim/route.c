/* Finds the route of a request in a table of patterns. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

/* Compares segment by segment; a {name} takes any segment that is not empty. */
static bool s_match(const char *pattern, const char *path, request_t *request) {
    int params = 0;
    while (*pattern == '/' && *path == '/') {
        size_t want = strcspn(++pattern, "/"), have = strcspn(++path, "/");
        if (pattern[0] == '{') {
            if (have == 0 || params == REQUEST_PARAMS ||
                !percent_decode(path, have, request->params[params++], REQUEST_PARAM_SIZE))
                return false;
        } else if (want != have || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return *pattern == 0 && *path == 0;
}

static void s_allow(char *allow, const char *method) {
    size_t used = strlen(allow);
    snprintf(allow + used, ALLOW_SIZE - used, "%s%s", used ? ", " : "", method);
}

const route_t *route_find(const route_t *routes, request_t *request, reply_t *error) {
    char allow[ALLOW_SIZE] = "";
    for (const route_t *route = routes; route->method; route++) {
        if (!s_match(route->pattern, request->path, request))
            continue;
        if (strcmp(route->method, request->method) == 0)
            return route;
        s_allow(allow, route->method);
    }
    if (allow[0]) {
        *error = reply_error(405, "METHOD_NOT_ALLOWED", "this path does not take this method", NULL);
        snprintf(error->allow, sizeof error->allow, "%s", allow);
    } else {
        *error = reply_error(404, "NOT_FOUND", "no such path", NULL);
    }
    return NULL;
}
