/* Writing metrics as text. */
#include "gateway/prometheus.h"

#include "base/json.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

static void s_name(buf_t *out, const char *name) {
    buf_append_str(out, PROMETHEUS_PREFIX);
    for (; *name; name++) {
        bool fits = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                    (*name >= '0' && *name <= '9') || *name == '_';
        buf_append_char(out, fits ? *name : '_');
    }
}

static void s_escaped(buf_t *out, const char *text, bool quotes) {
    for (; *text; text++) {
        if (*text == '\n')
            buf_append_str(out, "\\n");
        else if (*text == '\\' || (*text == '"' && quotes))
            buf_printf(out, "\\%c", *text);
        else
            buf_append_char(out, *text);
    }
}

static void s_value(buf_t *out, double value) {
    if (isnan(value))
        buf_append_str(out, "NaN");
    else if (isinf(value))
        buf_append_str(out, value > 0 ? "+Inf" : "-Inf");
    else
        json_write_double(out, value);
    buf_append_char(out, '\n');
}

void prometheus_head(buf_t *out, const char *name, const char *kind, const char *help) {
    buf_append_str(out, "# HELP ");
    s_name(out, name);
    buf_append_char(out, ' ');
    s_escaped(out, help, false);
    buf_append_str(out, "\n# TYPE ");
    s_name(out, name);
    buf_printf(out, " %s\n", kind);
}

void prometheus_sample(buf_t *out, const char *name, const char *kind, const char *help, double value) {
    prometheus_head(out, name, kind, help);
    s_name(out, name);
    buf_append_char(out, ' ');
    s_value(out, value);
}

static void s_label(buf_t *out, const char *name, const char *value) {
    buf_printf(out, "%s=\"", name);
    s_escaped(out, value, true);
    buf_append_char(out, '"');
}

static void s_component_sample(buf_t *out, const ComponentStatus *component, const Metric *metric) {
    s_name(out, metric->name);
    buf_append_char(out, '{');
    s_label(out, "component", component->name);
    if (metric->label_name[0]) {
        buf_append_char(out, ',');
        s_label(out, metric->label_name, metric->label_value);
    }
    buf_append_str(out, "} ");
    s_value(out, metric->value);
}

/* Whether the metric at (component, index) is the first of its name. */
static bool s_is_first(const ComponentStatus *components, size_t component, pb_size_t index) {
    const char *name = components[component].metrics[index].name;
    for (size_t i = 0; i <= component; i++) {
        pb_size_t end = i == component ? index : components[i].metrics_count;
        for (pb_size_t j = 0; j < end; j++)
            if (strcmp(components[i].metrics[j].name, name) == 0)
                return false;
    }
    return true;
}

static void s_family(buf_t *out, const ComponentStatus *components, size_t count, const Metric *first) {
    bool counter = strcmp(first->kind, "counter") == 0;
    prometheus_head(out, first->name, counter ? "counter" : "gauge", first->help ? first->help : "");
    for (size_t i = 0; i < count; i++)
        for (pb_size_t j = 0; j < components[i].metrics_count; j++)
            if (strcmp(components[i].metrics[j].name, first->name) == 0)
                s_component_sample(out, &components[i], &components[i].metrics[j]);
}

void prometheus_components(buf_t *out, const ComponentStatus *components, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (pb_size_t j = 0; j < components[i].metrics_count; j++)
            if (s_is_first(components, i, j))
                s_family(out, components, count, &components[i].metrics[j]);
}

void prometheus_states(buf_t *out, const ComponentStatus *components, size_t count) {
    if (count == 0)
        return;
    prometheus_head(out, "component_up", "gauge", "1 running, 0.5 degraded, 0 stopped");
    for (size_t i = 0; i < count; i++) {
        bool degraded = strcmp(components[i].status, "degraded") == 0;
        bool running = strcmp(components[i].status, "running") == 0;
        buf_append_str(out, PROMETHEUS_PREFIX "component_up{");
        s_label(out, "component", components[i].name);
        buf_append_str(out, "} ");
        s_value(out, running ? 1 : degraded ? 0.5 : 0);
    }
}
