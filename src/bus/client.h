/* What the actor loop needs of a client beyond bus.h. Same thread as the client. */
#pragma once

#include "bus/bus.h"

/* Encodes `value`, names its schema in the envelope and sends it without waiting. */
ERR_MUST_USE
err_t bus_client_send_message(bus_client_t *self, const char *topic, Envelope *envelope,
                              const message_t *message, const void *value);

/* Waits until a send has room; for answers, which must leave. The broker always reads on. */
bool bus_client_wait_writable(bus_client_t *self, int timeout_ms);

/* The payload of a reply: into `value` (zeroed, of type `expected`), or a refusal into `fault` (zeroed), whose
 * code is returned. ERR_PROTOCOL when it is neither. */
ERR_MUST_USE
err_t bus_message_decode(const bus_message_t *self, const message_t *expected, void *value, Fault *fault);
