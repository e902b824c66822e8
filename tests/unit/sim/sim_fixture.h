/* What the tests of the simulator share: the shipped prices, and services that are called without a network. */
#pragma once

#include "sim.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline prices_t *fixture_prices(void) {
    char error[256] = "";
    prices_t *prices = prices_load(SIM_PRICES_DIR, error, sizeof error);
    cr_assert_not_null(prices, "%s", error);
    return prices;
}

typedef struct {
    prices_t *prices;
    service_t *service;
    reply_t reply; /* of the last call */
    json_t *body;  /* parsed from it */
} fixture_t;

static inline fixture_t fixture_new(const service_class_t *class, int64_t job_ms) {
    fixture_t self = {.prices = fixture_prices()};
    json_object_seed(1);
    self.service = service_new(class, self.prices, job_ms, NULL);
    cr_assert_not_null(self.service);
    return self;
}

static inline void fixture_reset(fixture_t *self) {
    json_decref(self->body);
    self->body = NULL;
    reply_clear(&self->reply);
}

static inline void fixture_destroy(fixture_t *self) {
    fixture_reset(self);
    service_destroy(&self->service);
    prices_destroy(&self->prices);
}

/* body is JSON text with ' for ", or NULL; returns the status. */
static inline int fixture_call(fixture_t *self, const char *method, const char *path, const char *key,
                               const char *body) {
    char *text = strdup(body ? body : "");
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    request_t request = {.method = method,
                         .path = path,
                         .query = "",
                         .body = text,
                         .body_size = strlen(text),
                         .content_type = body ? "application/json" : NULL,
                         .idempotency_key = key};
    fixture_reset(self);
    self->reply = service_respond(self->service, &request);
    self->body = self->reply.text ? json_loads(self->reply.text, 0, NULL) : NULL;
    free(text);
    return self->reply.status;
}

/* Member of the last body by a dotted path, NULL when absent. */
static inline json_t *fixture_at(const fixture_t *self, const char *path) {
    char copy[256];
    json_t *at = self->body;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *rest = copy, *name; at && (name = strsep(&rest, "/"));)
        at = json_object_get(at, name);
    return at;
}

static inline const char *fixture_text(const fixture_t *self, const char *path) {
    const char *text = json_string_value(fixture_at(self, path));
    return text ? text : "";
}
