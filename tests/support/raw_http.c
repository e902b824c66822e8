/* HTTP over a socket, by hand. */
#include "raw_http.h"

#include "base/clock.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

void raw_open(raw_t *self, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *self = (raw_t){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    cr_assert(connect(self->fd, (struct sockaddr *)&address, sizeof address) == 0, "port %d answers", port);
}

void raw_close(raw_t *self) {
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    buf_free(&self->in);
}

void raw_send_bytes(raw_t *self, const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        ssize_t n = send(self->fd, (const char *)bytes + at, size - at, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* closed by the server: the answer says why */
        at += (size_t)n;
    }
}

void raw_send(raw_t *self, const char *text) {
    raw_send_bytes(self, text, strlen(text));
}

/* False at the end of the connection. */
static bool s_receive(raw_t *self) {
    struct pollfd item = {.fd = self->fd, .events = POLLIN};
    cr_assert(poll(&item, 1, RAW_MS) == 1, "the server answers in time; so far: %s", buf_str(&self->in));
    char bytes[16384];
    ssize_t n = recv(self->fd, bytes, sizeof bytes, 0);
    if (n <= 0)
        return false;
    buf_append(&self->in, bytes, (size_t)n);
    return true;
}

static void s_take(raw_t *self, size_t size) {
    memmove(self->in.data, self->in.data + size, self->in.size - size);
    self->in.size -= size;
    self->in.data[self->in.size] = '\0';
}

static void s_take_head(raw_t *self, raw_reply_t *reply) {
    char *end;
    while (!(end = strstr(buf_str(&self->in), "\r\n\r\n")))
        cr_assert(s_receive(self), "an answer comes before the end of the connection; so far: %s",
                  buf_str(&self->in));
    size_t size = (size_t)(end - self->in.data) + 4;
    reply->head = strndup(self->in.data, size);
    s_take(self, size);
    cr_assert(sscanf(reply->head, "HTTP/1.1 %d", &reply->status) == 1, "%s", reply->head);
}

void raw_reply(raw_t *self, raw_reply_t *reply, bool head) {
    *reply = (raw_reply_t){0};
    s_take_head(self, reply);
    const char *announced = raw_header(reply, "Content-Length");
    size_t length = announced && !head ? strtoul(announced, NULL, 10) : 0;
    while (self->in.size < length)
        cr_assert(s_receive(self), "the whole body comes");
    buf_append(&reply->body, buf_str(&self->in), length);
    if (length)
        s_take(self, length);
    const char *type = raw_header(reply, "Content-Type");
    if (type && strstr(type, "json") && length)
        reply->json = json_loadb(reply->body.data, reply->body.size, 0, NULL);
}

void raw_reply_free(raw_reply_t *reply) {
    free(reply->head);
    buf_free(&reply->body);
    json_decref(reply->json);
    *reply = (raw_reply_t){0};
}

bool raw_is_closed(raw_t *self) {
    return self->in.size == 0 && !s_receive(self);
}

void raw_request(int port, raw_reply_t *reply, const char *method, const char *path, const char *headers,
                 const char *body) {
    raw_t raw;
    buf_t out = BUF_INIT;
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s", method, path,
               headers ? headers : "");
    if (body) {
        if (!headers || !strcasestr(headers, "content-type:"))
            buf_append_str(&out, "Content-Type: application/json\r\n");
        buf_printf(&out, "Content-Length: %zu\r\n", strlen(body));
    }
    buf_printf(&out, "\r\n%s", body ? body : "");
    raw_open(&raw, port);
    raw_send_bytes(&raw, out.data, out.size);
    raw_reply(&raw, reply, strcmp(method, "HEAD") == 0);
    raw_close(&raw);
    buf_free(&out);
}

const char *raw_header(const raw_reply_t *reply, const char *name) {
    static char value[1024];
    size_t length = strlen(name);
    for (const char *line = strstr(reply->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, length) != 0 || at[length] != ':')
            continue;
        at += length + 1 + strspn(at + length + 1, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
        return value;
    }
    return NULL;
}

const char *raw_text(const raw_reply_t *reply, const char *path) {
    const json_t *at = reply->json;
    while (at && *path) {
        char key[64];
        size_t length = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        at = json_object_get(at, key);
        path += length + (path[length] == '.');
    }
    const char *text = json_string_value(at);
    return text ? text : "";
}

const char *raw_problem(const raw_reply_t *reply, const char *field) {
    size_t index;
    json_t *detail;
    json_array_foreach (json_object_get(reply->json, "details"), index, detail) {
        const char *name = json_string_value(json_object_get(detail, "field"));
        if (name && strcmp(name, field) == 0)
            return json_string_value(json_object_get(detail, "problem"));
    }
    return NULL;
}
