/* The gateway: HTTP in front of the bus, and nothing else.
 *
 * civetweb runs one worker thread a connection and hands every request to one callback; the route table says which
 * rpc it is, the field tables turn JSON into its message, the bus carries it to the component that owns it.
 *
 * Start it after the bus and the components; drain and stop it before them. All calls from one thread (main's). */
#pragma once

#include "base/config.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct gateway_s gateway_t;

/* Binds and serves. `config` must stay until the gateway has stopped, also after a reload.
 * ERR_IO: the address cannot be had (logged, with the setting); ERR_BAD_CONFIG: certificate or key is not usable. */
ERR_MUST_USE
err_t gateway_start(gateway_t **self_p, const config_t *config);

/* "http://127.0.0.1:8088": scheme, address and port as bound. */
const char *gateway_url(const gateway_t *self);
int gateway_port(const gateway_t *self);

/* Takes the reloadable settings (API keys, rate limit) from a new configuration, which must stay as the first. */
void gateway_reload(gateway_t *self, const config_t *config);

/* From now on newcomers get 503 SHUTTING_DOWN, and their connections end. */
void gateway_close(gateway_t *self);
/* Closes, and waits until every request inside was answered. False when the monotonic `deadline_us` came first. The
 * bus must still run. */
bool gateway_drain(gateway_t *self, int64_t deadline_us);

/* Closes the listener and ends the workers. Requests still inside lose their answers: drain first. */
void gateway_stop(gateway_t **self_p);
