/* One instance of the service for tests that route signals: its start and end, a signal in one line. */
#pragma once

#include "instance.h"
#include "stream_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

#define ROUTE   "/api/v1/signals/route"
#define HISTORY "/api/v1/signals/history"

static instance_t s_instance;
static rest_t *s_rest = &s_instance.rest;
static stream_client_t *s_stream, *s_stranger; /* ended by s_teardown */
static program_t *s_cli;

static inline void s_open(void) {
    instance_open(&s_instance, NULL);
}

static inline void s_start(void) {
    instance_start(&s_instance);
    instance_await_readyz(&s_instance, 200);
}

static inline void s_setup(void) {
    s_open();
    s_start();
}

static inline void s_teardown(void) {
    stream_client_destroy(&s_stream);
    stream_client_destroy(&s_stranger);
    program_destroy(&s_cli);
    instance_close(&s_instance);
}

static inline const rest_reply_t *s_route(const char *signal_id, const char *symbol, const char *side) {
    char *body = signal_body(signal_id, "desk", symbol, side);
    const rest_reply_t *reply = rest_post(s_rest, ROUTE, body);
    free(body);
    return reply;
}

static inline void s_subscribe(const char *prefix) {
    s_stream = stream_client_new(s_instance.stream_url, prefix, NULL);
    stream_client_await_heartbeat(s_stream, NULL);
}

/* "2026-01-05T01:30:00.000Z", so many seconds from now. */
static inline const char *s_in_seconds(int seconds) {
    static char text[40];
    time_t at = time(NULL) + seconds;
    struct tm parts;
    gmtime_r(&at, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    return text;
}

static inline const rest_reply_t *s_route_at(const char *field, int seconds) {
    char body[256];
    snprintf(
        body, sizeof body,
        "{\"signal_type\":\"t\",\"source\":\"s\",\"target\":\"desk\",\"strength\":1,\"confidence\":1,\"%s\":\"%s\"}",
        field, s_in_seconds(seconds));
    return rest_post(s_rest, ROUTE, body);
}
