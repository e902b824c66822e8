/* A REST client over libcurl. */
#include "rest.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t s_take(char *bytes, size_t one, size_t size, void *out) {
    buf_append(out, bytes, one * size);
    return one * size;
}

/* A redirect or an interim answer begins anew: the last head counts. */
static size_t s_take_head(char *bytes, size_t one, size_t size, void *out) {
    if (one * size > 5 && strncmp(bytes, "HTTP/", 5) == 0)
        buf_clear(out);
    return s_take(bytes, one, size, out);
}

void rest_open(rest_t *self, int port) {
    *self = (rest_t){.port = port, .curl = curl_easy_init()};
    cr_assert(self->curl);
}

static void s_clear(rest_reply_t *reply) {
    buf_free(&reply->head);
    buf_free(&reply->body);
    json_decref(reply->json);
    *reply = (rest_reply_t){0};
}

void rest_close(rest_t *self) {
    if (self->curl)
        curl_easy_cleanup(self->curl);
    s_clear(&self->reply);
    *self = (rest_t){0};
}

static bool s_names(const char *const *headers, const char *name) {
    for (size_t i = 0; headers && headers[i]; i++)
        if (strncasecmp(headers[i], name, strlen(name)) == 0)
            return true;
    return false;
}

static struct curl_slist *s_headers(const rest_t *self, const char *const *headers, const char *body) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; self->headers && self->headers[i]; i++)
        list = curl_slist_append(list, self->headers[i]);
    for (size_t i = 0; headers && headers[i]; i++)
        list = curl_slist_append(list, headers[i]);
    if (!s_names(headers, "Content-Type:"))
        list = curl_slist_append(list, body ? "Content-Type: application/json" : "Content-Type:");
    cr_assert(list);
    return list;
}

static void s_set_up(rest_t *self, const char *url, const char *method, const char *body) {
    CURL *curl = self->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)REST_MS);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, s_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &self->reply.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, s_take_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &self->reply.head);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (!body && strcmp(method, "POST") == 0)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
}

const rest_reply_t *rest_send(rest_t *self, const char *method, const char *path, const char *const *headers,
                              const char *body) {
    char url[2048];
    long status = 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", self->port, path);
    s_clear(&self->reply);
    struct curl_slist *list = s_headers(self, headers, body);
    s_set_up(self, url, method, body);
    curl_easy_setopt(self->curl, CURLOPT_HTTPHEADER, list);
    CURLcode code = curl_easy_perform(self->curl);
    if (code == CURLE_OK)
        curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(self->curl, CURLINFO_NUM_CONNECTS, &self->reply.connects);
    curl_slist_free_all(list);
    self->reply.status = (int)status;
    self->reply.json = json_loadb(buf_str(&self->reply.body), self->reply.body.size, JSON_DECODE_ANY, NULL);
    return &self->reply;
}

const rest_reply_t *rest_get(rest_t *self, const char *path) {
    return rest_send(self, "GET", path, NULL, NULL);
}

const rest_reply_t *rest_post(rest_t *self, const char *path, const char *body) {
    return rest_send(self, "POST", path, NULL, body);
}

const rest_reply_t *rest_post_key(rest_t *self, const char *path, const char *idempotency_key,
                                  const char *body) {
    char header[256];
    snprintf(header, sizeof header, "Idempotency-Key: %s", idempotency_key);
    return rest_send(self, "POST", path, (const char *const[]){header, NULL}, body);
}

static const rest_reply_t *s_ok(const rest_reply_t *reply, const char *path) {
    cr_assert(reply->status == 200, "%s answers %d: %s", path, reply->status, buf_str(&reply->body));
    return reply;
}

const rest_reply_t *rest_get_ok(rest_t *self, const char *path) {
    return s_ok(rest_get(self, path), path);
}

const rest_reply_t *rest_post_ok(rest_t *self, const char *path, const char *body) {
    return s_ok(rest_post(self, path, body), path);
}

/* ---- looking at a reply ---- */

const char *rest_header(const rest_reply_t *reply, const char *name) {
    static char value[1024];
    size_t length = strlen(name);
    const char *line = buf_str(&reply->head);
    for (; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        line += length + 1;
        line += strspn(line, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
        return value;
    }
    return NULL;
}

json_t *json_at(json_t *json, const char *path) {
    while (json && *path) {
        char key[128];
        size_t length = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        json =
            json_is_array(json) ? json_array_get(json, strtoul(key, NULL, 10)) : json_object_get(json, key);
        path += length + (path[length] == '.');
    }
    return json;
}

json_t *rest_at(const rest_reply_t *reply, const char *path) {
    return json_at(reply->json, path);
}

const char *json_text_at(json_t *json, const char *path) {
    const char *text = json_string_value(json_at(json, path));
    return text ? text : "";
}

double json_number_at(json_t *json, const char *path) {
    json_t *value = json_at(json, path);
    if (!json_is_number(value)) {
        char *text = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
        fprintf(stderr, "%s\n", text ? text : "no JSON");
        free(text);
        cr_assert_fail("no number at %s", path);
    }
    return json_number_value(value);
}

const char *rest_text(const rest_reply_t *reply, const char *path) {
    return json_text_at(reply->json, path);
}

double rest_number(const rest_reply_t *reply, const char *path) {
    return json_number_at(reply->json, path);
}

const char *rest_problem(const rest_reply_t *reply, const char *field) {
    json_t *details = rest_at(reply, "details"), *detail;
    size_t index;
    json_array_foreach (details, index, detail) {
        if (strcmp(json_text_at(detail, "field"), field) == 0)
            return json_text_at(detail, "problem");
    }
    return NULL;
}
