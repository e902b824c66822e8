/* Binding a socket to an address of the configuration. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* The address as ZeroMQ binds it: port 0 becomes a free port ("*"), localhost its number. */
void endpoint_to_bind(const char *url, buf_t *out);

/* Binds; `bound` receives the address with the real port. A failure is logged with the setting's name. ERR_IO. */
ERR_MUST_USE
err_t endpoint_bind(void *socket, const char *setting, const char *url, buf_t *bound);
