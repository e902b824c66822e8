/* Reading request bodies. */
#include "gateway/body.h"

#include <civetweb.h>
#include <string.h>
#include <strings.h>

#define READ_BYTES    16384
#define DISCARD_BYTES 1048576

/* A client that waits for permission before it sends. */
static bool s_waits_for_continue(const exchange_t *self) {
    return self->headers.expect && strcasecmp(self->headers.expect, "100-continue") == 0;
}

static err_t s_give_up(exchange_t *self, err_t err) {
    self->close = true;
    return err;
}

static err_t s_read_all(exchange_t *self, size_t limit) {
    buf_t *body = &self->worker->body;
    for (;;) {
        buf_reserve(body, READ_BYTES);
        int n = mg_read(self->conn, body->data + body->size, READ_BYTES);
        if (n < 0)
            return s_give_up(self, ERR_MALFORMED_REQUEST);
        if (n == 0)
            return OK;
        body->size += (size_t)n;
        body->data[body->size] = '\0';
        if (body->size > limit) {
            self->refused_body = true;
            return s_give_up(self, ERR_BODY_TOO_LARGE);
        }
    }
}

err_t body_read(exchange_t *self) {
    if (!self->body_unread)
        return OK;
    size_t limit = (size_t)self->config->max_body_bytes;
    long long announced = self->info->content_length;
    if (announced > (long long)limit)
        return ERR_BODY_TOO_LARGE; /* body_discard decides about the connection */
    self->body_unread = false;
    if (s_waits_for_continue(self) && announced != 0)
        (void)mg_write(self->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    err_t err = s_read_all(self, limit);
    bool cut =
        announced >= 0 && !self->headers.transfer_encoding && self->worker->body.size < (size_t)announced;
    return err == OK && cut ? s_give_up(self, ERR_MALFORMED_REQUEST) : err;
}

void body_discard(exchange_t *self) {
    if (!self->body_unread)
        return;
    self->body_unread = false;
    bool little = self->info->content_length <= DISCARD_BYTES;
    if (s_waits_for_continue(self) || !little) {
        self->close = true;
        self->refused_body = !s_waits_for_continue(self);
        return;
    }
    char sink[4096];
    size_t dropped = 0;
    int n;
    while ((n = mg_read(self->conn, sink, sizeof sink)) > 0)
        if ((dropped += (size_t)n) > DISCARD_BYTES)
            break;
    self->refused_body = n > 0;
    if (n != 0)
        self->close = true;
}
