/* Building and reading refusals and component states: the small messages that every part answers with.
 *
 * Any thread; the structs belong to the caller and are freed with message_release. */
#pragma once

#include "base/err.h"
#include "integration/v1/bus.pb.h"
#include <stdarg.h>

#define FAULT_SCHEMA "integration.v1.Fault"

/* Code and default sentence of `err` into a zeroed Fault; what was set before stays. */
void fault_fill(Fault *self, err_t err);
void fault_set_message(Fault *self, const char *format, va_list args);
/* Adds "field: problem" to the details. */
void fault_add_detail(Fault *self, const char *field, const char *format, va_list args);
/* The code as an error; ERR_INTERNAL for one that the table does not have. */
err_t fault_err(const Fault *self);

/* What the refusal says, or the default sentence of `err`. `fault` may be NULL, and owns its text. */
const char *fault_reason(const Fault *fault, err_t err);

/* Adds a metric to a component's state. `kind` is "counter" or "gauge"; the label may be NULL, NULL. */
void status_add_metric(ComponentStatus *self, const char *kind, const char *name, const char *help,
                       double value, const char *label_name, const char *label_value);
/* Sets status ("running", "degraded", "stopped") and the reason (NULL = none). */
void status_set(ComponentStatus *self, const char *status, const char *reason);
