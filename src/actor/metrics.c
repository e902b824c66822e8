/* A short list: components have a dozen metrics, and names are mostly the same pointer. */
#include "actor/metrics.h"

#include "bus/fault.h"
#include <stdlib.h>
#include <string.h>

void metrics_free(metrics_t *self) {
    free(self->items);
    *self = (metrics_t){0};
}

double *metrics_at(metrics_t *self, const char *name, const char *help, bool counter) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].name == name || strcmp(self->items[i].name, name) == 0)
            return &self->items[i].value;
    }
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 16;
        self->items = realloc(self->items, self->capacity * sizeof *self->items);
        assert_always(self->items);
    }
    self->items[self->count] = (metric_t){.name = name, .help = help, .counter = counter};
    return &self->items[self->count++].value;
}

void metrics_describe(const metrics_t *self, ComponentStatus *out) {
    for (size_t i = 0; i < self->count; i++) {
        const metric_t *metric = &self->items[i];
        status_add_metric(out, metric->counter ? "counter" : "gauge", metric->name, metric->help,
                          metric->value, NULL, NULL);
    }
}
