/* The text format of Prometheus, 0.0.4. Pure. */
#pragma once

#include "base/buf.h"
#include "integration/v1/bus.pb.h"

#define PROMETHEUS_PREFIX "integration_"

/* "# HELP" and "# TYPE" of the metric; `name` goes without the prefix, `kind` is counter, gauge or histogram. */
void prometheus_head(buf_t *out, const char *name, const char *kind, const char *help);

/* Head and one sample without labels. */
void prometheus_sample(buf_t *out, const char *name, const char *kind, const char *help, double value);

/* The metrics of all components: one head a name, one sample a component, with a `component` label and the
 * metric's own. Characters that the format forbids in names become underscores. */
void prometheus_components(buf_t *out, const ComponentStatus *components, size_t count);

/* "component_up" of each: 1 running, 0.5 degraded, 0 stopped. */
void prometheus_states(buf_t *out, const ComponentStatus *components, size_t count);
