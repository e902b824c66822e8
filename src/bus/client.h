/* What the actor loop needs of a client beyond bus.h. Same thread as the client. */
#pragma once

#include "bus/bus.h"

/* Encodes `value`, names its schema in the envelope and sends it without waiting. */
ERR_MUST_USE
err_t bus_client_send_message(bus_client_t *self, const char *topic, Envelope *envelope,
                              const message_t *message, const void *value);

/* For a loop that polls the descriptors itself: as bus_client_recv without waiting, but it looks for events only after
 * it was told that their descriptor was readable, and until there are none. */
void bus_client_socket_ready(bus_client_t *self);
ERR_MUST_USE
err_t bus_client_next(bus_client_t *self, bus_message_t *message);

/* The payload of a reply: into `value` (zeroed, of type `expected`), or a refusal into `fault` (zeroed), whose
 * code is returned. ERR_PROTOCOL when it is neither. */
ERR_MUST_USE
err_t bus_message_decode(const bus_message_t *self, const message_t *expected, void *value, Fault *fault);
