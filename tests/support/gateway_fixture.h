/* A gateway on a free port of loopback, over a real bus, with stand-in components (answerer.h). */
#pragma once

#include "answerer.h"
#include "gateway/server.h"
#include "harness.h"
#include "raw_http.h"

typedef struct {
    harness_t harness;
    config_t *config;
    gateway_t *gateway;
    char dir[64]; /* the data directory */
    int port;
} gateway_fixture_t;

/* A configuration from "NAME=value" settings (NULL-terminated, may be NULL), on a free port of loopback. */
config_t *gateway_fixture_config(const char *dir, const char *const *settings);

/* `components` (NULL-terminated, may be NULL) are stood in for. */
void gateway_fixture_start(gateway_fixture_t *self, const char *const *components,
                           const char *const *settings);
void gateway_fixture_stop(gateway_fixture_t *self);

/* A valid body for POST /api/v1/signals/route. */
const char *gateway_signal(const char *signal_id, const char *target);
