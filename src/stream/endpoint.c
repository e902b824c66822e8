/* Binding a socket. */
#include "stream/endpoint.h"

#include "base/log.h"
#include "base/url.h"
#include <errno.h>
#include <string.h>
#include <zmq.h>

enum { ATTEMPTS = 25, ATTEMPT_MS = 20 };

void endpoint_to_bind(const char *url, buf_t *out) {
    url_t parts;
    buf_clear(out);
    if (!url_parse(url, &parts)) {
        buf_append_str(out, url);
        return;
    }
    buf_printf(out, "%.*s://", (int)parts.scheme.length, parts.scheme.text);
    if (url_part_is(parts.host, "localhost"))
        buf_append_str(out, "127.0.0.1");
    else
        buf_append(out, parts.host.text, parts.host.length);
    if (parts.port <= 0)
        buf_append_str(out, ":*");
    else
        buf_printf(out, ":%d", parts.port);
}

/* A socket that was closed frees its address a moment later, from ZeroMQ's own thread: after a restart of the actor
 * the address is tried for again. */
static int s_bind(void *socket, const char *address) {
    int rc;
    for (int i = 0; (rc = zmq_bind(socket, address)) != 0 && zmq_errno() == EADDRINUSE && i < ATTEMPTS; i++)
        zmq_poll(NULL, 0, ATTEMPT_MS);
    return rc;
}

err_t endpoint_bind(void *socket, const char *setting, const char *url, buf_t *bound) {
    char real[256];
    size_t size = sizeof real;
    endpoint_to_bind(url, bound);
    if (s_bind(socket, buf_str(bound)) != 0) {
        int reason = zmq_errno();
        log_error("the stream cannot listen", LOG_STR("setting", setting), LOG_STR("address", url),
                  LOG_STR("reason", reason == EADDRINUSE ? "the address is in use" : zmq_strerror(reason)));
        buf_clear(bound);
        return ERR_IO;
    }
    assert_always(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, real, &size) == 0);
    buf_clear(bound);
    buf_append_str(bound, real);
    return OK;
}
