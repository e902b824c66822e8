/* CORS answers. */
#include "gateway/cors.h"

#include "base/config.h"
#include <string.h>

bool cors_origin_allowed(const char *origins, const char *origin) {
    if (!origin || *origins == '\0')
        return false;
    return strcmp(origins, "*") == 0 || config_list_has(origins, origin);
}

void cors_headers(buf_t *out, const char *origins, const char *origin) {
    if (*origins == '\0')
        return;
    buf_append_str(out, "Vary: Origin\r\n");
    if (!cors_origin_allowed(origins, origin))
        return;
    buf_printf(out, "Access-Control-Allow-Origin: %s\r\n", strcmp(origins, "*") == 0 ? "*" : origin);
    buf_append_str(out,
                   "Access-Control-Expose-Headers: X-Request-ID, X-Response-Time, X-Total-Count, Location, "
                   "Retry-After, Idempotent-Replay, traceparent\r\n");
}

void cors_preflight_headers(buf_t *out, const char *allow) {
    buf_printf(out, "Access-Control-Allow-Methods: %s\r\n", allow);
    buf_append_str(out,
                   "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, X-API-Key, "
                   "X-Request-ID, traceparent\r\nAccess-Control-Max-Age: 600\r\n");
}
